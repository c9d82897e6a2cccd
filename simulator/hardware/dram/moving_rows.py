"""Rows of the banks that move on from layer to layer, and those that stay."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.memory.timing import Motion

Ints = NDArray[np.int64]

BLOCK = 1 << 50
"""Names of rows and bursts in different blocks are so far apart."""


class MovingRows:
    """By which row of a bank, and by how many rows it moves on with every layer.

    A row that units have work in stays, whatever else lies there: see `keep_apart`.
    row_shift: bits of a burst's number within a row of all banks.
    """

    def __init__(self, spec: DramMemorySpec, motion: Motion, row_shift: int) -> None:
        rows = spec.device.organisation.counts.rows
        self._motion, self._row_bytes, self._shift = motion, spec.row_bytes, row_shift
        self._strides: Ints = np.zeros(rows + 1, dtype=np.int64)  # the last is that of no row, -1
        self._blocks: Ints = np.zeros(rows + 1, dtype=np.int64)
        for number, block in enumerate(motion.blocks, start=1):
            inside = slice(block.start // self._row_bytes, block.end // self._row_bytes)
            self._strides[inside] = block.stride // self._row_bytes
            self._blocks[inside] = number * BLOCK
        self._of_units = np.zeros(rows + 1, dtype=np.bool_)
        for first, count in motion.unit_rows:
            self._of_units[first : first + count] = True
        self._strides[self._of_units] = 0
        self._blocks[self._of_units] = 0

    def names(self, rows: Ints, layer: int) -> Ints:
        """Names that are the same for what has the same place in any other layer; -1 stays -1."""
        return rows - layer * self._strides[rows] + self._blocks[rows]

    def burst_name(self, burst: int, layer: int) -> int:
        """The same for a burst of a channel."""
        row = burst >> self._shift
        away = layer * int(self._strides[row]) << self._shift
        return burst - away + int(self._blocks[row])

    def further(self, rows: Ints, layers: int) -> Ints:
        """Where rows are that many layers later."""
        return rows + layers * self._strides[rows]

    def keep_apart(self, first: int, last: int) -> bool:
        """Whether what these layers touch has no row in common with the units' work."""
        if last >= self._motion.layers:
            return False
        for start, end, stride in self._motion.used:
            low = (start + first * stride) // self._row_bytes
            high = (end - 1 + last * stride) // self._row_bytes
            if self._of_units[low : high + 1].any():
                return False
        return True
