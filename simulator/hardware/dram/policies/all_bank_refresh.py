"""All-bank refresh: every scope of the channel is refreshed once per interval, all at once."""

from __future__ import annotations

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.names import REFAB
from simulator.hardware.dram.policies.registry import Policy, register

ALL_BANK = register(Policy("refresh", "all_bank", 1, "REFab to all scopes every interval"))


@compiled
def all_bank_command() -> int:
    """The command that is asked for, for each scope."""
    return REFAB
