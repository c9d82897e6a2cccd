"""What a LUT tensor core's YAML holds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from simulator.config import CyclelabError
from simulator.hardware.formats import FormatName, check_binary
from simulator.hardware.matrix_unit import MatrixUnitSpec
from simulator.numerics import LookupGemm, format_named

Sums = Literal["table", "built_table", "adders"]


class LutTensorCoreSpec(MatrixUnitSpec):
    """M x N lanes, each of which meets K activations with one bit of K weights per cycle."""

    kind: Literal["lut_tensor_core"] = "lut_tensor_core"

    rows: int = Field(default=2, ge=1, le=1024, description="Rows of activations, M.")
    columns: int = Field(default=64, ge=1, le=65536, description="Columns of weights, N.")
    depth: int = Field(default=4, ge=1, le=8, description="Activations per sum, K.")
    input_format: FormatName = Field(description="Number format of activations.")
    weight_format: FormatName = Field(
        description="Number format of weights: one bit of it per cycle. bipolar1 … bipolar8 "
        "have half tables, other integers full ones."
    )
    table_format: FormatName = Field(description="Number format of the sums of K activations.")
    accumulator_format: FormatName = Field(description="Number format of partial sums.")
    sums: Sums = Field(
        default="table",
        description="table: tables come ready from the buffer; built_table: activations come, "
        "and the unit makes tables of them, whenever they come; adders: no table, every lane "
        "adds its K activations.",
    )
    table_overflow: Literal["error", "saturate"] = Field(
        default="error",
        description="What becomes of an integer sum beyond table_format.",
    )
    table_scale_format: FormatName | None = Field(
        default=None,
        description="Number format of the scale that each table has, with integers of "
        "table_format as its sums; None: sums are in table_format as they are.",
    )
    index_negation: Literal["offline", "circuit"] = Field(
        default="offline",
        description="Half tables: the lower bits of an index are complemented where its top "
        "bit is 0, in the weights beforehand, or by a circuit for every column.",
    )
    partial_sums: Literal["lanes", "buffer"] = Field(
        default="lanes",
        description="Where sums are between steps: in the lanes until k is done, or in a buffer "
        "(a register file) that every step reads and writes.",
    )
    stationary: Literal["outputs", "weights"] = Field(
        default="outputs",
        description="What stays longest: sums, until k is done; or the weights of a step, while "
        "all rows pass by (sums then go through the buffer).",
    )
    double_buffer: bool = Field(
        default=True,
        description="Two banks of operand registers, filled through a port of a W-th of a "
        "step's operands per cycle; else one, filled at once.",
    )
    pipeline_stages: Literal[1, 2] = Field(
        default=1, description="2: a register between selection and accumulation."
    )

    @model_validator(mode="after")
    def _consistent(self) -> LutTensorCoreSpec:
        try:
            _ = self.arithmetic
            if self.sums != "table":
                check_binary(f"input_format: sums: {self.sums}", format_named(self.input_format))
        except CyclelabError as error:
            raise ValueError(str(error)) from None
        if self.table_scale_format is not None and self.sums != "table":
            raise ValueError(
                f"table_scale_format: sums: {self.sums} has no scales; tables that have come "
                "ready from the buffer (sums: table)"
            )
        if self.stationary == "weights" and self.partial_sums != "buffer":
            raise ValueError(
                "partial_sums: lanes hold one block of sums, while stationary weights meet all "
                "rows; expected buffer"
            )
        return self

    @property
    def arithmetic(self) -> LookupGemm:
        """Where the unit rounds."""
        return LookupGemm(
            self.input_format,
            self.weight_format,
            self.table_format,
            self.accumulator_format,
            self.depth,
            self.table_overflow,
            tabulated=self.sums != "adders",
            table_scale=self.table_scale_format,
        )

    @property
    def weight_bits(self) -> int:
        """Cycles that a step takes, W."""
        return format_named(self.weight_format).bits

    @property
    def symmetric(self) -> bool:
        """Whether weight bits stand for -1 and 1, so that half a table is enough."""
        return format_named(self.weight_format).step == 2

    @property
    def entries(self) -> int:
        """Sums in one table: half of them if bits stand for -1 and 1."""
        return 1 << self.depth - self.symmetric

    @property
    def table_bits(self) -> int:
        """Bits of one sum."""
        return format_named(self.table_format).bits

    @property
    def scale_bits(self) -> int:
        """Bits of a table's scale, 0 if it has none."""
        return format_named(self.table_scale_format).bits if self.table_scale_format else 0
