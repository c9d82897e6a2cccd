"""First ready, first come first served: whatever can issue earliest, the oldest of those.

A row-hit cap keeps a stream of younger hits from starving an older request (FR-FCFS+Cap
of Mutlu and Moscibroda, MICRO 2007): once so many column commands went to an open row,
its hits wait while an older request for another row of the bank does.
"""

from __future__ import annotations

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.policies.registry import Policy, register

FR_FCFS = register(
    Policy("scheduler", "fr_fcfs", 0, "first ready, then oldest; optionally with a row-hit cap")
)


@compiled
def fr_fcfs_serves(is_hit: bool, row_hits: int, cap: int, older_row_waits: bool) -> bool:
    """Whether a request may be served now."""
    return not (is_hit and cap > 0 and row_hits >= cap and older_row_waits)
