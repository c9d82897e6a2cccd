"""On-chip buffers: the scratchpad for operands, the accumulator for partial sums."""

from __future__ import annotations

from pydantic import Field

from simulator.config import Spec


class ScratchpadSpec(Spec):
    """ports: 2 = reads and writes at once, 1 = they share the port's bandwidth.

    buffers: tiles of one operand held at once; 2 is double buffering, 1 none.
    bank_bytes, width_bits: the sram macro it is built from.
    """

    capacity_bytes: int = Field(gt=0)
    read_bytes_per_cycle: int = Field(gt=0)
    write_bytes_per_cycle: int = Field(gt=0)
    ports: int = Field(default=2, ge=1, le=2)
    buffers: int = Field(default=2, ge=1, le=16)
    bank_bytes: int = Field(default=32768, gt=0)
    width_bits: int = Field(default=256, gt=0)


class AccumulatorSpec(ScratchpadSpec):
    """The buffer where partial sums are added up, read back and written."""
