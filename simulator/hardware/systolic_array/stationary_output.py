"""Register-level model of output stationary arrays."""

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


class StationaryOutputModel(RegisterModel):
    """left[stream, rows] and top[stream, columns] move, the sums stay in the PEs.

    The sums are drained through a chain per column, which is the accumulators
    themselves or, with double buffering, shadow registers that take each sum as
    it is completed. A serial drain of column j starts once its last row is done
    and shifts down one row per cycle; the rows below the last one still to pass
    hold still. The result has shape (rows, columns).
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
        sums = (*grid, *self.datapath.sums_shape)
        self.column_values = np.zeros((*grid, *top.shape[2:]), top.dtype)
        self.column_tokens = np.full(grid, EMPTY, np.int64)
        self.sums = self.accumulator.zeros(sums)
        self.chain = self.accumulator.zeros(sums) if self.geometry.overlap else self.sums
        self.chain_path = parts.SHADOW if self.geometry.overlap else parts.ACCUMULATOR
        # Fold of each finished sum that still has to leave.
        self.waiting = np.full(grid, EMPTY, np.int64)
        # Per column: the fold that drains, and how many of its shifts were before.
        self.draining = np.full(self.columns, EMPTY, np.int64)
        self.shifts = np.zeros(self.columns, np.int64)

    def result_shape(self, extents: Extents) -> tuple[int, int]:
        """The product itself."""
        return (extents.rows, extents.columns)

    def outputs_of(self, fold: Fold) -> int:
        """One per PE."""
        return fold.grid_rows * fold.grid_columns

    def wait_cycles(self, fold: Fold, following: Fold) -> int:
        """Until the edge is free, and the chain and its port are when sums get there."""
        if not self.geometry.serial_drain:
            return self.stream_length
        shorter = max(0, fold.grid_rows - following.grid_rows)
        return max(self.stream_length, fold.grid_rows + shorter)

    def step(self) -> None:
        """One clock edge: control, then the PEs on what arrives, then the registers."""
        if self.may_start():
            self.start()
        left, top, entering = self.vectors()
        arriving, tokens = self.move_along_rows(left, entering[0])
        coming, column_tokens = self.move_along_columns(top, entering[1])
        require(np.array_equal(tokens, column_tokens), "words of different products met")
        if self.geometry.serial_drain:
            self.shift_chains()
        finished = self.accumulate(arriving, coming, tokens)
        if self.geometry.serial_drain:
            self.steer_drain(finished, tokens)
        self.latch_rows(arriving, tokens)
        self.column_values, self.column_tokens = coming, tokens
        self.counts[self.column_paths.register] += int(np.count_nonzero(tokens != EMPTY))
        self.age += 1

    def vectors(self) -> tuple[NDArray[Any], NDArray[Any], tuple[Tokens, Tokens]]:
        """The vectors that enter the row and the column lines in this cycle."""
        left = np.zeros((self.rows, *self.left.shape[2:]), self.left.dtype)
        top = np.zeros((self.columns, *self.top.shape[2:]), self.top.dtype)
        tokens = np.full(self.rows, EMPTY, np.int64), np.full(self.columns, EMPTY, np.int64)
        token = self.stream_token()
        if token != EMPTY:
            fold = self.folds[self.streaming]
            left[: fold.rows] = self.left[self.age, fold.row : fold.row + fold.rows]
            top[: fold.columns] = self.top[self.age, fold.column : fold.column + fold.columns]
            tokens[0][: fold.grid_rows] = token
            tokens[1][: fold.grid_columns] = token
        return left, top, tokens

    def move_along_columns(
        self, values: NDArray[Any], tokens: Tokens
    ) -> tuple[NDArray[Any], Tokens]:
        """Words at every PE's top input, given those at the edge."""
        edge_values, edge_tokens = self.column_lines.step(values, tokens)
        arriving = np.concatenate([edge_values[None, :], self.column_values[:-1]])
        arrived = np.concatenate([edge_tokens[None, :], self.column_tokens[:-1]])
        tall = self.row_index < self.table["grid_rows"][arrived // self.stream_length]
        return arriving, np.where((arrived != EMPTY) & tall, arrived, EMPTY)

    def accumulate(
        self, arriving: NDArray[Any], coming: NDArray[Any], tokens: Tokens
    ) -> NDArray[np.bool_]:
        """Every PE that words reach adds their product to its sum: which ones finished."""
        valid = tokens != EMPTY
        fold, vector = tokens // self.stream_length, tokens % self.stream_length
        finished: NDArray[np.bool_] = valid & (vector == self.stream_length - 1)
        before = np.where(over(valid & (vector > 0), self.sums), self.sums, 0)
        sums = self.accumulator.add(before, self.multiply(arriving, coming, fold, valid))
        stays = valid & ~finished if self.geometry.overlap else valid
        if not self.geometry.overlap:
            require(np.all(self.waiting[valid] == EMPTY), "a sum was overwritten before it left")
        require(np.all(self.waiting[finished] == EMPTY), "a sum finished onto one still to leave")
        self.sums[stays] = sums[stays]
        self.chain[finished] = sums[finished]
        self.counts[parts.ACCUMULATOR] += int(np.count_nonzero(stays))
        if self.geometry.overlap:
            self.counts[parts.SHADOW] += int(np.count_nonzero(finished))
        row, column = np.nonzero(finished)
        if self.geometry.serial_drain:
            self.waiting[finished] = fold[finished]
        elif row.size:
            self.leave(fold[row, column], row, column, sums[row, column])
        return finished

    # -- the serial drain ----------------------------------------------------
    def shift_chains(self) -> None:
        """The columns that drain give up their bottom sum and shift by one row."""
        column = np.flatnonzero(self.draining != EMPTY)
        if not column.size:
            return
        fold, before = self.draining[column], self.shifts[column]
        bottom = self.table["grid_rows"][fold] - 1
        require(np.all(self.waiting[bottom, column] == fold), "the drain met no sum of its fold")
        sums = self.chain[bottom, column]
        self.counts[parts.EDGE_ADDER] += self.leave(fold, bottom - before, column, sums)
        # Row i has a sum to take as long as one of the rows above it had one left.
        first = np.full(self.columns, self.rows)
        last = np.full(self.columns, EMPTY)
        first[column], last[column] = before, bottom
        moves = (self.row_index > first[None, :]) & (self.row_index <= last[None, :])
        for chain in (self.chain, self.waiting):
            chain[moves] = np.concatenate([chain[:1], chain[:-1]])[moves]
        self.waiting[before, column] = EMPTY
        self.counts[self.chain_path] += int(np.count_nonzero(moves))

    def steer_drain(self, finished: NDArray[np.bool_], tokens: Tokens) -> None:
        """Decide which columns shift in the next cycle; the drain moves right like a word."""
        fold, shifts = int(self.draining[0]), int(self.shifts[0]) + 1
        if fold == EMPTY or shifts == self.table["grid_rows"][fold]:
            fold, shifts = EMPTY, 0
        row = np.flatnonzero(finished[:, 0])
        done = tokens[row, 0] // self.stream_length
        done = done[row == self.table["grid_rows"][done] - 1]
        if done.size:
            require(fold == EMPTY, "a column is still draining the fold ahead")
            fold = int(done[0])
        self.draining = np.concatenate([[fold], self.draining[:-1]])
        self.shifts = np.concatenate([[shifts], self.shifts[:-1]])
        columns = self.table["grid_columns"][self.draining]
        self.draining[np.arange(self.columns) >= columns] = EMPTY

    def leave(
        self,
        fold: NDArray[np.int64],
        row: NDArray[np.int64],
        column: NDArray[np.int64],
        values: NDArray[Any],
    ) -> int:
        """Sums of PEs (`row`, `column`) leave: how many of them are outputs."""
        live = (row < self.table["rows"][fold]) & (column < self.table["columns"][fold])
        target = self.table["row"][fold] + row, self.table["column"][fold] + column
        self.emit(fold, *target, values, live)
        return int(np.count_nonzero(live))
