"""The Pareto front: points than which none is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simulator.explore.sweep.point import Point

Values = tuple[float, ...]


def front(points: Sequence[Point], objectives: Mapping[str, str]) -> list[Point]:
    """Feasible points that no other dominates, in their order.

    objectives: figure to `min` or `max`. Points that lack one of them are left out.
    """
    able = [p for p in points if p.feasible and all(name in p.figures for name in objectives)]
    chosen = undominated([values_of(point, objectives) for point in able])
    return [point for point, is_in in zip(able, chosen, strict=True) if is_in]


def values_of(point: Point, objectives: Mapping[str, str]) -> Values:
    """A point's objectives, all of them the better the smaller."""
    return tuple(
        -point.figures[name] if direction == "max" else point.figures[name]
        for name, direction in objectives.items()
    )


def undominated(values: Sequence[Values]) -> list[bool]:
    """Of each, whether none is as small everywhere and smaller somewhere; equals are all in."""
    ordered = sorted(set(values))  # what dominates another stands before it
    if not ordered:
        return []
    size = len(ordered[0])
    kept = np.empty((len(ordered), size))
    count = 0
    found: set[Values] = set()
    for each in ordered:
        if size == 2:
            is_in = not count or each[1] < kept[count - 1, 1]
        else:  # of different values, as small everywhere is smaller somewhere
            is_in = not (kept[:count] <= each).all(axis=1).any()
        if is_in:
            kept[count] = each
            count += 1
            found.add(each)
    return [each in found for each in values]


def best(points: Sequence[Point], objective: str, objectives: Mapping[str, str]) -> Point | None:
    """The point of a front that is best in one objective; of equals, in the first others."""
    ordered = {objective: objectives[objective], **objectives}
    return min(points, key=lambda point: values_of(point, ordered), default=None)
