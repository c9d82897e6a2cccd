"""Commands of the units, one behind the other, while nothing else can come between.

The units go first. So their next command is the channel's, too, if it is legal in the next
tick, or if there is no request to be served before it. Requests that arrive meanwhile enter
their queue, and there is nothing to choose until a refresh falls due.
"""

from __future__ import annotations

from simulator.hardware.dram.kernel.feed import may_arrive
from simulator.hardware.dram.kernel.hits import take_in
from simulator.hardware.dram.kernel.issue import issue_for_pim
from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_PIM_OPEN_ROW,
    A_READY,
    HEADER,
    K_BANKS,
    K_NODES,
    S_ACTIVE,
    S_COMPLETED,
    S_FLOOR,
    S_FLOOR_ROW,
    S_NEXT_REFRESH,
    S_PIM_FITS,
    S_PIM_STAGE,
    S_PRIORITY,
    S_READS,
    S_TICK,
    S_WRITES,
    Ints,
)
from simulator.hardware.dram.kernel.pim import pim_next, unit_row
from simulator.hardware.dram.kernel.queues import update_write_mode
from simulator.hardware.dram.kernel.timing import earliest
from simulator.hardware.dram.kernel.unit_rows import has_to_close, is_in_the_way
from simulator.hardware.dram.names import PIM_PRE


@compiled
def serve_units(t: Ints, m: Ints, trace: Ints, last: int, stops: bool) -> None:
    """Issue what the units do next, behind a command of theirs, as long as that is certain.

    last: tick to stay within. stops: when a transfer is complete. For devices with
    `K_HIT_TICKS`, on whose only bus nothing goes before a command of the units.
    """
    while True:
        if m[S_PIM_STAGE] == HEADER and m[S_PIM_FITS]:
            _close_rows(t, m, trace, last, stops)
        tick, command, bank = pim_next(t, m)
        tick = max(tick, m[S_FLOOR])
        if not _comes_next(t, m, trace, tick, last, stops):
            return
        _issue(t, m, tick, command, bank)


@compiled
def _close_rows(t: Ints, m: Ints, trace: Ints, last: int, stops: bool) -> None:
    """Precharges for a tile that fits, as long as the next bank's may come first of all.

    No request opens or closes a row in between.
    """
    row = unit_row(t, m)
    for bank in range(t[K_BANKS]):
        if is_in_the_way(t, m, bank, row):
            return
    for bank in range(t[K_BANKS]):
        if m[m[A_PIM_OPEN_ROW] + bank] < 0 or not has_to_close(t, m, bank, row):
            continue
        tick = max(m[m[A_READY] + PIM_PRE * t[K_NODES]], m[S_FLOOR])
        if earliest(t, m, PIM_PRE, bank) > tick:
            return
        if not _comes_next(t, m, trace, tick, last, stops):
            return
        _issue(t, m, tick, PIM_PRE, bank)


@compiled
def _comes_next(t: Ints, m: Ints, trace: Ints, tick: int, last: int, stops: bool) -> bool:
    """Whether nothing comes before a command of the units at `tick`; requests arrive then."""
    following = m[S_TICK] + 1
    if m[S_PRIORITY] or tick >= m[S_NEXT_REFRESH] or tick > last:
        return False
    if stops and m[S_COMPLETED]:
        return False
    coming = may_arrive(t, m, trace, following)
    if tick > following and (coming or m[S_READS] or m[S_WRITES] or m[S_ACTIVE]):
        return False
    if coming:
        take_in(t, m, trace, following)
    else:
        update_write_mode(t, m)
    return True


@compiled
def _issue(t: Ints, m: Ints, tick: int, command: int, bank: int) -> None:
    """As the loop does it, on the only bus."""
    m[S_TICK] = tick
    m[S_FLOOR] = tick + 1
    m[S_FLOOR_ROW] = max(m[S_FLOOR_ROW], tick)
    issue_for_pim(t, m, tick, command, bank)
