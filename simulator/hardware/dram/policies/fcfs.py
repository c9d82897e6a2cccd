"""First come, first served: only the oldest request of the queue in turn may proceed."""

from __future__ import annotations

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.policies.registry import Policy, register

FCFS = register(Policy("scheduler", "fcfs", 1, "the oldest request alone"))


@compiled
def fcfs_serves(is_oldest: bool) -> bool:
    """Whether a request may be served now."""
    return is_oldest
