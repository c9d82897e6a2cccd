"""The points of a sweep over two objectives, with the names of those on the front."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simulator.explore.pictures.point_names import name_points
from simulator.explore.pictures.scale import far_apart, set_scale
from simulator.explore.sweep.figures import title_and_unit
from simulator.explore.sweep.outcome import SweepResult
from simulator.explore.sweep.point import DONE, Point
from simulator.explore.sweep.table import PREFIXED
from simulator.report.plots.style import MUTED, PAPER, SEQUENCE, new_figure, place, styled
from simulator.report.units import PREFIXES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Side = Literal["x", "y"]
PANEL_INCHES = (6.6, 4.2)
LEFT_INCHES, BOTTOM_INCHES, TOP_INCHES, LEGEND_INCHES, MARGIN_INCHES = 0.8, 0.5, 0.4, 0.3, 0.2
PAD = 0.08
"""Of the axis, between its ends and what is drawn."""
MARK_POINTS2, SMALL_POINTS2 = 34.0, 14.0
MARK_INCHES = MARK_POINTS2**0.5 / 72
MOST_NAMES = 24
"""Points of a front that are named: of more, evenly many along it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure as an axis of the picture: in a unit in which its numbers are short."""

    name: str
    label: str
    scale: float

    @classmethod
    def of(cls, name: str, objectives: Mapping[str, str], points: Sequence[Point]) -> Shown:
        """The axis of a figure; its unit gets a prefix by the largest value."""
        title, unit = title_and_unit(name)
        goal = {"min": " (less is better)", "max": " (more is better)"}
        largest = max((abs(point.figures[name]) for point in points), default=0.0)
        exponent = 0
        if unit in PREFIXED and largest > 0:
            exponent = min(max(3 * math.floor(math.log10(largest) / 3), min(PREFIXES)), 0)
        words = f"{title}, {PREFIXES[exponent]}{unit}{goal.get(objectives.get(name, ''), '')}"
        return cls(name, words, 10.0**-exponent)

    def value(self, point: Point) -> float:
        """Of a point, in that unit."""
        return point.figures[self.name] * self.scale


@styled
def plot_front(found: SweepResult) -> Figure:
    """The front with names, other points, those that break a constraint hollow.

    The first two objectives are the axes; of one objective, it stands over the area.
    """
    names = [*found.sweep.objectives, "area_mm2", "seconds"]
    x_name, y_name = list(dict.fromkeys(names))[:2]
    width, height = PANEL_INCHES
    figure = new_figure(
        LEFT_INCHES + width + MARGIN_INCHES,
        LEGEND_INCHES + BOTTOM_INCHES + height + TOP_INCHES,
    )
    ax = place(figure, LEFT_INCHES, LEGEND_INCHES + BOTTOM_INCHES, width, height)
    drawn = [p for p in found.points if p.state == DONE and {x_name, y_name} <= p.figures.keys()]
    front = [point for point in found.pareto if point in drawn]
    axes = tuple(Shown.of(name, found.sweep.objectives, drawn) for name in (x_name, y_name))
    sides: tuple[Side, ...] = ("x", "y")
    for side, own in zip(sides, axes, strict=True):
        _scale(ax, side, [own.value(point) for point in drawn])
    others = [point for point in drawn if point not in front]
    _draw(ax, [p for p in others if not p.feasible], axes, SMALL_POINTS2, PAPER, MUTED)
    _draw(ax, [p for p in others if p.feasible], axes, SMALL_POINTS2, MUTED, PAPER)
    _draw_front(ax, front, axes, joined=len(found.sweep.objectives) == len(axes))
    ax.grid(True)
    ax.set(xlabel=axes[0].label, ylabel=axes[1].label)
    ax.set_title(found.sweep.title)
    _legend(figure, any(not point.feasible for point in drawn))
    return figure


def _draw(
    ax: Axes, points: list[Point], axes: tuple[Shown, ...], size: float, face: str, edge: str
) -> None:
    xs, ys = ([own.value(point) for point in points] for own in axes)
    ax.scatter(xs, ys, s=size, c=face, edgecolors=edge, linewidths=0.7, zorder=2)


def _draw_front(ax: Axes, front: list[Point], axes: tuple[Shown, ...], joined: bool) -> None:
    """joined: by a line, where there are no other objectives than these two."""
    x_axis, y_axis = axes
    ordered = sorted(front, key=lambda point: (x_axis.value(point), y_axis.value(point)))
    values = [(x_axis.value(point), y_axis.value(point)) for point in ordered]
    xs, ys = [x for x, _ in values], [y for _, y in values]
    if joined:
        ax.plot(xs, ys, color=SEQUENCE[0], linewidth=0.8, alpha=0.5, zorder=2.2)
    ax.scatter(xs, ys, s=MARK_POINTS2, c=SEQUENCE[0], edgecolors=PAPER, linewidths=0.6, zorder=3)
    stride = -(-len(ordered) // MOST_NAMES) or 1
    names = [_name(point) for point in ordered[::stride]]
    name_points(ax, names, values[::stride], MARK_INCHES / 2, 0.0)


def _name(point: Point) -> str:
    """The labels of its axes; their names stand in the axis label of the picture."""
    return " · ".join(str(label) for label in point.axes.values())


def _scale(ax: Axes, axis: Side, values: list[float]) -> None:
    low, high = min(values), max(values)
    far = low > 0 and far_apart(low, high)
    if far:
        ratio = (high / low) ** PAD
        low, high = low / ratio, high * ratio
    else:
        pad = PAD * ((high - low) or high or 1.0)
        low, high = low - pad, high + pad
    set_scale(ax, axis, low, high, far)


def _legend(figure: Figure, some_infeasible: bool) -> None:
    from matplotlib.lines import Line2D

    looks = [("Pareto front", SEQUENCE[0], SEQUENCE[0]), ("others", MUTED, MUTED)]
    if some_infeasible:
        looks.append(("others that break a constraint", MUTED, PAPER))
    handles = [
        Line2D([], [], marker="o", linestyle="", label=label, color=edge, markerfacecolor=face)
        for label, edge, face in looks
    ]
    figure.legend(handles=handles, loc="lower right", ncols=len(handles), columnspacing=1.2)
