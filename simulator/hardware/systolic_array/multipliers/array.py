"""A multiplier for the two formats, as the technology knows it."""

from __future__ import annotations

from simulator.hardware.formats import check_binary, is_packed
from simulator.hardware.primitives import Primitive
from simulator.hardware.systolic_array.multipliers.base import MULTIPLIER, Multiplier, Parts
from simulator.numerics import NumberFormat


class ArrayMultiplier(Multiplier):
    """Multiplies integers and floats, exactly."""

    def check(self, inputs: NumberFormat, weights: NumberFormat) -> None:
        """Raise CyclelabError for codes that are no integers in binary."""
        check_binary("multiplier 'array'", inputs, weights)

    def widens(self, weights: NumberFormat) -> bool:
        """Beside weights that are packed, too: a narrower one is told apart and widened."""
        return is_packed(weights)

    def parts(self, inputs: NumberFormat, weights: NumberFormat) -> Parts:
        """The multiplier."""
        return {MULTIPLIER: (Primitive("multiplier", formats=(inputs.name, weights.name)), 1)}
