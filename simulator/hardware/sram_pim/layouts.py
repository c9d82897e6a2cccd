"""How tables, sums and weights of a LUT-GEMV lie in an array: rows and cycles of each layout.

A table holds the 2^k sums of subsets of k weights, made in the array by additions; bits
of k activations select one. Formulas are those of a model in the style of SAIL: its
geometry was not published in what could be read, so layouts are options here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from simulator.hardware.sram_pim.latencies import latency_table

LayoutName = Literal["bit_serial", "bit_parallel"]
RowUse = Literal["weight", "entry", "sum", "zeros", "carry", "next_weight", "free"]
SPARE_ROWS = 2
"""Of layout bit_serial: a row of zeros, and one for carries that nobody reads."""


def ceil_log2(number: int) -> int:
    """Bits that tell `number` things apart; 0 for one."""
    return (number - 1).bit_length()


def combined_entries(basis_weights: int) -> int:
    """Sums of two weights or more, 2^k - k - 1: the others are 0 and the weights themselves."""
    return (1 << basis_weights) - basis_weights - 1


@dataclass(frozen=True, slots=True)
class RowSpan:
    """Rows next to each other that hold one thing.

    first, rows: where, and how many. bits: of it, in every output; of a weight there may be
    fewer than rows. number: an entry's index (the bits that select it), the place of a sum in
    its batch or of a weight in its group; 0 of others.
    """

    use: RowUse
    first: int
    rows: int
    bits: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class Layout(ABC):
    """Rows and cycles of one array. Sizes in bits; `sum_bits` is a sum's outside the array.

    batch_sums: rows of a batch whose sums the feeding module can hold. latencies: name of
    the table with cycles of in-array additions. k is `basis_weights`, `depth` the whole K.
    """

    rows: int
    columns: int
    input_bits: int
    weight_bits: int
    sum_bits: int
    batch_sums: int
    latencies: str

    def entry_bits(self, basis_weights: int) -> int:
        """Width of a table's entries, w + ⌈log2 k⌉.

        Enough: k weights of w bits sum to -k·2^(w-1) or more and to less than k·2^(w-1);
        unsigned ones to k·(2^w - 1) at most, with all bits used and no sign.
        """
        return self.weight_bits + ceil_log2(basis_weights)

    def accumulator_bits(self, depth: int) -> int:
        """Width of a sum of K products, a + w + ⌈log2 K⌉.

        Enough, and for K a power of two no bit too many: K products of the lowest a-bit
        and w-bit numbers are +K·2^(a+w-2), one more than a + w + log2 K - 1 bits hold.
        Unsigned weights reach -K·2^(a-1)·(2^w - 1), which fits, too.
        """
        return self.input_bits + self.weight_bits + ceil_log2(depth)

    @abstractmethod
    def outputs(self, basis_weights: int) -> int:
        """Columns of the weight matrix that one array holds; 0 if not even one."""

    @abstractmethod
    def rows_needed(self, basis_weights: int, batch: int, depth: int) -> int:
        """Rows that a table, and what else is in the array for a batch, take."""

    @abstractmethod
    def largest_batch(self, basis_weights: int, depth: int) -> int:
        """Rows of inputs that can share a table; 0 if not even one."""

    @abstractmethod
    def spans(self, basis_weights: int, batch: int, depth: int) -> list[RowSpan]:
        """What every row of the array holds, from the first to the last, for a batch that fits."""

    @abstractmethod
    def load_cycles(self, basis_weights: int) -> int:
        """Word-line writes of one group of weights."""

    @abstractmethod
    def entry_cycles(self, basis_weights: int) -> int:
        """Cycles of making one entry of two weights or more."""

    @abstractmethod
    def plane_cycles(self, depth: int) -> tuple[int, ...]:
        """Cycles of a look-up of each plane of one row of inputs, lowest plane first."""

    def lookup_cycles(self, depth: int) -> int:
        """Cycles of all planes of one row of inputs of one group."""
        return sum(self.plane_cycles(depth))

    @abstractmethod
    def remembered_bits(self, basis_weights: int) -> int:
        """Bits of a pattern with all columns' entries, as a table of patterns holds them."""

    @property
    @abstractmethod
    def lookup_verb(self) -> str:
        """What an access of the array for a look-up is: `compute` or `read`."""

    @abstractmethod
    def read_out_cycles(self, outputs: int, depth: int) -> int:
        """Cycles in which so many outputs' sums of one row of inputs leave."""


