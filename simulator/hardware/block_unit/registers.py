"""The register-level model: operands, lanes and sums, one clock edge at a time.

Operands of a step come through a port into one bank of registers while the lanes work
on the other: a share of them per cycle. With one bank they come all at once, at the edge
that ends the step before. Weights that stay are sent only when others take their place.
Sums that lie in a buffer between steps are read by the first addition of a step and
written behind its last one; what is read at the edge at which it is written is passed on.
Nothing here knows the formulas of `tile_timing`: the cycle count is the number of edges
until the last sum has left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.block_unit.elements import Trigger
from simulator.hardware.block_unit.geometry import Geometry
from simulator.hardware.block_unit.steps import Step, steps_of
from simulator.hardware.matrix_unit import RegisterHazardError, Tile
from simulator.numerics import Accumulator


@dataclass(slots=True)
class Bank:
    """Registers for one operand of a step: whose it is, how many shares have come, what."""

    owner: int = -1
    shares: int = 0
    content: Any = None


@dataclass(frozen=True, slots=True)
class Moving:
    """What all lanes hand on in one cycle of a step, on its way to the accumulators."""

    step: int
    cycle: int
    values: Any


Stage = Callable[[Moving], Moving | None]
"""The logic of a stage; None: it keeps what it got, and hands nothing on."""


@dataclass(frozen=True, slots=True)
class Feed:
    """How operands come: banks of registers, and cycles that the port takes for a step's."""

    banks: int
    shares: int


