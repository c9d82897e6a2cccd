"""The event loop of one channel: arrivals, refreshes, commands, in order of time.

Within a tick: requests arrive (those that came up to the tick before), refreshes
fall due, the page policy asks for precharges, then a command issues on each bus.
"""

from __future__ import annotations

from simulator.hardware.dram.kernel.feed import (
    fetch,
    may_arrive,
    next_arrival,
    transfers_wait,
)
from simulator.hardware.dram.kernel.hits import serve_hits
from simulator.hardware.dram.kernel.issue import issue
from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_CLOSING,
    A_ENTRY_KEY,
    A_OPEN_ROW,
    A_PRIORITY_COMMAND,
    A_PRIORITY_DUE,
    A_PRIORITY_TARGET,
    A_REQUEST,
    A_RING_BURST,
    A_RING_HEAD,
    A_RING_LEFT,
    A_RING_LENGTH,
    A_RING_QUEUE,
    A_RING_TRANSFER,
    A_ROW_HITS,
    A_TRANSFER_DONE,
    A_TRANSFER_LEFT,
    ACTIVE,
    ENTRY,
    FAR,
    K_ASKED,
    K_BANKS,
    K_CLIENTS,
    K_DUAL,
    K_HIT_TICKS,
    K_PAGE,
    K_PAGE_CAP,
    K_PER_TICK,
    K_PIM_BUFFERS,
    K_REFRESH,
    K_REFRESH_INTERVAL,
    K_RING,
    K_SCHEDULER,
    K_SCOPES,
    P_COMMAND,
    P_COUNT,
    P_INDEX,
    P_KIND,
    P_TICK,
    PIM,
    S_ACT2_BANK,
    S_ACTIVE,
    S_COMING,
    S_COMPLETED,
    S_FLOOR,
    S_FLOOR_ROW,
    S_MARK,
    S_NEXT_REFRESH,
    S_PIM_LENGTH,
    S_PIM_OPEN,
    S_PRIORITY,
    S_PRIORITY_HEAD,
    S_READS,
    S_REFRESH_BANK,
    S_SEQ,
    S_TICK,
    S_WRITE_MODE,
    S_WRITES,
    X_LEARNING,
    Ints,
)
from simulator.hardware.dram.kernel.memo import pass_stretches
from simulator.hardware.dram.kernel.offers import offer_entry
from simulator.hardware.dram.kernel.queues import NO_ENTRY, put, update_write_mode
from simulator.hardware.dram.kernel.select import select
from simulator.hardware.dram.kernel.timing import earliest
from simulator.hardware.dram.kernel.units import serve_units
from simulator.hardware.dram.names import PRE, RD, REFPB, WR
from simulator.hardware.dram.policies.all_bank_refresh import all_bank_command
from simulator.hardware.dram.policies.dispatch import (
    PAGE_CLOSED,
    REFRESH_ALL_BANK,
    REFRESH_STAGGERED,
    SCHEDULER_FCFS,
    page_is_due,
)
from simulator.hardware.dram.policies.per_bank_refresh import per_bank_next
from simulator.hardware.dram.policies.staggered_refresh import staggered_next

REACHED, HUNGRY, DONE, COMPLETED = range(4)
"""Why `run` stopped: at `until`; more of the trace is needed; all, or a transfer, is served."""


