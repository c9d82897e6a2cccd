"""The register-level model: tables or activations, weight bits, what lanes find, scales."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.block_unit import BlockModel, Feed, Moving, Stage
from simulator.hardware.lut_tensor_core.spec import LutTensorCoreSpec
from simulator.hardware.lut_tensor_core.timing import geometry
from simulator.hardware.matrix_unit import tile_of
from simulator.numerics import Accumulator, as_format, format_named
from simulator.numerics.accumulate import blocks_of
from simulator.numerics.lookup import plane_indices, scaled, scaled_step
from simulator.numerics.tables import ScaledTables, Table, full_table, half_table, scaled_tables


class Unscaled(NamedTuple):
    """Integers that lanes found, [m, n], and the scales of their tables, [m]."""

    values: NDArray[np.int64]
    scales: NDArray[Any]


class LutModel(BlockModel):
    """A unit stepping through `repeats` tiles of one product, back to back.

    Rows hold tables, with their scales if they have some, or activations; columns the
    index of a sum per weight bit, as it is stored.
    """

    def __init__(
        self, spec: LutTensorCoreSpec, inputs: NDArray[Any], weights: NDArray[Any], repeats: int
    ) -> None:
        self.spec, self.how = spec, spec.arithmetic
        double = spec.double_buffer
        super().__init__(
            geometry(spec),
            Feed(banks=2, shares=spec.weight_bits) if double else Feed(banks=1, shares=1),
            self._stages(),
            Accumulator(format_named(spec.accumulator_format)),
            tile_of(inputs, weights, repeats),
            repeats,
        )
        self.table = Table(format_named(self.how.sum_format), spec.table_overflow)
        stored = as_format(inputs, spec.input_format)
        self.inputs = self.table.operand(blocks_of(stored, spec.depth))
        self.indices = self._stored(plane_indices(weights, self.how))
        self.step_sum = np.zeros((0, 0), np.int64)
        self.building: tuple[int, Any, NDArray[np.uint8]] | None = None

    def lanes(
        self, of_rows: NDArray[Any] | ScaledTables, of_columns: NDArray[np.uint8], cycle: int
    ) -> NDArray[Any] | Unscaled:
        """All lanes meet one bit of their weights: a sum, times what the bit counts."""
        bits, value = of_columns[cycle], self.how.planes[cycle]
        if isinstance(of_rows, ScaledTables):
            found = self._looked_up(of_rows.codes, bits)
            return Unscaled(value * found.astype(np.int64), of_rows.scales)
        return scaled(self._looked_up(of_rows, bits), value, self.accumulator)

    def _stages(self) -> tuple[Stage, ...]:
        """Selection may be a stage of its own; the product with a scale is one."""
        selection: tuple[Stage, ...] = (lambda moving: moving,)
        if not self.spec.scale_bits:
            return selection * self.spec.pipeline_stages
        return (*selection * (self.spec.pipeline_stages - 1), self._add_bits, self._scale)

    def _add_bits(self, moving: Moving) -> Moving | None:
        """Integers are added up over the bits of a step, and handed on with the last."""
        values, scales = moving.values
        self.step_sum = values + self.step_sum if moving.cycle else values
        if moving.cycle < self.spec.weight_bits - 1:
            return None
        return replace(moving, values=Unscaled(self.step_sum, scales))

    def _scale(self, moving: Moving) -> Moving:
        """A step's integer sums times the scales of their tables."""
        values, scales = moving.values
        return replace(moving, values=scaled_step(values, scales, self.accumulator))

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
    def arrive(self) -> None:
        """The next share of operands; tables are built of it in the cycle after."""
        if self.spec.sums != "built_table":
            super().arrive()
            return
        if self.building is not None and self.is_free(self.building[0]):
            self.write(*self.building)
            self.building = None
        number = self.arriving
        if number < len(self.steps) and self.building is None:
            self.building = (number, *self.operands(number))
            self.arrived += 1

    def operands(self, number: int) -> tuple[NDArray[Any] | ScaledTables, NDArray[np.uint8]]:
        """Activations of rows, or their tables; weight bits of columns, [planes, n]."""
        step = self.steps[number]
        rows, columns = self.block(step)
        bits = self.indices[:, step.depth, columns]
        return self._of_rows(self.inputs[rows, step.depth]), bits

    def _of_rows(self, activations: NDArray[Any]) -> NDArray[Any] | ScaledTables:
        spec = self.spec
        if spec.sums == "adders":
            return activations
        sums = (half_table if spec.symmetric else full_table)(activations, self.table)
        if spec.table_scale_format is None:
            return self.table.stored(sums)
        return scaled_tables(sums, spec.table_format, spec.table_scale_format)

    def _stored(self, indices: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Weight bits as they lie in memory: what is negated in any case is so beforehand."""
        if self.spec.sums == "adders" or not self.spec.symmetric:
            return indices
        if self.spec.index_negation == "circuit":
            return indices
        return np.where(indices >= self.spec.entries, indices, indices ^ self.spec.entries - 1)
