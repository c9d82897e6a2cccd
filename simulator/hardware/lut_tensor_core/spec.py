"""What a LUT tensor core's YAML holds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from simulator.config import CyclelabError
from simulator.hardware.formats import FormatName
from simulator.hardware.matrix_unit import MatrixUnitSpec
from simulator.numerics import LookupGemm, check_formats, format_named

Sums = Literal["table", "built_table", "adders"]


class LutTensorCoreSpec(MatrixUnitSpec):
    """M x N lanes, each of which meets K activations with one bit of K weights per cycle."""

    kind: Literal["lut_tensor_core"] = "lut_tensor_core"

    rows: int = Field(default=2, ge=1, le=1024, description="Rows of activations, M.")
    columns: int = Field(default=64, ge=1, le=65536, description="Columns of weights, N.")
    depth: int = Field(default=4, ge=1, le=8, description="Activations per sum, K.")
    input_format: FormatName = Field(description="Number format of activations.")
    weight_format: FormatName = Field(
        description="Number format of weights: one bit of it per cycle. bipolar1 … bipolar6 "
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
    index_negation: Literal["offline", "circuit"] = Field(
        default="offline",
        description="Half tables: the lower bits of an index are complemented where its top "
        "bit is 0, in the weights beforehand, or in every lane.",
    )
    partial_sums: Literal["lanes", "buffer"] = Field(
        default="lanes",
        description="Where sums are between steps: in the lanes until k is done, or in a buffer "
        "(a register file) that every step reads and writes.",
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
        weights, table = format_named(self.weight_format), format_named(self.table_format)
        if weights.kind != "int" or weights.bits > MOST_WEIGHT_BITS:
            raise ValueError(
                f"weight_format: {self.weight_format} is no integer of at most "
                f"{MOST_WEIGHT_BITS} bits, which are taken one by one"
            )
        if self.weight_format.startswith("ternary"):
            raise ValueError("weight_format: ternary weights have no bits; use int2 or bipolar2")
        inputs = format_named(self.input_format)
        if (table.kind, inputs.kind) not in (("int", "int"), ("float", "float")):
            raise ValueError(f"table_format: sums of {self.input_format} are no {table.name}")
        if not table.signed or table.step != 1:
            raise ValueError(f"table_format: sums need a signed format, not {table.name}")
        try:
            check_formats(self.table_format, "int2", self.accumulator_format)
        except CyclelabError as error:
            raise ValueError(f"accumulator_format: {error}") from None
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


MOST_WEIGHT_BITS = 8
