"""The register-level model: operands, lanes and sums, one clock edge at a time.

Operands of a step come through a port into one bank of registers while the lanes work
on the other: a share of them per cycle. With one bank they come all at once, at the edge
that ends the step before. Nothing here knows the formulas of `tile_timing`: the cycle
count is the number of edges until the last sum has left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.block_unit.elements import Trigger
from simulator.hardware.block_unit.geometry import Geometry
from simulator.hardware.matrix_unit import RegisterHazardError, Tile
from simulator.numerics import Accumulator

Logic = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(slots=True)
class Bank:
    """Operands of one step: which step, and how much of it has come.

    of_rows: what the lanes of a row share, row first. of_columns: what those of a column
    share, column last.
    """

    step: int = -1
    shares: int = 0
    of_rows: NDArray[Any] = field(default_factory=lambda: np.zeros(0))
    of_columns: NDArray[Any] = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True)
class Moving:
    """What all lanes hand on in one cycle of a step, on its way to the accumulators."""

    step: int
    cycle: int
    values: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Feed:
    """How operands come: banks of registers, and cycles that the port takes for a step's."""

    banks: int
    shares: int


class BlockModel(ABC):
    """A unit stepping through `repeats` tiles of one product, back to back.

    behind: the logic behind each register between a lane's first stage and its
    accumulator, in the order that values pass it; shapes are (m, n, …), in the end (m, n)
    or (m, n, 1).
    """

    def __init__(
        self,
        geometry: Geometry,
        feed: Feed,
        behind: tuple[Logic, ...],
        accumulator: Accumulator,
        tile: Tile,
        repeats: int,
    ) -> None:
        self.geometry, self.feed, self.behind = geometry, feed, behind
        rows, columns, self.depth = geometry.blocks(tile)
        self.steps = list(product(range(repeats), range(rows), range(columns), range(self.depth)))
        self.accumulator = accumulator
        self.counts: Counter[Trigger] = Counter()
        self.results = accumulator.zeros((repeats, tile.m, tile.n))
        self.banks = [Bank() for _ in range(feed.banks)]
        self.arrived = 0  # shares of operands that have come through the port
        self.working, self.cycle = 0, 0
        self.stages: list[Moving | None] = [None for _ in behind]
        self.sums = accumulator.zeros((0, 0))
        self.leaving: tuple[int, NDArray[Any]] | None = None
        self.left = 0

    @abstractmethod
    def operands(self, step: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """What the registers of rows and of columns hold in a step."""

    @abstractmethod
    def lanes(self, bank: Bank, cycle: int) -> NDArray[Any]:
        """What the lanes make of their operands in a cycle of a step, shape (m, n, …)."""

    def run(self) -> tuple[NDArray[Any], int]:
        """Step until the last sum has left: the product and the cycles taken."""
        cycles = 0
        outputs = len(self.steps) // self.depth
        patience = 4 * (len(self.steps) + len(self.stages) + 4) * self.geometry.step_cycles
        with np.errstate(all="ignore"):
            while self.left < outputs:
                self._edge()
                cycles += 1
                if cycles > patience:
                    raise RegisterHazardError("sums are missing and nothing moves any more")
        for each in self.results[1:]:
            if not np.array_equal(each, self.results[0], equal_nan=True):
                raise RegisterHazardError("repeats differ")
        return self.accumulator.stored(self.results[0]), cycles

    # -- one clock edge, from the outputs back to the port -----------------------
    def _edge(self) -> None:
        self._leave()
        moving = self._work()
        for place, logic in enumerate(self.behind):
            self.stages[place], moving = moving, self.stages[place]
            if moving is not None:
                moving = replace(moving, values=logic(moving.values))
        if moving is not None:
            self._accumulate(moving)
        self.arrive()

    def _leave(self) -> None:
        """Sums that were completed in the cycle before go through the output port."""
        if self.leaving is None:
            return
        step, sums = self.leaving
        rows, columns = self.block(step)
        self.results[self.steps[step][0], rows, columns] = sums
        self.left += 1
        self.leaving = None

    def _accumulate(self, moving: Moving) -> None:
        _, _, _, depth = self.steps[moving.step]
        terms = moving.values.reshape(moving.values.shape[:2])  # one of each lane is left
        if depth == 0 and moving.cycle == 0:
            self.sums = np.zeros_like(terms)
        self.sums = self.accumulator.add(self.sums, terms)
        if depth == self.depth - 1 and moving.cycle == self.geometry.step_cycles - 1:
            self.leaving = (moving.step, self.sums)

    def _work(self) -> Moving | None:
        """All lanes work for a cycle of their step, if its operands are there."""
        bank = self.banks[self.working % len(self.banks)]
        if self.working == len(self.steps) or bank.step != self.working:
            return None
        if bank.shares < self.feed.shares:
            return None
        rows, columns = bank.of_rows.shape[0], bank.of_columns.shape[-1]
        self.counts[Trigger.LANE_CYCLE] += rows * columns
        self.counts[Trigger.COLUMN_CYCLE] += columns
        moving = Moving(self.working, self.cycle, self.lanes(bank, self.cycle))
        self.cycle += 1
        if self.cycle == self.geometry.step_cycles:
            self.working, self.cycle = self.working + 1, 0
        return moving

    # -- operands --------------------------------------------------------------
    def arrive(self) -> None:
        """The port hands over the next share of operands, if there is room for it."""
        step = self.arriving
        if step < len(self.steps) and self.is_free(step):
            self.write(step, *self.operands(step))
            self.arrived += 1

    @property
    def arriving(self) -> int:
        """The step whose operands are next at the port."""
        return self.arrived // self.feed.shares

    def is_free(self, step: int) -> bool:
        """Whether the bank of a step holds nothing that is still to be used."""
        return step < self.working + len(self.banks)

    def write(self, step: int, of_rows: NDArray[Any], of_columns: NDArray[Any]) -> None:
        """A share of a step's operands enters its bank; the first one takes it over."""
        bank = self.banks[step % len(self.banks)]
        if bank.step != step:
            if step and bank.step >= self.working:
                raise RegisterHazardError("operands were overwritten before they were used")
            bank.step, bank.shares = step, 0
            bank.of_rows, bank.of_columns = of_rows, of_columns
        bank.shares += 1
        if bank.shares == self.feed.shares:
            self.counts[Trigger.ROW] += of_rows.shape[0]
            self.counts[Trigger.COLUMN] += of_columns.shape[-1]

    def block(self, step: int) -> tuple[slice, slice]:
        """Rows and columns of the product that a step adds onto."""
        _, row, column, _ = self.steps[step]
        rows, columns = self.geometry.rows, self.geometry.columns
        return slice(row * rows, (row + 1) * rows), slice(column * columns, (column + 1) * columns)
