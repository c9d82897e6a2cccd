"""L-Mul: a product of floats approximated by one addition of integers.

Luo & Sun, "Addition is All You Need for Energy-efficient Language Models",
arXiv:2410.00907. With x, y the mantissas and m their bits,

    (1 + x) 2^a · (1 + y) 2^b  ≈  (1 + x + y + 2^-L(m)) 2^(a + b),
    L(m) = m for m <= 3, 3 for m = 4, 4 for m > 4.

In bits it is the sum of both codes without their signs, less the bias (which both have),
plus the constant 2^-L(m); the sign is an XOR. Where the mantissas and the constant sum up to
1 or more, the carry enters the exponent and what is left is the mantissa, as in Mitchell's
logarithmic multiplication (IRE Trans. Electronic Computers EC-11, 1962): the product is then
(x + y + 2^-L) 2^(a + b + 1), twice as far from that power of two as the formula has it.

Decided here, since the paper leaves it open:

- Operands below the least normal number are taken as zero: they have no hidden bit.
- A product keeps all m bits of its mantissa and an exponent of any size until it meets the
  accumulator, which holds them exactly; beyond the accumulator's largest value it is
  infinite, below its least normal one zero.
- Zero times anything finite is zero, with the sign of the product. Infinities and NaN
  multiply as IEEE 754 has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError
from simulator.numerics.formats import NumberFormat, format_named

L_MUL_FORMATS = ("bf16", "fp16", "fp8_e4m3", "fp8_e5m2")
"""Formats whose products L-Mul approximates, both operands of the same."""

_FP32 = format_named("fp32")
_FP32_MANTISSA = _FP32.significand_bits - 1
_FP32_BIAS = 1 - _FP32.least_exponent
_MAGNITUDE = np.int64((1 << (_FP32.bits - 1)) - 1)


def l_mul_offset_bits(mantissa_bits: int) -> int:
    """L(m): the constant 2^-L stands for the product of two mantissas of m bits."""
    if mantissa_bits <= 3:
        return mantissa_bits
    return 3 if mantissa_bits == 4 else 4


@dataclass(frozen=True)
class LMul:
    """Multiplies numbers of one float format; a `Multiply`.

    Operands come widened to float32, which holds every one of them. So the addition is done
    on codes of float32, whose mantissa has the format's as its upper bits, and the sum has the
    same bits as that of the narrow codes.
    """

    factor: NumberFormat

    def __post_init__(self) -> None:
        if self.factor.name not in L_MUL_FORMATS:
            raise CyclelabError(
                f"L-Mul multiplies one of {', '.join(L_MUL_FORMATS)}, not {self.factor.name}"
            )

    def __call__(
        self, inputs: NDArray[Any], weights: NDArray[Any], accumulator: NumberFormat
    ) -> NDArray[Any]:
        """Products of operands widened to float32, in a float accumulator's format.

        Operands have shapes that broadcast, as the products do.
        """
        left, right = np.broadcast_arrays(*(self._without_subnormals(v) for v in (inputs, weights)))
        codes = left.view(np.int32).astype(np.int64), right.view(np.int32).astype(np.int64)
        negative = (codes[0] ^ codes[1]) < 0
        magnitude = (codes[0] & _MAGNITUDE) + (codes[1] & _MAGNITUDE) - self._constant
        least = np.int64(accumulator.least_exponent + _FP32_BIAS) << _FP32_MANTISSA
        largest = np.float32(accumulator.maximum).view(np.int32)
        magnitude = np.where(magnitude > largest, np.float32(np.inf).view(np.int32), magnitude)
        magnitude = np.where((magnitude < least) | (left == 0) | (right == 0), 0, magnitude)
        products = magnitude.astype(np.int32).view(np.float32)
        products = np.where(negative, -products, products)
        with np.errstate(all="ignore"):
            special = ~(np.isfinite(left) & np.isfinite(right))
            return np.where(special, left * right, products).astype(accumulator.dtype)

    @property
    def _constant(self) -> np.int64:
        """What the sum of two codes has too much: the bias, less 2^-L."""
        offset_bits = l_mul_offset_bits(self.factor.significand_bits - 1)
        return np.int64((_FP32_BIAS << _FP32_MANTISSA) - (1 << (_FP32_MANTISSA - offset_bits)))

    def _without_subnormals(self, values: NDArray[Any]) -> NDArray[np.float32]:
        wide = np.asarray(values, dtype=np.float32)
        small = np.abs(wide) < np.ldexp(1.0, self.factor.least_exponent)
        return np.where(small, np.copysign(np.float32(0), wide), wide)


@dataclass(frozen=True)
class RelativeError:
    """Error of a product over the exact one: mean of magnitudes, largest magnitude, mean."""

    mean: float
    worst: float
    bias: float


@lru_cache
def l_mul_error(format_name: str) -> RelativeError:
    """Relative error of L-Mul over all pairs of mantissas, each as often as any other.

    The mantissas decide, whatever the signs and exponents, so this covers every pair of normal
    numbers whose product the accumulator holds: all 2^(2m) of them, for 16 bits as for 8.
    """
    factor = format_named(format_name)
    multiply = LMul(factor)
    steps = 1 << (factor.significand_bits - 1)
    significands = 1 + np.arange(steps, dtype=np.float32) / steps
    products = multiply(significands[:, None], significands[None, :], _FP32).astype(np.float64)
    exact = np.outer(significands.astype(np.float64), significands.astype(np.float64))
    errors = products / exact - 1
    magnitudes = np.abs(errors)
    return RelativeError(float(magnitudes.mean()), float(magnitudes.max()), float(errors.mean()))
