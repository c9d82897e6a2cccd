"""A multiplier for the two formats, as the technology knows it."""

from __future__ import annotations

from simulator.hardware.primitives import Primitive
from simulator.hardware.systolic_array.multipliers.base import MULTIPLIER, Multiplier, Parts
from simulator.numerics import NumberFormat


class ArrayMultiplier(Multiplier):
    """Multiplies any two formats, exactly."""

    def check(self, inputs: NumberFormat, weights: NumberFormat) -> None:
        """It takes whatever its accumulator does."""

    def parts(self, inputs: NumberFormat, weights: NumberFormat) -> Parts:
        """The multiplier."""
        return {MULTIPLIER: (Primitive("multiplier", formats=(inputs.name, weights.name)), 1)}
