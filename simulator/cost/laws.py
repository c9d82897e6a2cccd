"""How the cost of an arithmetic block follows from blocks that are known.

A block has a size: an adder its operand's bits, a multiplier the product of both
operands' bits; of a float the significand's bits count. Between two known sizes
the logarithm of the cost is linear in the logarithm of the size; beyond the
smallest and largest known size the cost is proportional to the size. Integers
and floats are separate families; a pair of both is a float's multiplier.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log

from simulator.config.errors import CyclelabError, nearest
from simulator.cost.estimate import Estimate
from simulator.cost.operands import operand
from simulator.cost.priced import Priced

PAIR_MARK = "*"


@dataclass(frozen=True)
class ArithmeticLaw:
    """Costs of multipliers or adders, by block: `int8`, or `int4*fp16` for a pair.

    known: quoted blocks. They are returned as they are; those of two unlike
        operands serve for nothing else, all others are points of the law.
    interpolation, extrapolation: factors around 1 that widen what the law gives.
    """

    noun: str
    known: Mapping[str, Priced]
    interpolation: Priced
    extrapolation: Priced

    def cost(self, formats: tuple[str, ...]) -> Priced:
        """Return the cost of the block for `formats`.

        Raises CyclelabError for unknown formats, or if no block of the family is known.
        """
        for name in (PAIR_MARK.join(formats), PAIR_MARK.join(reversed(formats))):
            if name in self.known:
                return self.known[name]
        block = f"{self.noun} {PAIR_MARK.join(formats)}"
        is_float, size = family_and_size(formats)
        points = self._points(is_float)
        if not points:
            family = "float" if is_float else "integer"
            near = nearest(PAIR_MARK.join(formats), self.known)
            raise CyclelabError(
                f"the technology knows no {family} {self.noun} to derive {block} from"
                + (f"; the nearest it knows is {near!r}" if near else "")
            )
        return self._law(block, size, points)

    def _law(self, block: str, size: int, points: list[tuple[int, str, Priced]]) -> Priced:
        sizes = [point[0] for point in points]
        index = bisect_left(sizes, size)
        if index < len(sizes) and sizes[index] == size:
            low = high = points[index]
        elif index in (0, len(sizes)):
            end, name, cost = points[max(index - 1, 0)]
            line = f"{block}: in proportion to {name} ({size / end:.3g} times its size)"
            scaled = Priced(cost.estimate.scaled(size / end), (line, *cost.sources))
            return scaled.combined(self.extrapolation)
        else:
            low, high = points[index - 1], points[index]
        share = 0.0 if low is high else log(size / low[0]) / log(high[0] / low[0])
        estimate = log_mean(low[2].estimate, high[2].estimate, share)
        law = f"as large as {low[1]}" if low is high else f"log-log between {low[1]} and {high[1]}"
        sources = dict.fromkeys((f"{block}: {law}", *low[2].sources, *high[2].sources))
        return Priced(estimate, tuple(sources)).combined(self.interpolation)

    def _points(self, is_float: bool) -> list[tuple[int, str, Priced]]:
        points = {}
        for name, cost in self.known.items():
            formats = tuple(name.split(PAIR_MARK))
            family, size = family_and_size(formats)
            if family == is_float and len(set(formats)) == 1:
                points[size] = (size, name, cost)
        return [points[size] for size in sorted(points)]


def family_and_size(formats: tuple[str, ...]) -> tuple[bool, int]:
    """Return whether a block is a float's, and its size; raises CyclelabError."""
    operands = [operand(number_format) for number_format in formats]
    size = 1
    for each in operands:
        size *= each.bits
    return any(each.is_float for each in operands), size


def log_mean(low: Estimate, high: Estimate, share: float) -> Estimate:
    """Geometric mean of two positive estimates; `share` is the weight of `high`."""

    def mean(a: float, b: float) -> float:
        return exp((1.0 - share) * log(a) + share * log(b))

    return Estimate(mean(low.value, high.value), mean(low.low, high.low), mean(low.high, high.high))
