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
    input: where GWRITE takes the vector from: a row of a bank, or the bus, burst by burst.
    input_latency: of one GWRITE. comp_interval: between COMPs. pipeline: least time from
        the first COMP of a segment to its READRES.
    results: READRES behind each segment; 1 if they are composite.
    """

    source: str = Field(min_length=1)
    row_buffers: Literal[1, 2]
    timing: Literal["corrected", "as_published"] = "corrected"
    lanes: int = Field(ge=1, le=1024)
    operand_bits: int = Field(ge=1, le=64)
    banks_per_unit: int = Field(default=1, ge=1, le=16)
    activate_scope: Literal["channel", "pseudo_channel", "rank", "bank_group", "bank"]
    precharge_scope: Literal["channel", "pseudo_channel", "rank", "bank_group", "bank"]
    composite: bool
    input: Literal["row", "bus"]
    input_latency: Cycles
    comp_interval: Cycles
    pipeline: Cycles
    results: int = Field(default=1, ge=1, le=64)
    slack: SlackSpec
    fit_test: FitTestSpec

    @property
    def expressions(self) -> dict[str, str]:
        """All that is written in timings, by key below `pim`."""
        found = {
            "input_latency": self.input_latency,
            "comp_interval": self.comp_interval,
            "pipeline": self.pipeline,
        }
        found |= {f"slack.{name}": value for name, value in self.slack.model_dump().items()}
        return found | {f"fit_test.{k}": value for k, value in self.fit_test.model_dump().items()}
