"""A trace in Chrome's trace event format, for https://ui.perfetto.dev.

Format: "Trace Event Format", Google, Catapult project documentation. Complete
events (`ph: X`) on one track must not overlap except by nesting, so spans that
overlap (transfers in flight, an operator that drains under the next one) go to
parallel lanes of their track.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from simulator.report.machine_facts import clock_hz
from simulator.report.result import OperatorResult, Result
from simulator.report.tables import mapping_text

Event = dict[str, Any]

RUN, OPERATORS, MEMORY, FIRST_CORE = 1, 2, 3, 10
"""Process ids: the run as a whole, operators by unit, memory, then one per core."""


@dataclass(slots=True)
class _Span:
    """An interval in cycles on a track, before lanes are given out."""

    name: str
    start: int
    end: int
    category: str
    arguments: Event = field(default_factory=dict)


class _Writer:
    """Collects events; turns cycles into microseconds and tracks into thread ids."""

    def __init__(self, result: Result) -> None:
        self._clock_hz = clock_hz(result)
        self._threads: dict[int, int] = {}
        self.metadata: list[Event] = []
        self.events: list[Event] = []

    def process(self, pid: int, name: str) -> None:
        self._name("process_name", pid, 0, name)
        self.metadata.append(
            {"ph": "M", "name": "process_sort_index", "pid": pid, "tid": 0}
            | {"args": {"sort_index": pid}}
        )

    def track(self, pid: int, name: str, spans: Iterable[_Span]) -> None:
        """Write the spans of one track, in as many lanes as their overlaps need."""
        for number, lane in enumerate(_lanes(spans)):
            tid = self._threads[pid] = self._threads.get(pid, 0) + 1
            self._name("thread_name", pid, tid, f"{name} ({number + 1})" if number else name)
            self.events += (self._complete(pid, tid, span) for span in lane)

    def counter(self, pid: int, name: str, unit: str, points: Iterable[tuple[int, float]]) -> None:
        self.events += (
            {"ph": "C", "name": name, "pid": pid, "tid": 0, "ts": self._us(cycle)}
            | {"args": {unit: value}}
            for cycle, value in points
        )

    def _us(self, cycle: int) -> float:
        return cycle * 1e6 / self._clock_hz

    def _complete(self, pid: int, tid: int, span: _Span) -> Event:
        start = self._us(span.start)
        return {
            "ph": "X",
            "name": span.name,
            "cat": span.category,
            "pid": pid,
            "tid": tid,
            "ts": start,
            "dur": self._us(span.end) - start,
            "args": span.arguments,
        }

    def _name(self, kind: str, pid: int, tid: int, name: str) -> None:
        self.metadata.append(
            {"ph": "M", "name": kind, "pid": pid, "tid": tid, "args": {"name": name}}
        )


def trace(result: Result) -> dict[str, Any]:
    """The trace document: critical path, operators, tiles of the window, memory demand.

    Timestamps and durations are microseconds from the start of the run.
    """
    writer = _Writer(result)
    writer.process(RUN, f"{result.name} on {result.machine.get('name', 'machine')}")
    writer.track(RUN, "phases", _phase_spans(result))
    writer.track(RUN, "what put off the end", _critical_spans(result))
    writer.process(OPERATORS, "operators")
    for unit in dict.fromkeys(op.unit for op in result.operators):
        own = [op for op in result.operators if op.unit == unit]
        writer.track(OPERATORS, unit, map(_operator_span, own))
        writer.track(OPERATORS, f"{unit}: drain", _drain_spans(own))
    writer.process(MEMORY, "memory")
    points = _memory_demand(result)
    writer.counter(MEMORY, "demand of running operators", "GB/s", points)
    _write_tiles(writer, result)
    writer.events.sort(key=lambda event: (event["ts"], event["pid"], event["tid"]))
    return {
        "traceEvents": writer.metadata + writer.events,
        "displayTimeUnit": "ns",
        "otherData": {
            "cyclelab": result.version,
            "configuration": result.configuration_hash,
            "clock_hz": clock_hz(result),
        },
    }


def trace_json(result: Result) -> str:
    """`trace` as text, one event per line."""
    document = trace(result)
    encode = json.JSONEncoder(allow_nan=False).encode
    events = ",\n".join(map(encode, document.pop("traceEvents")))
    rest = encode(document)[1:]
    return f'{{"traceEvents": [\n{events}\n], {rest}\n'


def _lanes(spans: Iterable[_Span]) -> list[list[_Span]]:
    """Spread spans over the fewest lanes, first fit, so that none overlap in a lane.

    Times are rounded outwards to whole cycles, so spans that touch may overlap by
    one: the earlier one is then cut by it.
    """
    lanes: list[list[_Span]] = []
    for span in sorted(spans, key=lambda s: (s.start, s.end)):
        free = next((lane for lane in lanes if lane[-1].end <= span.start + 1), None)
        if free is None:
            lanes.append([span])
        else:
            free[-1].end = min(free[-1].end, span.start)
            free.append(span)
    return lanes


def _phase_spans(result: Result) -> Iterator[_Span]:
    for phase in result.phases:
        facts = {"tokens": phase.tokens, "generated": phase.generated, "macs": phase.macs}
        end = phase.start_cycle + phase.cycles
        yield _Span(phase.name, phase.start_cycle, end, "phase", facts)


def _critical_spans(result: Result) -> Iterator[_Span]:
    """Exclusive cycles laid end to end: by definition they fill the phase."""
    at = {phase.name: phase.start_cycle for phase in result.phases}
    for op in result.operators:
        start = at[op.phase]
        at[op.phase] = end = start + op.exclusive_cycles
        if end > start:
            yield _Span(op.path, start, end, op.kind, {"bound": op.bound})


def _operator_span(op: OperatorResult) -> _Span:
    """From the unit turning to the operator to its last command there."""
    end = op.start_cycle + op.cycles - op.stall_cycles.get("drain", 0)
    facts: Event = {
        "cycles": op.cycles,
        "compute_cycles": op.compute_cycles,
        "stall_cycles": op.stall_cycles,
        "exclusive_cycles": op.exclusive_cycles,
        "bytes": op.bytes,
        "macs": op.macs,
        "utilisation": op.utilisation,
        "bound": op.bound,
        "energy_j": op.energy_j.value,
    }
    if op.mapping:
        facts["mapping"] = mapping_text(op.mapping)
    return _Span(op.path, op.start_cycle, end, op.kind, facts)


def _drain_spans(operators: Iterable[OperatorResult]) -> Iterator[_Span]:
    for op in operators:
        drain = op.stall_cycles.get("drain", 0)
        if drain:
            end = op.start_cycle + op.cycles
            yield _Span(f"{op.path} drain", end - drain, end, "drain")


def _memory_demand(result: Result) -> list[tuple[int, float]]:
    """GB/s over time if each operator spread its main-memory bytes evenly over itself."""
    steps: dict[int, float] = {}
    for op in result.operators:
        moved = op.bytes.get("dram_read", 0) + op.bytes.get("dram_write", 0)
        if moved and op.cycles:
            rate = moved / op.cycles * clock_hz(result) / 1e9
            steps[op.start_cycle] = steps.get(op.start_cycle, 0.0) + rate
            end = op.start_cycle + op.cycles
            steps[end] = steps.get(end, 0.0) - rate
    points, level = [], 0.0
    for cycle in sorted(steps):
        level += steps[cycle]
        # Sums of floats come back to zero only nearly.
        points.append((cycle, round(max(level, 0.0), 6)))
    return points


def _write_tiles(writer: _Writer, result: Result) -> None:
    """One process per core, one track per queue, from the recorded window."""
    tracks: dict[tuple[str, str], list[_Span]] = {}
    for span in result.spans:
        core, _, queue = str(span["queue"]).rpartition(".")
        tracks.setdefault((core or "machine", queue), []).append(
            _Span(
                f"{span['operator']} {span['label']}".rstrip(),
                int(span["start_cycle"]),
                int(span["end_cycle"]),
                queue,
                {"phase": span["phase"], "instance": span["instance"]},
            )
        )
    cores = list(dict.fromkeys(core for core, _ in tracks))
    for number, core in enumerate(cores):
        writer.process(FIRST_CORE + number, f"{core} (tiles of a window)")
    for (core, queue), spans in tracks.items():
        writer.track(FIRST_CORE + cores.index(core), queue, spans)
