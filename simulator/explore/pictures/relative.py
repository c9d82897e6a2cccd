"""Figures of a sweep over those of a baseline, as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simulator.config import CyclelabError
from simulator.explore.analysis.groups import MOST_ROWS, Group, rows_of, telling_axis
from simulator.explore.analysis.relative import Baseline, Ratio
from simulator.explore.pictures.bars import (
    BAR_HEIGHT,
    HEADROOM,
    LABEL_GAP,
    MARGIN_INCHES,
    ROW_INCHES,
    name_rows,
    write_number,
)
from simulator.explore.pictures.scale import far_apart, set_scale
from simulator.explore.pictures.shown import GOALS, label_text
from simulator.explore.sweep.figures import check_figure, title_and_unit
from simulator.explore.sweep.outcome import SweepResult
from simulator.explore.sweep.reference import unknown
from simulator.report.plots.style import (
    BLUE,
    GREY,
    INK,
    MUTED,
    label_inches,
    new_figure,
    place,
    styled,
)
from simulator.report.units import ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_INCHES, GAP_INCHES = 2.5, 0.25
BOTTOM_INCHES, TOP_INCHES = 0.75, 0.7
FIRST = 0.03
"""Of a logarithmic axis, before the first bar."""


@styled
def plot_relative(
    found: SweepResult,
    baseline: Mapping[str, Any] | None = None,
    figures: Sequence[str] | None = None,
    by: str | None = None,
) -> Figure:
    """A panel per figure, bars of ratios, the baseline's 1; lines reach to the extremes.

    baseline: labels, by default those of the sweep. Of all axes, the points of the front
    are compared with that one point; of some, every point with its own, and each label is
    the geometric mean of all that have it. by: an axis whose labels stand apart, by
    default the one on which ratios depend most, as long as rows are few. figures: the
    objectives by default. Raises CyclelabError for unknown names.
    """
    base = _baseline(found, baseline)
    names = list(figures or found.sweep.objectives)
    for name in names:
        check_figure(name)
    if by is not None and (by not in found.sweep.axes or by in base.labels):
        others = [name for name in found.sweep.axes if name not in base.labels]
        raise CyclelabError(f"by: {unknown('other axis', by, others)}")
    by = by or telling_axis(found, base, names)
    every = rows_of(found, base, names, by)
    rows = every[:MOST_ROWS]
    labels = [" · ".join(map(label_text, row.labels.values())) for row in rows]
    left = label_inches(labels) + MARGIN_INCHES
    height = ROW_INCHES * (len(rows) + 1)
    width = left + (PANEL_INCHES + GAP_INCHES) * len(names) + MARGIN_INCHES
    figure = new_figure(width, TOP_INCHES + height + BOTTOM_INCHES)
    for number, name in enumerate(names):
        x = left + number * (PANEL_INCHES + GAP_INCHES)
        ax = place(figure, x, BOTTOM_INCHES, PANEL_INCHES, height)
        _draw_panel(ax, rows, number)
        name_rows(ax, labels, shown=number == 0)
        _part(ax, rows, by)
        goal = GOALS.get(found.sweep.objectives.get(name, ""), "")
        ax.set_xlabel(f"baseline = 1, {goal}" if goal else "baseline = 1")
        ax.set_title(title_and_unit(name)[0])
    _caption(figure, found, base, rows, len(every))
    return figure


def _baseline(found: SweepResult, labels: Mapping[str, Any] | None) -> Baseline:
    base = found.baseline if labels is None else Baseline.of(labels, found.sweep.axes)
    if base is None or not base.labels:
        raise CyclelabError(f"no point of {found.sweep.name} was run: there is no baseline")
    return base


def _draw_panel(ax: Axes, rows: Sequence[Group], figure: int) -> None:
    """Bars from 0; on a logarithmic axis from 1, to either side."""
    found = {row: group.ratios[figure] for row, group in enumerate(rows)}
    able = {row: value for row, value in found.items() if value is not None}
    low = min((value.low for value in able.values()), default=1.0)
    high = max((1.0, *(value.high for value in able.values())))
    far = far_apart(min(low, 1.0), high)
    start = 1.0 if far else 0.0
    colours = [GREY if rows[row].is_baseline else BLUE for row in able]
    lengths = [value.mean - start for value in able.values()]
    ax.barh(list(able), lengths, left=start, color=colours, height=BAR_HEIGHT)
    ax.axvline(1.0, color=MUTED, linewidth=0.8)
    _scale(ax, min(low, 1.0), high, far)
    for row, value in able.items():
        if value.high > value.low:
            ax.plot([value.low, value.high], [row, row], color=INK, linewidth=0.9, zorder=3)
        _write(ax, row, value, far)


def _scale(ax: Axes, low: float, high: float, far: bool) -> None:
    if far:
        first = low * (low / high) ** FIRST
        set_scale(ax, "x", first, first * (high / first) ** HEADROOM, far)
    else:
        set_scale(ax, "x", 0.0, high * HEADROOM, far)


def _write(ax: Axes, row: int, value: Ratio, far: bool) -> None:
    """The mean, behind the bar and its line."""
    low, high = ax.get_xlim()
    end = max(value.high, 1.0) if far else value.high
    x = end * (high / low) ** LABEL_GAP if far else end + high * LABEL_GAP
    write_number(ax, x, row, ratio(value.mean))


def _part(ax: Axes, rows: Sequence[Group], by: str | None) -> None:
    """A line between rows that differ in the axis that tells groups apart."""
    if by is None:
        return
    for row in range(1, len(rows)):
        if rows[row].labels[by] != rows[row - 1].labels[by]:
            ax.axhline(row - 0.5, color=MUTED, linewidth=0.5, linestyle=(0, (4, 3)))


def _caption(
    figure: Figure, found: SweepResult, base: Baseline, rows: Sequence[Group], count: int
) -> None:
    width, height = figure.get_size_inches()
    left = MARGIN_INCHES / width
    figure.text(left, 1 - 0.12 / height, found.sweep.title, va="top", weight="bold")
    words = [f"baseline: {base.words}"]
    if rows and len(rows[0].labels) < len(found.sweep.axes):
        words.append("bars: geometric means, lines: extremes")
    if rows:
        words.append(f"rows: {' · '.join(rows[0].labels)}")
    if count > len(rows):
        words.append(f"the first {len(rows)} of {count:,}")
    figure.text(left, 0.1 / height, "; ".join(words), va="bottom", fontsize=8, color=MUTED)
