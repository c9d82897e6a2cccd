"""A window of the run: what each queue did, tile by tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.report.machine_facts import clock_hz
from simulator.report.plots.stages import STAGE, stage_bars
from simulator.report.plots.style import (
    DARK,
    GRID,
    INCH_PER_CHARACTER,
    LIGHT,
    MANY,
    PALE,
    PAPER,
    label_inches,
    new_figure,
    paler,
    place,
    scaled_unit,
    styled,
)
from simulator.report.plots.window import (
    CRITICAL,
    Bar,
    Window,
    channels_left_out,
    choose_window,
    rows_of,
    skipped_repeats,
    window_bars,
)
from simulator.report.result import Result, sub_batch_of, whole_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PIXELS_ACROSS = 1500
"""Tiles of one operator closer than this fraction of the window are drawn as one."""
SEAM_FRACTION = 300
"""Bars wider than this fraction of the window get a seam between them."""
WIDTH, LEGEND_LINE = 11.0, 0.18
"""Inches."""
SMALL_POINTS = 7.5
SMALL_TEXT = 0.85
"""Width of small text against that of the font's own size."""
REPEATS = "repeats, skipped"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is drawn of a window: bars, rows from above, colours by operator, lines of the legend.

    named: operators whose names fit into a bar of the row of operators.
    """

    bars: list[Bar]
    rows: list[str]
    colours: dict[str, str]
    named: set[str]
    gaps: list[tuple[int, int]]
    legend: list[list[tuple[str, str]]]

    @property
    def names_inches(self) -> float:
        """Room for the names of rows."""
        return label_inches(self.rows)


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
    its tiles were recorded. Grey stands for tiles that repeat and were skipped.
    """
    window = choose_window(result, phase, start_cycle, end_cycle)
    plan = _plan(result, window, WIDTH - 0.25)
    height = 1.27 + 0.42 * len(plan.rows) + LEGEND_LINE * max(1, len(plan.legend))
    figure = new_figure(WIDTH, height)
    _draw(figure, result, window, plan, (0.1, 0.1, WIDTH - 0.25, height - 0.1))
    return figure


def draw_timeline(
    figure: Figure, result: Result, window: Window, box: tuple[float, float, float, float]
) -> Axes:
    """Draw a window into `box` (inches: left, bottom, width, height)."""
    return _draw(figure, result, window, _plan(result, window, box[2]), box)


def _plan(result: Result, window: Window, width: float) -> _Plan:
    """What to draw in so many inches."""
    bars = window_bars(result, window)
    rows = rows_of(bars)
    stages = stage_bars(result, window)
    colours = _colours(bars)
    inches_per_cycle = (width - label_inches(rows)) / window.cycles
    named = _named(bars, inches_per_cycle)
    gaps = skipped_repeats(result, bars, window)
    left = dict.fromkeys(op for op in colours if op not in named)
    seen = {bar.operator for bar in bars if bar.row in rows}
    entries = [(REPEATS, GRID)] * bool(gaps) + [(op, colours[op]) for op in left if op in seen]
    rows = [STAGE] * bool(stages) + rows
    return _Plan(stages + bars, rows, colours, named, gaps, _legend_lines(entries, width))


def _draw(
    figure: Figure,
    result: Result,
    window: Window,
    plan: _Plan,
    box: tuple[float, float, float, float],
) -> Axes:
    left, bottom, width, height = box
    names = plan.names_inches
    below = 0.54 + LEGEND_LINE * max(1, len(plan.legend))
    ax = place(figure, left + names, bottom + below, width - names, height - below - 0.33)
    factor, unit = scaled_unit(window.cycles / clock_hz(result), "s")
    scale = factor / clock_hz(result)
    if plan.gaps:
        across = [((a - window.start) * scale, (b - a) * scale) for a, b in plan.gaps]
        ax.broken_barh(across, (0.55, len(plan.rows) - 1.1), facecolors=GRID, alpha=0.6)
    for number, row in enumerate(plan.rows):
        own = [bar for bar in plan.bars if bar.row == row]
        if row == STAGE:
            _draw_stages(ax, number, own, window, scale)
        else:
            _draw_row(ax, number, own, window, plan.colours, scale)
    ax.set_xlim(0, window.cycles * scale)
    _name_operators(ax, plan, window, (width - names) / window.cycles)
    _legend(figure, plan.legend, box)
    ax.set_ylim(len(plan.rows) - 0.4, -0.6)
    ax.set_yticks(range(len(plan.rows)), plan.rows)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    since = f"since the start of {window.block}" if window.block else "since the window's start"
    notes = [f"time {since} ({unit})", channels_left_out(plan.bars, plan.rows)]
    ax.set_xlabel("; ".join(note for note in notes if note))
    ax.set_title(_title(result, window, scale, unit))
    return ax


def _title(result: Result, window: Window, scale: float, unit: str) -> str:
    """The phase, the layer if it is one, and which part of the phase is shown."""
    phase = next(p for p in result.phases if p.name == window.phase)
    text = ", ".join(part for part in (f"Timeline of {window.phase}", window.block) if part)
    if window.cycles >= phase.cycles:
        return text
    edges = (window.start - phase.start_cycle, window.end - phase.start_cycle, phase.cycles)
    start, end, whole = (_short(cycles * scale) for cycles in edges)
    return f"{text}: {start} to {end} of {whole} {unit}"


