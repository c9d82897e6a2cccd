"""The register-level model: what the two kinds of array have in common.

Time advances one clock edge per `step`; every word sits in a register, moves by
one register per cycle and carries a token that says which fold and which vector
it belongs to, as control bits do in hardware. Nothing here knows the formulas of
`timing`: the cycle count is the number of steps until the last output has left.

Words that meet are checked to belong together, ports to carry one word at a
time, registers not to be overwritten before they are read. A breach raises
RegisterHazardError: it would be a fault of the control, not of the user.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.matrix_unit import RegisterHazardError
from simulator.hardware.systolic_array import parts
from simulator.hardware.systolic_array.datapath import Datapath, MultiplyAdd, arithmetic, over
from simulator.hardware.systolic_array.delay_lines import EMPTY, DelayLines, Tokens
from simulator.hardware.systolic_array.geometry import Extents, Fold, Geometry, folds
from simulator.hardware.systolic_array.multipliers import MULTIPLIER
from simulator.hardware.systolic_array.spec import SystolicArraySpec


def require(condition: bool | np.bool_, otherwise: str) -> None:
    """Raise RegisterHazardError with the message `otherwise` unless the condition holds."""
    if not condition:
        raise RegisterHazardError(otherwise)


class RegisterModel(ABC):
    """An array stepping through `repeats` tiles of one product, back to back.

    left: the operand that enters along the rows; top: the one that enters along
    the columns. How they are oriented is each model's own, see there. Both hold
    widened values (`Accumulator.operand`), one word per PE and cycle: a number, or as
    many as further axes say. datapath: what a PE makes of two words; a product of two
    numbers by default. `counts` are actions by path.
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
        self.geometry = Geometry.of(spec)
        self.accumulator = arithmetic(spec)
        self.datapath = datapath or MultiplyAdd(self.accumulator)
        sums = self.datapath.sums_shape
        self.stream_length = extents.stream
        self.left, self.top = left, top
        tile_folds = list(folds(self.geometry, extents))
        self.folds = tile_folds * repeats
        self.repeat_of = np.repeat(np.arange(repeats), len(tile_folds))
        # PEs beyond those that any fold occupies never hold a word.
        self.rows = max(fold.grid_rows for fold in tile_folds)
        self.columns = max(fold.grid_columns for fold in tile_folds)
        self.row_index = np.arange(self.rows)[:, None]
        self.column_index = np.arange(self.columns)[None, :]
        self.table = {
            name: np.array([getattr(fold, name) for fold in self.folds])
            for name in Fold.__dataclass_fields__
        }
        self.row_paths, self.column_paths = parts.row_operand(spec), parts.column_operand(spec)
        self.entrances = parts.entrances(spec)
        edge = int(spec.input_register)
        skewed = parts.columns_are_skewed(spec)
        self.row_lines = DelayLines(np.arange(self.rows) + edge, left.dtype, left.shape[2:])
        depths = np.arange(self.columns) * skewed + edge
        self.column_lines = DelayLines(depths, top.dtype, top.shape[2:])
        self.counts: Counter[str] = Counter()
        grid = (self.rows, self.columns)
        self.row_values = np.zeros((*grid, *left.shape[2:]), left.dtype)
        self.row_tokens = np.full(grid, EMPTY, np.int64)
        self.streaming = EMPTY
        self.age = 0
        self.in_flight = 0
        self.results = self.accumulator.zeros((repeats, *self.result_shape(extents), *sums))
        self.written = np.zeros(self.results.shape, bool)

    # -- what each kind of array does ----------------------------------------
    @abstractmethod
    def result_shape(self, extents: Extents) -> tuple[int, int]:
        """Shape of the product as the array makes it."""

    @abstractmethod
    def outputs_of(self, fold: Fold) -> int:
        """Outputs that leave the array for a fold, idle PEs' included."""

    @abstractmethod
    def wait_cycles(self, fold: Fold, following: Fold) -> int:
        """Cycles that control holds `following` back after `fold` started, if they overlap."""

    @abstractmethod
    def step(self) -> None:
        """One clock edge."""

    # -- running -------------------------------------------------------------
    def run(self) -> tuple[NDArray[Any], int]:
        """Step until the last output has left: the product and the cycles taken."""
        cycles = 0
        patience = self.stream_length + 4 * (self.rows + self.columns) + 4
        with np.errstate(all="ignore"):
            while self.in_flight or self.next_fold < len(self.folds):
                if cycles > patience * len(self.folds):
                    raise RegisterHazardError("outputs are missing and nothing moves any more")
                self.step()
                cycles += 1
        self.counts[self.row_paths.skew] = self.row_lines.writes
        self.counts[self.column_paths.skew] = self.column_lines.writes
        edges = {self.row_paths.name: self.row_lines, self.column_paths.name: self.column_lines}
        for operand, entrance in self.entrances.items():
            for path in entrance:
                self.counts[path] = edges[operand].entered
        for product in self.results[1:]:
            require(np.array_equal(product, self.results[0], equal_nan=True), "repeats differ")
        return self.accumulator.stored(self.results[0]), cycles

    # -- shared control ------------------------------------------------------
    @property
    def next_fold(self) -> int:
        """Index of the fold that streams next; len(folds) if there is none."""
        return self.streaming + 1

    def may_start(self) -> bool:
        """Whether the fold ahead lets the next one start to stream in this cycle."""
        if self.next_fold == len(self.folds):
            return False
        if self.streaming == EMPTY:
            return True
        if not self.geometry.overlap:
            return self.in_flight == 0
        fold, following = self.folds[self.streaming], self.folds[self.next_fold]
        return self.age >= self.wait_cycles(fold, following)

    def start(self) -> None:
        """The next fold streams from this cycle on."""
        busy = self.streaming != EMPTY and self.age < self.stream_length
        require(not busy, "the edge is still busy with the fold ahead")
        self.streaming, self.age = self.next_fold, 0
        self.in_flight += self.outputs_of(self.folds[self.streaming])

    def stream_token(self) -> int:
        """Token of the vector that enters in this cycle, EMPTY if none does."""
        if self.streaming == EMPTY or self.age >= self.stream_length:
            return EMPTY
        return self.streaming * self.stream_length + self.age

    # -- shared datapath -----------------------------------------------------
    def move_along_rows(self, values: NDArray[Any], tokens: Tokens) -> tuple[NDArray[Any], Tokens]:
        """Words at every PE's left input, shape (rows, columns), given those at the edge."""
        edge_values, edge_tokens = self.row_lines.step(values, tokens)
        arriving = np.concatenate([edge_values[:, None], self.row_values[:, :-1]], axis=1)
        arrived = np.concatenate([edge_tokens[:, None], self.row_tokens[:, :-1]], axis=1)
        wide = self.column_index < self.table["grid_columns"][arrived // self.stream_length]
        return arriving, np.where((arrived != EMPTY) & wide, arrived, EMPTY)

    def latch_rows(self, values: NDArray[Any], tokens: Tokens) -> None:
        """Clock the row operand's registers where a word arrived."""
        self.row_values, self.row_tokens = values, tokens
        self.counts[self.row_paths.register] += int(np.count_nonzero(tokens != EMPTY))

    def multiply(
        self, left: NDArray[Any], top: NDArray[Any], fold: NDArray[Any], valid: NDArray[np.bool_]
    ) -> NDArray[Any]:
        """Products where a PE does work, zero where it idles."""
        live = valid & (self.row_index < self.table["rows"][fold])
        live &= self.column_index < self.table["columns"][fold]
        work = int(np.count_nonzero(live))
        self.counts[MULTIPLIER] += work
        self.counts[parts.ADDER] += work
        left, top = (np.where(over(live, words), words, 0) for words in (left, top))
        return self.datapath.products(left, top)

    def emit(
        self,
        fold: NDArray[Any],
        row: NDArray[Any],
        column: NDArray[Any],
        values: NDArray[Any],
        live: NDArray[np.bool_],
    ) -> None:
        """Outputs leave: `row`, `column` index the product; those not live are dropped."""
        self.in_flight -= len(values)
        where = (self.repeat_of[fold[live]], row[live], column[live])
        before = self.results[where]
        summed = self.accumulator.add(before, values[live])
        self.results[where] = np.where(self.written[where], summed, values[live])
        self.written[where] = True
