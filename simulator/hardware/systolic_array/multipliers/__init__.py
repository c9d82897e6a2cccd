"""What multiplies in a PE, by kind. A new kind is a file here and a line below."""

from __future__ import annotations

from typing import Literal

from simulator.hardware.systolic_array.multipliers.array import ArrayMultiplier
from simulator.hardware.systolic_array.multipliers.base import MULTIPLIER, Multiplier, Parts
from simulator.hardware.systolic_array.multipliers.flint import FlintMultiplier
from simulator.hardware.systolic_array.multipliers.l_mul import LMulMultiplier
from simulator.hardware.systolic_array.multipliers.shift_add import ShiftAdd

__all__ = ["MULTIPLIER", "MULTIPLIERS", "Multiplier", "MultiplierKind", "Parts"]

MultiplierKind = Literal["array", "shift_add", "l_mul", "flint"]

MULTIPLIERS: dict[MultiplierKind, Multiplier] = {
    "array": ArrayMultiplier(),
    "shift_add": ShiftAdd(),
    "l_mul": LMulMultiplier(),
    "flint": FlintMultiplier(),
}
