"""An SRAM array that computes, column by column: cells, sense amplifiers, two latches.

Two word lines are activated together. A column's bit line then stays high where both
cells hold 1, its complement where both hold 0: its two sense amplifiers give AND and NOR,
from which XOR and OR follow, and with a carry latch a full adder. What comes out is
written to a row in the same cycle, in all columns or in those whose tag latch is set.
Bits of a number lie in consecutive rows of one column (transposed), so one access takes
one bit of as many numbers as there are columns. The organisation is that of Neural Cache
(Eckert et al., ISCA 2018).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError

Bits = NDArray[np.bool_]
Logic = Literal["and", "nor", "xor", "or"]


class ColumnArray:
    """`rows` word lines of `columns` cells, stepped one access after the other.

    cells: bool [rows, columns]. carry, tag: latches, bool [columns], all clear at first.
    cycles: spent so far, one per access or change of the latches alone. reads, writes,
    computes: accesses of each kind. A compute access reads, computes and writes back.
    """

    def __init__(self, rows: int, columns: int) -> None:
        if rows < 1 or columns < 1:
            raise CyclelabError(f"an array of {rows} rows and {columns} columns holds nothing")
        self.rows, self.columns = rows, columns
        self.cells = np.zeros((rows, columns), dtype=np.bool_)
        self.carry = np.zeros(columns, dtype=np.bool_)
        self.tag = np.zeros(columns, dtype=np.bool_)
        self.cycles = self.reads = self.writes = self.computes = 0

    # -- plain accesses --------------------------------------------------------------
    def read_row(self, row: int) -> Bits:
        """Bits of one row, [columns]."""
        self._spend("reads")
        bits: Bits = self.cells[self._line(row)].copy()
        return bits

    def write_row(self, row: int, bits: NDArray[Any] | bool) -> None:
        """Write one row; a single bit goes to all columns."""
        self._spend("writes")
        self.cells[self._line(row)] = bits

    # -- latches ---------------------------------------------------------------------
    def load_tag(self, row: int) -> None:
        """Take the tags from a row, which is read."""
        self.tag = self.read_row(row)

    def clear_carry(self) -> None:
        """Clear the carry latches: a cycle without an access."""
        self.cycles += 1
        self.carry[:] = False

    def store_carry(self, into: int, predicated: bool = False) -> None:
        """Write the carry latches to a row; those that are written are empty afterwards."""
        self._spend("writes")
        if predicated:
            np.copyto(self.cells[self._line(into)], self.carry, where=self.tag)
            self.carry &= ~self.tag
        else:
            self.cells[self._line(into)] = self.carry
            self.carry[:] = False

    def wait(self, cycles: int) -> None:
        """Spend cycles without an access."""
        self.cycles += cycles

    # -- compute accesses ------------------------------------------------------------
    def full_add(
        self,
        left: int,
        right: int,
        into: int,
        *,
        last: bool = False,
        complement: bool = False,
        predicated: bool = False,
    ) -> None:
        """One bit of a sum: rows `left` and `right` and the carry, written to row `into`.

        last: the carry out is dropped, and the latch left clear. complement: the inverted
        sum is written. predicated: only columns with a tag are written; the carry latches
        of all columns take their carries.
        """
        both, neither = self._sense(left, right)
        odd = ~(both | neither)
        total = odd ^ self.carry
        self.carry = np.zeros_like(both) if last else both | (odd & self.carry)
        self._write_back(into, ~total if complement else total, predicated)

    def add_words(self, left: int, right: int, into: int, width: int) -> None:
        """Sums modulo 2^width of words of `width` columns side by side, lowest bit first.

        The sense amplifiers give what carry chains beside the array start from: AND makes a
        carry, XOR hands one on. Columns behind the last whole word are left alone.
        """
        both, neither = self._sense(left, right)
        used = self.columns // width * width
        makes = both[:used].reshape(-1, width)
        hands_on = ~(both | neither)[:used].reshape(-1, width)
        carry = np.zeros(len(makes), dtype=np.bool_)
        sums = np.empty_like(makes)
        for bit in range(width):
            sums[:, bit] = hands_on[:, bit] ^ carry
            carry = makes[:, bit] | (hands_on[:, bit] & carry)
        self.cells[self._line(into), :used] = sums.ravel()

    def combine(
        self, logic: Logic, left: int, right: int, into: int, predicated: bool = False
    ) -> None:
        """A logic function of two rows, written to row `into`."""
        both, neither = self._sense(left, right)
        results = {"and": both, "nor": neither, "xor": ~(both | neither), "or": ~neither}
        self._write_back(into, results[logic], predicated)

    def copy_row(self, source: int, into: int, predicated: bool = False) -> None:
        """Copy a row: both word lines are the same one, AND is what it holds."""
        self.combine("and", source, source, into, predicated)

    def complement_row(self, source: int, into: int) -> None:
        """Invert a row: both word lines are the same one, NOR is its complement."""
        self.combine("nor", source, source, into)

    def _sense(self, left: int, right: int) -> tuple[Bits, Bits]:
        """What the two sense amplifiers of every column see: AND and NOR."""
        self._spend("computes")
        one, other = self.cells[self._line(left)], self.cells[self._line(right)]
        return one & other, ~(one | other)

    def _write_back(self, into: int, bits: Bits, predicated: bool) -> None:
        if predicated:
            np.copyto(self.cells[self._line(into)], bits, where=self.tag)
        else:
            self.cells[self._line(into)] = bits

    def _line(self, row: int) -> int:
        """A word line; raises CyclelabError where the array has none."""
        if not 0 <= row < self.rows:
            raise CyclelabError(f"row {row} of an array with rows 0 to {self.rows - 1}")
        return row

    def _spend(self, kind: Literal["reads", "writes", "computes"]) -> None:
        self.cycles += 1
        setattr(self, kind, getattr(self, kind) + 1)
