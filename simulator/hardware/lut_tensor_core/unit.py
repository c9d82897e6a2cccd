"""The LUT tensor core: its spec and its five faces put together."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

from numpy.typing import NDArray

from simulator.hardware.lut_tensor_core import parts
from simulator.hardware.lut_tensor_core.parts import Trigger
from simulator.hardware.lut_tensor_core.registers import LutModel
from simulator.hardware.lut_tensor_core.spec import LutTensorCoreSpec
from simulator.hardware.lut_tensor_core.timing import Geometry, tile_timing
from simulator.hardware.matrix_unit import (
    MatrixUnit,
    MatrixUnitSpec,
    OperandTraffic,
    Preparation,
    RegisterRun,
    Tile,
    TileTiming,
    register_matrix_unit,
)
from simulator.hardware.primitives import Action, ActionCounts, Part
from simulator.numerics import format_named, lookup_gemm


@register_matrix_unit("lut_tensor_core")
class LutTensorCore(MatrixUnit[LutTensorCoreSpec]):
    """A LUT tensor core, weights bit by bit; docs/lut_tensor_cores.md has the model."""

    spec_type: ClassVar[type[MatrixUnitSpec]] = LutTensorCoreSpec

    def __init__(self, spec: LutTensorCoreSpec) -> None:
        super().__init__(spec)
        self._geometry = Geometry.of(spec)

    @property
    def macs_per_cycle(self) -> Fraction:
        """M · N · K products in the W cycles of a step."""
        spec = self.spec
        return Fraction(spec.rows * spec.columns * spec.depth, spec.weight_bits)

    @property
    def granularity(self) -> Tile:
        """One step."""
        return Tile(m=self.spec.rows, n=self.spec.columns, k=self.spec.depth)

    @property
    def title(self) -> str:
        """Kind and lanes, `lut_tensor_core M2 N64 K4`."""
        return f"{self.spec.kind} M{self.spec.rows} N{self.spec.columns} K{self.spec.depth}"

    @property
    def format_pairs(self) -> tuple[tuple[str, str], ...]:
        """The pair its tables and bits are made for."""
        return ((self.spec.input_format, self.spec.weight_format),)

    @property
    def accumulator_format(self) -> str:
        """Format of partial sums and outputs."""
        return self.spec.accumulator_format

    @property
    def rounding_formats(self) -> tuple[str, ...]:
        """Sums of activations round, too, and scales."""
        spec = self.spec
        scale = (spec.table_scale_format,) if spec.table_scale_format else ()
        return (spec.table_format, *scale, spec.accumulator_format)

    @property
    def preparation(self) -> Preparation | None:
        """Tables of K activations each, with their scales, if they are not made in the unit."""
        spec = self.spec
        if spec.sums != "table":
            return None
        kind = "half_table" if spec.symmetric else "full_table"
        if spec.scale_bits:
            kind = f"scaled_{kind}"
        return Preparation(f"{kind}_{spec.depth}", self._port_bits[0] / spec.depth)

    def timing(self, tile: Tile) -> TileTiming:
        """Closed-form cycles of `tile`; see `timing` for the formulas and their source."""
        return tile_timing(self._geometry, tile)

    def compute(self, inputs: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
        """`inputs[m, k] · weights[k, n]` in the accumulator's format, bit-exact."""
        return lookup_gemm(inputs, weights, self.spec.arithmetic)

    def registers(
        self, inputs: NDArray[Any], weights: NDArray[Any], repeats: int = 1
    ) -> RegisterRun:
        """Step the product register by register; host time grows with its steps."""
        model = LutModel(self.spec, inputs, weights, repeats)
        values, cycles = model.run()
        return RegisterRun(values, cycles, self._actions(model.counts))

    def structure(self) -> tuple[Part, ...]:
        """Parts of one unit."""
        return parts.structure(self.spec)

    def actions(self, tile: Tile) -> ActionCounts:
        """What the parts do, as the register-level model counts it.

        Lanes, rows and columns beyond the tile are still; k is filled up with zeros,
        which act like other activations.
        """
        row_blocks, column_blocks, depth = self._geometry.blocks(tile)
        bits = self._geometry.weight_bits
        lane_steps = tile.m * tile.n * depth
        counts = {
            Trigger.ROW: tile.m * column_blocks * depth,
            Trigger.COLUMN: tile.n * self._weight_visits(row_blocks) * depth,
            Trigger.COLUMN_BIT: tile.n * row_blocks * depth * bits,
            Trigger.LANE_BIT: lane_steps * bits,
            Trigger.LANE_STEP: lane_steps,
        }
        return self._actions(counts)

    def traffic(self, tile: Tile, accumulate: bool = False) -> OperandTraffic:
        """Bytes at the port: tables or activations, weights, and sums as they leave.

        Rows come again for every block of columns, and columns for every block of rows
        unless weights stay. Sums kept in a buffer are written by every step, and read by
        all but the first.
        """
        row_blocks, column_blocks, depth = self._geometry.blocks(tile)
        row_bits, column_bits, sum_bits = self._port_bits
        sums = -(-tile.m * tile.n * sum_bits // 8)
        weight_visits = self._weight_visits(row_blocks)
        visits = depth if self.spec.partial_sums == "buffer" else 1
        return OperandTraffic(
            input_read_bytes=-(-tile.m * column_blocks * depth * row_bits // 8),
            weight_read_bytes=-(-tile.n * weight_visits * depth * column_bits // 8),
            psum_read_bytes=sums * (visits - 1 + accumulate),
            psum_write_bytes=sums * visits,
        )

    def _weight_visits(self, row_blocks: int) -> int:
        """How often the weights of a step come."""
        return 1 if self.spec.stationary == "weights" else row_blocks

    @cached_property
    def _port_bits(self) -> tuple[int, int, int]:
        """Bits of a row's operands and of a column's in a step, and of a sum."""
        spec = self.spec
        row = spec.depth * format_named(spec.input_format).bits
        if spec.sums == "table":
            row = spec.entries * spec.table_bits + spec.scale_bits
        return row, spec.depth * spec.weight_bits, format_named(spec.accumulator_format).bits

    @cached_property
    def _triggered(self) -> dict[Trigger, list[tuple[Action, int]]]:
        return parts.actions(self.spec)

    def _actions(self, counts: dict[Trigger, int]) -> ActionCounts:
        result = ActionCounts()
        for trigger, times in counts.items():
            for action, share in self._triggered[trigger]:
                result.add(action, share * times)
        return result
