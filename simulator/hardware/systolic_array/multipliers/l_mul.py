"""L-Mul in a PE: codes of floats are added instead of multiplied (arXiv:2410.00907).

One adder takes both codes without their signs, a second one adds the constant that takes
the bias off and puts 2^-L(m) on; the m - L(m) lowest bits of the sum pass by it. A product
is zero if either exponent is: the bits of each are ORed (a gate as large as an AND), and a
gate per bit clears the sum. The sign is an XOR. What infinities and NaN take is not
counted, nor is it in multipliers.
"""

from __future__ import annotations

from simulator.config import CyclelabError
from simulator.hardware.primitives import Primitive
from simulator.hardware.systolic_array.multipliers.base import Multiplier, Parts, adder
from simulator.numerics import (
    L_MUL_FORMATS,
    LMul,
    Multiply,
    NumberFormat,
    l_mul_error,
    l_mul_offset_bits,
)

L_MUL = "pe.l_mul"


class LMulMultiplier(Multiplier):
    """Multiplies floats of one format, approximately."""

    def check(self, inputs: NumberFormat, weights: NumberFormat) -> None:
        """Raise CyclelabError unless both operands are of one of L-Mul's formats."""
        if inputs != weights or inputs.name not in L_MUL_FORMATS:
            raise CyclelabError(
                f"multiplier 'l_mul' takes two operands of one format, {', '.join(L_MUL_FORMATS)}, "
                f"not {inputs.name} x {weights.name}"
            )

    def parts(self, inputs: NumberFormat, weights: NumberFormat) -> Parts:
        """Adders, zero detection and the sign."""
        mantissa = inputs.significand_bits - 1
        exponent = inputs.bits - 1 - mantissa
        width = exponent + mantissa
        either_zero = 2 * (exponent - 1) + 1
        return {
            f"{L_MUL}.adder": (adder(width), 1),
            f"{L_MUL}.constant_adder": (adder(exponent + l_mul_offset_bits(mantissa)), 1),
            f"{L_MUL}.zero_detect": (Primitive("and2", bits=either_zero), 1),
            f"{L_MUL}.zero_gate": (Primitive("and2", bits=width), 1),
            f"{L_MUL}.sign": (Primitive("xor2", bits=1), 1),
        }

    def products(self, inputs: NumberFormat) -> Multiply:
        """L-Mul's products."""
        return LMul(inputs)

    def product_error(self, inputs: NumberFormat) -> float:
        """The worst pair of mantissas'."""
        return l_mul_error(inputs.name).worst
