"""The register-level model: operands, products, the levels of the tree, running sums."""

from __future__ import annotations

from functools import partial
from typing import Any

from numpy.typing import NDArray

from simulator.hardware.block_unit import Bank, BlockModel, Feed
from simulator.hardware.dequantiser import dequantised
from simulator.hardware.matrix_unit import tile_of
from simulator.hardware.tensor_core.spec import TensorCoreSpec
from simulator.hardware.tensor_core.timing import geometry
from simulator.numerics import Accumulator, as_format, format_named
from simulator.numerics.accumulate import blocks_of
from simulator.numerics.tree import add_neighbours


class TensorCoreModel(BlockModel):
    """A core stepping through `repeats` tiles of one product, back to back.

    Rows hold K activations [m, K], columns K weights [K, n].
    """

    def __init__(
        self, spec: TensorCoreSpec, inputs: NDArray[Any], weights: NDArray[Any], repeats: int
    ) -> None:
        first, *others = spec.levels_per_stage
        self.first_levels = first
        super().__init__(
            geometry(spec),
            Feed(banks=2 if spec.double_buffer else 1, shares=1),
            tuple(partial(self._levels, levels) for levels in others),
            Accumulator(format_named(spec.accumulator_format)),
            tile_of(inputs, weights, repeats),
            repeats,
        )
        rows = self.accumulator.operand(as_format(inputs, spec.input_format))
        codes = dequantised(weights, spec.weight_codes, spec.weight_format)
        self.inputs = blocks_of(rows, spec.depth)
        self.weights = blocks_of(self.accumulator.operand(codes).T, spec.depth).T

    def operands(self, step: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """The step's K activations of each row and K weights of each column."""
        rows, columns = self.block(step)
        _, _, _, depth = self.steps[step]
        return self.inputs[rows, depth], self.weights[:, depth, columns]

    def lanes(self, bank: Bank, cycle: int) -> NDArray[Any]:
        """Products, and as much of the tree as is in the first stage."""
        pairs = bank.of_rows[:, None, :], bank.of_columns.T[None, :, :]
        return self._levels(self.first_levels, self.accumulator.product(*pairs))

    def _levels(self, levels: int, terms: NDArray[Any]) -> NDArray[Any]:
        """Some levels of the tree: K products of each lane become fewer sums, [m, n, sums]."""
        for _ in range(levels):
            terms = add_neighbours(terms, self.accumulator)
        return terms
