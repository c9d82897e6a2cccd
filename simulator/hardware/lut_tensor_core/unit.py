"""The LUT tensor core: its spec and its five faces put together."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

from numpy.typing import NDArray

from simulator.hardware.block_unit import BlockUnit, Elements, Geometry, Ports
from simulator.hardware.formats import narrower_integers
from simulator.hardware.lut_tensor_core.parts import elements
from simulator.hardware.lut_tensor_core.registers import LutModel
from simulator.hardware.lut_tensor_core.spec import LutTensorCoreSpec
from simulator.hardware.lut_tensor_core.timing import geometry
from simulator.hardware.matrix_unit import (
    MatrixUnit,
    MatrixUnitSpec,
    Preparation,
    register_matrix_unit,
)
from simulator.numerics import format_named, lookup_gemm


@register_matrix_unit("lut_tensor_core")
class LutTensorCore(BlockUnit[LutTensorCoreSpec]):
    """A LUT tensor core, weights bit by bit; docs/lut_tensor_cores.md has the model."""

    spec_type: ClassVar[type[MatrixUnitSpec]] = LutTensorCoreSpec

    @property
    def format_pairs(self) -> tuple[tuple[str, str], ...]:
        """The pair its tables and bits are made for."""
        return ((self.spec.input_format, self.spec.weight_format),)

    @cached_property
    def narrower(self) -> tuple[MatrixUnit[LutTensorCoreSpec], ...]:
        """Weights of fewer bits, in as many cycles per step as they have."""
        return self.narrowed_to(
            n for n in narrower_integers(self.spec.weight_format) if n != "ternary"
        )

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
        return Preparation(f"{kind}_{spec.depth}", Fraction(self.ports.row_bits, spec.depth))

    def compute(self, inputs: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
        """`inputs[m, k] · weights[k, n]` in the accumulator's format, bit-exact."""
        return lookup_gemm(inputs, weights, self.spec.arithmetic)

    def model(self, inputs: NDArray[Any], weights: NDArray[Any], repeats: int) -> LutModel:
        """The register-level model of a product."""
        return LutModel(self.spec, inputs, weights, repeats)

    @cached_property
    def geometry(self) -> Geometry:
        """Lanes, depth, cycles and what stays; see `timing` for the source of the cycles."""
        return geometry(self.spec)

    @cached_property
    def elements(self) -> Elements:
        """Everything in the unit, which acts whole, however few bits its weights have."""
        return elements(self.built)

    @cached_property
    def ports(self) -> Ports:
        """Tables with their scales or activations of a row, weights of a column."""
        spec = self.spec
        row = spec.depth * format_named(spec.input_format).bits
        if spec.sums == "table":
            row = spec.entries * spec.table_bits + spec.scale_bits
        return Ports(row_bits=row, column_bits=spec.depth * spec.weight_bits)
