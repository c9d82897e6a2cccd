"""Per-bank refresh: one bank after the other, a bank per (shorter) interval."""

from __future__ import annotations

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.policies.registry import Policy, register

PER_BANK = register(Policy("refresh", "per_bank", 2, "REFpb to the banks in turn"))


@compiled
def per_bank_next(bank: int, banks: int) -> int:
    """The bank after this one."""
    return (bank + 1) % banks
