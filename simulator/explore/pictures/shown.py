"""Figures of points in pictures: title, a unit in which numbers are short, scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simulator.explore.pictures.scale import far_apart, set_scale
from simulator.explore.sweep.figures import title_and_unit
from simulator.explore.sweep.point import Point
from simulator.explore.sweep.table import PREFIXED
from simulator.report.units import PREFIXES, significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Side = Literal["x", "y"]
GOALS = {"min": "less is better", "max": "more is better"}
POWERS = {3: "10³ ", 6: "10⁶ ", 9: "10⁹ ", 12: "10¹² ", 15: "10¹⁵ "}
"""In place of prefixes, of units that have none; from LONG on."""
LONG = 1e5
PAD = 0.08
"""Of an axis, between its ends and what is drawn."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure as pictures show it. goal: `min`, `max`, or nothing where it is no objective.

    scale: from the figure's own unit to the one shown. far: whether its values need a
        logarithmic axis.
    """

    name: str
    title: str
    unit: str
    goal: str
    scale: float
    far: bool

    @classmethod
    def of(cls, name: str, objectives: Mapping[str, str], points: Sequence[Point]) -> Shown:
        """A figure, in a unit chosen by its largest value among points."""
        title, unit = title_and_unit(name)
        values = [point.figures[name] for point in points if name in point.figures]
        largest = max(map(abs, values), default=0.0)
        exponent = 3 * math.floor(math.log10(largest) / 3) if largest > 0 else 0
        if unit in PREFIXED:
            highest = 0 if unit == "s" else max(PREFIXES)
            exponent = min(max(exponent, min(PREFIXES)), highest)
            shown = f"{PREFIXES[exponent]}{unit}"
        else:
            exponent = exponent if exponent in POWERS and largest >= LONG else 0
            shown = f"{POWERS.get(exponent, '')}{unit}"
        low, high = min(values, default=0.0), max(values, default=0.0)
        far = low > 0 and far_apart(low, high)
        return cls(name, title, shown, objectives.get(name, ""), 10.0**-exponent, far)

    @property
    def quantity(self) -> str:
        """`decode: time, ms`."""
        return self.title if self.unit == self.title else f"{self.title}, {self.unit}"

    @property
    def label(self) -> str:
        """`decode: time, ms (less is better)`."""
        return f"{self.quantity} ({GOALS[self.goal]})" if self.goal else self.quantity

    def value(self, point: Point) -> float:
        """Of a point, in that unit."""
        return point.figures[self.name] * self.scale

    def text(self, point: Point) -> str:
        """Of a point, without the unit."""
        return significant(self.value(point))

    def better(self, one: Point, other: Point) -> bool:
        """Whether one point has the better value; the smaller where there is no goal."""
        difference = self.value(one) - self.value(other)
        return difference > 0 if self.goal == "max" else difference < 0

    def scale_axis(self, ax: Axes, side: Side, values: Sequence[float]) -> None:
        """The limits of an axis that shows some values."""
        low, high = min(values, default=0.0), max(values, default=1.0)
        if self.far:
            ratio = (high / low) ** PAD
            low, high = low / ratio, high * ratio
        else:
            pad = PAD * ((high - low) or abs(high) or 1.0)
            low, high = low - pad, high + pad
        set_scale(ax, side, low, high, self.far)


def label_text(label: object) -> str:
    """A label of an axis: long numbers with a prefix, `100 G`."""
    if isinstance(label, bool) or not isinstance(label, int | float):
        return str(label)
    if abs(label) < LONG:
        return f"{label:,}"
    exponent = min(3 * math.floor(math.log10(abs(label)) / 3), max(PREFIXES))
    return f"{significant(label / 10.0**exponent)}\N{NO-BREAK SPACE}{PREFIXES[exponent]}"


def name_of(point: Point, axes: Sequence[str]) -> str:
    """Its labels on some axes, `64×64 · 8`."""
    return " · ".join(label_text(point.axes[name]) for name in axes)


def varying(points: Sequence[Point]) -> list[str]:
    """Axes on which some points differ; all if they do not."""
    if not points:
        return []
    names = list(points[0].axes)
    found = [n for n in names if len({(type(p.axes[n]), p.axes[n]) for p in points}) > 1]
    return found or names
