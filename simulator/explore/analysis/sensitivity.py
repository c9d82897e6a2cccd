"""How much each axis of a sweep changes a figure, all else equal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.explore.analysis.slices import measured, slices, typed
from simulator.explore.sweep.point import Point

EQUAL = 1e-9
"""Relative difference up to which figures are the same, and share being the best."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one label of an axis does to a figure.

    slices: that have the label. factor: what it multiplies the figure by, against the mean
        of all labels; None where that cannot be told. best: in how many slices it has the
        best figure.
    """

    label: Any
    slices: int
    factor: float | None
    best: int


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How a figure depends on an axis.

    Slices are groups of two points or more that differ in this axis alone. factor: the
    largest figure of a slice over its smallest, geometric mean over all; largest_factor, of
    any one. None where a slice has a figure that is not above 0. span: the mean difference
    of the two, in the figure's unit. Without slices, all three are None.
    effects: one of each label, in the order of the axis.
    """

    axis: str
    figure: str
    slices: int
    factor: float | None
    largest_factor: float | None
    span: float | None
    effects: tuple[Effect, ...]


def sensitivities(
    points: Sequence[Point], axes: Mapping[str, Sequence[Any]], figures: Mapping[str, str]
) -> list[Sensitivity]:
    """Of each figure on each axis with two labels or more, the most sensitive axis first.

    points: those without a figure do not count for it. axes: all labels of each.
    figures: figure to `min` or `max`, whichever is better.
    """
    found = []
    for figure, goal in figures.items():
        own = measured(points, figure)
        each = [_of_axis(own, name, axes[name], figure, goal) for name in axes if axes[name][1:]]
        found += sorted(each, key=lambda s: -(s.factor or 0.0))
    return found


def _of_axis(
    points: Sequence[Point], axis: str, labels: Sequence[Any], figure: str, goal: str
) -> Sensitivity:
    places = {typed(label): place for place, label in enumerate(labels)}
    found = [
        {places[typed(point.axes[axis])]: point.figures[figure] for point in group}
        for group in slices(points, [axis]).values()
        if len(group) > 1
    ]
    ends = [(min(values.values()), max(values.values())) for values in found]
    factor = largest = None
    if ends and all(low > 0 for low, _ in ends):
        ratios = [high / low for low, high in ends]
        factor, largest = math.exp(sum(map(math.log, ratios)) / len(ratios)), max(ratios)
    counts = [sum(place in values for values in found) for place in range(len(labels))]
    best = [sum(_is_best(values, place, goal) for values in found) for place in range(len(labels))]
    factors = main_effects(found, len(labels)) if factor is not None else [None] * len(labels)
    effects = map(Effect, labels, counts, factors, best)
    span = sum(high - low for low, high in ends) / len(ends) if ends else None
    return Sensitivity(axis, figure, len(ends), factor, largest, span, tuple(effects))


def main_effects(found: Sequence[Mapping[int, float]], labels: int) -> list[float | None]:
    """Factor of each label against the mean of all, by least squares of logarithms.

    found: figures by label, one mapping for each slice. A figure is taken for the product of
    what is its slice's and what is its label's, so that slices that lack labels do not
    count for these; where none lacks any, factors are ratios of geometric means. None for
    labels that are in no slice, and for all if labels fall apart into groups that no slice
    joins. The factors' product is 1.
    """
    present = sorted({place for values in found for place in values})
    if not present or not _joined(found, present):
        return [None] * labels
    # Normal equations, with the slices' own terms eliminated.
    size = len(present)
    rank = {place: index for index, place in enumerate(present)}
    matrix, right = np.zeros((size, size)), np.zeros(size)
    for values in found:
        own = [rank[place] for place in values]
        logs = np.log(list(values.values()))
        matrix[own, own] += 1.0
        matrix[np.ix_(own, own)] -= 1.0 / len(own)
        right[own] += logs - logs.mean()
    solved = np.linalg.lstsq(matrix, right, rcond=None)[0]
    factors: list[float | None] = [None] * labels
    for place, value in zip(present, solved - solved.mean(), strict=True):
        factors[place] = float(np.exp(value))
    return factors


def _joined(found: Sequence[Mapping[int, float]], present: Sequence[int]) -> bool:
    """Whether slices lead from any label to any other."""
    groups = {place: {place} for place in present}
    for values in found:
        whole = set().union(*(groups[place] for place in values))
        groups |= dict.fromkeys(whole, whole)
    return len(groups[present[0]]) == len(present)


def _is_best(values: Mapping[int, float], place: int, goal: str) -> bool:
    if place not in values:
        return False
    best = min(values.values()) if goal == "min" else max(values.values())
    return math.isclose(values[place], best, rel_tol=EQUAL, abs_tol=0.0)
