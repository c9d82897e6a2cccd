"""Conversion of types inside an array: integers to FP32 and back, sums of groups to results.

Row programs as in `arithmetic`, for all columns at once: an array cannot look at one
column's number and decide, so every column goes through every step, and moves that only
some need are predicated by their tags. Steps and counts are a construction of our own;
what SAIL's in-memory conversion takes was not to be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError
from simulator.hardware.sram_pim.arithmetic import Number, add_cycles
from simulator.hardware.sram_pim.array import ColumnArray
from simulator.hardware.sram_pim.latencies import LatencyTable

NARROWEST, WIDEST = 2, 32
"""Bits of the integers that can be converted."""
FLOAT_BITS = 32
FRACTION, EXPONENT = 23, 8
"""Bits of FP32's fields, from the lowest: fraction, exponent, sign."""
SIGNIFICAND = FRACTION + 1
BIAS = 127
ROUNDED_FROM = SIGNIFICAND + 1
"""Integers of more bits may be rounded: 25 bits hold no magnitude of 25 but 2^24 itself."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """Rows that a program may use. zero, one: rows of constants; first: of those to write to."""

    zero: int
    one: int
    first: int

    def constant(self, value: int, bit: int) -> int:
        """The row that holds a bit of a constant in all columns."""
        return self.one if value >> bit & 1 else self.zero


# -- integers to floats ------------------------------------------------------------------
def int_to_float(array: ColumnArray, source: Number, into: Number, scratch: Scratch) -> None:
    """`into`, FP32, = `source`, two's complement of n bits, rounded half to even.

    1. The sign is copied, and the magnitude is (x xor s) + s.
    2. The leading one is searched for and brought to the top, by halves: if the upper 2^j
       bits are all zero, everything moves up by 2^j. What moved is the count of zeros.
    3. The exponent is n + 126 less that count; 0 where even then the top bit is none.
    4. Beyond 25 bits, one is added to fraction and exponent together if the first bit cut
       off is one, and any below it, or the lowest one kept, is too.

    Takes `int_to_float_cycles(n)`, and `int_to_float_rows(n)` rows from `scratch.first` on.
    Raises CyclelabError for n outside 2 to 32, or a result of another width than 32.
    """
    n = _checked(source.bits, into.bits, FLOAT_BITS)
    stages = (n - 1).bit_length()
    magnitude = Number(scratch.first, n)
    ones_found = Number(magnitude.row + n, stages, zero=scratch.zero)
    spare = ones_found.row + stages
    sign = source.line(n - 1)
    array.copy_row(sign, into.line(FLOAT_BITS - 1))
    _negate_where(array, source, sign, magnitude, scratch.zero)
    for stage in reversed(range(stages)):
        _move_up(array, magnitude, 1 << stage, ones_found.line(stage), spare, scratch.zero)
    top = magnitude.line(n - 1)
    least = BIAS + n - (1 << stages)  # with no zero found to be one
    for bit in range(EXPONENT):
        row = into.line(FRACTION + bit)
        array.full_add(
            scratch.constant(least, bit), ones_found.line(bit), row, last=bit == EXPONENT - 1
        )
    for bit in range(EXPONENT):
        array.combine("and", into.line(FRACTION + bit), top, into.line(FRACTION + bit))
    for bit in range(FRACTION):
        place = n - SIGNIFICAND + bit
        array.copy_row(scratch.zero if place < 0 else magnitude.line(place), into.line(bit))
    if n > ROUNDED_FROM:
        _round_up(array, magnitude, n - SIGNIFICAND, [], spare)
        _increment(array, Number(into.row, FLOAT_BITS - 1), spare, scratch.zero)


def int_to_float_cycles(bits: int) -> int:
    """Cycles of `int_to_float` from n bits, with s = ⌈log2 n⌉.

    1 + 2n for sign and magnitude; for each of the distances d = 1, 2, …, 2^(s-1), d - 1 (1
    if that is 0) to look at d bits, 2 for the tags and n to move; 16 for the exponent, 23
    for the fraction; beyond 25 bits n - 24 to decide, 31 to round. 340 from 32 bits.
    """
    n = _checked(bits)
    stages = (n - 1).bit_length()
    cycles = 1 + _negate_cycles(n)
    cycles += sum(_any_cycles(1 << stage) + 2 + n for stage in range(stages))
    cycles += 2 * EXPONENT + FRACTION
    if n > ROUNDED_FROM:
        cycles += n - SIGNIFICAND + FLOAT_BITS - 1
    return cycles


def int_to_float_rows(bits: int) -> int:
    """Rows of scratch that `int_to_float` writes to."""
    return bits + (bits - 1).bit_length() + 1


def _move_up(
    array: ColumnArray, number: Number, distance: int, found: int, spare: int, zero: int
) -> None:
    """Move up by `distance` where the bits that would fall off are zeros; `found`: any is one."""
    n = number.bits
    _any(array, [number.line(n - 1 - bit) for bit in range(distance)], found)
    array.complement_row(found, spare)
    array.load_tag(spare)
    for bit in reversed(range(n)):
        source = number.line(bit - distance) if bit >= distance else zero
        array.copy_row(source, number.line(bit), predicated=True)


# -- floats to integers ------------------------------------------------------------------
def float_to_int(array: ColumnArray, source: Number, into: Number, scratch: Scratch) -> None:
    """`into`, two's complement of n bits, = `source`, FP32, rounded half to even.

    What is beyond the ends becomes the nearest of them, an infinity and a NaN the end of
    its sign.

    1. The distance is n + 125 less the exponent: below zero, the number is too large.
    2. The significand lies at the top of n - 1 bits and a fraction, and moves down by the
       distance, in powers of two; a row remembers whether ones fell off. Farther than n it
       leaves nothing.
    3. One is added if the first bit of the fraction is one, and any below, or the lowest
       of the integer, is.
    4. The sign is applied: (m xor s) + s. Too large ones are overwritten.

    Takes `float_to_int_cycles(n)`, and `float_to_int_rows(n)` rows from `scratch.first` on.
    Raises CyclelabError for n outside 2 to 32, or an operand of another width than 32.
    """
    n = _checked(into.bits, source.bits, FLOAT_BITS)
    fraction, stages = _fraction_bits(n), n.bit_length()
    number = Number(scratch.first, n - 1 + fraction)
    # Behind the integer's top bit a row for the carry: then its magnitude has n bits.
    magnitude = Number(number.row + fraction, n)
    distance = Number(number.row + number.bits + 1, EXPONENT + 1)
    fell_off, spare = distance.row + EXPONENT + 1, distance.row + EXPONENT + 2
    _distance(array, source, distance, n + BIAS - 2, scratch)
    _place_significand(array, source, number, scratch)
    array.copy_row(scratch.zero, fell_off)
    for stage in range(stages):
        array.load_tag(distance.line(stage))
        _move_down(array, number, 1 << stage, fell_off, scratch.zero)
    _any(array, [distance.line(b) for b in range(stages, EXPONENT)], spare, inverted=True)
    for bit in range(number.bits):
        array.combine("and", number.line(bit), spare, number.line(bit))
    _round_up(array, number, fraction, [fell_off], spare)
    _increment(array, Number(magnitude.row, n - 1), spare, scratch.zero, magnitude.line(n - 1))
    sign = source.line(FLOAT_BITS - 1)
    _negate_where(array, magnitude, sign, into, scratch.zero)
    array.combine("or", distance.line(EXPONENT), magnitude.line(n - 1), spare)
    array.load_tag(spare)
    for bit in range(n - 1):
        array.combine("nor", sign, sign, into.line(bit), predicated=True)
    array.copy_row(sign, into.line(n - 1), predicated=True)


def float_to_int_cycles(bits: int) -> int:
    """Cycles of `float_to_int` to n bits, whose register has r = n - 1 + max(1, 25 - n).

    17 for the distance, r + 1 to place the significand; for each of the distances d = 1, 2,
    … ≤ n, 1 for the tag, d (r at most) to keep what falls off and r to move; r and 7 - s to
    clear, s being how many these are; max(1, 25 - n) + 1 to decide, n to round, 2n for the
    sign, n + 2 for the ends.
    """
    n = _checked(bits)
    fraction, stages = _fraction_bits(n), n.bit_length()
    register = n - 1 + fraction
    cycles = 2 * EXPONENT + 1 + register + 1
    cycles += sum(1 + min(1 << stage, register) + register for stage in range(stages))
    cycles += _any_cycles(EXPONENT - stages) + register
    return cycles + fraction + 1 + n + _negate_cycles(n) + n + 2


def float_to_int_rows(bits: int) -> int:
    """Rows of scratch that `float_to_int` writes to."""
    return bits - 1 + _fraction_bits(bits) + 1 + EXPONENT + 1 + 2


def _fraction_bits(bits: int) -> int:
    """Bits behind the point: one decides, the others are what a significand has more."""
    return max(1, SIGNIFICAND + 1 - bits)


def _distance(
    array: ColumnArray, source: Number, into: Number, most: int, scratch: Scratch
) -> None:
    """`into`, nine bits, = `most` less the exponent: most + 1 + ~exponent, 8 + 9 cycles."""
    for bit in range(EXPONENT):
        array.complement_row(source.line(FRACTION + bit), into.line(bit))
    for bit in range(EXPONENT + 1):
        other = into.line(bit) if bit < EXPONENT else scratch.one
        constant = scratch.constant(most + 1, bit)
        array.full_add(constant, other, into.line(bit), last=bit == EXPONENT)


def _place_significand(
    array: ColumnArray, source: Number, number: Number, scratch: Scratch
) -> None:
    """The hidden one at the top, the fraction below, then zeros."""
    rows = [scratch.one, *(source.line(bit) for bit in reversed(range(FRACTION)))]
    rows += [scratch.zero] * (number.bits - SIGNIFICAND)
    for bit, row in zip(reversed(range(number.bits)), rows, strict=True):
        array.copy_row(row, number.line(bit))


def _move_down(array: ColumnArray, number: Number, distance: int, fell_off: int, zero: int) -> None:
    """Move down by `distance` where tags are set; `fell_off` takes ones that did."""
    for bit in range(min(distance, number.bits)):
        array.combine("or", fell_off, number.line(bit), fell_off, predicated=True)
    for bit in range(number.bits):
        above = bit + distance
        source = number.line(above) if above < number.bits else zero
        array.copy_row(source, number.line(bit), predicated=True)


# -- steps of both -----------------------------------------------------------------------
def _checked(bits: int, other: int = FLOAT_BITS, expected: int = FLOAT_BITS) -> int:
    if not NARROWEST <= bits <= WIDEST:
        raise CyclelabError(
            f"integers of {bits} bits are not converted: expected {NARROWEST} to {WIDEST}"
        )
    if other != expected:
        raise CyclelabError(f"found {other} rows of FP32, expected {expected}")
    return bits


def _negate_where(array: ColumnArray, source: Number, sign: int, into: Number, zero: int) -> None:
    """`into = (source xor s) + s` for a row s of signs, both of n bits: 2n cycles."""
    for bit in range(into.bits):
        array.combine("xor", source.line(bit), sign, into.line(bit))
    for bit in range(into.bits):
        row = into.line(bit)
        array.full_add(row, zero if bit else sign, row, last=bit == into.bits - 1)


def _negate_cycles(bits: int) -> int:
    return bits + add_cycles(bits, carry=False)


def _any(array: ColumnArray, rows: Sequence[int], into: int, inverted: bool = False) -> None:
    """OR of rows, or NOR: a cycle for each but the first, one at least."""
    if len(rows) == 1:
        rows = [rows[0], rows[0]]
    for index, row in enumerate(rows[1:], start=1):
        last = inverted and index == len(rows) - 1
        array.combine("nor" if last else "or", into if index > 1 else rows[0], row, into)


def _any_cycles(rows: int) -> int:
    return max(1, rows - 1)


def _round_up(
    array: ColumnArray, number: Number, cut: int, fell_off: Sequence[int], into: int
) -> None:
    """`into`: whether to add one where the lowest `cut` bits are cut off. cut + fell_off cycles.

    The highest of them must be one, and of those below, those that fell off before and the
    lowest bit that stays, any.
    """
    below = [number.line(bit) for bit in range(cut - 1)]
    _any(array, [number.line(cut), *below, *fell_off], into)
    array.combine("and", into, number.line(cut - 1), into)


def _increment(
    array: ColumnArray, number: Number, one: int, zero: int, carry: int | None = None
) -> None:
    """Add a row of ones and zeros to a number; carry: the row that takes the last carry."""
    for bit in range(number.bits):
        row = number.line(bit)
        last = carry is None and bit == number.bits - 1
        array.full_add(row, zero if bit else one, row, last=last)
    if carry is not None:
        array.store_carry(carry)


# -- dequantisation ----------------------------------------------------------------------
def dequantise(sums: NDArray[Any], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums of codes of each group to results: Σ over groups of float(sum) · scale.

    sums: integers [groups, rows, columns]; scales: [groups, columns]. Conversion, product
    and running sum are each rounded once to FP32, groups ascending, as `mixed_gemm` does it.
    """
    wide = sums.astype(np.float32)
    total: NDArray[np.float32] = wide[0] * scales[0]
    for group in range(1, len(wide)):
        total += wide[group] * scales[group]
    return total


def dequantise_cycles(bits: int, table: LatencyTable, minimum: bool = False) -> int:
    """Cycles that one row of sums of `bits` takes per group, all columns at once.

    The sums are converted, multiplied by their scales and added to FP32 results; with a
    minimum (or zero point) per group, that times the sum of activations is added as well.
    Products and sums of FP32 take what `table` has for them. The rows of scales are in the
    array: 32 writes per group, which all rows of a batch share.
    """
    accumulate = table.multiply_float("fp32") + table.add_float("fp32")
    return int_to_float_cycles(bits) + (2 if minimum else 1) * accumulate
