"""Parallel coordinates: a line per point through all axes and figures of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError
from simulator.explore.analysis.slices import typed
from simulator.explore.pictures.shown import Shown, label_text
from simulator.explore.sweep.expression import parse_condition
from simulator.explore.sweep.outcome import SweepResult
from simulator.explore.sweep.point import DONE, Point
from simulator.report.plots.style import (
    FONT_POINTS,
    GREY,
    INCH_PER_CHARACTER,
    INK,
    MUTED,
    SEQUENCE,
    new_figure,
    place,
    styled,
)
from simulator.report.units import significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT_INCHES = 3.6
LEFT_INCHES, RIGHT_INCHES, BOTTOM_INCHES, TOP_INCHES = 0.5, 0.9, 0.55, 0.95
PITCH_INCHES = (1.35, 2.2)
"""Least and most distance of axes."""
SPREAD = 0.5
"""Of the distance of two labels, over which lines through one are spread."""
MOST_TICKS = 12
STEPS = 24
"""Of a line between two axes."""
MANY = 400
"""Lines from which they are drawn as one image, so that files stay small."""
DENSE, LEAST_ALPHA = 60, 0.012
"""Lines from which they are drawn lighter, and how light they are at most."""
MOST_CHARACTERS = 20


@dataclass(frozen=True, slots=True)
class Coordinate:
    """An axis of the picture. heights: of all points, 0 to 1. ticks: heights with texts."""

    title: str
    unit: str
    heights: NDArray[np.float64]
    ticks: tuple[tuple[float, str], ...]


@styled
def plot_parallel(found: SweepResult, figures: Sequence[str] | None = None) -> Figure:
    """Axes of several labels, then figures; points of the front in colour, the best thick.

    figures: the objectives and what constraints speak of, by default. Lines that share a
    label are spread in the order of the first figure. Raises CyclelabError without points.
    """
    names = list(figures or _figures(found))
    points = [p for p in found.points if p.state == DONE and all(n in p.figures for n in names)]
    if not points:
        raise CyclelabError(f"no point of {found.sweep.name} has {', '.join(names)}")
    coordinates = _coordinates(found, points, names)
    longest = max(len(c.title) for c in coordinates) * INCH_PER_CHARACTER * 0.9
    pitch = min(max(PITCH_INCHES[0], longest + 0.15), PITCH_INCHES[1])
    width = pitch * (len(coordinates) - 1)
    left = LEFT_INCHES + max(0.0, longest / 2 - 0.3)
    figure = new_figure(left + width + RIGHT_INCHES, BOTTOM_INCHES + HEIGHT_INCHES + TOP_INCHES)
    ax = place(figure, left, BOTTOM_INCHES, width, HEIGHT_INCHES)
    ax.set_axis_off()
    ax.set_xlim(0, len(coordinates) - 1)
    ax.set_ylim(-0.03, 1.03)
    _draw_lines(ax, found, points, coordinates)
    for index, coordinate in enumerate(coordinates):
        _draw_axis(ax, index, coordinate)
    _caption(figure, found, points, left)
    return figure


def _figures(found: SweepResult) -> list[str]:
    limited = [name for text in found.sweep.constraints for name in parse_condition(text).names]
    return list(dict.fromkeys([*found.sweep.objectives, *limited]))


def _coordinates(
    found: SweepResult, points: Sequence[Point], names: Sequence[str]
) -> list[Coordinate]:
    shown = [Shown.of(name, found.sweep.objectives, points) for name in names]
    order = sorted(range(len(points)), key=lambda i: shown[0].value(points[i]))
    several = [name for name, labels in found.sweep.axes.items() if len(labels) > 1]
    return [_of_axis(found, points, name, order) for name in several] + [
        _of_figure(each, points) for each in shown
    ]


def _of_axis(
    found: SweepResult, points: Sequence[Point], name: str, order: Sequence[int]
) -> Coordinate:
    """Labels at even distances. order: in which lines of one label lie above each other."""
    labels = found.sweep.axes[name]
    places = {typed(label): at for at, label in enumerate(labels)}
    own = np.array([places[typed(point.axes[name])] for point in points])
    ordered = np.asarray(order)
    heights = own + 0.5
    for at in range(len(labels)):
        same = ordered[own[ordered] == at]
        heights[same] += SPREAD * ((np.arange(len(same)) + 0.5) / max(1, len(same)) - 0.5)
    heights /= len(labels)
    stride = -(-len(labels) // MOST_TICKS)
    ticks = [
        ((at + 0.5) / len(labels), label_text(label)[:MOST_CHARACTERS])
        for at, label in enumerate(labels)
        if at % stride == 0
    ]
    return Coordinate(name, "", heights, tuple(ticks))


def _of_figure(shown: Shown, points: Sequence[Point]) -> Coordinate:
    values = np.array([shown.value(point) for point in points])
    low, high = float(values.min()), float(values.max())
    arrow = {"min": " ↓", "max": " ↑"}.get(shown.goal, "")
    unit = "" if shown.unit == shown.title else shown.unit

    def height(value: Any) -> Any:
        if low == high:
            return 0.5 + 0 * value
        if shown.far:
            return np.log(value / low) / np.log(high / low)
        return (value - low) / (high - low)

    ticks = [(float(height(v)), significant(v)) for v in _tick_values(low, high, shown.far)]
    return Coordinate(f"{shown.title}{arrow}", unit, height(values), tuple(ticks))


def _tick_values(low: float, high: float, far: bool) -> list[float]:
    """The ends, and round numbers between that are not too near to them."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    if low == high:
        return [low]
    locator = LogLocator(subs=(1.0, 3.0), numticks=9) if far else MaxNLocator(5)

    def near(one: float, other: float) -> bool:
        share = np.log(one / other) / np.log(high / low) if far else (one - other) / (high - low)
        return bool(abs(share) < 0.09)

    between = [float(v) for v in locator.tick_values(low, high) if low < v < high]
    return [low, *(v for v in between if not near(v, low) and not near(v, high)), high]


