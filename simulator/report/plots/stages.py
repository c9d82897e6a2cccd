"""Stages of two sub-batches in turns, NeuPIMs' A to F (ASPLOS 2024, figure 10)."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.report.plots.window import Bar, Window
from simulator.report.result import MEMORY_UNITS, OperatorResult, Result, sub_batch_of

STAGE = "stage"
"""The row of the stages."""
Instance = tuple[str, int]
"""Name and layer of an operator."""


def stage_bars(result: Result, window: Window) -> list[Bar]:
    """Stages in a window, each from the first command of its own on units outside the memory.

    So far as tiles were recorded; none without turns, or in a pipeline.
    """
    phase = next(p for p in result.phases if p.name == window.phase)
    layers = [op for op in result.operators if op.phase == window.phase and op.in_layers]
    places = dict(_places(layers))
    if phase.pipeline or not places:
        return []
    last = max(places.values()) // 2
    starts: dict[int, int] = {}
    for span in result.spans:
        core, _, queue = str(span["queue"]).rpartition(".")
        place = places.get((str(span["operator"]), int(span["instance"])))
        outside = core.startswith("core") and not queue.startswith("dma")
        if span["phase"] == window.phase and place is not None and outside:
            starts[place] = min(starts.get(place, window.end), int(span["start_cycle"]))
    found = []
    ordered = sorted(starts)
    for place, after in zip(ordered, [*ordered[1:], None], strict=True):
        start = max(starts[place], window.start)
        end = min(window.end if after is None else starts[after], window.end)
        if end > start:
            found.append(Bar(STAGE, _letter(place, last), start, end))
    return found


def _places(layers: list[OperatorResult]) -> Iterator[tuple[Instance, int]]:
    """Operators outside the memory with the number of their stage, from 0.

    What comes behind attention of one layer is in a stage with what comes before that of the
    next one; stages of the two sub-batches alternate.
    """
    behind: set[tuple[int, int]] = set()
    if not any(op.unit == MEMORY_UNITS for op in layers):
        return
    for op in layers:
        half = sub_batch_of(op.name)
        if not half:
            continue
        if op.unit == MEMORY_UNITS:
            behind.add((half, op.instance))
        else:
            layer = op.instance + ((half, op.instance) in behind)
            yield (op.name, op.instance), 2 * layer + half - 1


def _letter(place: int, last: int) -> str:
    """A and B begin, E and F end, C and D repeat in between."""
    names = {0: "AB", last: "EF"}.get(place // 2, "CD")
    return names[place % 2]