def _short(value: float) -> str:
    """In three digits, but with all of a larger number's."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _draw_stages(ax: Axes, number: int, bars: list[Bar], window: Window, scale: float) -> None:
    """Letters on pale bars."""
    for bar in bars:
        start, length = (bar.start - window.start) * scale, (bar.end - bar.start) * scale
        box: dict[str, Any] = {"facecolors": PALE, "edgecolors": PAPER, "linewidths": 0.8}
        ax.broken_barh([(start, length)], (number - 0.36, 0.72), **box)
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": SMALL_POINTS}
        ax.text(start + length / 2, number, bar.operator, clip_on=True, **style)


def _draw_row(
    ax: Axes, number: int, bars: list[Bar], window: Window, colours: dict[str, str], scale: float
) -> None:
    seam = window.cycles // SEAM_FRACTION
    # Transfers in flight overlap: whichever ends first is on top, as it is what moves.
    own = sorted(_merged(bars, window), key=lambda bar: -bar.end)
    ax.broken_barh(
        [((bar.start - window.start) * scale, (bar.end - bar.start) * scale) for bar in own],
        (number - 0.36, 0.72),
        facecolors=[colours[bar.operator] for bar in own],
        edgecolors=PAPER,
        linewidths=[0.4 if bar.end - bar.start > seam else 0.0 for bar in own],
    )


def _colours(bars: list[Bar]) -> dict[str, str]:
    """A colour per operator; the longest ones get the colours easiest to tell apart.

    The second sub-batch has that of the first, paler.
    """
    cycles: dict[str, int] = {}
    for bar in bars:
        on_top = bar.end - bar.start if bar.row == CRITICAL else 0
        cycles[bar.operator] = cycles.get(bar.operator, 0) + on_top
    ranked = sorted(cycles, key=lambda name: -cycles[name])
    wholes = list(dict.fromkeys(map(whole_name, ranked)))
    own = {name: MANY[i % len(MANY)] for i, name in enumerate(wholes)}
    return {
        name: paler(own[whole_name(name)]) if sub_batch_of(name) == 2 else own[whole_name(name)]
        for name in ranked
    }


def _merged(bars: list[Bar], window: Window) -> list[Bar]:
    """Join bars of one operator that touch or nearly touch, if there are very many."""
    if len(bars) <= PIXELS_ACROSS // 8:
        return bars
    gap = window.cycles // PIXELS_ACROSS
    merged: list[Bar] = []
    for bar in sorted(bars, key=lambda b: b.start):
        last = merged[-1] if merged else None
        if last and last.operator == bar.operator and bar.start - last.end <= gap:
            merged[-1] = Bar(last.row, last.operator, last.start, max(last.end, bar.end))
        else:
            merged.append(bar)
    return merged


def _named(bars: list[Bar], inches_per_cycle: float) -> set[str]:
    """Operators whose names fit into a bar of theirs in the row of operators."""
    return {bar.operator for bar in bars if _fits(bar, inches_per_cycle)}


def _fits(bar: Bar, inches_per_cycle: float) -> bool:
    needed = len(bar.operator) * INCH_PER_CHARACTER * SMALL_TEXT
    return bar.row == CRITICAL and needed <= (bar.end - bar.start) * inches_per_cycle


def _name_operators(ax: Axes, plan: _Plan, window: Window, inches_per_cycle: float) -> None:
    """Write operator names into their bars."""
    units_per_cycle = ax.get_xlim()[1] / window.cycles
    for bar in plan.bars:
        if _fits(bar, inches_per_cycle):
            middle = ((bar.start + bar.end) / 2 - window.start) * units_per_cycle
            colour = LIGHT if plan.colours[bar.operator] in DARK else "black"
            style: dict[str, Any] = {
                "ha": "center",
                "va": "center",
                "fontsize": SMALL_POINTS,
                "color": colour,
            }
            ax.text(middle, plan.rows.index(CRITICAL), bar.operator, **style)


def _legend_lines(entries: list[tuple[str, str]], width: float) -> list[list[tuple[str, str]]]:
    """Names and colours in as many lines as they need."""
    lines: list[list[tuple[str, str]]] = []
    room = 0.0
    for name, colour in entries:
        needed = len(name) * INCH_PER_CHARACTER + 0.4
        if needed > room:
            lines.append([])
            room = width
        room -= needed
        lines[-1].append((name, colour))
    return lines


def _legend(
    figure: Figure, lines: list[list[tuple[str, str]]], box: tuple[float, float, float, float]
) -> None:
    """Names and colours in lines below the axes."""
    from matplotlib.patches import Patch

    left, bottom, width, _ = box
    full_width, full_height = figure.get_size_inches()
    for number, line in enumerate(reversed(lines)):
        height = bottom + 0.02 + number * LEGEND_LINE
        figure.legend(
            handles=[Patch(color=colour, label=name) for name, colour in line],
            loc="lower right",
            bbox_to_anchor=((left + width) / full_width, height / full_height),
            ncols=len(line),
            handlelength=0.9,
            handleheight=0.9,
            columnspacing=1.2,
            borderpad=0,
        )
