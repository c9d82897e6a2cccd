"""Register-level model of weight and input stationary arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.systolic_array import parts
from simulator.hardware.systolic_array.datapath import Datapath, over
from simulator.hardware.systolic_array.delay_lines import EMPTY, Tokens
from simulator.hardware.systolic_array.geometry import Extents, Fold
from simulator.hardware.systolic_array.registers import RegisterModel, require
from simulator.hardware.systolic_array.spec import SystolicArraySpec


class StationaryOperandModel(RegisterModel):
    """left[stream, rows] moves, top[rows, columns] stays, sums run down the columns.

    The stationary operand shifts in from the top, last row first. With double
    buffering each PE has two banks of it: words name their fold, whose parity
    selects the bank, so the change from one fold to the next crosses the array
    as a wavefront. The result has shape (stream, columns).
    """

    def __init__(
        self,
        spec: SystolicArraySpec,
        extents: Extents,
        left: NDArray[Any],
        top: NDArray[Any],
        repeats: int,
        datapath: Datapath | None = None,
    ) -> None:
        super().__init__(spec, extents, left, top, repeats, datapath)
        grid = (self.rows, self.columns)
        self.banks = 2 if self.geometry.overlap else 1
        self.held = np.zeros((self.banks, *grid, *top.shape[2:]), top.dtype)
        # Which fold, and which row of it, a held word is for.
        self.held_fold = np.full((self.banks, *grid), EMPTY, np.int64)
        self.held_row = np.full((self.banks, *grid), EMPTY, np.int64)
        self.sums = self.accumulator.zeros((*grid, *self.datapath.sums_shape))
        self.sum_tokens = np.full(grid, EMPTY, np.int64)
        self.loading = 0
        self.loaded_rows = 0

    def result_shape(self, extents: Extents) -> tuple[int, int]:
        """One row per vector that streams through."""
        return (extents.stream, extents.columns)

    def outputs_of(self, fold: Fold) -> int:
        """One per vector and column."""
        return self.stream_length * fold.grid_columns

    def wait_cycles(self, fold: Fold, following: Fold) -> int:
        """Until the edge is free, and the shorter fold's outputs don't overtake at the port."""
        return self.stream_length + max(0, fold.grid_rows - following.grid_rows)

    def step(self) -> None:
        """One clock edge: control, then the PEs on what arrives, then the registers."""
        self.control()
        arriving, tokens = self.move_along_rows(*self.vector())
        load, load_tokens = self.column_lines.step(*self.load_row())
        self.accumulate(arriving, tokens)
        self.latch_rows(arriving, tokens)
        self.shift_load(load, load_tokens)
        self.age += 1

    # -- control -------------------------------------------------------------
    def control(self) -> None:
        """Start the next stream when its operand is in, and the next load when it may."""
        ready = self.loading == self.next_fold and self.loaded_rows > 0
        if ready and self.loaded_rows == self.folds[self.loading].grid_rows and self.may_start():
            self.start()
            if self.geometry.overlap:
                self.begin_load()
        alone = not self.geometry.overlap and self.loading == self.streaming
        if alone and self.age >= self.stream_length and self.in_flight == 0:
            self.begin_load()

    def begin_load(self) -> None:
        """The fold after the one that streams loads from this cycle on."""
        self.loading, self.loaded_rows = self.next_fold, 0

    def vector(self) -> tuple[NDArray[Any], Tokens]:
        """The vector that enters the row lines in this cycle, one word per row."""
        values = np.zeros((self.rows, *self.left.shape[2:]), self.left.dtype)
        tokens = np.full(self.rows, EMPTY, np.int64)
        token = self.stream_token()
        if token != EMPTY:
            fold = self.folds[self.streaming]
            values[: fold.rows] = self.left[self.age, fold.row : fold.row + fold.rows]
            tokens[: fold.grid_rows] = token
        return values, tokens

    def load_row(self) -> tuple[NDArray[Any], Tokens]:
        """The row of the stationary operand that enters the column lines in this cycle.

        Its token is fold x rows + how many rows of the fold went before.
        """
        values = np.zeros((self.columns, *self.top.shape[2:]), self.top.dtype)
        tokens = np.full(self.columns, EMPTY, np.int64)
        if self.loading < len(self.folds):
            fold = self.folds[self.loading]
            row = fold.grid_rows - 1 - self.loaded_rows
            if row >= 0:
                tokens[: fold.grid_columns] = self.loading * self.rows + self.loaded_rows
                if row < fold.rows:
                    columns = slice(fold.column, fold.column + fold.columns)
                    values[: fold.columns] = self.top[fold.row + row, columns]
                self.loaded_rows += 1
        return values, tokens

    # -- datapath ------------------------------------------------------------
    def accumulate(self, arriving: NDArray[Any], tokens: Tokens) -> None:
        """Every PE that a word reaches adds its product to the sum from above."""
        valid = tokens != EMPTY
        fold = tokens // self.stream_length
        bank = fold % self.banks
        where = (bank, self.row_index, self.column_index)
        stationed = (self.held_fold[where] == fold) & (self.held_row[where] == self.row_index)
        require(np.all(stationed | ~valid), "a word met an operand that is not its fold's")
        above = np.concatenate([np.zeros_like(self.sums[:1]), self.sums[:-1]])
        above_tokens = np.concatenate([tokens[:1], self.sum_tokens[:-1]])
        require(np.all((above_tokens == tokens) | ~valid), "a word met a sum of another vector")
        products = self.multiply(arriving, self.held[where], fold, valid)
        self.sums = self.accumulator.add(np.where(over(valid, above), above, 0), products)
        self.sum_tokens = tokens
        self.counts[parts.ACCUMULATOR] += int(np.count_nonzero(valid))
        self.leave(valid & (self.row_index == self.table["grid_rows"][fold] - 1))

    def leave(self, exits: NDArray[np.bool_]) -> None:
        """Sums that reached their fold's last row leave through their column's port."""
        require(np.all(exits.sum(axis=0) <= 1), "two sums at one column's output port")
        row, column = np.nonzero(exits)
        if not row.size:
            return
        tokens = self.sum_tokens[row, column]
        fold = tokens // self.stream_length
        live = column < self.table["columns"][fold]
        self.counts[parts.EDGE_ADDER] += int(np.count_nonzero(live))
        target = self.table["column"][fold] + column
        self.emit(fold, tokens % self.stream_length, target, self.sums[row, column], live)

    def shift_load(self, load: NDArray[Any], tokens: Tokens) -> None:
        """Shift the load chains down by one where a row enters, as far as it has come."""
        entering = tokens != EMPTY
        fold, before = tokens // self.rows, tokens % self.rows
        reached = entering[None, :] & (self.row_index <= before[None, :])
        row = self.table["grid_rows"][fold % len(self.folds)] - 1 - before
        for bank in range(self.banks):
            moves = reached & (fold % self.banks == bank)[None, :]
            for chain, top in ((self.held, load), (self.held_fold, fold), (self.held_row, row)):
                shifted = np.concatenate([top[None, :], chain[bank, :-1]])
                chain[bank] = np.where(over(moves, shifted), shifted, chain[bank])
        self.counts[self.column_paths.register] += int(np.count_nonzero(reached))
