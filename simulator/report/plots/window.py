"""What a timeline shows: a window of the run as bars on rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simulator.report.machine_facts import clock_hz
from simulator.report.result import OperatorResult, PhaseResult, Result

CRITICAL = "operator"
"""The row of the operators, each for as long as it put off the end."""
MAX_QUEUES = 12
MIN_GAP_FRACTION = 1 / 300
LATENCIES_PER_GAP = 4
"""Gaps count as skipped repeats from this fraction of the window and this many
memory latencies on: in shorter ones the machine may simply wait."""
DATA_FLOW = (
    "launch", "barrier", "load", "feed", "l2", "llc_read", "matrix", "sram_pim", "drain", "simd",
    "vector", "link", "llc_write", "store",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval of an operator on a row, in cycles from the start of the run."""

    row: str
    operator: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Window:
    """Cycles of the run, in a phase; block: `layers 0` if it lies in one, or empty."""

    phase: str
    block: str
    start: int
    end: int

    @property
    def cycles(self) -> int:
        """Length."""
        return self.end - self.start


def choose_window(
    result: Result,
    phase: str | None = None,
    start_cycle: int | None = None,
    end_cycle: int | None = None,
) -> Window:
    """The window for these wishes: by default the first layer of the longest phase.

    Only phases with recorded tiles are chosen by default, and the window ends where
    their recording ends.
    """
    recorded = {str(span["phase"]) for span in result.spans}
    candidates = [p for p in result.phases if p.name in recorded] or result.phases
    named = next((p for p in result.phases if p.name == phase), None)
    chosen = named or max(candidates, key=lambda p: p.cycles)
    start, end = chosen.start_cycle, chosen.start_cycle + chosen.cycles
    spans = [span for span in result.spans if span["phase"] == chosen.name]
    if spans:
        end = min(end, max(int(span["end_cycle"]) for span in spans))
    layer = _first_layer(result, chosen)
    if layer and layer[0] < end:
        start, end = layer[0], min(end, layer[1])
    start = start if start_cycle is None else start_cycle
    end = end if end_cycle is None else end_cycle
    end = max(end, start + 1)
    blocks = {
        f"{op.block}.{op.instance}" if op.block else ""
        for op, at, until in _progress(result, chosen)
        if at < end and until > start
    }
    return Window(chosen.name, blocks.pop() if len(blocks) == 1 else "", start, end)


def _progress(result: Result, phase: PhaseResult) -> Iterator[tuple[OperatorResult, int, int]]:
    """Operators of a phase with the cycles in which each put off the end."""
    at = phase.start_cycle
    for op in result.operators:
        if op.phase == phase.name:
            yield op, at, at + op.exclusive_cycles
            at += op.exclusive_cycles


def _first_layer(result: Result, phase: PhaseResult) -> tuple[int, int] | None:
    """First and last cycle of the first instance of the repeated block, if there is one."""
    own = list(_progress(result, phase))
    repeated = next((op.block for op, _, _ in own if op.instance > 0), None)
    first = [(at, until) for op, at, until in own if (op.block, op.instance) == (repeated, 0)]
    return (first[0][0], first[-1][1]) if first else None


def window_bars(result: Result, window: Window) -> list[Bar]:
    """Bars clipped to the window: operators first, then the queues' tiles.

    Without recorded tiles, the operators on their units instead.
    """
    phase = next(p for p in result.phases if p.name == window.phase)
    own = list(_progress(result, phase))
    found = [Bar(CRITICAL, op.name, at, until) for op, at, until in own]
    tiles = [
        Bar(
            str(span["queue"]),
            str(span["operator"]),
            int(span["start_cycle"]),
            int(span["end_cycle"]),
        )
        for span in result.spans
        if span["phase"] == window.phase
    ]
    found += tiles or [
        Bar(op.unit, op.name, op.start_cycle, op.start_cycle + op.cycles) for op, _, _ in own
    ]
    clipped = (
        Bar(bar.row, bar.operator, max(bar.start, window.start), min(bar.end, window.end))
        for bar in found
    )
    return [bar for bar in clipped if bar.end > bar.start]


def rows_of(bars: list[Bar]) -> list[str]:
    """Row names: the operators, then queues by core and flow of data, limited in number.

    Channels whose banks compute come last, by number: the busiest, if not all fit.
    """
    busy: dict[str, int] = {}
    for bar in bars:
        busy[bar.row] = busy.get(bar.row, 0) + bar.end - bar.start
    others = [row for row in busy if row != CRITICAL and not _is_channel(row)]
    queues = sorted(others, key=_queue_order)[:MAX_QUEUES]
    channels = sorted(filter(_is_channel, busy), key=lambda row: (-busy[row], row))
    shown = channels[: MAX_QUEUES - len(queues)]
    return [CRITICAL, *queues, *sorted(shown, key=lambda row: (len(row), row))]


def channels_left_out(bars: list[Bar], rows: list[str]) -> str:
    """Which channels have no row, in words; empty if all have."""
    channels = {bar.row for bar in bars if _is_channel(bar.row)}
    shown = channels.intersection(rows)
    if len(shown) == len(channels):
        return ""
    return f"of {len(channels)} channels the {len(shown)} busiest here"


def _is_channel(queue: str) -> bool:
    """Whether a queue is of a channel whose banks compute."""
    return queue.startswith("memory.channel")


def _queue_order(queue: str) -> tuple[str, int, str]:
    """Queues named after no direction are matrix units'."""
    core, _, kind = queue.rpartition(".")
    matrix = DATA_FLOW.index("matrix")
    position = next((i for i, name in enumerate(DATA_FLOW) if name in kind), matrix)
    return (core, position, kind)


def skipped_repeats(result: Result, bars: list[Bar], window: Window) -> list[tuple[int, int]]:
    """Intervals in which no queue has a tile because repeats were not simulated."""
    tiles = sorted((bar.start, bar.end) for bar in bars if bar.row != CRITICAL)
    if not result.simulation.get("skipped_commands") or not tiles:
        return []
    latency = float(result.machine.get("memory_latency_s", 0.0)) * clock_hz(result)
    shortest = max(window.cycles * MIN_GAP_FRACTION, LATENCIES_PER_GAP * latency)
    gaps, reached = [], window.start
    for start, end in [*tiles, (window.end, window.end)]:
        if start - reached > shortest:
            gaps.append((reached, start))
        reached = max(reached, end)
    return gaps
