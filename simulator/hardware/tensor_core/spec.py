"""What a tensor core's YAML holds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from simulator.config import CyclelabError
from simulator.hardware.dequantiser import check_stored
from simulator.hardware.formats import FormatName, check_binary
from simulator.hardware.matrix_unit import MatrixUnitSpec
from simulator.numerics import check_formats, format_named

MOST_STAGES = 4


class TensorCoreSpec(MatrixUnitSpec):
    """M x N lanes, each of which multiplies K activations by K weights in every cycle.

    kind: a GPU's tensor core, or what the SIMD pipes of a CPU's core do when they multiply
        and add up short vectors (`simd_dot`).
    """

    kind: Literal["tensor_core", "simd_dot"] = "tensor_core"

    rows: int = Field(default=8, ge=1, le=1024, description="Rows of activations, M.")
    columns: int = Field(default=4, ge=1, le=65536, description="Columns of weights, N.")
    depth: int = Field(default=8, ge=1, le=1024, description="Products per lane and cycle, K.")
    input_format: FormatName = Field(description="Number format of activations.")
    weight_format: FormatName = Field(description="Number format of weights.")
    stored_weight_format: FormatName | None = Field(
        default=None,
        description="Weights come in this format and are dequantised to weight_format, times "
        "their scale, where they enter the core.",
    )
    accumulator_format: FormatName = Field(
        description="Number format of products, partial sums and outputs."
    )
    partial_sums: Literal["lanes", "buffer"] = Field(
        default="lanes",
        description="Where sums are between steps: in the lanes until k is done, or in a buffer "
        "(a register file) that every step reads and writes.",
    )
    double_buffer: bool = Field(
        default=True,
        description="Two banks of operand registers, one of which is filled while the lanes "
        "work on the other; else one, filled at the edge that ends the step.",
    )
    pipeline_stages: int = Field(
        default=1,
        ge=1,
        le=MOST_STAGES,
        description="From operand registers to accumulators: 2 with a register behind the "
        "multipliers, 3 with a further one behind the adder tree, 4 with one half way up it.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> TensorCoreSpec:
        operands = format_named(self.input_format), format_named(self.weight_format)
        try:
            check_binary(self.kind, *operands)
            check_formats(self.input_format, self.weight_format, self.accumulator_format)
        except CyclelabError as error:
            raise ValueError(str(error)) from None
        check_stored(self.stored_weight_format, self.weight_format)
        needed = self.pipeline_stages - 2
        if self.tree_levels < needed:
            raise ValueError(
                f"pipeline_stages: {self.pipeline_stages} need a tree of {needed} levels of "
                f"adders or more; a depth of {self.depth} has {self.tree_levels}"
            )
        return self

    @property
    def weight_codes(self) -> str:
        """Format in which weights come."""
        return self.stored_weight_format or self.weight_format

    @property
    def tree_levels(self) -> int:
        """Adders that a product passes before its step is summed, ⌈log2 K⌉."""
        return (self.depth - 1).bit_length()

    @property
    def levels_per_stage(self) -> tuple[int, ...]:
        """Levels of the adder tree in each stage; a register stands behind all but the last.

        Multipliers are in the first stage, the addition onto the running sum in the last.
        """
        levels = self.tree_levels
        lower = (levels + 1) // 2
        return {
            1: (levels,),
            2: (0, levels),
            3: (0, levels, 0),
            MOST_STAGES: (0, lower, levels - lower, 0),
        }[self.pipeline_stages]
