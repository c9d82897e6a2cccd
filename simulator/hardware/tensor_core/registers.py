"""The register-level model: operands, products, the levels of the tree, running sums."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from numpy.typing import NDArray

from simulator.hardware.block_unit import BlockModel, Feed, Moving
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
        super().__init__(
            geometry(spec),
            Feed(banks=2 if spec.double_buffer else 1, shares=1),
            tuple(partial(self._levels, levels) for levels in spec.levels_per_stage),
            Accumulator(format_named(spec.accumulator_format)),
            tile_of(inputs, weights, repeats),
            repeats,
        )
        rows = self.accumulator.operand(as_format(inputs, spec.input_format))
        codes = dequantised(weights, spec.weight_codes, spec.weight_format)
        self.inputs = blocks_of(rows, spec.depth)
        self.weights = blocks_of(self.accumulator.operand(codes).T, spec.depth).T

    def operands(self, number: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """The step's K activations of each row and K weights of each column."""
        step = self.steps[number]
        rows, columns = self.block(step)
        return self.inputs[rows, step.depth], self.weights[:, step.depth, columns]

    def lanes(self, of_rows: NDArray[Any], of_columns: NDArray[Any], cycle: int) -> NDArray[Any]:
        """Products, [m, n, K]."""
        return self.accumulator.product(of_rows[:, None, :], of_columns.T[None, :, :])

    def _levels(self, levels: int, moving: Moving) -> Moving:
        """Some levels of the tree: K products of each lane become fewer sums, [m, n, sums]."""
        terms = moving.values
        for _ in range(levels):
            terms = add_neighbours(terms, self.accumulator)
        return replace(moving, values=terms)
