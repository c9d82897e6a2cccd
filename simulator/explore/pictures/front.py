"""The points of a sweep over two objectives, with the names of those on the front."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from simulator.config import CyclelabError
from simulator.explore.analysis.slices import measured
from simulator.explore.pictures.point_names import name_points
from simulator.explore.pictures.shown import Shown, Side, name_of, varying
from simulator.explore.sweep.front import front as front_of
from simulator.explore.sweep.outcome import SweepResult
from simulator.explore.sweep.point import Point
from simulator.report.plots.style import MUTED, PAPER, SEQUENCE, new_figure, place, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_INCHES = (6.6, 4.2)
LEFT_INCHES, BOTTOM_INCHES, TOP_INCHES, LEGEND_INCHES, MARGIN_INCHES = 0.8, 0.5, 0.4, 0.3, 0.2
MARK_POINTS2, SMALL_POINTS2 = 34.0, 14.0
MARK_INCHES = MARK_POINTS2**0.5 / 72
MOST_NAMES, FEW_NAMES = 24, 6
"""Points of a front that are named; of more than so many, a few evenly along it."""
MANY = 1000
"""Points from which they are drawn as one image, so that files stay small."""


@styled
def plot_front(found: SweepResult, objectives: Mapping[str, str] | None = None) -> Figure:
    """The front with names, other points, those that break a constraint hollow.

    objectives: figure to `min` or `max`; those of the sweep if left out. The first two are
    the axes; a single one stands over the area, or the time. Raises CyclelabError without
    points that have both.
    """
    goals = dict(objectives or found.sweep.objectives)
    x_name, y_name = list(dict.fromkeys([*goals, "area_mm2", "seconds"]))[:2]
    width, height = PANEL_INCHES
    figure = new_figure(
        LEFT_INCHES + width + MARGIN_INCHES,
        LEGEND_INCHES + BOTTOM_INCHES + height + TOP_INCHES,
    )
    ax = place(figure, LEFT_INCHES, LEGEND_INCHES + BOTTOM_INCHES, width, height)
    drawn = measured(measured(found.points, x_name), y_name)
    if not drawn:
        raise CyclelabError(f"no point of {found.sweep.name} has {x_name} and {y_name}")
    numbers = {point.number for point in front_of(found.points, goals)}
    front = [point for point in drawn if point.number in numbers]
    others = [point for point in drawn if point.number not in numbers]
    axes = tuple(Shown.of(name, goals, drawn) for name in (x_name, y_name))
    sides: tuple[Side, ...] = ("x", "y")
    for side, own in zip(sides, axes, strict=True):
        own.scale_axis(ax, side, [own.value(point) for point in drawn])
    _draw(ax, [p for p in others if not p.feasible], axes, PAPER, MUTED)
    _draw(ax, [p for p in others if p.feasible], axes, MUTED, PAPER)
    _draw_front(ax, front, axes, joined=len(goals) == len(axes))
    ax.grid(True)
    ax.set(xlabel=axes[0].label, ylabel=axes[1].label)
    ax.set_title(found.sweep.title)
    _legend(figure, front, goals, any(not point.feasible for point in drawn))
    return figure


def _draw(ax: Axes, points: list[Point], axes: tuple[Shown, ...], face: str, edge: str) -> None:
    xs, ys = ([own.value(point) for point in points] for own in axes)
    ax.scatter(
        xs,
        ys,
        s=SMALL_POINTS2 if len(points) < MANY else SMALL_POINTS2 / 2,
        c=face,
        edgecolors=edge,
        linewidths=0.7 if len(points) < MANY else 0.4,
        zorder=2,
        rasterized=len(points) >= MANY,
    )


def _draw_front(ax: Axes, front: list[Point], axes: tuple[Shown, ...], joined: bool) -> None:
    """joined: by a line, where there are no other objectives than these two."""
    x_axis, y_axis = axes
    ordered = sorted(front, key=lambda point: (x_axis.value(point), y_axis.value(point)))
    values = [(x_axis.value(point), y_axis.value(point)) for point in ordered]
    xs, ys = [x for x, _ in values], [y for _, y in values]
    if joined:
        ax.plot(xs, ys, color=SEQUENCE[0], linewidth=0.8, alpha=0.5, zorder=2.2)
    crowded = len(ordered) > MOST_NAMES
    size = SMALL_POINTS2 if crowded else MARK_POINTS2
    ax.scatter(xs, ys, s=size, c=SEQUENCE[0], edgecolors=PAPER, linewidths=0.6, zorder=3)
    chosen = _evenly(len(ordered), FEW_NAMES if crowded else MOST_NAMES)
    names = [name_of(ordered[index], varying(ordered)) for index in chosen]
    name_points(ax, names, [values[index] for index in chosen], MARK_INCHES / 2, 0.0)
    for text in ax.texts if crowded else ():
        text.set_zorder(4)  # else marks of points without names would cover it


def _evenly(count: int, most: int) -> list[int]:
    """Places of so many among a count, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return [round(index * (count - 1) / (most - 1)) for index in range(most)]


def _legend(
    figure: Figure, front: list[Point], goals: Mapping[str, str], some_infeasible: bool
) -> None:
    """What marks are; how many objectives the front is of, if more than are shown; names."""
    from matplotlib.lines import Line2D

    of = f" of {len(goals)} objectives" if len(goals) > 2 else ""
    looks = [(f"Pareto front{of}", SEQUENCE[0], SEQUENCE[0]), ("others", MUTED, MUTED)]
    if some_infeasible:
        looks.append(("others that break a constraint", MUTED, PAPER))
    handles = [
        Line2D([], [], marker="o", linestyle="", label=label, color=edge, markerfacecolor=face)
        for label, edge, face in looks
    ]
    figure.legend(handles=handles, loc="lower right", ncols=len(handles), columnspacing=1.2)
    if front:
        width, height = figure.get_size_inches()
        words = f"names: {' · '.join(varying(front))}"
        figure.text(LEFT_INCHES / width, 0.1 / height, words, fontsize=8, color=MUTED, va="bottom")
