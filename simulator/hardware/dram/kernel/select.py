"""Which command comes next, on which bus, and when.

Between two events nothing changes what is legal when. So one look at all
candidates finds the next tick at which a command can issue and the command that
wins there, and the ticks in between need not be visited.
"""

from __future__ import annotations

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_ACTIVE_BANK,
    A_ACTIVE_SLOT,
    A_BANK_ACTIVE,
    A_OPEN_ROW,
    A_PIM_OPEN_ROW,
    A_PIM_SCOPE_OPEN,
    A_PRIORITY_COMMAND,
    A_PRIORITY_TARGET,
    A_SCOPE_ACTIVE,
    A_SCOPE_OPEN,
    A_SLOT_ARRIVE,
    A_SLOT_QUEUE,
    ACTIVE,
    COMPUTE,
    FAR,
    K_ACT2_DEADLINE,
    K_ASKED,
    K_BANKS,
    K_HIT_TICKS,
    K_PIM_BUFFERS,
    K_PIM_DOUBLE,
    K_PIM_FINISHES,
    K_PLAIN,
    K_REFRESH,
    K_SCHEDULER,
    K_SCOPE_BANKS,
    NOTHING,
    P_COUNT,
    P_KIND,
    P_TICK,
    PIM,
    PRIORITY,
    READ,
    S_ACT2_BANK,
    S_ACT2_DEADLINE,
    S_ACT2_SLOT,
    S_ACTIVE,
    S_FLOOR,
    S_PIM_LENGTH,
    S_PIM_NEXT,
    S_PIM_STAGE,
    S_PRIORITY,
    S_PRIORITY_HEAD,
    S_READ_ENTRIES,
    S_WRITE_MODE,
    SECOND_HALF,
    T_SCOPE_OF_BANK,
    Ints,
)
from simulator.hardware.dram.kernel.offers import (
    NO_BANK,
    RANK_ACTIVE,
    RANK_PIM,
    RANK_PRIORITY,
    RANK_SECOND_HALF,
    offer,
    offer_entries,
    offer_entry,
)
from simulator.hardware.dram.kernel.pim import (
    gives_way,
    input_next,
    lets_in,
    pim_next,
    results_next,
)
from simulator.hardware.dram.kernel.queues import oldest_entry, queue_base
from simulator.hardware.dram.kernel.timing import bus_is_free, earliest, earliest_in_scope
from simulator.hardware.dram.names import (
    ACT2,
    GWRITE,
    PIM_PRE,
    PRE,
    PREA,
    RD,
    READRES,
    REFAB,
    REFPB,
    WR,
)
from simulator.hardware.dram.policies.dispatch import REFRESH_STAGGERED, SCHEDULER_FCFS


@compiled
def select(t: Ints, m: Ints) -> None:
    """Fill `pick`: per bus the next command, NOTHING if there is none."""
    for bus in range(2):
        m[bus * P_COUNT + P_TICK] = FAR
        m[bus * P_COUNT + P_KIND] = NOTHING
    _forget_closed(t, m)
    m[S_PIM_NEXT] = FAR
    if t[K_PIM_BUFFERS] and m[S_PIM_LENGTH]:
        tick, command, bank = pim_next(t, m)
        m[S_PIM_NEXT] = tick
        if tick < FAR:
            offer(t, m, tick, RANK_PIM, 0, PIM, bank, command, bank)
        if t[K_PIM_DOUBLE]:
            _offer_beside(t, m)
        elif t[K_HIT_TICKS] and m[P_TICK] <= m[S_FLOOR]:
            return  # nothing else comes before it on the only bus
    if m[S_PRIORITY] or lets_in(t, m) or m[S_PIM_STAGE] != COMPUTE:
        _offer_active(t, m)
        if t[K_HIT_TICKS] and m[P_TICK] <= m[S_FLOOR]:
            return
    if m[S_PRIORITY]:
        if not t[K_PIM_FINISHES] or gives_way(t, m):
            _offer_priority(t, m)
        if t[K_REFRESH] == REFRESH_STAGGERED and lets_in(t, m):
            _offer_queue(t, m)
    elif lets_in(t, m):
        _offer_queue(t, m)
    if t[K_ACT2_DEADLINE] and m[S_ACT2_BANK] != NO_BANK:
        _offer_second_half(t, m)


@compiled
def _offer_beside(t: Ints, m: Ints) -> None:
    """What moves beside the tile at hand: results of the last one, input of the next run."""
    tick = results_next(t, m)
    if tick < FAR:
        offer(t, m, tick, RANK_PIM, 1, PIM, 0, READRES, 0)
    tick = input_next(t, m)
    if tick < FAR:
        offer(t, m, tick, RANK_PIM, 2, PIM, 0, GWRITE, 0)


