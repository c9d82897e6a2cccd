"""The register-level model: operands, bits, lanes and sums, one clock edge at a time.

Operands of a step come through a port into one bank of registers while the lanes work
on the other: a bit of all weights and a share of the sums per cycle. With one bank
they come all at once, at the edge that ends the step before. Nothing here knows the
formulas of `timing`: the cycle count is the number of edges until the last sum has left.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.lut_tensor_core.parts import Trigger
from simulator.hardware.lut_tensor_core.spec import LutTensorCoreSpec
from simulator.hardware.lut_tensor_core.timing import Geometry
from simulator.hardware.matrix_unit import tile_of
from simulator.numerics import Accumulator, as_format, format_named
from simulator.numerics.lookup import (
    Table,
    blocks_of,
    full_table,
    half_table,
    plane_indices,
    scaled,
)


class RegisterHazardError(RuntimeError):
    """A register was read before it was written, or written before it was read."""


@dataclass(slots=True)
class Bank:
    """Operands of one step: which step, and how much of it has come.

    operands: per row, table entries or activations. bits: per weight bit and column,
    the index of a sum as it is stored.
    """

    step: int = -1
    shares: int = 0
    operands: NDArray[Any] = field(default_factory=lambda: np.zeros(0))
    bits: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))


@dataclass(frozen=True, slots=True)
class Selected:
    """What a lane's selection hands to its adder: sums times the weight of their bit."""

    step: int
    plane: int
    values: NDArray[Any]


