"""flint: a format between integers and floats, whose leading one says where the exponent ends.

Guo et al., "ANT: Exploiting Adaptive Numerical Data Type for Low-bit Deep Neural Network
Quantization", MICRO 2022, arXiv:2208.14286. A magnitude of b bits is split by the first one
after its top bit. Taken as integers (for b = 4; x are bits that count):

    0xxx  the integer xxx                           0 … 7
    11xx, 101x, 1001  no, one, two zeros before it: the lower three bits doubled,
          times 4 per zero                          8, 10, 12, 14; 16, 24; 32
    1000  1 times 4 per zero, of which there are 3  64

The more zeros, the larger the exponent and the fewer bits are left for the mantissa. The
values are those of the authors' program (`flint_value`), which lists them without codes;
which code stands for which is derived from first-one coding as above.
"""

from __future__ import annotations

from typing import NamedTuple


class Flint(NamedTuple):
    """A magnitude as hardware takes it: base · 4^zeros."""

    base: int
    zeros: int


def decoded(code: int, bits: int) -> Flint:
    """Base and zeros of a magnitude's code of `bits` bits."""
    top = 1 << (bits - 1)
    lower = code % top
    if code < top:
        return Flint(lower, 0)
    if not lower:
        return Flint(1, bits - 1)
    return Flint(2 * lower, bits - 1 - lower.bit_length())


def magnitudes(bits: int) -> tuple[int, ...]:
    """Values of all codes of `bits` bits, in order of the codes."""
    found = (decoded(code, bits) for code in range(1 << bits))
    return tuple(each.base << 2 * each.zeros for each in found)


def signed(bits: int) -> tuple[int, ...]:
    """Values of a sign, the top bit, and a magnitude: `bits` bits in all, zero twice."""
    positive = magnitudes(bits - 1)
    return positive + tuple(-value for value in positive)
