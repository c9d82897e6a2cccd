"""Figures over those of a baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.explore.analysis.slices import key, measured
from simulator.explore.sweep.point import Point
from simulator.explore.sweep.reference import reference


@dataclass(frozen=True, slots=True)
class Baseline:
    """Labels of a baseline: of all axes, which is one point for all; or of some.

    Of some, a point is compared with the one that has these labels and else its own.
    """

    labels: Mapping[str, Any]

    @classmethod
    def of(cls, labels: Mapping[str, Any], axes: Mapping[str, Sequence[Any]]) -> Baseline:
        """Labels as the axes have them; raises CyclelabError for unknown ones."""
        names = list(axes)
        found = reference(labels, axes).levels
        return cls({names[a]: axes[names[a]][level] for a, level in sorted(found.items())})

    @property
    def words(self) -> str:
        """`pe MAC, bits 8`."""
        return ", ".join(f"{name} {label}" for name, label in self.labels.items())

    def is_own(self, point: Point) -> bool:
        """Whether a point is a baseline itself."""
        return key(point.axes) == key({**point.axes, **self.labels})

    def ratios(self, points: Sequence[Point], figure: str) -> dict[int, float]:
        """By number of the point, its figure over that of its baseline.

        Points are left out that have no such figure, or whose baseline has none above 0.
        """
        able = measured(points, figure)
        values = {key(point.axes): point.figures[figure] for point in able}
        found = {}
        for point in able:
            own = {**point.axes, **self.labels}
            base = values.get(tuple((type(each).__name__, each) for each in own.values()))
            if base is not None and base > 0:
                found[point.number] = point.figures[figure] / base
        return found


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure over the baseline's: geometric mean over several points, and the extremes."""

    mean: float
    low: float
    high: float

    @classmethod
    def over(cls, ratios: Sequence[float]) -> Ratio | None:
        """Of some ratios; None without any, or if one is not above 0."""
        if not ratios or min(ratios) <= 0:
            return None
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        return cls(mean, min(ratios), max(ratios))