class BitSerial(Layout):
    """Layout A: an output per column, bits of entries and sums in consecutive rows."""

    __slots__ = ()

    def outputs(self, basis_weights: int) -> int:
        """All columns."""
        del basis_weights
        return self.columns

    def rows_needed(self, basis_weights: int, batch: int, depth: int) -> int:
        """(2^k - 1)·we + B·acc + 2."""
        return self._table_rows(basis_weights) + batch * self.accumulator_bits(depth)

    def largest_batch(self, basis_weights: int, depth: int) -> int:
        """Sums beside the table, as many as there are rows for."""
        left = self.rows - self._table_rows(basis_weights)
        return max(0, left // self.accumulator_bits(depth))

    def spans(self, basis_weights: int, batch: int, depth: int) -> list[RowSpan]:
        """Entries from 1 up, then sums; at the end a row of zeros and one for carries."""
        bits, sum_bits = self.entry_bits(basis_weights), self.accumulator_bits(depth)
        table = [
            RowSpan("entry", (index - 1) * bits, bits, bits, index)
            if index & (index - 1)
            else RowSpan("weight", (index - 1) * bits, bits, self.weight_bits, index)
            for index in range(1, 1 << basis_weights)
        ]
        behind = len(table) * bits
        sums = [
            RowSpan("sum", behind + row * sum_bits, sum_bits, sum_bits, row) for row in range(batch)
        ]
        first_free, end = behind + batch * sum_bits, self.rows - SPARE_ROWS
        spare = [RowSpan("zeros", end, 1, 1), RowSpan("carry", end + 1, 1, 1)]
        return [*table, *sums, *_free(first_free, end), *spare]

    def load_cycles(self, basis_weights: int) -> int:
        """k·w: a row per bit of each weight."""
        return basis_weights * self.weight_bits

    def entry_cycles(self, basis_weights: int) -> int:
        """An in-array addition of we bits: of the latency table, n + 1 or n."""
        return _addition_cycles(self.latencies, self.entry_bits(basis_weights))

    def plane_cycles(self, depth: int) -> tuple[int, ...]:
        """acc - i in plane i: bits below a plane's place are not touched."""
        width = self.accumulator_bits(depth)
        return tuple(width - plane for plane in range(self.input_bits))

    def remembered_bits(self, basis_weights: int) -> int:
        """k, and we bits of every column."""
        return basis_weights + self.entry_bits(basis_weights) * self.columns

    @property
    def lookup_verb(self) -> str:
        """Entries are added to sums in the array."""
        return "compute"

    def read_out_cycles(self, outputs: int, depth: int) -> int:
        """A read per bit of the sums, however many columns have one."""
        del outputs
        return self.accumulator_bits(depth)

    def _table_rows(self, basis_weights: int) -> int:
        entries = (1 << basis_weights) - 1
        return entries * self.entry_bits(basis_weights) + SPARE_ROWS


class BitParallel(Layout):
    """Layout B: an entry per row, the outputs' side by side; sums in the feeding module."""

    __slots__ = ()

    def outputs(self, basis_weights: int) -> int:
        """⌊columns / we⌋."""
        return self.columns // self.entry_bits(basis_weights)

    def rows_needed(self, basis_weights: int, batch: int, depth: int) -> int:
        """2^k + k, whatever the batch: the table, and room for k weights."""
        del batch, depth
        return (1 << basis_weights) + basis_weights

    def largest_batch(self, basis_weights: int, depth: int) -> int:
        """As many as the feeding module has sums for, if the table fits."""
        fits = self.rows_needed(basis_weights, 1, depth) <= self.rows
        return self.batch_sums if fits and self.outputs(basis_weights) else 0

    def spans(self, basis_weights: int, batch: int, depth: int) -> list[RowSpan]:
        """Entry e in row e, that of zeros included; then rows for the next group's weights."""
        del batch, depth
        bits, entries = self.entry_bits(basis_weights), 1 << basis_weights
        table = [
            RowSpan("entry" if index & (index - 1) else "weight", index, 1, bits, index)
            for index in range(1, entries)
        ]
        room = [
            RowSpan("next_weight", entries + place, 1, self.weight_bits, place)
            for place in range(basis_weights)
        ]
        return [
            RowSpan("zeros", 0, 1, bits),
            *table,
            *room,
            *_free(entries + basis_weights, self.rows),
        ]

    def load_cycles(self, basis_weights: int) -> int:
        """k: a row per weight."""
        return basis_weights

    def entry_cycles(self, basis_weights: int) -> int:
        """1: both rows are sensed, carries ripple beside the array, the sum is written."""
        del basis_weights
        return 1

    def plane_cycles(self, depth: int) -> tuple[int, ...]:
        """A read per plane."""
        del depth
        return (1,) * self.input_bits

    def remembered_bits(self, basis_weights: int) -> int:
        """k, and a row."""
        return basis_weights + self.outputs(basis_weights) * self.entry_bits(basis_weights)

    @property
    def lookup_verb(self) -> str:
        """Entries are read, and added outside."""
        return "read"

    def read_out_cycles(self, outputs: int, depth: int) -> int:
        """Sums leave through a port as wide as the array."""
        del depth
        return -(-outputs * self.sum_bits // self.columns)


def _free(first: int, end: int) -> list[RowSpan]:
    return [RowSpan("free", first, end - first, 0)] if end > first else []


@cache
def _addition_cycles(latencies: str, bits: int) -> int:
    return latency_table(latencies).add(bits)


LAYOUTS: Mapping[LayoutName, type[Layout]] = {
    "bit_serial": BitSerial,
    "bit_parallel": BitParallel,
}
