"""The register-level model of a bit-serial grid: what every register holds, cycle by cycle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclelab_bit_serial.spec import BitSerialGridSpec
from simulator.hardware.matrix_unit import RegisterHazardError, tile_of


@dataclass(frozen=True, slots=True)
class Operands:
    """What is loaded for one k of a block. first, last: of the block's."""

    rows: slice
    columns: slice
    k: int
    first: bool
    last: bool


class Grid:
    """A grid stepping through `repeats` tiles of one product, back to back.

    counts: in how many cycles rows, columns and PEs have acted, one by one.
    """

    def __init__(
        self, spec: BitSerialGridSpec, inputs: NDArray[Any], weights: NDArray[Any], repeats: int
    ) -> None:
        self.spec = spec
        self.tile = tile_of(inputs, weights, repeats)
        self.repeats = repeats
        self.inputs = inputs.astype(np.int64)
        self.weights = weights.astype(np.int64)
        self.row_registers = np.zeros(spec.rows, np.int64)
        self.column_registers = np.zeros(spec.columns, np.int64)
        self.sums = np.zeros((spec.rows, spec.columns), np.int64)
        self.counts = {"row": 0, "column": 0, "pe": 0}
        self.left = np.zeros((self.tile.m, self.tile.n), np.int64)
        self.times_left = np.zeros((self.tile.m, self.tile.n), np.int64)

    def run(self) -> tuple[NDArray[np.int64], int]:
        """The product, [m, n], and cycles until its last sum has left."""
        waiting = self._operands()
        at: Operands | None = None
        leaving: Operands | None = None
        bit = cycles = 0
        while True:
            cycles += 1
            if leaving is not None:  # read in the cycle whose edge replaces it
                self._leave(leaving)
                leaving = None
            if at is not None:
                self._add(at, bit)
                bit += 1
            if at is not None and bit < self.spec.weight_bits:
                self._shift(at)
                continue
            if at is not None and at.last:
                leaving = at
            at, bit = next(waiting, None), 0
            if at is not None:
                self._load(at)
            elif leaving is None:
                break
        if (self.times_left != self.repeats).any():
            raise RegisterHazardError("a sum did not leave once for each tile")
        return self.left, cycles

    def _operands(self) -> Iterator[Operands]:
        tile, rows, columns = self.tile, self.spec.rows, self.spec.columns
        for _ in range(self.repeats):
            for m in range(0, tile.m, rows):
                for n in range(0, tile.n, columns):
                    for k in range(tile.k):
                        yield Operands(
                            slice(m, min(m + rows, tile.m)),
                            slice(n, min(n + columns, tile.n)),
                            k,
                            first=k == 0,
                            last=k == tile.k - 1,
                        )

    def _load(self, at: Operands) -> None:
        rows, columns = _size(at)
        codes = self.weights[at.k, at.columns] % (1 << self.spec.weight_bits)  # two's complement
        self.row_registers[:rows] = self.inputs[at.rows, at.k]
        self.column_registers[:columns] = codes
        self._count(rows, columns, 0)

    def _shift(self, at: Operands) -> None:
        rows, columns = _size(at)
        self.row_registers[:rows] <<= 1
        self.column_registers[:columns] >>= 1
        self._count(rows, columns, 0)

    def _add(self, at: Operands, bit: int) -> None:
        """A bit of the weights of one k: kept, cleared or negated terms onto the sums."""
        rows, columns = _size(at)
        terms = np.outer(self.row_registers[:rows], self.column_registers[:columns] & 1)
        if bit == self.spec.weight_bits - 1:
            terms = -terms
        held = 0 if at.first and bit == 0 else self.sums[:rows, :columns]
        self.sums[:rows, :columns] = held + terms
        self._count(0, 0, rows * columns)

    def _leave(self, at: Operands) -> None:
        rows, columns = _size(at)
        values = self.sums[:rows, :columns]
        before = self.times_left[at.rows, at.columns]
        if ((before > 0) & (self.left[at.rows, at.columns] != values)).any():
            raise RegisterHazardError("a tile gave other sums than the one before")
        self.left[at.rows, at.columns] = values
        self.times_left[at.rows, at.columns] += 1

    def _count(self, rows: int, columns: int, lanes: int) -> None:
        self.counts["row"] += rows
        self.counts["column"] += columns
        self.counts["pe"] += lanes


def _size(at: Operands) -> tuple[int, int]:
    return at.rows.stop - at.rows.start, at.columns.stop - at.columns.start
