"""The systolic array: its spec and its five faces put together."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from numpy.typing import NDArray

from simulator.hardware.formats import narrower_integers
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
from simulator.hardware.systolic_array import actions, function, parts
from simulator.hardware.systolic_array.actions import PathActions
from simulator.hardware.systolic_array.geometry import Geometry
from simulator.hardware.systolic_array.multipliers import MULTIPLIERS
from simulator.hardware.systolic_array.simulate import simulate
from simulator.hardware.systolic_array.spec import SystolicArraySpec
from simulator.hardware.systolic_array.timing import tile_timing
from simulator.numerics import format_named


@register_matrix_unit("systolic_array")
class SystolicArray(MatrixUnit[SystolicArraySpec]):
    """A systolic array of multiply-accumulate PEs; docs/systolic_arrays.md has the model."""

    spec_type: ClassVar[type[MatrixUnitSpec]] = SystolicArraySpec

    def __init__(self, spec: SystolicArraySpec, built: SystolicArraySpec | None = None) -> None:
        super().__init__(spec, built)
        self._geometry = Geometry.of(spec)

    @property
    def macs_per_cycle(self) -> int:
        """One multiply-accumulate per PE."""
        return self.spec.rows * self.spec.columns

    @property
    def title(self) -> str:
        """Kind and grid, `systolic_array 128×128`."""
        return f"{self.spec.kind} {self.spec.rows}×{self.spec.columns}"

    @property
    def granularity(self) -> Tile:
        """One fold; 1 for the streamed dimension, which is best long."""
        rows, columns = self.spec.rows, self.spec.columns
        if self.spec.dataflow == "output_stationary":
            return Tile(m=rows, n=columns, k=1)
        if self.spec.dataflow == "weight_stationary":
            return Tile(m=1, n=columns, k=rows)
        return Tile(m=columns, n=1, k=rows)

    @property
    def format_pairs(self) -> tuple[tuple[str, str], ...]:
        """The pair its multipliers are built for."""
        return ((self.spec.input_format, self.spec.weight_codes),)

    @cached_property
    def narrower(self) -> tuple[MatrixUnit[SystolicArraySpec], ...]:
        """Weights that are widened as they enter, and take what those of full width do."""
        spec, multiplier = self.spec, MULTIPLIERS[self.spec.multiplier]
        if spec.stored_weight_format or not multiplier.widens(format_named(spec.weight_format)):
            return ()
        return self.narrowed_to(narrower_integers(spec.weight_format))

    @property
    def scales_weights(self) -> bool:
        """Whether weights are dequantised as they enter."""
        return self.spec.stored_weight_format is not None

    @property
    def product_error(self) -> float:
        """That of its kind of multiplier."""
        return MULTIPLIERS[self.spec.multiplier].product_error(format_named(self.spec.input_format))

    @property
    def accumulator_format(self) -> str:
        """Format of products, sums and outputs."""
        return self.spec.accumulator_format

    def timing(self, tile: Tile) -> TileTiming:
        """Closed-form cycles of `tile`; see `timing` for the formulas and their source."""
        return tile_timing(self._geometry, tile)

    def compute(self, inputs: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
        """`inputs[m, k] · weights[k, n]` in the accumulator's format, bit-exact."""
        return function.product(self.spec, inputs, weights)

    def registers(
        self, inputs: NDArray[Any], weights: NDArray[Any], repeats: int = 1
    ) -> RegisterRun:
        """Step the product register by register; host time grows with cycles x PEs."""
        return simulate(self.spec, self._path_actions, inputs, weights, repeats)

    def structure(self) -> tuple[Part, ...]:
        """Parts of one array."""
        return parts.structure(self.built)

    def actions(self, tile: Tile) -> ActionCounts:
        """Multiplies, adds and register writes, as the register-level model counts them."""
        return actions.to_actions(self._path_actions, actions.action_counts(self.spec, tile))

    def traffic(self, tile: Tile, accumulate: bool = False) -> OperandTraffic:
        """Bytes at the array's edges; operands have to be packed in their buffers."""
        return actions.operand_traffic(self.spec, tile, accumulate)

    @cached_property
    def _path_actions(self) -> PathActions:
        return actions.path_actions(self.built)
