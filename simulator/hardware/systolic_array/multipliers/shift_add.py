"""Gated shifted copies and an adder tree instead of a multiplier.

An activation of A bits (a float's significand) is gated by each of the W bits of the
weight, and the copies, shifted by wiring, are added in pairs: an adder of A + 2^(l-1)
bits on level l, since the bits that only one operand has pass by it. A signed weight
subtracts its top copy; a float's sign goes past, and the weight's magnitude is taken
first (MixPE, arXiv:2411.16158; for floats, where its circuit is not published, an
interpretation). A ternary weight gates and negates, and nothing is added.
"""

from __future__ import annotations

from simulator.config import CyclelabError
from simulator.hardware.primitives import Primitive
from simulator.hardware.systolic_array.multipliers.base import Multiplier, Parts, adder
from simulator.numerics import NumberFormat

SHIFT_ADD = "pe.shift_add"
MOST_SHIFTS = 8


class ShiftAdd(Multiplier):
    """Multiplies integers or floats by integers of a few bits, exactly."""

    def check(self, inputs: NumberFormat, weights: NumberFormat) -> None:
        """Raise CyclelabError unless the weights' bits can be taken one by one."""
        if not weights.consecutive or weights.bits > MOST_SHIFTS:
            raise CyclelabError(
                f"multiplier 'shift_add' takes integer weights of at most {MOST_SHIFTS} bits, "
                f"int, uint or ternary, not {weights.name}"
            )

    def widens(self, weights: NumberFormat) -> bool:
        """Always: each bit has a gate, and those of bits beyond a weight's repeat its sign."""
        return True

    def parts(self, inputs: NumberFormat, weights: NumberFormat) -> Parts:
        """Gates, adders level by level, and what a sign takes."""
        is_float = inputs.kind == "float"
        width = inputs.significand_bits if is_float else inputs.bits
        copies = 1 if weights.name == "ternary" else weights.bits
        found = {f"{SHIFT_ADD}.gate": (Primitive("and2", bits=width), copies)}
        if is_float and weights.signed and copies > 1:
            found[f"{SHIFT_ADD}.magnitude"] = (adder(weights.bits), 1)
        if is_float or weights.signed:
            found[f"{SHIFT_ADD}.sign"] = (Primitive("xor2", bits=1 if is_float else width), 1)
        level = 1
        while copies > 1:
            pairs = copies // 2
            found[f"{SHIFT_ADD}.adder_{level}"] = (adder(width + 2 ** (level - 1)), pairs)
            copies -= pairs
            level += 1
        return found
