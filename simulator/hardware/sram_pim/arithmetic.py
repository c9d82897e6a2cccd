"""Row programs: arithmetic of transposed numbers, one bit of all columns per cycle.

A program is a loop over word lines. It starts and ends with clear carry latches, and its
closed form counts the cycles that `ColumnArray` spends. Rows of operands and results may
be the same or apart, but must not overlap otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError
from simulator.hardware.sram_pim.array import Bits, ColumnArray


@dataclass(frozen=True, slots=True)
class Number:
    """One integer per column: bit i of all of them in row `row + i`.

    signed: two's complement. zero: a row of zeros, where an unsigned number goes on when
    it meets a wider one; a signed one goes on with its top row, whose word line is
    activated again.
    """

    row: int
    bits: int
    signed: bool = False
    zero: int | None = None

    def line(self, bit: int) -> int:
        """Row of a bit, of any beyond the number's own too."""
        if bit < self.bits:
            return self.row + bit
        if self.signed:
            return self.row + self.bits - 1
        if self.zero is None:
            raise CyclelabError(
                f"an unsigned number of {self.bits} bits has no bit {bit} without a row of zeros"
            )
        return self.zero

    def above(self, bits: int) -> Number:
        """All but the lowest `bits`: what is added here has been shifted left, for nothing."""
        return replace(self, row=self.row + bits, bits=self.bits - bits)


# -- in and out -------------------------------------------------------------------------
def bits_of(values: NDArray[Any], bits: int) -> Bits:
    """Integers [columns] transposed: bool [bits, columns], lowest first, two's complement."""
    places = np.arange(bits, dtype=np.int64)[:, None]
    transposed: Bits = (values.astype(np.int64) >> places & 1).astype(np.bool_)
    return transposed


def values_of(transposed: Bits, signed: bool) -> NDArray[np.int64]:
    """Integers [columns] of `bits_of` again; at most 63 bits, 64 signed ones."""
    places = np.int64(1) << np.arange(len(transposed), dtype=np.int64)
    if signed:
        np.negative(places[-1:], out=places[-1:])
    values: NDArray[np.int64] = (places[:, None] * transposed).sum(axis=0, dtype=np.int64)
    return values


def store(array: ColumnArray, number: Number, values: NDArray[Any]) -> None:
    """Write integers [columns]: a cycle per bit.

    Raises CyclelabError for one that does not fit the number's bits.
    """
    least = -(1 << number.bits - 1) if number.signed else 0
    most = (1 << number.bits - number.signed) - 1
    if number.bits < 64 and values.size and not least <= values.min() <= values.max() <= most:
        worst = values.max() if values.max() > most else values.min()
        raise CyclelabError(
            f"{worst} does not fit a number of {number.bits} bits, which is from {least} to {most}"
        )
    for bit, row in enumerate(bits_of(values, number.bits)):
        array.write_row(number.line(bit), row)


def fetch(array: ColumnArray, number: Number) -> NDArray[np.int64]:
    """Read integers [columns]: a cycle per bit."""
    rows = [array.read_row(number.line(bit)) for bit in range(number.bits)]
    return values_of(np.array(rows), number.signed)


# -- programs ---------------------------------------------------------------------------
def clear(array: ColumnArray, number: Number) -> None:
    """Zeros: a cycle per bit."""
    for bit in range(number.bits):
        array.write_row(number.line(bit), False)


def copy(array: ColumnArray, source: Number, into: Number) -> None:
    """`into = source`, cut off or extended: a cycle per bit of `into`."""
    for bit in range(into.bits):
        array.copy_row(source.line(bit), into.line(bit))


def add(
    array: ColumnArray, left: Number, right: Number, into: Number, carry: int | None = None
) -> None:
    """`into = left + right` modulo 2^bits of `into`.

    carry: the row that takes the carry out of the last bit, in a cycle of its own; None:
    it is dropped together with that bit.
    """
    _sum(array, left, right, into, carry is None)
    if carry is not None:
        array.store_carry(carry)


def add_cycles(bits: int, carry: bool = True) -> int:
    """Cycles of `add` to `bits`: n + 1 with the carry (Neural Cache), n without it."""
    return bits + carry


def subtract(array: ColumnArray, left: Number, right: Number, into: Number) -> None:
    """`into = left - right` modulo 2^bits of `into`, which must lie apart from `right`.

    AND and NOR do not tell which of two cells holds 1, so no single access gives a
    borrow. Instead left - right = ~(~left + right): the complement of `left` is written
    to `into`, and the sum is complemented on its way back.
    """
    for bit in range(into.bits):
        array.complement_row(left.line(bit), into.line(bit))
    _sum(array, into, right, into, drop_carry=True, complement=True)


def subtract_cycles(bits: int) -> int:
    """Cycles of `subtract` to `bits`: 2n."""
    return 2 * bits


def multiply(array: ColumnArray, multiplicand: Number, multiplier: Number, into: Number) -> None:
    """`into = multiplicand * multiplier`, all unsigned, of n, m and n + m bits.

    1. `into` is cleared: n + m cycles.
    2. The multiplier's lowest bit becomes the tag (1), and the multiplicand is copied to
       `into` where the tag is set (n).
    3. For each of the m - 1 other bits i: it becomes the tag (1); where the tag is set the
       multiplicand is added to `into` from bit i up (n), and the carry is written to bit
       i + n, still 0 (1); columns without a tag are left with carries, which are cleared (1).

    Two n-bit numbers take 2n + n + n + (n - 1)(n + 2) = n² + 5n - 2 cycles: what Neural
    Cache (ISCA 2018) publishes. That paper gives the count; the steps are a reconstruction.
    Raises CyclelabError for other widths.
    """
    n, m = multiplicand.bits, multiplier.bits
    if into.bits != n + m:
        raise CyclelabError(
            f"a product of {n} and {m} bits has {n + m}: found a result of {into.bits}"
        )
    clear(array, into)
    array.load_tag(multiplier.line(0))
    for bit in range(n):
        array.copy_row(multiplicand.line(bit), into.line(bit), predicated=True)
    for place in range(1, m):
        array.load_tag(multiplier.line(place))
        for bit in range(n):
            row = into.line(place + bit)
            array.full_add(row, multiplicand.line(bit), row, predicated=True)
        array.store_carry(into.line(place + n), predicated=True)
        array.clear_carry()


def multiply_cycles(bits: int, multiplier_bits: int | None = None) -> int:
    """Cycles of `multiply`: n·m + n + 4m - 2, so n² + 5n - 2 for two n-bit numbers."""
    n, m = bits, bits if multiplier_bits is None else multiplier_bits
    return n * m + n + 4 * m - 2


def _sum(
    array: ColumnArray,
    left: Number,
    right: Number,
    into: Number,
    drop_carry: bool,
    complement: bool = False,
) -> None:
    for bit in range(into.bits):
        array.full_add(
            left.line(bit),
            right.line(bit),
            into.line(bit),
            last=drop_carry and bit == into.bits - 1,
            complement=complement,
        )