class BlockModel(ABC):
    """A unit stepping through `repeats` tiles of one product, back to back.

    stages: the logic of each stage behind `lanes`, in the order that values pass it; a
    register stands between two stages. What comes out of the last one has shape (m, n) or
    (m, n, 1). `buffer_reads`, `buffer_writes` are sums that passed the port.
    """

    def __init__(
        self,
        geometry: Geometry,
        feed: Feed,
        stages: tuple[Stage, ...],
        accumulator: Accumulator,
        tile: Tile,
        repeats: int,
    ) -> None:
        self.geometry, self.feed, self.stages = geometry, feed, stages
        _, _, depth = geometry.blocks(tile)
        self.last_depth = depth - 1
        self.steps = steps_of(geometry, tile, repeats)
        self.accumulator = accumulator
        self.counts: Counter[Trigger] = Counter()
        self.results = accumulator.zeros((repeats, tile.m, tile.n))
        self.buffer_reads, self.buffer_writes = 0, 0
        self.rows = [Bank() for _ in range(feed.banks)]
        self.columns = [Bank() for _ in range(feed.banks)]
        self.arrived = 0  # shares of operands that have come through the port
        self.working, self.cycle = 0, 0
        self.between: list[Moving | None] = [None for _ in stages[1:]]
        self.sums = accumulator.zeros((0, 0))
        self.adding = -1  # the step that sums were last added of
        self.leaving: tuple[Step, NDArray[Any]] | None = None
        # Blocks of sums yet to leave.
        self.missing = len(self.steps) // (1 if geometry.sums_outside else depth)

    @abstractmethod
    def operands(self, number: int) -> tuple[Any, Any]:
        """What the registers of rows and of columns hold in a step."""

    @abstractmethod
    def lanes(self, of_rows: Any, of_columns: Any, cycle: int) -> Any:
        """What the lanes make of a step's operands in a cycle of it, in front of all stages."""

    def run(self) -> tuple[NDArray[Any], int]:
        """Step until the last sum has left: the product and the cycles taken."""
        cycles = 0
        patience = 4 * (len(self.steps) + len(self.stages) + 4) * self.geometry.step_cycles
        with np.errstate(all="ignore"):
            while self.missing:
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
        for place, stage in enumerate(self.stages):
            if place:
                self.between[place - 1], moving = moving, self.between[place - 1]
            if moving is not None:
                moving = stage(moving)
        if moving is not None:
            self._accumulate(moving)
        self.arrive()

    def _leave(self) -> None:
        """Sums that were completed in the cycle before go through the output port."""
        if self.leaving is None:
            return
        step, sums = self.leaving
        self.results[(step.repeat, *self.block(step))] = sums
        self.buffer_writes += sums.size
        self.missing -= 1
        self.leaving = None

    def _accumulate(self, moving: Moving) -> None:
        """Onto the running sums; a step may add once, or in each of its cycles."""
        step = self.steps[moving.step]
        first, self.adding = moving.step != self.adding, moving.step
        terms = moving.values.reshape(moving.values.shape[:2])  # one of each lane is left
        if first and step.depth == 0:
            self.sums = np.zeros_like(terms)
        elif first and self.geometry.sums_outside:
            self.sums = self.results[(step.repeat, *self.block(step))]
            self.buffer_reads += self.sums.size
        self.sums = self.accumulator.add(self.sums, terms)
        if moving.cycle < self.geometry.step_cycles - 1:
            return
        self.counts[Trigger.LANE_STEP] += self.sums.size
        if self.geometry.sums_outside or step.depth == self.last_depth:
            self.leaving = (step, self.sums)

    def _work(self) -> Moving | None:
        """All lanes work for a cycle of their step, if its operands are there."""
        if self.working == len(self.steps):
            return None
        step = self.steps[self.working]
        rows, columns = self._row_bank(self.working), self._column_bank(step)
        if not (self._has_come(rows, self.working) and self._has_come(columns, step.weights)):
            return None
        height, width = self._extent(step)
        self.counts[Trigger.LANE_CYCLE] += height * width
        self.counts[Trigger.COLUMN_CYCLE] += width
        values = self.lanes(rows.content, columns.content, self.cycle)
        moving = Moving(self.working, self.cycle, values)
        self.cycle += 1
        if self.cycle == self.geometry.step_cycles:
            self.working, self.cycle = self.working + 1, 0
        return moving

    # -- operands --------------------------------------------------------------
    def arrive(self) -> None:
        """The port hands over the next share of operands, if there is room for it."""
        number = self.arriving
        if number < len(self.steps) and self.is_free(number):
            self.write(number, *self.operands(number))
            self.arrived += 1

    @property
    def arriving(self) -> int:
        """The step whose operands are next at the port."""
        return self.arrived // self.feed.shares

    def is_free(self, number: int) -> bool:
        """Whether the banks of a step hold nothing that is still to be used."""
        return number < self.working + self.feed.banks

    def write(self, number: int, of_rows: Any, of_columns: Any) -> None:
        """A share of a step's operands enters its banks, but for weights that have stayed."""
        step = self.steps[number]
        height, width = self._extent(step)
        if self._fill(self._row_bank(number), number, of_rows, self.working):
            self.counts[Trigger.ROW] += height
        bank, in_use = self._column_bank(step), self.steps[self.working].weights
        stayed = self._has_come(bank, step.weights)
        if not stayed and self._fill(bank, step.weights, of_columns, in_use):
            self.counts[Trigger.COLUMN] += width

    def _fill(self, bank: Bank, owner: int, content: Any, in_use: int) -> bool:
        """A share enters, the first one taking the bank over; whether it was the last."""
        if bank.owner != owner:
            if bank.content is not None and bank.owner >= in_use:
                raise RegisterHazardError("operands were overwritten before they were used")
            bank.owner, bank.shares, bank.content = owner, 0, content
        bank.shares += 1
        return bank.shares == self.feed.shares

    def _has_come(self, bank: Bank, owner: int) -> bool:
        return bank.owner == owner and bank.shares == self.feed.shares

    def _row_bank(self, number: int) -> Bank:
        return self.rows[number % self.feed.banks]

    def _column_bank(self, step: Step) -> Bank:
        return self.columns[step.weights % self.feed.banks]

    def block(self, step: Step) -> tuple[slice, slice]:
        """Rows and columns of the product that a step adds onto."""
        row, column = step.row * self.geometry.rows, step.column * self.geometry.columns
        return slice(row, row + self.geometry.rows), slice(column, column + self.geometry.columns)

    def _extent(self, step: Step) -> tuple[int, int]:
        """Rows and columns of lanes that have work in a step."""
        height, width = self.results[0][self.block(step)].shape
        return height, width
