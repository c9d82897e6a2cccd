"""What the YAML of a DRAM device holds about units that compute in its banks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from simulator.config import Spec


def _as_text(value: Any) -> Any:
    """A whole number is a sum of one term."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Cycles = Annotated[str, BeforeValidator(_as_text)]
"""A sum of timings' names and whole numbers."""


class SlackSpec(Spec):
    """Cycles that have to be left before the next refresh for commands beside a tile.

    any: for any command at all. activate, precharge: for opening and for closing a row;
    an activation uses up `activate`, a precharge what `precharge` is more.
    """

    any: Cycles
    activate: Cycles
    precharge: Cycles


class FitTestSpec(Spec):
    """How long a tile is expected to take, before it is begun, so that no refresh meets it.

    precharge: per bank that is closed first. activate: per group of a rank but the first.
    first: besides. As published: `comp` per COMP of the tile, of which at least
    `least_comps` count, and `result` per segment but the first; both counts are rounded
    up to powers of two, as a header holds them. Corrected: every segment as long as it
    is, and `result` behind each.
    """

    precharge: Cycles
    activate: Cycles
    first: Cycles
    comp: Cycles
    least_comps: Cycles
    result: Cycles


class ModeSpec(Spec):
    """Commands (PIM_MODE) that lead from requests to the units, and back.

    enter: before the first run, those that write instructions among them. leave: behind
    the last. block: bursts written ahead of each block of outputs whose sums are kept.
    """

    enter: int = Field(ge=0, le=1024)
    leave: int = Field(ge=0, le=1024)
    block: int = Field(default=0, ge=0, le=1024)


class PimSpec(Spec):
    """Units beside the banks that multiply a matrix in the rows by a vector in a buffer.

    A tile is one row in every bank of the channel. The banks hold different rows of the
    matrix; the vector is sent to all of them.

    row_buffers: 2 where units have row buffers of their own, so that reads and writes go
        on while they compute; with 1 the units have the channel to themselves.
    timing: `as_published` leaves out what the published simulator of a device leaves out.
    lanes: multipliers of one unit. operand_bits: of what they multiply.
    banks_per_unit: banks that share a unit, one after the other.
    activate_scope, precharge_scope: banks in which G_ACT opens, and PIM_PRECHARGE closes, a row.
    composite: whether one command, COMPS_READRES, does a whole segment; else COMP and READRES.
    input: where GWRITE takes the vector from: a row of a bank, or the bus, burst by burst;
        into registers, if they are written through the last row of the banks, which has to
        be open for it.
    input_latency: of one GWRITE. comp_interval: between COMPs. pipeline: least time from
        the first COMP of a segment to its READRES.
    results: READRES per reading of the sums; 1 if they are composite.

    Sums and vectors in registers:

    sum_registers: sums that a unit holds until they are read out; without, each segment's
        are read out behind it.
    keep_sums: a sum stays in its register over all chunks of its inputs.
    vector_operands: operands of a vector that a unit holds; a bank's row then holds what
        several outputs multiply with them.
    input_banks: neighbouring banks that hold parts of the same outputs' inputs; their sums
        are added on the way out.
    finish_tiles: a refresh that is due waits for the tile whose rows are open, instead of
        interrupting it.
    double_buffered: results are read out, and the next run's vector is loaded, beside COMPs.
    tree: whether a unit adds its lanes' products to one sum; otherwise every lane has one,
        which are added outside. accumulator: the format of sums in a unit.
    mode: commands that switch between requests and units.
    """

    source: str = Field(min_length=1)
    row_buffers: Literal[1, 2]
    timing: Literal["corrected", "as_published"] = "corrected"
    lanes: int = Field(ge=1, le=1024)
    operand_bits: int = Field(ge=1, le=64)
    banks_per_unit: int = Field(default=1, ge=1, le=64)
    activate_scope: Literal["channel", "pseudo_channel", "rank", "bank_group", "bank"]
    precharge_scope: Literal["channel", "pseudo_channel", "rank", "bank_group", "bank"]
    composite: bool
    input: Literal["row", "bus", "registers"]
    input_latency: Cycles
    comp_interval: Cycles
    pipeline: Cycles
    results: int = Field(default=1, ge=1, le=64)
    sum_registers: int | None = Field(default=None, ge=1, le=4096)
    keep_sums: bool = False
    vector_operands: int | None = Field(default=None, ge=1, le=2**20)
    input_banks: int = Field(default=1, ge=1, le=64)
    double_buffered: bool = False
    finish_tiles: bool = False
    tree: bool = True
    accumulator: Literal["fp32", "fp16"] = "fp32"
    mode: ModeSpec | None = None
    slack: SlackSpec | None = None
    fit_test: FitTestSpec | None = None

    @property
    def expressions(self) -> dict[str, str]:
        """All that is written in timings, by key below `pim`."""
        found = {
            "input_latency": self.input_latency,
            "comp_interval": self.comp_interval,
            "pipeline": self.pipeline,
        }
        for key, part in (("slack", self.slack), ("fit_test", self.fit_test)):
            if part is not None:
                found |= {f"{key}.{name}": value for name, value in part.model_dump().items()}
        return found