@compiled
def run(t: Ints, m: Ints, x: Ints, trace: Ints, until: int, final: bool) -> int:
    """Let time pass up to tick `until`.

    x: stretches known from before, or empty. trace: requests that follow, as `feed`
    reads them; final: no others come after them. With clients, whose transfers are in
    the state, final means to stop at `until` and there alone: otherwise time passes up
    to the first completion, or to where a stretch ends at or behind `until`.
    """
    remembers = len(x) > 0
    goes_on = final or not t[K_CLIENTS]
    if remembers:
        x[X_LEARNING] = 0
    while True:
        if remembers and m[S_SEQ] >= m[S_MARK] and not m[S_PRIORITY] and _is_plain(t, m):
            pass_stretches(t, m, x, until, goes_on)
        if m[S_COMPLETED] and not goes_on:
            return COMPLETED
        select(t, m)
        while True:
            coming = next_arrival(t, m, trace, final)
            if coming < 0:
                return HUNGRY
            closing = _next_closing(t, m)
            following = m[S_TICK] + 1
            last = until
            if not goes_on and remembers and x[X_LEARNING]:
                last = FAR - 1  # to the end of the stretch
            others = min(min(coming, closing), min(m[S_NEXT_REFRESH], last + 1))
            command = min(m[P_TICK], m[P_COUNT + P_TICK])
            if following < others and following <= command and _mode_changes(t, m, following):
                m[S_FLOOR] = max(m[S_FLOOR], following)
                m[S_FLOOR_ROW] = max(m[S_FLOOR_ROW], following)
                select(t, m)
                command = min(m[P_TICK], m[P_COUNT + P_TICK])
            tick = min(min(coming, m[S_NEXT_REFRESH]), min(closing, command))
            if coming == FAR and _is_idle(t, m) and _nothing_waits(t, m, trace, final):
                return DONE
            if tick > last:
                return REACHED
            m[S_FLOOR] = max(m[S_FLOOR], tick)
            m[S_FLOOR_ROW] = max(m[S_FLOOR_ROW], tick)
            changed = False
            if coming == tick:
                changed = _arrive(t, m, trace, tick)
            if m[S_NEXT_REFRESH] == tick:
                _ask_for_refresh(t, m, tick)
                changed = True
            if closing == tick:
                _ask_for_closing(t, m, tick)
                changed = True
            if coming == tick and _mode_changes(t, m, tick):
                changed = True
            if changed:
                select(t, m)
            m[S_TICK] = max(m[S_TICK], tick)
            bus = 0 if m[P_TICK] <= m[P_COUNT + P_TICK] else 1
            if m[bus * P_COUNT + P_TICK] == tick:
                entry, key = NO_ENTRY, 0
                if t[K_HIT_TICKS] and m[P_KIND] == ENTRY and m[P_COMMAND] in (RD, WR):
                    entry, key = m[P_INDEX], m[m[A_ENTRY_KEY] + m[P_INDEX]]
                issue(t, m, bus)
                if t[K_DUAL] and bus == 0 and not m[S_PRIORITY]:
                    update_write_mode(t, m)
                if t[K_HIT_TICKS] and m[P_KIND] == PIM:
                    serve_units(t, m, trace, last, not goes_on)
                if entry == NO_ENTRY:
                    break
                if not serve_hits(t, m, trace, entry, key, last, not goes_on, remembers):
                    break
                select(t, m)


@compiled
def _mode_changes(t: Ints, m: Ints, tick: int) -> bool:
    """Choose between reads and writes for a tick, all arrivals before it known.

    It is left as it is while a refresh or precharge waits, and where the one command
    of the tick goes to a row opened before.
    """
    if m[S_PRIORITY] or (not t[K_DUAL] and m[P_KIND] == ACTIVE and m[P_TICK] == tick):
        return False
    mode = m[S_WRITE_MODE]
    update_write_mode(t, m)
    return mode != m[S_WRITE_MODE]


@compiled
def submit(
    t: Ints,
    m: Ints,
    client: int,
    first: int,
    count: int,
    queue: int,
    transfer: int,
    now: int,
) -> None:
    """Append a transfer of `count` bursts, from `first` up, to a client's ring at tick `now`."""
    m[m[A_TRANSFER_LEFT] + transfer] = count
    m[m[A_TRANSFER_DONE] + transfer] = now
    if not count:
        return
    at = (
        client * t[K_RING] + (m[m[A_RING_HEAD] + client] + m[m[A_RING_LENGTH] + client]) % t[K_RING]
    )
    m[m[A_RING_BURST] + at] = first
    m[m[A_RING_LEFT] + at] = count
    m[m[A_RING_QUEUE] + at] = queue
    m[m[A_RING_TRANSFER] + at] = transfer
    m[m[A_RING_LENGTH] + client] += 1
    m[S_COMING] += 1


@compiled
def _is_plain(t: Ints, m: Ints) -> bool:
    """Units that compute have no part in what happens now; stretches know nothing of them."""
    return not t[K_PIM_BUFFERS] or (m[S_PIM_LENGTH] == 0 and m[S_PIM_OPEN] == 0)


