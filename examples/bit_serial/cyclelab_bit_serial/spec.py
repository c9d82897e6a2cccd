"""What a bit-serial grid's YAML holds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from simulator.config import CyclelabError
from simulator.hardware.formats import FormatName
from simulator.hardware.matrix_unit import MatrixUnitSpec
from simulator.numerics import check_formats, format_named


class BitSerialGridSpec(MatrixUnitSpec):
    """R x C PEs. Activations come whole to rows, weights bit by bit to columns."""

    kind: Literal["bit_serial_grid"] = "bit_serial_grid"

    rows: int = Field(default=16, ge=1, le=1024, description="Rows of activations.")
    columns: int = Field(default=16, ge=1, le=1024, description="Columns of weights.")
    input_format: FormatName = Field(default="int8", description="Activations, signed integers.")
    weight_format: FormatName = Field(default="int4", description="Weights, signed integers.")
    accumulator_format: FormatName = Field(default="int32", description="Sums.")

    @model_validator(mode="after")
    def _signed_integers(self) -> BitSerialGridSpec:
        for name in (self.input_format, self.weight_format, self.accumulator_format):
            found = format_named(name)
            if found.kind != "int" or found.minimum != -(2 ** (found.bits - 1)):
                raise ValueError(f"bit_serial_grid: found {name}, expected a signed integer format")
        try:
            check_formats(self.input_format, self.weight_format, self.accumulator_format)
        except CyclelabError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def weight_bits(self) -> int:
        """Cycles that a product takes."""
        return format_named(self.weight_format).bits

    @property
    def term_bits(self) -> int:
        """Bits of an activation that was shifted to any place of a weight's bits."""
        return format_named(self.input_format).bits + self.weight_bits - 1

    @property
    def sum_bits(self) -> int:
        """Bits of a sum."""
        return format_named(self.accumulator_format).bits
