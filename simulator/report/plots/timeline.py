"""A window of the run: what each queue did, tile by tile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.report.machine_facts import clock_hz
from simulator.report.plots.style import (
    DARK,
    GRID,
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
from simulator.report.plots.window import (
    CRITICAL,
    Bar,
    Window,
    choose_window,
    rows_of,
    skipped_repeats,
    window_bars,
)
from simulator.report.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PIXELS_ACROSS = 1500
"""Tiles of one operator closer than this fraction of the window are drawn as one."""
SEAM_FRACTION = 300
"""Bars wider than this fraction of the window get a seam between them."""
MAX_LEGEND = 7
SMALL_POINTS = 7.5
SMALL_TEXT = 0.85
"""Width of small text against that of the font's own size."""
REPEATS = "repeats, skipped"


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
    height = 1.45 + 0.42 * len(rows_of(window_bars(result, window)))
    figure = new_figure(11.0, height)
    draw_timeline(figure, result, window, (0.1, 0.1, 10.75, height - 0.1))
    return figure


def draw_timeline(
    figure: Figure, result: Result, window: Window, box: tuple[float, float, float, float]
) -> Axes:
    """Draw a window into `box` (inches: left, bottom, width, height)."""
    left, bottom, width, height = box
    bars = window_bars(result, window)
    rows = rows_of(bars)
    names = label_inches(rows)
    ax = place(figure, left + names, bottom + 0.72, width - names, height - 1.05)
    factor, unit = scaled_unit(window.cycles / clock_hz(result), "s")
    scale = factor / clock_hz(result)
    colours = _colours(bars)
    gaps = skipped_repeats(result, bars, window)
    if gaps:
        across = [((a - window.start) * scale, (b - a) * scale) for a, b in gaps]
        ax.broken_barh(across, (0.55, len(rows) - 1.1), facecolors=GRID, alpha=0.6)
    for number, row in enumerate(rows):
        _draw_row(ax, number, [bar for bar in bars if bar.row == row], window, colours, scale)
    ax.set_xlim(0, window.cycles * scale)
    unnamed = _name_operators(ax, bars, colours, window, (width - names) / window.cycles)
    entries = [(name, colours[name]) for name in unnamed]
    _legend(figure, [(REPEATS, GRID)] * bool(gaps) + entries, box)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    since = f"since the start of {window.block}" if window.block else "since the window's start"
    ax.set_xlabel(f"time {since} ({unit})")
    ax.set_title(", ".join(part for part in (f"Timeline of {window.phase}", window.block) if part))
    return ax


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
    gap = window.cycles // PIXELS_ACROSS
    merged: list[Bar] = []
    for bar in sorted(bars, key=lambda b: b.start):
        last = merged[-1] if merged else None
        if last and last.operator == bar.operator and bar.start - last.end <= gap:
            merged[-1] = Bar(last.row, last.operator, last.start, max(last.end, bar.end))
        else:
            merged.append(bar)
    return merged


def _name_operators(
    ax: Axes, bars: list[Bar], colours: dict[str, str], window: Window, inches_per_cycle: float
) -> list[str]:
    """Write operator names into their bars; return those that fit nowhere, longest first."""
    units_per_cycle = ax.get_xlim()[1] / window.cycles
    cycles: dict[str, int] = {}
    named = set()
    for bar in bars:
        if bar.row == CRITICAL:
            cycles[bar.operator] = cycles.get(bar.operator, 0) + bar.end - bar.start
            needed = len(bar.operator) * INCH_PER_CHARACTER * SMALL_TEXT
            if needed > (bar.end - bar.start) * inches_per_cycle:
                continue
            named.add(bar.operator)
            middle = ((bar.start + bar.end) / 2 - window.start) * units_per_cycle
            colour = LIGHT if colours[bar.operator] in DARK else "black"
            style: dict[str, Any] = {
                "ha": "center",
                "va": "center",
                "fontsize": SMALL_POINTS,
                "color": colour,
            }
            ax.text(middle, 0, bar.operator, **style)
    return sorted(set(cycles) - named, key=lambda operator: (-cycles[operator], operator))


def _legend(
    figure: Figure, entries: list[tuple[str, str]], box: tuple[float, float, float, float]
) -> None:
    """Names and colours on one line below the axes, as many as fit."""
    from matplotlib.patches import Patch

    left, bottom, width, _ = box
    handles: list[Patch] = []
    room = width
    for name, colour in entries[:MAX_LEGEND]:
        room -= len(name) * INCH_PER_CHARACTER + 0.4
        if room < 0:
            break
        handles.append(Patch(color=colour, label=name))
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
