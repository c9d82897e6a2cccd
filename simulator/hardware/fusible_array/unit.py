"""The fusible array: its spec and its five faces put together.

A unit is a PE of a systolic array whose words hold several operands, so cycles and
counts are those of the systolic array on a tile whose sizes are counted in units.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from numpy.typing import NDArray

from simulator.hardware.formats import narrower_integers
from simulator.hardware.fusible_array import parts
from simulator.hardware.fusible_array.mode import Mode
from simulator.hardware.fusible_array.simulate import simulate
from simulator.hardware.fusible_array.spec import FusibleArraySpec
from simulator.hardware.matrix_unit import (
    MatrixUnit,
    MatrixUnitSpec,
    OperandTraffic,
    RegisterRun,
    Tile,
    TileTiming,
    register_matrix_unit,
)
from simulator.hardware.primitives import ActionCounts, Part
from simulator.hardware.systolic_array.actions import action_counts, to_actions, traffic_of_blocks
from simulator.hardware.systolic_array.geometry import Extents, Geometry
from simulator.hardware.systolic_array.timing import tile_timing
from simulator.numerics import reference_gemm


@register_matrix_unit("fusible_array")
class FusibleArray(MatrixUnit[FusibleArraySpec]):
    """An array of Fusion Units in one mode; docs/fusible_arrays.md has the model."""

    spec_type: ClassVar[type[MatrixUnitSpec]] = FusibleArraySpec

    def __init__(self, spec: FusibleArraySpec, built: FusibleArraySpec | None = None) -> None:
        super().__init__(spec, built)
        self.mode = Mode.of(spec)
        self._grid = spec.grid
        self._geometry = Geometry.of(self._grid)
        self._path_actions = parts.path_actions(self._grid, self.mode)

    @property
    def macs_per_cycle(self) -> int:
        """f_i · f_w products per unit."""
        mode = self.mode
        return self.spec.rows * self.spec.columns * mode.input_fan * mode.weight_fan

    @property
    def title(self) -> str:
        """Kind, units and what they are built for, `fusible_array 16×16 of 8 bits`."""
        spec = self.spec
        return f"{spec.kind} {spec.rows}×{spec.columns} of {spec.max_bits} bits"

    @property
    def granularity(self) -> Tile:
        """One fold of full units; one unit's products for the streamed dimension."""
        rows, columns, fan = self.spec.rows, self.spec.columns, self.mode.fan
        if self.spec.dataflow == "output_stationary":
            return Tile(m=rows * fan.m, n=columns * fan.n, k=fan.k)
        return Tile(m=fan.m, n=columns * fan.n, k=rows * fan.k)

    @property
    def format_pairs(self) -> tuple[tuple[str, str], ...]:
        """The pair of its mode."""
        return ((self.spec.input_format, self.spec.weight_format),)

    @cached_property
    def narrower(self) -> tuple[MatrixUnit[FusibleArraySpec], ...]:
        """Weights of fewer bits, in modes of their own."""
        return self.narrowed_to(narrower_integers(self.spec.weight_format))

    @property
    def accumulator_format(self) -> str:
        """Format of sums and outputs."""
        return self.spec.accumulator_format

    def timing(self, tile: Tile) -> TileTiming:
        """Cycles of the systolic array of units, for `tile` counted in units."""
        return tile_timing(self._geometry, self.mode.in_units(tile))

    def compute(self, inputs: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
        """`inputs[m, k] · weights[k, n]` in the accumulator's format, exact.

        Raises AccumulatorOverflowError if a sum does not fit; sums within a unit do.
        """
        spec, depth = self.spec, self.mode.fan.k
        stays = spec.dataflow == "output_stationary"
        return reference_gemm(
            inputs,
            weights,
            spec.input_format,
            spec.weight_format,
            spec.accumulator_format,
            segment=None if stays else spec.rows * depth,
            group=depth,
        )

    def registers(
        self, inputs: NDArray[Any], weights: NDArray[Any], repeats: int = 1
    ) -> RegisterRun:
        """Step the product register by register; host time grows with cycles x bricks."""
        return simulate(self.spec, inputs, weights, repeats)

    def structure(self) -> tuple[Part, ...]:
        """Parts of one array, whatever its mode."""
        return parts.structure(self._grid, self.mode)

    def actions(self, tile: Tile) -> ActionCounts:
        """What the parts do in this mode, as the register-level model counts it."""
        counts = action_counts(self._grid, self.mode.in_units(tile))
        return to_actions(self._path_actions, counts)

    def traffic(self, tile: Tile, accumulate: bool = False) -> OperandTraffic:
        """Bytes at the array's edges; operands are packed in their buffers."""
        spec = self.spec
        extents = Extents.of(spec.dataflow, self.mode.in_units(tile))
        blocks = -(-extents.rows // spec.rows), -(-extents.columns // spec.columns)
        formats = spec.input_format, spec.weight_format, spec.accumulator_format
        return traffic_of_blocks(spec.dataflow, tile, blocks, formats, accumulate)
