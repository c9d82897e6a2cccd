"""What a fusible array's YAML holds."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from simulator.config import CyclelabError
from simulator.hardware.formats import FormatName
from simulator.hardware.matrix_unit import MatrixUnitSpec
from simulator.hardware.systolic_array.spec import MAX_SIDE, SystolicArraySpec
from simulator.numerics import check_formats, format_named


class FusibleArraySpec(MatrixUnitSpec):
    """A grid of Fusion Units built for `max_bits`, run in the mode of one pair of formats."""

    sized_by: ClassVar[str] = "columns"

    kind: Literal["fusible_array"] = "fusible_array"

    rows: int = Field(ge=1, le=MAX_SIDE, description="Fusion Unit rows.")
    columns: int = Field(ge=1, le=MAX_SIDE, description="Fusion Unit columns.")
    max_bits: Literal[8, 16] = Field(
        default=8, description="Width of the operands whose product takes a whole unit."
    )
    brick_bits: Literal[2, 4] = Field(
        default=2, description="Width of a brick's operands, the narrowest that a unit takes."
    )
    input_format: FormatName = Field(description="Number format of activations: integers.")
    weight_format: FormatName = Field(description="Number format of weights: integers.")
    accumulator_format: FormatName = Field(description="Number format of partial sums and outputs.")
    dataflow: Literal["weight_stationary", "output_stationary"] = Field(
        default="weight_stationary",
        description="What stays in the units: weights, or sums.",
    )
    products: Literal["summed", "crossed"] = Field(
        default="summed",
        description="What the narrow products of a unit are. summed: each has operands of its "
        "own, and all are added to one sum; crossed: every input of the unit meets every "
        "weight of it, so that the columns of a unit, and its rows if outputs stay, have sums "
        "of their own.",
    )
    double_buffer: bool = Field(
        default=False,
        description="Shadow registers let folds overlap, as in a systolic array.",
    )

    @property
    def grid(self) -> SystolicArraySpec:
        """The systolic array that the units form: a unit is a PE, a word is `max_bits` wide."""
        widest = f"int{self.max_bits}"
        return SystolicArraySpec(
            rows=self.rows,
            columns=self.columns,
            dataflow=self.dataflow,
            input_format=widest,
            weight_format=widest,
            accumulator_format=self.accumulator_format,
            double_buffer=self.double_buffer,
        )

    @model_validator(mode="after")
    def _consistent(self) -> FusibleArraySpec:
        for field in ("input_format", "weight_format"):
            number_format = format_named(getattr(self, field))
            if not number_format.consecutive or number_format.bits > self.max_bits:
                raise ValueError(
                    f"{field}: found {number_format.name}, expected an integer of at most "
                    f"max_bits, {self.max_bits}: int, uint or ternary"
                )
        widest = f"int{self.max_bits}"
        try:
            check_formats(self.input_format, self.weight_format, self.accumulator_format)
            check_formats(widest, widest, self.accumulator_format)
        except CyclelabError as error:
            raise ValueError(str(error)) from None
        return self
