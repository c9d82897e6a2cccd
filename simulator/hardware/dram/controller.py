"""What the YAML of a DRAM controller holds: queues, policies, address mapping."""

from __future__ import annotations

import importlib
import re
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from simulator.config import Spec, nearest
from simulator.hardware.dram.policies.registry import policy_named

POLICY_MODULES = (
    "fr_fcfs",
    "fcfs",
    "open_page",
    "closed_page",
    "all_bank_refresh",
    "per_bank_refresh",
    "staggered_refresh",
    "no_refresh",
)
FIELDS = ("column", "bank_group", "bank", "pseudo_channel", "rank", "row")
_PART = re.compile(r"^(\w+?)(?::(\d+))?$")


class AddressMappingSpec(Spec):
    """How a burst's number becomes bank, row and column.

    order: fields from the lowest bits up; `column:2` takes two bits of a field, a
        field without a number all that are left of it.
    xor_banks_with_row: bits of the row, from the lowest up, that are added (XOR) to
        the bank's number, so that rows which follow each other lie in other banks.
    """

    order: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "pseudo_channel",
        "bank_group",
        "column",
        "bank",
        "rank",
        "row",
    )
    xor_banks_with_row: int = Field(default=0, ge=0, le=32)

    @field_validator("order")
    @classmethod
    def _known_fields(cls, order: tuple[str, ...]) -> tuple[str, ...]:
        for part in order:
            name, _ = split_part(part)
            if name not in FIELDS:
                near = nearest(name, FIELDS)
                raise ValueError(
                    f"unknown field {name!r}; fields: {', '.join(FIELDS)}"
                    + (f"; did you mean {near!r}?" if near else "")
                )
        return order


class ControllerSpec(Spec):
    """One controller per channel.

    read_queue, write_queue: requests held. write_high, write_low: writes are
        served from this share of a full write queue down to that one, and when
        there are no reads. row_hit_cap: column commands to an open row before an
        older request of its bank goes first, 0 = no cap (fr_fcfs). page_cap: accesses
        before a row is closed (closed page). forward_writes: reads are answered
        from waiting writes. requests_per_clock: that enter at most.
    """

    read_queue: int = Field(default=32, ge=1, le=4096)
    write_queue: int = Field(default=32, ge=1, le=4096)
    write_high: float = Field(default=0.8, gt=0, le=1)
    write_low: float = Field(default=0.2, ge=0, lt=1)
    scheduler: str = "fr_fcfs"
    row_hit_cap: int = Field(default=0, ge=0, le=2**20)
    page: str = "open"
    page_cap: int = Field(default=1, ge=1, le=2**20)
    refresh: str = "all_bank"
    forward_writes: bool = True
    requests_per_clock: int = Field(default=4, ge=1, le=64)
    address_mapping: AddressMappingSpec = Field(default_factory=AddressMappingSpec)

    @model_validator(mode="after")
    def _consistent(self) -> ControllerSpec:
        if self.write_low >= self.write_high:
            raise ValueError(
                f"write_low ({self.write_low}) must be below write_high ({self.write_high})"
            )
        for kind in ("scheduler", "page", "refresh"):
            try:
                policy_code(kind, getattr(self, kind))
            except ValueError as error:
                raise ValueError(f"{kind}: {error}") from None
        return self


def policy_code(kind: str, name: str) -> int:
    """Number of a policy in the compiled loop; raises ValueError with the nearest name."""
    for module in POLICY_MODULES:
        importlib.import_module(f"simulator.hardware.dram.policies.{module}")
    return policy_named(kind, name).code  # type: ignore[arg-type]


def split_part(part: str) -> tuple[str, int | None]:
    """Name and bits of a part of an address order: `column:2` is `("column", 2)`."""
    match = _PART.match(part)
    if match is None:
        return part, None
    return match[1], int(match[2]) if match[2] else None
