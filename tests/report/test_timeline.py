import json
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest

from simulator.report.result import Result
from simulator.report.timeline import trace, trace_json

TOLERANCE_US = 1e-6
"""A thousandth of a nanosecond: floats, and far below a clock cycle."""


@pytest.fixture(scope="module")
def document(result: Result) -> dict[str, Any]:
    return trace(result)


def complete(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for event in document["traceEvents"] if event["ph"] == "X"]


def names(document: dict[str, Any], kind: str) -> dict[tuple[int, int], str]:
    return {
        (event["pid"], event["tid"]): event["args"]["name"]
        for event in document["traceEvents"]
        if event["name"] == kind
    }


def test_text_is_the_document(result: Result, document: dict[str, Any]) -> None:
    assert json.loads(trace_json(result)) == document


def test_events_have_what_the_format_asks_for(document: dict[str, Any]) -> None:
    for event in document["traceEvents"]:
        assert {"ph", "name", "pid", "tid"} <= set(event)
        if event["ph"] in "XC":
            assert event["ts"] >= 0
        if event["ph"] == "X":
            assert event["dur"] >= 0
    assert {event["ph"] for event in document["traceEvents"]} == {"M", "X", "C"}


def test_events_are_sorted_and_tracks_named(document: dict[str, Any]) -> None:
    times = [event["ts"] for event in document["traceEvents"] if event["ph"] != "M"]
    assert times == sorted(times)
    threads = names(document, "thread_name")
    assert {(e["pid"], e["tid"]) for e in complete(document)} <= set(threads)
    tracks = set(threads.values())
    assert {"phases", "systolic_array", "vector", "matrix", "load", "store"} <= tracks


def test_no_overlap_on_a_track(document: dict[str, Any]) -> None:
    tracks = defaultdict(list)
    for event in complete(document):
        tracks[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    for spans in tracks.values():
        for (_, end), (start, _) in pairwise(spans):
            assert end <= start + TOLERANCE_US


def test_critical_path_fills_the_run(result: Result, document: dict[str, Any]) -> None:
    threads = names(document, "thread_name")
    track = next(key for key, name in threads.items() if name == "what put off the end")
    spans = [e for e in complete(document) if (e["pid"], e["tid"]) == track]
    total = sum(event["dur"] for event in spans)
    assert total == pytest.approx(result.seconds * 1e6, rel=1e-9)
    assert spans[-1]["ts"] + spans[-1]["dur"] == pytest.approx(result.seconds * 1e6, rel=1e-9)


def test_every_operator_has_its_span(result: Result, document: dict[str, Any]) -> None:
    spans = {}
    for event in complete(document):
        if "stall_cycles" in event["args"]:
            spans[event["name"], event["ts"]] = event
    clock = result.machine["clock_hz"]
    assert len(spans) == len(result.operators)
    for op in result.operators:
        event = spans[op.path, op.start_cycle * 1e6 / clock]
        on_unit = op.cycles - op.stall_cycles.get("drain", 0)
        assert event["dur"] == pytest.approx(on_unit * 1e6 / clock, abs=TOLERANCE_US)
        assert event["args"]["bytes"] == op.bytes


def test_memory_demand_integrates_to_the_bytes(result: Result, document: dict[str, Any]) -> None:
    points = [(e["ts"] / 1e6, e["args"]["GB/s"]) for e in document["traceEvents"] if e["ph"] == "C"]
    moved = sum(level * 1e9 * (after - at) for (at, level), (after, _) in pairwise(points))
    total = sum(p.dram_read_bytes + p.dram_write_bytes for p in result.phases)
    assert moved == pytest.approx(total, rel=1e-5)
    assert points[-1][1] == 0