def _draw_lines(
    ax: Axes, found: SweepResult, points: Sequence[Point], coordinates: Sequence[Coordinate]
) -> None:
    from matplotlib.collections import LineCollection

    paths = _paths(np.array([c.heights for c in coordinates]).T)
    front = {point.number for point in found.pareto}
    best = [point.number for point in found.best.values()]
    groups: dict[str, list[int]] = {"breaks": [], "others": [], "front": []}
    for index, point in enumerate(points):
        if point.number in best:
            continue
        kind = "front" if point.number in front else "others" if point.feasible else "breaks"
        groups[kind].append(index)
    light, dense = _alpha(0.6, len(points)), _alpha(0.75, len(groups["front"]))
    looks: dict[str, dict[str, Any]] = {
        "breaks": {"colors": GREY, "linewidths": 0.7, "alpha": light, "linestyles": (0, (2, 2))},
        "others": {"colors": GREY, "linewidths": 0.8, "alpha": light},
        "front": {"colors": SEQUENCE[0], "linewidths": 1.1, "alpha": dense},
    }
    for zorder, (kind, own) in enumerate(groups.items()):
        lines = LineCollection(list(paths[own]), zorder=1 + zorder, **looks[kind])
        lines.set_rasterized(len(own) >= MANY)
        ax.add_collection(lines, autolim=False)
    places = {point.number: place for place, point in enumerate(points)}
    for number, colour in _best_colours(best):
        if number in places:  # it has all figures
            xs, ys = paths[places[number]].T
            ax.plot(xs, ys, color=colour, linewidth=2.2, zorder=5)


def _alpha(most: float, lines: int) -> float:
    """Lighter lines where there are many, so that where they lie shows how many there are."""
    return min(most, max(LEAST_ALPHA, DENSE / max(1, lines)))


def _best_colours(best: Sequence[int]) -> list[tuple[int, str]]:
    """A colour for each different point."""
    distinct = list(dict.fromkeys(best))
    return [(n, SEQUENCE[1 + i % (len(SEQUENCE) - 1)]) for i, n in enumerate(distinct)]


def _paths(heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth lines [points, steps, 2] that are level at each axis. heights: [points, axes]."""
    count = heights.shape[1]
    share = np.linspace(0.0, 1.0, STEPS + 1)
    smooth = share * share * (3 - 2 * share)
    before, after = heights[:, :-1, None], heights[:, 1:, None]
    ys = (before + (after - before) * smooth).reshape(len(heights), -1)
    xs = (np.arange(count - 1)[:, None] + share).reshape(-1)
    return np.stack([np.broadcast_to(xs, ys.shape), ys], axis=-1)


def _draw_axis(ax: Axes, index: int, coordinate: Coordinate) -> None:
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8}
    ax.plot([index, index], [0, 1], color=MUTED, linewidth=0.9, zorder=6, clip_on=False)
    for height, text in coordinate.ticks:
        ax.annotate(
            text,
            (index, height),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=FONT_POINTS - 1.5,
            color=INK,
            bbox=paper,
            zorder=7,
        )
    ax.text(index, 1.1, coordinate.title, ha="center", fontsize=FONT_POINTS - 0.5, weight="bold")
    ax.text(index, 1.045, coordinate.unit, ha="center", fontsize=FONT_POINTS - 1.5, color=MUTED)


def _caption(figure: Figure, found: SweepResult, points: Sequence[Point], left: float) -> None:
    from matplotlib.lines import Line2D

    from simulator.explore.sweep.table import goal_words

    def entry(label: str, **look: Any) -> Line2D:
        return Line2D([], [], label=label, **look)

    width, height = figure.get_size_inches()
    figure.text(LEFT_INCHES / width, 1 - 0.12 / height, found.sweep.title, va="top", weight="bold")
    goals: dict[int, list[str]] = {}
    for name, point in found.best.items():
        words = goal_words(name, found.sweep.objectives[name])
        goals.setdefault(point.number, []).append(words)
    colours = dict(_best_colours(list(goals)))
    handles = [entry(", ".join(goals[n]), color=colours[n], linewidth=2.2) for n in goals]
    handles.append(entry("Pareto front", color=SEQUENCE[0], linewidth=1.1))
    handles.append(entry("others", color=GREY, linewidth=0.8))
    if any(not point.feasible for point in points):
        label = "others that break a constraint"
        handles.append(entry(label, color=GREY, linewidth=0.8, linestyle=(0, (2, 2))))
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(LEFT_INCHES / width, 0.03 / height),
        ncols=min(len(handles), 4 if width > 7 else 2),
        borderpad=0,
        columnspacing=1.2,
    )
