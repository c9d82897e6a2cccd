"""A figure over two axes of a sweep: a panel for each label of a third, the best of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError
from simulator.explore.analysis.sensitivity import sensitivities
from simulator.explore.analysis.slices import measured, typed
from simulator.explore.pictures.shown import Shown, label_text
from simulator.explore.sweep.figures import check_figure
from simulator.explore.sweep.outcome import SweepResult
from simulator.explore.sweep.point import DONE, OPEN, Point
from simulator.explore.sweep.reference import unknown
from simulator.report.plots.style import (
    INCH_PER_CHARACTER,
    LIGHT,
    MUTED,
    PAPER,
    new_figure,
    place,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL_INCHES = (0.62, 0.36)
PANEL_INCHES = (2.2, 1.1, 5.0)
"""Least width of a panel, least and most height."""
ALL_INCHES = 9.0
"""Most width of all panels."""
BOTTOM_INCHES, TOP_INCHES, LEGEND_INCHES, GAP_INCHES, BAR_INCHES = 0.42, 0.8, 0.32, 0.3, 0.16
BAR_ROOM_INCHES = 0.85
MOST_PANELS = 6
AUTO = "auto"
MANY = 2000
"""Cells of a panel from which they are one image, so that files stay small."""
TEXT_POINTS = 7.5
TEXT_INCHES = (0.42, 0.2)
"""Of a cell, from which a number is written in it."""
LABEL_PITCH_INCHES = 0.17
"""Between names of rows, and of columns that stand upright."""
COLOURS = "cividis"
"""Nuñez et al., PLOS ONE 2018: of even steps, also for people who cannot tell some colours."""
DARK = "#101418"
"""Text on light cells, be the page dark or not."""
CORNER_INCHES = 0.13


@dataclass(frozen=True, slots=True)
class Layout:
    """Which axes a heat map has, and what becomes of the others."""

    x: str
    y: str
    panels: str | None
    others: tuple[str, ...]


@styled
def plot_heat_map(
    found: SweepResult,
    figure: str | None = None,
    x: str | None = None,
    y: str | None = None,
    panels: str | None = AUTO,
) -> Figure:
    """A cell has the best point of those that share its labels, one that is feasible if any is.

    figure: what is shown, by default the first objective. x, y, panels: axes, by default
    those to which it is most sensitive; no panels if that is None. Raises CyclelabError for
    unknown ones, or a sweep with fewer than two axes of several labels.
    """
    name = figure or next(iter(found.sweep.objectives))
    check_figure(name)
    done = measured(found.points, name)
    if not done:
        raise CyclelabError(f"no point of {found.sweep.name} has {name}: nothing to draw")
    layout = _layout(found, name, x, y, panels)
    shown = Shown.of(name, found.sweep.objectives, done)
    return _draw(found, layout, shown)


def _layout(
    found: SweepResult, name: str, x: str | None, y: str | None, panels: str | None
) -> Layout:
    axes = found.sweep.axes
    for given in (x, y, panels):
        if given not in (None, AUTO) and given not in axes:
            raise CyclelabError(f"{found.sweep.name}: {unknown('axis', str(given), list(axes))}")
    ranked = [s.axis for s in sensitivities(found.points, axes, {name: "min"})]
    free = [axis for axis in ranked if axis not in (x, y, panels)]
    chosen = [axis for axis in (x, y) if axis is not None]
    chosen += free[: 2 - len(chosen)]
    if len(set(chosen)) < 2:
        raise CyclelabError(f"{found.sweep.name}: a heat map needs two axes of several labels")
    free = [axis for axis in free if axis not in chosen]
    if panels == AUTO:
        panels = next((axis for axis in free if len(axes[axis]) <= MOST_PANELS), None)
    if x is None and y is None:  # the longer one across
        chosen.sort(key=lambda axis: -len(axes[axis]))
    elif x is None:
        chosen.reverse()
    others = tuple(axis for axis in free if axis != panels)
    return Layout(chosen[0], chosen[1], panels, others)


def _draw(found: SweepResult, layout: Layout, shown: Shown) -> Figure:
    columns, rows = found.sweep.axes[layout.x], found.sweep.axes[layout.y]
    parts = [None] if layout.panels is None else found.sweep.axes[layout.panels]
    least_width, least_height, most_height = PANEL_INCHES
    names = [label_text(label) for label in rows]
    left = max(map(len, names)) * INCH_PER_CHARACTER + 0.45
    longest = max(len(label_text(label)) for label in columns) * INCH_PER_CHARACTER
    width = max(max(CELL_INCHES[0], 1.05 * longest) * len(columns), least_width)
    width = min(width, ALL_INCHES / len(parts))
    height = min(max(CELL_INCHES[1] * len(rows), least_height), most_height)
    bottom = BOTTOM_INCHES + LEGEND_INCHES + _tick_inches(columns, width)
    full = left + (width + GAP_INCHES) * len(parts) + BAR_ROOM_INCHES
    figure = new_figure(full, bottom + height + TOP_INCHES)
    cells = _cells(found.points, layout, shown)
    norm = _norm([cell for cell in cells.values() if cell.state == DONE], shown)
    states: set[str] = set()
    for number, part in enumerate(parts):
        ax = place(figure, left + number * (width + GAP_INCHES), bottom, width, height)
        own = [[cells.get(_at(layout, column, row, part)) for column in columns] for row in rows]
        cell = (width / len(columns), height / len(rows))
        states |= _draw_panel(ax, own, shown, norm, cell)
        _name(ax, layout, columns, names if number == 0 else [], (width, height))
        if layout.panels is not None:
            ax.set_title(f"{layout.panels} {label_text(part)}", fontsize=9)
    _colour_bar(figure, norm, shown, (full - BAR_ROOM_INCHES, bottom, height))
    _caption(figure, found, layout, shown, states, left)
    return figure


def _at(layout: Layout, column: Any, row: Any, part: Any) -> tuple[Any, ...]:
    return typed(column), typed(row), typed(part)


def _cells(points: Sequence[Point], layout: Layout, shown: Shown) -> dict[tuple[Any, ...], Point]:
    """The point of each cell: the best, or what became of those that have no figure."""
    best: dict[tuple[Any, ...], Point] = {}
    for point in points:
        part = None if layout.panels is None else point.axes[layout.panels]
        at = _at(layout, point.axes[layout.x], point.axes[layout.y], part)
        if at not in best or _before(point, best[at], shown):
            best[at] = point
    return best


def _before(one: Point, other: Point, shown: Shown) -> bool:
    ranks = [(shown.name in p.figures, p.feasible) for p in (one, other)]
    if ranks[0] != ranks[1]:
        return ranks[0] > ranks[1]
    return ranks[0][0] and shown.better(one, other)


def _norm(points: Sequence[Point], shown: Shown) -> Any:
    from matplotlib.colors import LogNorm, Normalize

    values = [shown.value(point) for point in points if shown.name in point.figures]
    low, high = min(values), max(values)
    if low == high:
        high = low + (abs(low) or 1.0)
    return LogNorm(low, high) if shown.far else Normalize(low, high)


def _draw_panel(
    ax: Axes,
    cells: list[list[Point | None]],
    shown: Shown,
    norm: Any,
    inches: tuple[float, float],
) -> set[str]:
    """Colours and numbers; returns which states of points there are beside good ones."""
    rows, columns = len(cells), len(cells[0])
    colours = _colours(cells, shown, norm)
    large = min(inches) > TEXT_INCHES[1]
    ax.pcolormesh(
        np.arange(columns + 1) - 0.5,
        np.arange(rows + 1) - 0.5,
        colours,
        edgecolors=PAPER if large else "none",
        linewidth=0.8 if large else 0.0,
        rasterized=rows * columns > MANY,
    )
    texts = inches[0] >= TEXT_INCHES[0] and inches[1] >= TEXT_INCHES[1]
    states: set[str] = set()
    corners = []
    for row, line in enumerate(cells):
        for column, point in enumerate(line):
            has = point is not None and shown.name in point.figures
            state = _state(point, has)
            states.add(state)
            if state == BREAKS:
                corners.append(_corner(column, row, inches))
            text = shown.text(point) if has and point is not None else SIGNS.get(state, "")
            if texts and text:
                _write(ax, column, row, text, colours[row, column] if has else None)
    _draw_corners(ax, corners)
    ax.set_xlim(-0.5, columns - 0.5)
    ax.set_ylim(rows - 0.5, -0.5)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    return states


def _colours(cells: list[list[Point | None]], shown: Shown, norm: Any) -> NDArray[np.float64]:
    """RGBA [rows, columns, 4]; paper where there is no figure."""
    import matplotlib
    from matplotlib.colors import to_rgba

    values = np.array(
        [
            [shown.value(p) if p is not None and shown.name in p.figures else np.nan for p in line]
            for line in cells
        ]
    )
    there = np.isfinite(values)
    found = np.empty((*values.shape, 4))
    found[:] = to_rgba(PAPER)
    found[there] = matplotlib.colormaps[COLOURS](norm(values[there]))
    return found


def _corner(column: int, row: int, inches: tuple[float, float]) -> list[tuple[float, float]]:
    """A triangle in the upper right corner of a cell."""
    size = min(CORNER_INCHES, min(inches) / 2)
    across, down = size / inches[0], size / inches[1]
    right, top = column + 0.5, row - 0.5
    return [(right - across, top), (right, top), (right, top + down)]


def _draw_corners(ax: Axes, corners: list[list[tuple[float, float]]]) -> None:
    from matplotlib.collections import PolyCollection

    if corners:
        marks = PolyCollection(corners, facecolors=PAPER, edgecolors=MUTED, linewidths=0.5)
        marks.set_rasterized(len(corners) > MANY)
        ax.add_collection(marks, autolim=False)


BREAKS, FAILS, MISSES, LEAVES = "breaks", "fails", "misses", "leaves"
SIGNS = {FAILS: "×", MISSES: "?", LEAVES: "–"}
WORDS = {
    BREAKS: "white corner: breaks a constraint",
    FAILS: "×: failed",
    MISSES: "?: not run",
    LEAVES: "–: no such point",
}


def _state(point: Point | None, has: bool) -> str:
    if point is None:
        return LEAVES
    if point.state == OPEN:
        return MISSES
    if not has:
        return FAILS if point.state != DONE else LEAVES
    return DONE if point.feasible else BREAKS


def _write(ax: Axes, column: int, row: int, text: str, face: Any) -> None:
    """A number in a cell, light on dark."""
    colour = MUTED
    if face is not None:
        red, green, blue, _ = face
        colour = DARK if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else LIGHT
    ax.text(column, row, text, ha="center", va="center", fontsize=TEXT_POINTS, color=colour)


def _tick_inches(columns: Sequence[Any], width: float) -> float:
    """Room for names of columns that must stand upright."""
    longest = max(len(label_text(label)) for label in columns) * INCH_PER_CHARACTER
    return 0.0 if _fits(columns, width) else longest


def _fits(columns: Sequence[Any], width: float) -> bool:
    longest = max(len(label_text(label)) for label in columns) * INCH_PER_CHARACTER
    return longest < width / len(columns)


def _name(
    ax: Axes,
    layout: Layout,
    columns: Sequence[Any],
    rows: Sequence[str],
    inches: tuple[float, float],
) -> None:
    """Labels of columns and rows: of many, so many as there is room for."""
    texts = [label_text(label) for label in columns]
    upright = not _fits(columns, inches[0])
    stride = max(1, -(-len(texts) // int(inches[0] / LABEL_PITCH_INCHES))) if upright else 1
    places = range(0, len(texts), stride)
    ax.set_xticks(list(places), [texts[at] for at in places], rotation=90 if upright else 0)
    stride = max(1, -(-len(rows) // int(inches[1] / LABEL_PITCH_INCHES)))
    places = range(0, len(rows), stride)
    ax.set_yticks(list(places), [rows[at] for at in places])
    ax.tick_params(length=0)
    ax.set_xlabel(layout.x)
    if rows:
        ax.set_ylabel(layout.y)


def _colour_bar(figure: Figure, norm: Any, shown: Shown, at: tuple[float, float, float]) -> None:
    from matplotlib.cm import ScalarMappable

    left, bottom, height = at
    bar = place(figure, left, bottom, BAR_INCHES, height)
    figure.colorbar(ScalarMappable(norm, COLOURS), cax=bar)
    bar.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if shown.far:
        from matplotlib.ticker import LogLocator, NullLocator

        bar.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        bar.yaxis.set_minor_locator(NullLocator())


def _caption(
    figure: Figure, found: SweepResult, layout: Layout, shown: Shown, states: set[str], left: float
) -> None:
    """Title, the figure with its unit, and what a cell is."""
    width, height = figure.get_size_inches()
    figure.text(left / width, 1 - 0.13 / height, found.sweep.title, va="top", weight="bold")
    figure.text(left / width, 1 - 0.31 / height, shown.label, va="top", fontsize=8, color=MUTED)
    words = [text for state, text in WORDS.items() if state in states]
    if layout.others:
        words.insert(0, f"best over {', '.join(layout.others)}")
    figure.text(left / width, 0.1 / height, " · ".join(words), fontsize=8, color=MUTED, va="bottom")
