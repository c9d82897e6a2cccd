"""Closed page: after a number of column commands a row is closed.

The next column command to it closes it behind itself; where none is ready by the
time the bank may be precharged, a precharge is asked for, ahead of all requests.
"""

from __future__ import annotations

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.policies.registry import Policy, register

CLOSED_PAGE = register(Policy("page", "closed", 1, "rows close after `page_cap` accesses"))


@compiled
def closed_page_is_due(row_hits: int, cap: int) -> bool:
    """Whether a row has had the accesses it may have."""
    return row_hits >= cap
