"""A window of the run: what each queue did, tile by tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.report.machine_facts import clock_hz
from simulator.report.plots.style import (
    INCH_PER_CHARACTER,
    LIGHT,
    MANY,
    PAPER,
    label_inches,
    new_figure,
    place,
    scaled_unit,
    styled,
)
from simulator.report.result import OperatorResult, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_QUEUES = 12
PIXELS_ACROSS = 1500
"""Tiles of one operator closer than this fraction of the window are drawn as one."""
SEAM_FRACTION = 300
"""Bars wider than this fraction of the window get a seam between them."""
MAX_LEGEND = 7
CRITICAL = "operator"
DARK = frozenset(MANY[i] for i in (0, 2, 5, 8, 9, 10))
"""Colours that carry white text."""


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval of an operator on a row, in cycles from the start of the run."""

    row: str
    operator: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Window:
    """What is shown: a phase, and cycles of the run."""

    phase: str
    start: int
    end: int


@styled
def plot_timeline(
    result: Result,
    phase: str | None = None,
    start_cycle: int | None = None,
    end_cycle: int | None = None,
) -> Figure:
    """Rows are queues, bars are tiles, colours are operators; time runs to the right.

    phase: by name; by default the longest that has recorded tiles. Cycles count
    from the start of the run; by default the first layer of the phase, as far as
    its tiles were recorded.
    """
    window = choose_window(result, phase, start_cycle, end_cycle)
    rows = _rows(_bars(result, window))
    height = 1.45 + 0.42 * len(rows)
    figure = new_figure(11.0, height)
    draw_timeline(figure, result, window, (0.1, 0.1, 10.75, height - 0.1))
    return figure


def choose_window(
    result: Result,
    phase: str | None = None,
    start_cycle: int | None = None,
    end_cycle: int | None = None,
) -> Window:
    """The window that `plot_timeline` shows for these arguments."""
    recorded = {str(span["phase"]) for span in result.spans}
    candidates = [p for p in result.phases if p.name in recorded] or result.phases
    chosen = next((p for p in result.phases if p.name == phase), None)
    chosen = chosen or max(candidates, key=lambda p: p.cycles)
    start, end = chosen.start_cycle, chosen.start_cycle + chosen.cycles
    spans = [span for span in result.spans if span["phase"] == chosen.name]
    if spans:
        start = min(int(span["start_cycle"]) for span in spans)
        end = max(int(span["end_cycle"]) for span in spans)
    first = [op for op in _operators(result, chosen.name) if op.block and op.instance == 0]
    if first:
        end = min(end, max(op.start_cycle + op.cycles for op in first))
    return Window(
        chosen.name,
        start if start_cycle is None else start_cycle,
        max(end, start + 1) if end_cycle is None else end_cycle,
    )


def draw_timeline(
    figure: Figure, result: Result, window: Window, box: tuple[float, float, float, float]
) -> Axes:
    """Draw a window into `box` (inches: left, bottom, width, height)."""
    left, bottom, width, height = box
    bars = _bars(result, window)
    rows = _rows(bars)
    names = label_inches(rows)
    ax = place(figure, left + names, bottom + 0.72, width - names, height - 1.05)
    factor, unit = scaled_unit((window.end - window.start) / clock_hz(result), "s")
    scale = factor / clock_hz(result)
    colours = _colours(bars)
    seam = (window.end - window.start) // SEAM_FRACTION
    for number, row in enumerate(rows):
        own = _merged([bar for bar in bars if bar.row == row], window)
        ax.broken_barh(
            [((bar.start - window.start) * scale, (bar.end - bar.start) * scale) for bar in own],
            (number - 0.36, 0.72),
            facecolors=[colours[bar.operator] for bar in own],
            edgecolors=PAPER,
            linewidths=[0.4 if bar.end - bar.start > seam else 0.0 for bar in own],
        )
    ax.set_xlim(0, (window.end - window.start) * scale)
    inches_per_cycle = (width - names) / (window.end - window.start)
    unnamed = _name_operators(ax, bars, colours, window, inches_per_cycle)
    _legend(figure, colours, unnamed, left, bottom, width)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    ax.set_xlabel(f"time in {window.phase} ({unit})")
    ax.set_title(_title(result, window))
    return ax


def _title(result: Result, window: Window) -> str:
    """Phase and block shown, if the window lies in one instance of one block."""
    blocks = {
        f", {op.block} {op.instance}" if op.block else ""
        for op in _operators(result, window.phase)
        if op.start_cycle < window.end and op.start_cycle + op.cycles > window.start
    }
    return f"Timeline of {window.phase}{next(iter(blocks)) if len(blocks) == 1 else ''}"


