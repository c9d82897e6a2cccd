"""PEs for flint: words are decoded as they enter, PEs multiply bases and shift.

A word of flint becomes a base and a number of zeros, base · 4^zeros (`numerics.flint`), in
a decoder at the array's edge; registers hold both. A PE multiplies the bases as integers,
adds the zeros and shifts the product by twice their sum: ANT's integer PE (Guo et al.,
arXiv:2208.14286). The other operand may be an integer, which is its own base.

The decoders' gates are those of the equations for lower bits of n = 2 or 3 bits; bases of
signed words are in two's complement. Of the PE, the shifter's stages and widths are what
the largest product takes. The paper's circuits were not available: an interpretation.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulator.config import CyclelabError
from simulator.hardware.primitives import Primitive
from simulator.hardware.systolic_array.multipliers.base import Multiplier, Parts, adder
from simulator.numerics import NumberFormat
from simulator.numerics.flint import decoded

FLINT = "pe.flint"
WIDEST_INTEGER = 8


class FlintMultiplier(Multiplier):
    """Multiplies flint by flint or integers of at most 8 bits, exactly."""

    def check(self, inputs: NumberFormat, weights: NumberFormat) -> None:
        """Raise CyclelabError unless one operand is flint and the other one fits beside it."""
        pair = (inputs, weights)
        narrow = all(each.table or _is_narrow_integer(each) for each in pair)
        if not narrow or not any(each.table for each in pair):
            raise CyclelabError(
                f"multiplier 'flint' takes flint4 or uflint4, and beside it also int or uint of at "
                f"most {WIDEST_INTEGER} bits, not {inputs.name} x {weights.name}"
            )

    def parts(self, inputs: NumberFormat, weights: NumberFormat) -> Parts:
        """A multiplier of bases, an adder of zeros and a shifter."""
        bases = (_base(inputs), _base(weights))
        zeros = [most for most in (_most_zeros(inputs), _most_zeros(weights)) if most]
        stages = sum(zeros).bit_length()
        largest = max(-inputs.minimum, inputs.maximum) * max(-weights.minimum, weights.maximum)
        signed = inputs.signed or weights.signed
        shifter = Primitive("mux2", bits=int(largest).bit_length() + signed)
        found = {
            f"{FLINT}.multiplier": (Primitive("multiplier", formats=bases), 1),
            f"{FLINT}.shifter": (shifter, stages),
        }
        if len(zeros) > 1:
            found[f"{FLINT}.zeros_adder"] = (adder(stages), 1)
        return found

    def register_bits(self, operand: NumberFormat) -> int:
        """Bits of base and zeros."""
        if not operand.table:
            return operand.bits
        return _base_bits(operand) + _most_zeros(operand).bit_length()

    def decoder(self, operand: NumberFormat) -> Mapping[str, Primitive]:
        """Zeros of the lower bits, selection of the base, and its sign."""
        if not operand.table:
            return {}
        bits = _magnitude_bits(operand)
        found = {
            "zeros": Primitive("and2", bits=2 * (bits - 1) - 1),
            "base_select": Primitive("mux2", bits=bits),
        }
        if operand.signed:
            found["sign"] = Primitive("xor2", bits=_base_bits(operand))
            found["negate"] = adder(_base_bits(operand))
        return found


def _is_narrow_integer(operand: NumberFormat) -> bool:
    return operand.consecutive and operand.bits <= WIDEST_INTEGER


def _magnitude_bits(operand: NumberFormat) -> int:
    return operand.bits - operand.signed


def _most_zeros(operand: NumberFormat) -> int:
    """Most zeros of a word; none of an integer."""
    if not operand.table:
        return 0
    bits = _magnitude_bits(operand)
    return max(decoded(code, bits).zeros for code in range(1 << bits))


def _base_bits(operand: NumberFormat) -> int:
    bits = _magnitude_bits(operand)
    largest = max(decoded(code, bits).base for code in range(1 << bits))
    return largest.bit_length() + operand.signed


def _base(operand: NumberFormat) -> str:
    """The integer format of an operand's base."""
    if not operand.table:
        return operand.name
    return f"{'int' if operand.signed else 'uint'}{_base_bits(operand)}"