@compiled
def _is_idle(t: Ints, m: Ints) -> bool:
    """No request is in a queue or half served, and no unit at work."""
    if m[S_PIM_LENGTH]:
        return False
    return m[S_READS] == 0 and m[S_WRITES] == 0 and m[S_ACTIVE] == 0 and m[S_ACT2_BANK] < 0


@compiled
def _nothing_waits(t: Ints, m: Ints, trace: Ints, final: bool) -> bool:
    """No request will come. With clients more may always be submitted."""
    return t[K_CLIENTS] == 0 and final and not transfers_wait(t, m, trace)


@compiled
def _arrive(t: Ints, m: Ints, trace: Ints, tick: int) -> bool:
    """Take in requests before `tick`; whether the choice of commands must be made anew."""
    changed = False
    for _ in range(t[K_PER_TICK]):
        if not may_arrive(t, m, trace, tick):
            break
        fetch(t, m, trace)
        queue = m[m[A_REQUEST] + 0]
        entry = put(
            t,
            m,
            queue,
            m[m[A_REQUEST] + 1],
            m[m[A_REQUEST] + 2],
            m[m[A_REQUEST] + 3],
            m[m[A_REQUEST] + 4],
            tick - 1,
        )
        if t[K_SCHEDULER] == SCHEDULER_FCFS:
            changed = True
        elif entry >= 0 and queue == m[S_WRITE_MODE]:
            if not m[S_PRIORITY]:
                offer_entry(t, m, queue, entry, -1)
            elif t[K_REFRESH] == REFRESH_STAGGERED:
                changed = True
    return changed


@compiled
def _ask_for_refresh(t: Ints, m: Ints, tick: int) -> None:
    m[S_NEXT_REFRESH] += t[K_REFRESH_INTERVAL]
    if t[K_REFRESH] == REFRESH_STAGGERED:
        scope = m[S_REFRESH_BANK]
        _ask(t, m, all_bank_command(), scope, tick)
        m[S_REFRESH_BANK] = staggered_next(scope, t[K_SCOPES])
    elif t[K_REFRESH] == REFRESH_ALL_BANK:
        for scope in range(t[K_SCOPES]):
            _ask(t, m, all_bank_command(), scope, tick)
    else:
        bank = m[S_REFRESH_BANK]
        _ask(t, m, REFPB, bank, tick)
        m[S_REFRESH_BANK] = per_bank_next(bank, t[K_BANKS])


@compiled
def _ask(t: Ints, m: Ints, command: int, target: int, tick: int) -> None:
    at = (m[S_PRIORITY_HEAD] + m[S_PRIORITY]) % t[K_ASKED]
    m[m[A_PRIORITY_COMMAND] + at] = command
    m[m[A_PRIORITY_TARGET] + at] = target
    m[m[A_PRIORITY_DUE] + at] = tick
    m[S_PRIORITY] += 1


@compiled
def _next_closing(t: Ints, m: Ints) -> int:
    """When the page policy will next ask for a precharge."""
    if t[K_PAGE] != PAGE_CLOSED:
        return FAR
    tick = FAR
    for bank in range(t[K_BANKS]):
        if _wants_closing(t, m, bank):
            tick = min(tick, earliest(t, m, PRE, bank))
    return max(tick, m[S_TICK] + 1) if tick < FAR else FAR


@compiled
def _ask_for_closing(t: Ints, m: Ints, tick: int) -> None:
    for bank in range(t[K_BANKS]):
        if _wants_closing(t, m, bank) and earliest(t, m, PRE, bank) <= tick:
            m[m[A_CLOSING] + bank] = 1
            _ask(t, m, PRE, bank, tick)


@compiled
def _wants_closing(t: Ints, m: Ints, bank: int) -> bool:
    return (
        m[m[A_OPEN_ROW] + bank] >= 0
        and not m[m[A_CLOSING] + bank]
        and page_is_due(t[K_PAGE], m[m[A_ROW_HITS] + bank], t[K_PAGE_CAP])
    )
