"""The policies' decisions by number, as the compiled loop asks for them."""

from __future__ import annotations

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.policies.all_bank_refresh import ALL_BANK
from simulator.hardware.dram.policies.closed_page import CLOSED_PAGE, closed_page_is_due
from simulator.hardware.dram.policies.fcfs import FCFS, fcfs_serves
from simulator.hardware.dram.policies.fr_fcfs import fr_fcfs_serves
from simulator.hardware.dram.policies.no_refresh import NO_REFRESH
from simulator.hardware.dram.policies.open_page import OPEN_PAGE
from simulator.hardware.dram.policies.per_bank_refresh import PER_BANK
from simulator.hardware.dram.policies.staggered_refresh import STAGGERED

SCHEDULER_FCFS = FCFS.code
PAGE_OPEN = OPEN_PAGE.code
PAGE_CLOSED = CLOSED_PAGE.code
REFRESH_NONE = NO_REFRESH.code
REFRESH_ALL_BANK = ALL_BANK.code
REFRESH_PER_BANK = PER_BANK.code
REFRESH_STAGGERED = STAGGERED.code


@compiled
def serves(
    scheduler: int, is_oldest: bool, is_hit: bool, row_hits: int, cap: int, older_row_waits: bool
) -> bool:
    """Whether the scheduler lets a request proceed."""
    if scheduler == SCHEDULER_FCFS:
        return fcfs_serves(is_oldest)
    return fr_fcfs_serves(is_hit, row_hits, cap, older_row_waits)


@compiled
def page_is_due(page: int, row_hits: int, cap: int) -> bool:
    """Whether a row should be closed."""
    return page == PAGE_CLOSED and closed_page_is_due(row_hits, cap)