def _operators(result: Result, phase: str) -> list[OperatorResult]:
    return [op for op in result.operators if op.phase == phase]


def _bars(result: Result, window: Window) -> list[Bar]:
    """Bars of the window, clipped to it: operators first, then the queues' tiles."""
    found = []
    at = next(p.start_cycle for p in result.phases if p.name == window.phase)
    for op in _operators(result, window.phase):
        found.append(Bar(CRITICAL, op.name, at, at + op.exclusive_cycles))
        at += op.exclusive_cycles
    spans: list[dict[str, Any]] = [s for s in result.spans if s["phase"] == window.phase]
    for span in spans:
        start, end = int(span["start_cycle"]), int(span["end_cycle"])
        found.append(Bar(str(span["queue"]), str(span["operator"]), start, end))
    if not spans:
        found += (
            Bar(op.unit, op.name, op.start_cycle, op.start_cycle + op.cycles)
            for op in _operators(result, window.phase)
        )
    clipped = (
        Bar(bar.row, bar.operator, max(bar.start, window.start), min(bar.end, window.end))
        for bar in found
    )
    return [bar for bar in clipped if bar.end > bar.start]


def _rows(bars: list[Bar]) -> list[str]:
    """Row names: the operators, then queues in order of name, limited in number."""
    queues = sorted({bar.row for bar in bars} - {CRITICAL}, key=_queue_order)
    return [CRITICAL, *queues[:MAX_QUEUES]]


def _queue_order(queue: str) -> tuple[str, int, str]:
    """By core, then in the order in which data passes: load, matrix, vector, store."""
    core, _, kind = queue.rpartition(".")
    order = ("load", "matrix", "vector", "store")
    position = next((i for i, name in enumerate(order) if kind.startswith(name)), len(order))
    return (core, position, kind)


def _colours(bars: list[Bar]) -> dict[str, str]:
    """A colour per operator; the longest ones get the colours easiest to tell apart."""
    cycles: dict[str, int] = {}
    for bar in bars:
        on_top = bar.end - bar.start if bar.row == CRITICAL else 0
        cycles[bar.operator] = cycles.get(bar.operator, 0) + on_top
    ranked = sorted(cycles, key=lambda name: -cycles[name])
    return {name: MANY[i % len(MANY)] for i, name in enumerate(ranked)}


def _merged(bars: list[Bar], window: Window) -> list[Bar]:
    """Join bars of one operator that touch or nearly touch, if there are very many."""
    if len(bars) <= PIXELS_ACROSS // 8:
        return bars
    gap = (window.end - window.start) // PIXELS_ACROSS
    merged: list[Bar] = []
    for bar in sorted(bars, key=lambda b: b.start):
        last = merged[-1] if merged else None
        if last and last.operator == bar.operator and bar.start - last.end <= gap:
            merged[-1] = Bar(last.row, last.operator, last.start, max(last.end, bar.end))
        else:
            merged.append(bar)
    return merged


def _name_operators(
    ax: Axes,
    bars: list[Bar],
    colours: dict[str, str],
    window: Window,
    inches_per_cycle: float,
) -> list[str]:
    """Write operator names into their bars; return those that do not fit, longest first."""
    units_per_cycle = ax.get_xlim()[1] / (window.end - window.start)
    unnamed: dict[str, int] = {}
    for bar in bars:
        if bar.row != CRITICAL:
            continue
        name = bar.operator
        cycles = bar.end - bar.start
        if len(name) * INCH_PER_CHARACTER * 0.85 > cycles * inches_per_cycle:
            unnamed[bar.operator] = unnamed.get(bar.operator, 0) + cycles
            continue
        middle = ((bar.start + bar.end) / 2 - window.start) * units_per_cycle
        colour = LIGHT if colours[bar.operator] in DARK else "black"
        ax.text(middle, 0, name, ha="center", va="center", fontsize=7.5, color=colour)
    return sorted(unnamed, key=lambda operator: -unnamed[operator])


def _legend(
    figure: Figure,
    colours: dict[str, str],
    operators: list[str],
    left: float,
    bottom: float,
    width: float,
) -> None:
    """Name the longest operators whose names did not fit, on one line."""
    from matplotlib.patches import Patch

    handles: list[Patch] = []
    room = width
    for name in operators:
        room -= len(name) * INCH_PER_CHARACTER + 0.4
        if room < 0 or len(handles) == MAX_LEGEND:
            break
        handles.append(Patch(color=colours[name], label=name))
    if not handles:
        return
    full_width, full_height = figure.get_size_inches()
    figure.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=((left + width) / full_width, (bottom + 0.02) / full_height),
        ncols=len(handles),
        handlelength=0.9,
        handleheight=0.9,
        columnspacing=1.2,
        borderpad=0,
    )