@compiled
def _offer_queue(t: Ints, m: Ints) -> None:
    """The requests of the queue that is being served."""
    queue = m[S_WRITE_MODE]
    base = queue_base(t, queue)
    oldest = NO_BANK
    if t[K_SCHEDULER] == SCHEDULER_FCFS and not m[S_ACTIVE]:
        oldest = oldest_entry(t, m, queue)
    if t[K_PLAIN] and m[S_ACT2_BANK] == NO_BANK:
        offer_entries(t, m, queue)
    else:
        for entry in range(base, base + m[S_READ_ENTRIES + queue]):
            offer_entry(t, m, queue, entry, oldest)


@compiled
def _offer_active(t: Ints, m: Ints) -> None:
    """Requests whose row was opened for them; of those that came together, the first opened."""
    for index in range(m[S_ACTIVE]):
        slot, bank = m[m[A_ACTIVE_SLOT] + index], m[m[A_ACTIVE_BANK] + index]
        command = RD if m[m[A_SLOT_QUEUE] + slot] == READ else WR
        tick = earliest(t, m, command, bank)
        age = m[m[A_SLOT_ARRIVE] + slot] * t[K_BANKS] + index
        offer(t, m, tick, RANK_ACTIVE, age, ACTIVE, index, command, bank)


@compiled
def _forget_closed(t: Ints, m: Ints) -> None:
    """Drop precharges asked for whose row a refresh before them had closed already."""
    while m[S_PRIORITY]:
        head = m[S_PRIORITY_HEAD]
        bank = m[m[A_PRIORITY_TARGET] + head]
        if m[m[A_PRIORITY_COMMAND] + head] != PRE or m[m[A_OPEN_ROW] + bank] >= 0:
            return
        m[S_PRIORITY_HEAD] = (head + 1) % t[K_ASKED]
        m[S_PRIORITY] -= 1


@compiled
def _offer_priority(t: Ints, m: Ints) -> None:
    """The first refresh or precharge asked for, or what has to be closed for it.

    It never closes a row that was opened for a request not yet served.
    """
    head = m[S_PRIORITY_HEAD]
    wanted, target = m[m[A_PRIORITY_COMMAND] + head], m[m[A_PRIORITY_TARGET] + head]
    pending = m[S_ACT2_BANK]
    if wanted == REFAB:
        banks = t[K_SCOPE_BANKS]
        if pending != NO_BANK and t[t[T_SCOPE_OF_BANK] + pending] == target:
            return
        if t[K_PIM_BUFFERS] and m[m[A_PIM_SCOPE_OPEN] + target]:
            _offer_close_for_refresh(t, m, target * banks)
            return
        command = PREA if m[m[A_SCOPE_OPEN] + target] else REFAB
        if command == PREA and m[m[A_SCOPE_ACTIVE] + target]:
            return
        tick = earliest_in_scope(t, m, command, target)
        offer(t, m, tick, RANK_PRIORITY, 0, PRIORITY, head, command, target * banks)
        return
    command = wanted
    if wanted == REFPB and m[m[A_OPEN_ROW] + target] >= 0:
        command = PRE
    if m[m[A_BANK_ACTIVE] + target] or pending == target:
        return
    tick = earliest(t, m, command, target)
    offer(t, m, tick, RANK_PRIORITY, 0, PRIORITY, head, command, target)


@compiled
def _offer_close_for_refresh(t: Ints, m: Ints, first: int) -> None:
    """The precharge that may come first of rows open for the units in a refresh scope."""
    best, target = FAR, first
    for bank in range(first, first + t[K_SCOPE_BANKS]):
        if m[m[A_PIM_OPEN_ROW] + bank] >= 0:
            tick = max(earliest(t, m, PIM_PRE, bank), bus_is_free(t, m, PIM_PRE))
            if tick < best:
                best, target = tick, bank
    offer(t, m, best, RANK_PRIORITY, 0, PIM, target, PIM_PRE, target)


@compiled
def _offer_second_half(t: Ints, m: Ints) -> None:
    """ACT2 issues when nothing else does, and before anything else at its deadline."""
    tick = max(earliest(t, m, ACT2, m[S_ACT2_BANK]), m[S_FLOOR])
    if tick >= m[S_ACT2_DEADLINE]:
        m[P_TICK] = tick
        m[P_KIND] = NOTHING
    offer(
        t, m, tick, RANK_SECOND_HALF, 0, SECOND_HALF, m[S_ACT2_SLOT], ACT2, m[S_ACT2_BANK]
    )  # fmt: skip
