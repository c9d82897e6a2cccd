"""Bits per element, exactly.

Weights that share scales have fractions of bits: 4 and a sixth in groups of 96. Floats are
not up to that: over a million elements, they come to a byte more than there is.
"""

from __future__ import annotations

from fractions import Fraction

Bits = int | Fraction
"""Of one element."""


def bits_each(total_bits: int, elements: int) -> Bits:
    """Bits of one of so many elements; an int where they are whole."""
    whole, rest = divmod(total_bits, elements)
    return Fraction(total_bits, elements) if rest else whole


def stored_bytes(elements: int, bits: Bits) -> int:
    """Bytes of so many elements, rounded up."""
    return -(-elements * bits.numerator // (8 * bits.denominator))


def pair_bytes(elements: int, bits: Bits, others: int, other_bits: Bits) -> int:
    """Bytes of elements of two kinds side by side, rounded up together."""
    total = elements * bits.numerator * other_bits.denominator
    total += others * other_bits.numerator * bits.denominator
    return -(-total // (8 * bits.denominator * other_bits.denominator))
