"""What a systolic array's YAML holds."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from simulator.config import CyclelabError
from simulator.config.plugins import Plugin
from simulator.hardware.dequantiser import check_stored
from simulator.hardware.formats import FormatName
from simulator.hardware.matrix_unit import MatrixUnitSpec
from simulator.hardware.systolic_array.multipliers import MULTIPLIERS, MultiplierName
from simulator.numerics import check_formats, format_named

MAX_SIDE = 65536

Dataflow = Literal["output_stationary", "weight_stationary", "input_stationary"]


class SystolicArraySpec(MatrixUnitSpec):
    """A grid of multiply-accumulate PEs; operands enter at its left and top edges."""

    sized_by: ClassVar[str] = "columns"

    kind: Literal["systolic_array"] = "systolic_array"

    rows: int = Field(ge=1, le=MAX_SIDE, description="PE rows.")
    columns: int = Field(ge=1, le=MAX_SIDE, description="PE columns.")
    dataflow: Dataflow = Field(description="Which operand stays in the PEs while the others move.")
    input_format: FormatName = Field(description="Number format of activations.")
    weight_format: FormatName = Field(description="Number format of weights.")
    stored_weight_format: FormatName | None = Field(
        default=None,
        description="Weights come in this format and are dequantised to weight_format, times "
        "their scale, where they enter the array.",
    )
    multiplier: MultiplierName = Field(
        default="array",
        description="What multiplies in a PE. shift_add: copies of the activation, gated by "
        "the bits of the weight and shifted, and an adder tree; same values, other parts. "
        "l_mul: codes of floats are added instead; products are approximate. flint: bases are "
        "multiplied and shifted.",
    )
    accumulator_format: FormatName = Field(
        description="Number format of products, partial sums and outputs."
    )
    input_register: bool = Field(
        default=False,
        description="A register where operands enter: one more cycle per fold, or per chain "
        "of folds that overlap.",
    )
    drain: Literal["serial", "parallel"] = Field(
        default="serial",
        description="Output stationary only. serial: outputs shift down through the used "
        "rows; parallel: every PE has an output port.",
    )
    double_buffer: bool = Field(
        default=False,
        description="Shadow registers let folds overlap: for the stationary operand, the next "
        "fold loads while this one streams; for outputs (output stationary), this fold drains "
        "while the next one streams.",
    )
    edge: Literal["true_size", "padded"] = Field(
        default="true_size",
        description="A fold that fills only part of the array takes the cycles of the part "
        "(outputs are tapped at its last row), or those of the whole array.",
    )

    @property
    def weight_codes(self) -> str:
        """Format in which weights come."""
        return self.stored_weight_format or self.weight_format

    def plugins(self) -> dict[str, Plugin | None]:
        """Also of what multiplies."""
        return super().plugins() | {"multiplier": MULTIPLIERS.plugin(self.multiplier)}

    @model_validator(mode="after")
    def _consistent(self) -> SystolicArraySpec:
        inputs, weights = format_named(self.input_format), format_named(self.weight_format)
        try:
            check_formats(self.input_format, self.weight_format, self.accumulator_format)
            MULTIPLIERS[self.multiplier].check(inputs, weights)
        except CyclelabError as error:
            raise ValueError(str(error)) from None
        check_stored(self.stored_weight_format, self.weight_format)
        if self.drain == "parallel" and self.dataflow != "output_stationary":
            raise ValueError(
                f"drain 'parallel' is an option of output_stationary; in {self.dataflow} "
                "the outputs leave at the bottom edge as they are made"
            )
        return self
