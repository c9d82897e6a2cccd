"""What the YAML of an SRAM-PIM array holds."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from simulator.config import CyclelabError
from simulator.hardware.formats import FormatName
from simulator.hardware.matrix_unit import MatrixUnitSpec
from simulator.hardware.sram_pim.latencies import latency_table
from simulator.hardware.sram_pim.layouts import LAYOUTS, Layout, LayoutName
from simulator.hardware.sram_pim.lut_gemv import (
    MOST_BASIS_WEIGHTS,
    check_fit,
    largest_basis_weights,
)
from simulator.hardware.sram_pim.reuse import ActivationSpec, ReuseSpec
from simulator.numerics import check_formats, format_named

WIDEST_WEIGHT = 8


class SramPimSpec(MatrixUnitSpec):
    """One SRAM array that computes, and the module that feeds it. Defaults are assumptions.

    `count` is the number of arrays.
    """

    kind: Literal["sram_pim"] = "sram_pim"

    rows: int = Field(default=256, ge=4, le=65536, description="Word lines of the array.")
    columns: int = Field(default=256, ge=1, le=65536, description="Columns of the array.")
    layout: LayoutName = Field(
        default="bit_serial",
        description="bit_serial: an output per column, bits of tables and sums in consecutive "
        "rows; bit_parallel: an entry of the table per row, sums in the feeding module.",
    )
    basis_weights: int | None = Field(
        default=None,
        ge=1,
        le=MOST_BASIS_WEIGHTS,
        description="Weights per table, k, which has 2^k entries; left out: for every tile the "
        "k with the fewest cycles.",
    )
    input_format: FormatName = Field(
        default="int8", description="Number format of activations: int2 to int16."
    )
    weight_format: FormatName = Field(
        default="int4", description="Number format of weights: int, uint of 1 to 8 bits, ternary."
    )
    accumulator_format: FormatName = Field(
        default="int32", description="Number format of outputs, and of sums in the feeding module."
    )
    latencies: str = Field(
        default="neural_cache",
        description="bit_serial: table of in-array latencies for additions: neural_cache, "
        "infinity_stream, mve, or a file.",
    )
    batch_sums: int = Field(
        default=32,
        ge=8,
        le=4096,
        multiple_of=8,
        description="bit_parallel: rows of a batch whose sums the feeding module holds.",
    )

    @field_validator("latencies")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            latency_table(name)
        except CyclelabError as error:
            raise ValueError(str(error)) from None
        return name

    @model_validator(mode="after")
    def _consistent(self) -> SramPimSpec:
        inputs, weights = format_named(self.input_format), format_named(self.weight_format)
        if not inputs.consecutive or not inputs.signed or not 2 <= inputs.bits <= 16:
            raise ValueError(f"input_format: found {inputs.name}, expected int2 to int16")
        if not weights.consecutive or weights.bits > WIDEST_WEIGHT:
            raise ValueError(
                f"weight_format: found {weights.name}, expected int, uint or ternary of at most "
                f"{WIDEST_WEIGHT} bits"
            )
        try:
            check_formats(self.input_format, self.weight_format, self.accumulator_format)
            self._check_additions()
        except CyclelabError as error:
            raise ValueError(str(error)) from None
        try:
            # Products of more inputs have wider sums: each is checked when it is there.
            check_fit(self.array_layout, self.basis_weights or 1, 1, self.basis_weights or 1)
        except CyclelabError as error:
            key = "rows" if self.basis_weights is None else "basis_weights"
            raise ValueError(f"{key}: {error}") from None
        return self

    def _check_additions(self) -> None:
        """Raise CyclelabError if the table has no cycles of additions, or fewer than one a bit."""
        table, layout = latency_table(self.latencies), self.array_layout
        for bits in range(layout.weight_bits, layout.entry_bits(MOST_BASIS_WEIGHTS) + 1):
            if table.add(bits) < bits:
                raise CyclelabError(
                    f"latencies: additions of {bits} bits take {table.add(bits)} cycles in "
                    f"{self.latencies}; an array adds one bit per cycle, expected {bits} or more"
                )

    @cached_property
    def array_layout(self) -> Layout:
        """Rows and cycles of its layout."""
        return LAYOUTS[self.layout](
            rows=self.rows,
            columns=self.columns,
            input_bits=format_named(self.input_format).bits,
            weight_bits=format_named(self.weight_format).bits,
            sum_bits=format_named(self.accumulator_format).bits,
            batch_sums=self.batch_sums,
            latencies=self.latencies,
        )

    @cached_property
    def widest_basis_weights(self) -> int:
        """The k that it is built for: the given one, or the largest that fits at all."""
        return self.basis_weights or largest_basis_weights(self.array_layout, 1, 1)


class ArraySpec(SramPimSpec):
    """An array, and what the module that feeds it remembers.

    reuse: None if it remembers nothing. activations: those that say how often it helps.
    """

    reuse: ReuseSpec | None = None
    activations: ActivationSpec | None = None

    def for_operands(self, inputs: str, weights: str, basis_weights: int | None) -> ArraySpec:
        """The same array for operands in these formats; raises CyclelabError if it takes none."""
        formats = {"input_format": inputs, "weight_format": weights}
        changes = formats | {"basis_weights": basis_weights}
        try:
            return ArraySpec.model_validate(self.model_dump() | changes)
        except ValidationError as error:
            what = error.errors()[0]
            raise CyclelabError(str(what.get("ctx", {}).get("error", what["msg"]))) from None

    @model_validator(mode="after")
    def _activations_for_reuse(self) -> ArraySpec:
        if self.activations is not None and self.reuse is None:
            raise ValueError("activations: are drawn for `reuse`, which is not there")
        return self
