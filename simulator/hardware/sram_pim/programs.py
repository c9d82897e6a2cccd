"""Programs of a LUT-GEMV on a `ColumnArray`, access by access, in both layouts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.sram_pim import parts
from simulator.hardware.sram_pim.arithmetic import (
    Number,
    add,
    bits_of,
    fetch,
    store,
    values_of,
)
from simulator.hardware.sram_pim.array import ColumnArray
from simulator.hardware.sram_pim.layouts import LayoutName
from simulator.hardware.sram_pim.lut_gemv import LutGemv
from simulator.numerics.accumulate import blocks_of

Integers = NDArray[np.int64]


class Program(ABC):
    """What controls an array while it multiplies: a block of columns, a pass of a batch.

    counts: of what happened beside the array, by path and verb.
    """

    def __init__(self, gemv: LutGemv, array: ColumnArray, signed: bool) -> None:
        self.gemv, self.array, self.signed = gemv, array, signed
        self.layout, self.k = gemv.layout, gemv.basis_weights
        self.entry_bits = self.layout.entry_bits(self.k)
        self.counts: Counter[parts.Did] = Counter()

    def product(self, inputs: Integers, weights: Integers) -> Integers:
        """`inputs[batch, k] · weights[k, outputs]`, stepped."""
        self.start(len(inputs), inputs.shape[1], weights.shape[1])
        groups = zip(
            blocks_of(inputs, self.k).swapaxes(0, 1),
            blocks_of(weights.T, self.k).swapaxes(0, 1),
            strict=True,
        )
        for group, (own, of_outputs) in enumerate(groups):
            for place in range(self.k):
                self.load_weight(place, of_outputs[:, place])
            for entry in range(3, 1 << self.k):
                single = entry & -entry
                if entry != single:
                    self.make_entry(entry, entry - single, single)
            for row, values in enumerate(own):
                self.counts[parts.INPUTS, "write"] += 1
                self.look_up(row, self.indices(values), first=group == 0)
        return np.array([self.read_out(row) for row in range(len(inputs))])

    def indices(self, values: Integers) -> list[int]:
        """Entries that the bits of k inputs select, lowest plane first."""
        planes = self.layout.input_bits
        self.counts[parts.INDEX, "operate"] += planes
        return [int(index) for index in values_of(bits_of(values, planes).T, signed=False)]

    @abstractmethod
    def start(self, batch: int, depth: int, outputs: int) -> None:
        """Take a batch of inputs of `depth`."""

    @abstractmethod
    def load_weight(self, place: int, weights: Integers) -> None:
        """Write the weights [outputs] of one input of a group: entries of a single bit."""

    @abstractmethod
    def make_entry(self, entry: int, rest: int, single: int) -> None:
        """Make an entry of two lower ones."""

    @abstractmethod
    def look_up(self, row: int, indices: list[int], first: bool) -> None:
        """Add the entries of all planes to the sums of a row of inputs; first: onto zeros."""

    @abstractmethod
    def read_out(self, row: int) -> Integers:
        """Sums of a row of inputs, [outputs]."""


class BitSerialProgram(Program):
    """Layout A: tables, then sums, then a row of zeros and one for carries."""

    def start(self, batch: int, depth: int, outputs: int) -> None:
        """Sums have as many bits as the depth needs; nothing is cleared."""
        del batch
        self.outputs = outputs
        self.zero, self.unread = self.array.rows - 2, self.array.rows - 1
        self.sum_bits = self.layout.accumulator_bits(depth)
        self.first_sum = ((1 << self.k) - 1) * self.entry_bits

    def entry(self, entry: int) -> Number:
        """Where an entry lies; a weight alone fills only some of its rows."""
        if not entry:
            return Number(self.zero, 1, zero=self.zero)
        bits = self.layout.weight_bits if entry & (entry - 1) == 0 else self.entry_bits
        return Number((entry - 1) * self.entry_bits, bits, self.signed, self.zero)

    def load_weight(self, place: int, weights: Integers) -> None:
        """A row per bit; columns without an output take zeros."""
        row = np.zeros(self.array.columns, np.int64)
        row[: self.outputs] = weights
        store(self.array, self.entry(1 << place), row)

    def make_entry(self, entry: int, rest: int, single: int) -> None:
        """An addition of we bits; its carry goes nowhere, in a cycle that some tables count."""
        spare = self.layout.entry_cycles(self.k) - self.entry_bits
        carry = self.unread if spare else None
        add(self.array, self.entry(rest), self.entry(single), self.entry(entry), carry)
        if spare > 1:
            self.array.wait(spare - 1)

    def look_up(self, row: int, indices: list[int], first: bool) -> None:
        """Plane i is added to the sum from bit i up, the top plane is subtracted.

        x - y = ~(~x + y): what the plane below the top one leaves for the top one is
        written complemented, and so is what the top one leaves. It costs no cycle.
        """
        top = len(indices) - 1
        total = self._sum(row)
        for plane, index in enumerate(indices):
            entry = self.entry(index)
            onto = self.entry(0) if first and not plane else total
            for bit in range(plane, self.sum_bits):
                self.array.full_add(
                    onto.line(bit),
                    entry.line(bit - plane),
                    total.line(bit),
                    last=bit == self.sum_bits - 1,
                    complement=plane == top or (plane == top - 1 and bit >= top),
                )

    def read_out(self, row: int) -> Integers:
        """A read per bit."""
        return fetch(self.array, self._sum(row))[: self.outputs]

    def _sum(self, row: int) -> Number:
        return Number(self.first_sum + row * self.sum_bits, self.sum_bits, signed=True)


class BitParallelProgram(Program):
    """Layout B: entry e in row e, row 0 of zeros; shifter, adders and sums beside the array."""

    def start(self, batch: int, depth: int, outputs: int) -> None:
        """Sums start as zeros."""
        del depth
        self.outputs = outputs
        self.sums = np.zeros((batch, outputs), np.int64)

    def load_weight(self, place: int, weights: Integers) -> None:
        """A row of words of we bits, signs extended."""
        words = np.zeros((self.gemv.outputs, self.entry_bits), np.bool_)
        words[: self.outputs] = bits_of(weights, self.entry_bits).T
        row = np.zeros(self.array.columns, np.bool_)
        row[: words.size] = words.ravel()
        self.array.write_row(1 << place, row)

    def make_entry(self, entry: int, rest: int, single: int) -> None:
        """Both rows are sensed, the words' sums are written."""
        self.array.add_words(rest, single, entry, self.entry_bits)
        self.counts[parts.CARRY_CHAIN, "operate"] += self.outputs

    def look_up(self, row: int, indices: list[int], first: bool) -> None:
        """A read per plane; words are shifted and added, of the top plane subtracted."""
        top = len(indices) - 1
        if not first:
            self._count(parts.SUMS, "read")
        for plane, index in enumerate(indices):
            words = self.array.read_row(index)[: self.outputs * self.entry_bits]
            values = values_of(words.reshape(-1, self.entry_bits).T, self.signed) << plane
            self._count(parts.SHIFTER, "operate")
            if plane == top:
                values = -values
                self._count(parts.NEGATION, "operate")
            self.sums[row] += values
            self._count(parts.ADDER, "operate")
            self._count(parts.SUM, "write")
        self._count(parts.SUMS, "write")

    def read_out(self, row: int) -> Integers:
        """Sums leave through a port as wide as the array."""
        self.array.wait(self.layout.read_out_cycles(self.outputs, 1))
        self._count(parts.SUMS, "read")
        sums: Integers = self.sums[row]
        return sums

    def _count(self, path: str, verb: str) -> None:
        self.counts[path, verb] += self.outputs


PROGRAMS: Mapping[LayoutName, type[Program]] = {
    "bit_serial": BitSerialProgram,
    "bit_parallel": BitParallelProgram,
}


def run_program(
    program: Program, inputs: NDArray[Any], weights: NDArray[Any], batch: int
) -> Integers:
    """A whole product, block of columns by block and pass by pass."""
    m, n = inputs.shape[0], weights.shape[1]
    values = np.empty((m, n), np.int64)
    for left in range(0, n, program.gemv.outputs):
        columns = slice(left, left + program.gemv.outputs)
        for top in range(0, m, batch):
            rows = slice(top, top + batch)
            values[rows, columns] = program.product(inputs[rows], weights[:, columns])
    return values