class LutModel:
    """A unit stepping through `repeats` tiles of one product, back to back."""

    def __init__(
        self, spec: LutTensorCoreSpec, inputs: NDArray[Any], weights: NDArray[Any], repeats: int
    ) -> None:
        self.spec, self.how = spec, spec.arithmetic
        tile = tile_of(inputs, weights, repeats)
        rows, columns, self.depth = Geometry.of(spec).blocks(tile)
        self.steps = list(product(range(repeats), range(rows), range(columns), range(self.depth)))
        self.table = Table(format_named(spec.table_format), spec.table_overflow)
        self.accumulator = Accumulator(format_named(spec.accumulator_format))
        self.inputs = self.table.operand(
            blocks_of(as_format(inputs, spec.input_format), spec.depth)
        )
        self.indices = self._stored(plane_indices(weights, self.how))
        self.counts: Counter[Trigger] = Counter()
        self.results = self.accumulator.zeros((repeats, tile.m, tile.n))
        self.banks = [Bank() for _ in range(2 if spec.double_buffer else 1)]
        self.building: tuple[int, NDArray[Any]] | None = None
        self.arrived = 0  # shares of operands that have come through the port
        self.working, self.plane = 0, 0
        self.stage: Selected | None = None
        self.sums = self.accumulator.zeros((0, 0))
        self.leaving: tuple[int, NDArray[Any]] | None = None
        self.left = 0

    def run(self) -> tuple[NDArray[Any], int]:
        """Step until the last sum has left: the product and the cycles taken."""
        cycles = 0
        outputs = len(self.steps) // self.depth
        with np.errstate(all="ignore"):
            while self.left < outputs:
                self._edge()
                cycles += 1
                if cycles > 4 * (len(self.steps) + 4) * self.spec.weight_bits:
                    raise RegisterHazardError("sums are missing and nothing moves any more")
        for each in self.results[1:]:
            if not np.array_equal(each, self.results[0], equal_nan=True):
                raise RegisterHazardError("repeats differ")
        return self.accumulator.stored(self.results[0]), cycles

    # -- one clock edge, from the outputs back to the port -----------------------
    def _edge(self) -> None:
        self._leave()
        selected = self._select()
        if self.spec.pipeline_stages == 2:
            self.stage, selected = selected, self.stage
        if selected is not None:
            self._accumulate(selected)
        self._arrive()

    def _leave(self) -> None:
        """Sums that were completed in the cycle before go through the output port."""
        if self.leaving is None:
            return
        step, sums = self.leaving
        repeat, row, column, _ = self.steps[step]
        rows, columns = self._lanes(row, column)
        self.results[repeat, rows, columns] = sums
        self.left += 1
        self.leaving = None

    def _accumulate(self, selected: Selected) -> None:
        _, _, _, depth = self.steps[selected.step]
        if depth == 0 and selected.plane == 0:
            self.sums = np.zeros_like(selected.values)
        self.sums = self.accumulator.add(self.sums, selected.values)
        if depth == self.depth - 1 and selected.plane == self.spec.weight_bits - 1:
            self.leaving = (selected.step, self.sums)

    def _select(self) -> Selected | None:
        """All lanes meet one bit of their weights."""
        bank = self.banks[self.working % len(self.banks)]
        if self.working == len(self.steps) or bank.step != self.working:
            return None
        if bank.shares < self._shares:
            return None
        found = self._looked_up(bank.operands, bank.bits[self.plane])
        self.counts[Trigger.LANE_BIT] += found.size
        self.counts[Trigger.COLUMN_BIT] += found.shape[1]
        value = self.how.planes[self.plane]
        selected = Selected(self.working, self.plane, scaled(found, value, self.accumulator))
        self.plane += 1
        if self.plane == self.spec.weight_bits:
            self.working, self.plane = self.working + 1, 0
        return selected

    def _looked_up(self, operands: NDArray[Any], bits: NDArray[np.uint8]) -> NDArray[Any]:
        """Sums of a row's activations by the stored bits of a column's weights, [m, n]."""
        if self.spec.sums == "adders":
            return self._added(operands, bits)
        if not self.spec.symmetric:
            return operands[:, bits]
        low, positive = bits & self.spec.entries - 1, bits >= self.spec.entries
        if self.spec.index_negation == "circuit":
            low = np.where(positive, low, low ^ self.spec.entries - 1)
        found = operands[:, low]
        return np.where(positive[None, :], found, -found)

    def _added(self, operands: NDArray[Any], bits: NDArray[np.uint8]) -> NDArray[Any]:
        """Every lane adds its K activations, signed or gated by their bits."""
        chosen = (bits[:, None] >> np.arange(self.spec.depth) & 1).astype(bool)
        off = -operands if self.spec.symmetric else np.zeros_like(operands)
        terms = np.where(chosen[None], operands[:, None, :], off[:, None, :])
        return self.table.stored(self._tree(terms))

    def _tree(self, terms: NDArray[Any]) -> NDArray[Any]:
        if not self.spec.symmetric:
            total = np.zeros_like(terms[..., 0])
            for place in range(self.spec.depth):
                total = self.table.add(total, terms[..., place])
            return total
        if terms.shape[-1] == 1:
            return terms[..., 0]
        pair = self.table.add(terms[..., 1], terms[..., 0])
        if terms.shape[-1] == 2:
            return pair
        return self.table.add(self._tree(terms[..., 2:]), pair)

    # -- operands --------------------------------------------------------------
    @property
    def _shares(self) -> int:
        """Cycles that the port takes for the operands of a step."""
        return self.spec.weight_bits if self.spec.double_buffer else 1

    def _arrive(self) -> None:
        """The port hands over the next share of operands, if there is room for it."""
        if self.building is not None and self._is_free(self.building[0]):
            self._write(*self.building)
            self.building = None
        step = self.arrived // self._shares
        if step == len(self.steps):
            return
        if self.spec.sums == "built_table":
            if self.building is not None:
                return
            self.building = (step, self._operands(step))
        elif self._is_free(step):
            self._write(step, self._operands(step))
        else:
            return
        self.arrived += 1

    def _is_free(self, step: int) -> bool:
        """Whether the bank of a step holds nothing that is still to be used."""
        return step < self.working + len(self.banks)

    def _write(self, step: int, operands: NDArray[Any]) -> None:
        """A share of a step's operands enters its bank; the first one takes it over."""
        bank = self.banks[step % len(self.banks)]
        if bank.step != step:
            if step and bank.step >= self.working:
                raise RegisterHazardError("operands were overwritten before they were used")
            _, _, column, depth = self.steps[step]
            _, columns = self._lanes(0, column)
            bank.step, bank.shares = step, 0
            bank.operands, bank.bits = operands, self.indices[:, depth, columns]
        bank.shares += 1
        if bank.shares == self._shares:
            self.counts[Trigger.ROW] += bank.operands.shape[0]
            self.counts[Trigger.COLUMN] += bank.bits.shape[1]

    def _operands(self, step: int) -> NDArray[Any]:
        """What the registers of rows hold in a step: activations, or the sums of a table."""
        _, row, _, depth = self.steps[step]
        rows, _ = self._lanes(row, 0)
        activations = self.inputs[rows, depth]
        if self.spec.sums == "adders":
            return activations
        tables = half_table if self.spec.symmetric else full_table
        return self.table.stored(tables(activations, self.table))

    def _stored(self, indices: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Weight bits as they lie in memory: what is negated in any case is so beforehand."""
        if self.spec.sums == "adders" or not self.spec.symmetric:
            return indices
        if self.spec.index_negation == "circuit":
            return indices
        return np.where(indices >= self.spec.entries, indices, indices ^ self.spec.entries - 1)

    def _lanes(self, row: int, column: int) -> tuple[slice, slice]:
        """Rows and columns of the product in a block."""
        rows, columns = self.spec.rows, self.spec.columns
        return slice(row * rows, (row + 1) * rows), slice(column * columns, (column + 1) * columns)
