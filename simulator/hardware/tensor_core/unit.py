"""The tensor core: its spec and its five faces put together."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from numpy.typing import NDArray

from simulator.hardware.block_unit import BlockUnit, Elements, Geometry, Ports
from simulator.hardware.dequantiser import dequantised
from simulator.hardware.formats import is_packed, narrower_integers
from simulator.hardware.matrix_unit import MatrixUnit, MatrixUnitSpec, register_matrix_unit
from simulator.hardware.tensor_core.parts import elements
from simulator.hardware.tensor_core.registers import TensorCoreModel
from simulator.hardware.tensor_core.spec import TensorCoreSpec
from simulator.hardware.tensor_core.timing import geometry
from simulator.numerics import format_named, tree_gemm


@register_matrix_unit("tensor_core")
class TensorCore(BlockUnit[TensorCoreSpec]):
    """The multiply-accumulate array of a tensor core; docs/tensor_cores.md has the model."""

    spec_type: ClassVar[type[MatrixUnitSpec]] = TensorCoreSpec

    @property
    def format_pairs(self) -> tuple[tuple[str, str], ...]:
        """The pair that comes in."""
        return ((self.spec.input_format, self.spec.weight_codes),)

    @cached_property
    def narrower(self) -> tuple[MatrixUnit[TensorCoreSpec], ...]:
        """Integers that are widened as they enter, if weights are packed in any case."""
        weights = format_named(self.spec.weight_format)
        if self.spec.stored_weight_format or not is_packed(weights):
            return ()
        return self.narrowed_to(narrower_integers(weights.name))

    @property
    def scales_weights(self) -> bool:
        """Whether weights are dequantised as they enter."""
        return self.spec.stored_weight_format is not None

    @property
    def accumulator_format(self) -> str:
        """Format of products, sums and outputs."""
        return self.spec.accumulator_format

    def compute(self, inputs: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
        """`inputs[m, k] · weights[k, n]` in the accumulator's format, in the tree's order.

        The order is an interpretation: what tensor cores round and when is not published.
        """
        spec = self.spec
        weights = dequantised(weights, spec.weight_codes, spec.weight_format)
        formats = (spec.input_format, spec.weight_format, spec.accumulator_format)
        return tree_gemm(inputs, weights, *formats, spec.depth)

    def model(self, inputs: NDArray[Any], weights: NDArray[Any], repeats: int) -> TensorCoreModel:
        """The register-level model of a product."""
        return TensorCoreModel(self.spec, inputs, weights, repeats)

    @cached_property
    def geometry(self) -> Geometry:
        """Lanes, depth and cycles."""
        return geometry(self.spec)

    @cached_property
    def elements(self) -> Elements:
        """Everything in the unit."""
        return elements(self.built)

    @cached_property
    def ports(self) -> Ports:
        """K activations of a row, and K weights of a column as they are stored."""
        spec = self.spec
        inputs, weights = format_named(spec.input_format), format_named(spec.weight_codes)
        return Ports(row_bits=spec.depth * inputs.bits, column_bits=spec.depth * weights.bits)


@register_matrix_unit("simd_dot")
class SimdDot(TensorCore):
    """Dot products by SIMD pipes: as many columns as pipes, as deep as one instruction."""
