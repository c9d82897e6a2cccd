"""The register-level model: tables or activations, weight bits, and what lanes find."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.block_unit import Bank, BlockModel, Feed
from simulator.hardware.lut_tensor_core.spec import LutTensorCoreSpec
from simulator.hardware.lut_tensor_core.timing import geometry
from simulator.hardware.matrix_unit import tile_of
from simulator.numerics import Accumulator, as_format, format_named
from simulator.numerics.accumulate import blocks_of
from simulator.numerics.lookup import Table, full_table, half_table, plane_indices, scaled


class LutModel(BlockModel):
    """A unit stepping through `repeats` tiles of one product, back to back.

    Rows hold table entries or activations, columns the index of a sum per weight bit, as
    it is stored.
    """

    def __init__(
        self, spec: LutTensorCoreSpec, inputs: NDArray[Any], weights: NDArray[Any], repeats: int
    ) -> None:
        self.spec, self.how = spec, spec.arithmetic
        double = spec.double_buffer
        super().__init__(
            geometry(spec),
            Feed(banks=2, shares=spec.weight_bits) if double else Feed(banks=1, shares=1),
            (lambda selected: selected,) * (spec.pipeline_stages - 1),
            Accumulator(format_named(spec.accumulator_format)),
            tile_of(inputs, weights, repeats),
            repeats,
        )
        self.table = Table(format_named(spec.table_format), spec.table_overflow)
        self.inputs = self.table.operand(
            blocks_of(as_format(inputs, spec.input_format), spec.depth)
        )
        self.indices = self._stored(plane_indices(weights, self.how))
        self.building: tuple[int, NDArray[Any], NDArray[Any]] | None = None

    def lanes(self, bank: Bank, cycle: int) -> NDArray[Any]:
        """All lanes meet one bit of their weights: a sum, times what the bit counts."""
        found = self._looked_up(bank.of_rows, bank.of_columns[cycle])
        return scaled(found, self.how.planes[cycle], self.accumulator)

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
        step = self.arriving
        if step < len(self.steps) and self.building is None:
            self.building = (step, *self.operands(step))
            self.arrived += 1

    def operands(self, step: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Activations of rows, or the sums of a table; weight bits of columns."""
        rows, columns = self.block(step)
        _, _, _, depth = self.steps[step]
        activations, bits = self.inputs[rows, depth], self.indices[:, depth, columns]
        if self.spec.sums == "adders":
            return activations, bits
        tables = half_table if self.spec.symmetric else full_table
        return self.table.stored(tables(activations, self.table)), bits

    def _stored(self, indices: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Weight bits as they lie in memory: what is negated in any case is so beforehand."""
        if self.spec.sums == "adders" or not self.spec.symmetric:
            return indices
        if self.spec.index_negation == "circuit":
            return indices
        return np.where(indices >= self.spec.entries, indices, indices ^ self.spec.entries - 1)
