"""What happens when a command issues: rows, queues, counters."""

from __future__ import annotations

from simulator.hardware.dram.kernel.draw import draw
from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_ACTIVE_BANK,
    A_ACTIVE_SLOT,
    A_BANK_ACTIVE,
    A_BANK_STAMP,
    A_CLOSING,
    A_ENTRY_BANK,
    A_ENTRY_HEAD,
    A_ENTRY_ROW,
    A_LOG,
    A_OPEN_ROW,
    A_PRIORITY_COMMAND,
    A_PRIORITY_DUE,
    A_PRIORITY_TARGET,
    A_RANK_OPEN,
    A_RANK_SINCE,
    A_ROW_HITS,
    A_SCOPE_ACTIVE,
    A_SCOPE_OPEN,
    A_SLOT_ARRIVE,
    A_SLOT_COLUMN,
    A_SLOT_QUEUE,
    A_SLOT_SEEN,
    A_SLOT_SOURCE,
    ACTIVE,
    C_BUSY,
    C_COMMAND,
    C_CONFLICTS,
    C_HITS,
    C_MISSES,
    C_REFRESH_LATE,
    C_ROW_OPEN,
    ENTRY,
    INPUT,
    K_ACT2_DEADLINE,
    K_ASKED,
    K_BINS,
    K_BURST_TICKS,
    K_CLOCK_READ,
    K_CLOCK_WRITE,
    K_DUAL,
    K_LOG,
    K_PAGE,
    K_PAGE_CAP,
    K_PIM_CLOSE_BANKS,
    K_READ_TICKS,
    K_SCOPE_BANKS,
    K_SLACK_ACT,
    K_SLACK_PRE,
    K_TICKS_PER_CLOCK,
    P_COMMAND,
    P_COUNT,
    P_INDEX,
    P_KIND,
    P_TICK,
    PIM,
    PRIORITY,
    RUN_ROW,
    S_ACT2_BANK,
    S_ACT2_DEADLINE,
    S_ACT2_SLOT,
    S_ACTIVE,
    S_CLOCK_UNTIL,
    S_FLOOR,
    S_LATE,
    S_LOG,
    S_PAIR_BANK,
    S_PAIR_PC,
    S_PAIR_TICK,
    S_PIM_OWED,
    S_PIM_OWED_ROW,
    S_PIM_SLACK,
    S_PIM_STAGE,
    S_PRIORITY,
    S_PRIORITY_HEAD,
    S_TICK,
    T_ON_COLUMN_BUS,
    T_PC_OF_BANK,
    T_RANK_OF_BANK,
    T_SCOPE_OF_BANK,
    Ints,
)
from simulator.hardware.dram.kernel.pim import following_run_at, run_at, unit_row
from simulator.hardware.dram.kernel.pim_issue import after_pim, close_for_pim, refreshed
from simulator.hardware.dram.kernel.queues import (
    finish_read,
    finish_write,
    release,
    take_head,
)
from simulator.hardware.dram.kernel.timing import earliest, note_command
from simulator.hardware.dram.names import (
    ACT,
    ACT2,
    CAS_RD,
    CAS_WR,
    COMP,
    COMPS_READRES,
    G_ACT,
    GWRITE,
    PIM_HEADER,
    PIM_PRE,
    PRE,
    PREA,
    RD,
    RDA,
    READRES,
    REFAB,
    WR,
    WRA,
)
from simulator.hardware.dram.policies.dispatch import PAGE_CLOSED, page_is_due

NO_BANK = -1
LOG_FIELDS = 4
"""A logged command: tick, command, bank (the first of a scope), row (-1 if none)."""


@compiled
def issue(t: Ints, m: Ints, bus: int) -> None:
    """Issue what `select` picked for a bus."""
    at = bus * P_COUNT
    tick, kind = m[at + P_TICK], m[at + P_KIND]
    index, command = m[at + P_INDEX], m[at + P_COMMAND]
    m[S_TICK] = tick
    m[S_FLOOR + bus] = tick + 1
    if kind == ENTRY:
        _issue_entry(t, m, tick, index, command)
    elif kind == ACTIVE:
        _issue_active(t, m, tick, index, command)
    elif kind == PRIORITY:
        _issue_priority(t, m, tick, command)
    elif kind == PIM:
        issue_for_pim(t, m, tick, command, index)
    else:
        _open(t, m, ACT2, m[S_ACT2_BANK], m[S_ACT2_SLOT], tick)
        m[S_ACT2_BANK] = NO_BANK


@compiled
def _issue_entry(t: Ints, m: Ints, tick: int, entry: int, command: int) -> None:
    slot = m[m[A_ENTRY_HEAD] + entry]
    queue, bank = m[m[A_SLOT_QUEUE] + slot], m[m[A_ENTRY_BANK] + entry]
    if not m[m[A_SLOT_SEEN] + slot]:
        m[m[A_SLOT_SEEN] + slot] = 1
        _count_first(m, command)
    if command == PIM_PRE:
        _precharge_units(t, m, bank, tick)
        return
    if command == PRE:
        _record(t, m, PRE, bank, NO_BANK, tick)
        _close(t, m, bank, tick)
        m[S_PIM_SLACK] -= t[K_SLACK_PRE] - t[K_SLACK_ACT]
        return
    if command == ACT:
        m[S_PIM_SLACK] -= t[K_SLACK_ACT]
        m[m[A_SLOT_COLUMN] + slot] = m[m[A_ENTRY_ROW] + entry]
        take_head(t, m, queue, entry)
        if t[K_ACT2_DEADLINE]:
            _record(t, m, ACT, bank, m[m[A_SLOT_COLUMN] + slot], tick)
            m[S_ACT2_BANK] = bank
            m[S_ACT2_SLOT] = slot
            m[S_ACT2_DEADLINE] = tick + t[K_ACT2_DEADLINE]
        else:
            _open(t, m, ACT, bank, slot, tick)
        return
    tick, waits = _start_clock(t, m, command, bank, tick)
    if waits:
        return
    take_head(t, m, queue, entry)
    _access(t, m, command, bank, slot, tick)


@compiled
def _issue_active(t: Ints, m: Ints, tick: int, index: int, command: int) -> None:
    slot, bank = m[m[A_ACTIVE_SLOT] + index], m[m[A_ACTIVE_BANK] + index]
    tick, waits = _start_clock(t, m, command, bank, tick)
    if waits:
        return
    m[S_ACTIVE] -= 1
    for place in range(index, m[S_ACTIVE]):
        m[m[A_ACTIVE_SLOT] + place] = m[m[A_ACTIVE_SLOT] + place + 1]
        m[m[A_ACTIVE_BANK] + place] = m[m[A_ACTIVE_BANK] + place + 1]
    m[m[A_BANK_ACTIVE] + bank] -= 1
    m[m[A_SCOPE_ACTIVE] + t[t[T_SCOPE_OF_BANK] + bank]] -= 1
    _access(t, m, command, bank, slot, tick)


@compiled
def _issue_priority(t: Ints, m: Ints, tick: int, command: int) -> None:
    head = m[S_PRIORITY_HEAD]
    wanted, target = m[m[A_PRIORITY_COMMAND] + head], m[m[A_PRIORITY_TARGET] + head]
    if command in (PREA, REFAB):
        first = target * t[K_SCOPE_BANKS]
        _record(t, m, command, first, NO_BANK, tick)
        if command == PREA:
            for bank in range(first, first + t[K_SCOPE_BANKS]):
                _close(t, m, bank, tick)
    else:
        _record(t, m, command, target, NO_BANK, tick)
        if command == PRE:
            _close(t, m, target, tick)
    if command == wanted:
        if command != PRE:
            refreshed(t, m)
            late = tick - m[m[A_PRIORITY_DUE] + head]
            m[C_REFRESH_LATE] = max(m[C_REFRESH_LATE], late)
            m[S_LATE] = max(m[S_LATE], late)
        m[S_PRIORITY_HEAD] = (head + 1) % t[K_ASKED]
        m[S_PRIORITY] -= 1
        m[S_FLOOR] = max(m[S_FLOOR], tick + 1)  # the queues go on in the next tick


@compiled
def issue_for_pim(t: Ints, m: Ints, tick: int, command: int, bank: int) -> None:
    """A command of the units, or one that has to come before it."""
    if command == PIM_PRE:
        _precharge_units(t, m, bank, tick)
        return
    row = NO_BANK
    if command in (ACT, GWRITE):
        row = m[(run_at(m) if m[S_PIM_STAGE] == INPUT else following_run_at(t, m)) + RUN_ROW]
    elif command == READRES and m[S_PIM_OWED]:
        row = m[S_PIM_OWED_ROW]
    elif command in (G_ACT, PIM_HEADER, COMP, READRES, COMPS_READRES):
        row = unit_row(t, m)
    _record(t, m, command, bank, row, tick)
    if command == ACT:
        _open_row(t, m, bank, row, tick)
    elif command == PRE:
        _close(t, m, bank, tick)
    else:
        after_pim(t, m, command, bank, tick)


@compiled
def _precharge_units(t: Ints, m: Ints, bank: int, tick: int) -> None:
    """Rows of the units close in all banks that the command goes to."""
    first = bank // t[K_PIM_CLOSE_BANKS] * t[K_PIM_CLOSE_BANKS]
    _record(t, m, PIM_PRE, first, NO_BANK, tick)
    close_for_pim(t, m, first, tick)


@compiled
def _open(t: Ints, m: Ints, command: int, bank: int, slot: int, tick: int) -> None:
    """A row is open from now on, for the request in `slot` first of all."""
    row = m[m[A_SLOT_COLUMN] + slot]
    _record(t, m, command, bank, row, tick)
    m[m[A_ACTIVE_SLOT] + m[S_ACTIVE]] = slot
    m[m[A_ACTIVE_BANK] + m[S_ACTIVE]] = bank
    m[S_ACTIVE] += 1
    m[m[A_BANK_ACTIVE] + bank] += 1
    m[m[A_SCOPE_ACTIVE] + t[t[T_SCOPE_OF_BANK] + bank]] += 1
    _open_row(t, m, bank, row, tick)


@compiled
def _open_row(t: Ints, m: Ints, bank: int, row: int, tick: int) -> None:
    m[m[A_OPEN_ROW] + bank] = row
    m[m[A_ROW_HITS] + bank] = 0
    m[m[A_SCOPE_OPEN] + t[t[T_SCOPE_OF_BANK] + bank]] += 1
    m[m[A_BANK_STAMP] + bank] += 1
    rank = t[t[T_RANK_OF_BANK] + bank]
    if not m[m[A_RANK_OPEN] + rank]:
        m[m[A_RANK_SINCE] + rank] = tick
    m[m[A_RANK_OPEN] + rank] += 1


@compiled
def _close(t: Ints, m: Ints, bank: int, tick: int) -> None:
    m[m[A_ROW_HITS] + bank] = 0
    m[m[A_CLOSING] + bank] = 0
    if m[m[A_OPEN_ROW] + bank] < 0:
        return
    m[m[A_OPEN_ROW] + bank] = -1
    m[m[A_BANK_STAMP] + bank] += 1
    m[m[A_SCOPE_OPEN] + t[t[T_SCOPE_OF_BANK] + bank]] -= 1
    rank = t[t[T_RANK_OF_BANK] + bank]
    m[m[A_RANK_OPEN] + rank] -= 1
    if not m[m[A_RANK_OPEN] + rank]:
        m[C_ROW_OPEN] += tick - m[m[A_RANK_SINCE] + rank]


@compiled
def _start_clock(t: Ints, m: Ints, command: int, bank: int, tick: int) -> tuple[int, bool]:
    """Start a stopped data clock one tick ahead of a column command (LPDDR).

    Returns the tick of the column command, and whether a second half of an
    activation, which must not be late, issued instead of all that.
    """
    if not t[K_CLOCK_READ]:
        return tick, False
    runs_on = t[K_CLOCK_READ] if command == RD else t[K_CLOCK_WRITE]
    if tick >= m[S_CLOCK_UNTIL]:
        if m[S_ACT2_BANK] != NO_BANK and m[S_ACT2_DEADLINE] <= tick + 1:
            _open(t, m, ACT2, m[S_ACT2_BANK], m[S_ACT2_SLOT], tick)
            m[S_ACT2_BANK] = NO_BANK
            return tick, True
        _record(t, m, CAS_RD if command == RD else CAS_WR, bank, NO_BANK, tick)
        tick = max(tick + 1, earliest(t, m, command, bank))
        m[S_TICK] = tick
        m[S_FLOOR] = tick + 1
    m[S_CLOCK_UNTIL] = max(m[S_CLOCK_UNTIL], tick + runs_on)
    return tick, False


@compiled
def _access(t: Ints, m: Ints, command: int, bank: int, slot: int, tick: int) -> None:
    """A read or write, closing the row behind itself where the page policy says so."""
    if (
        t[K_PAGE] == PAGE_CLOSED
        and page_is_due(t[K_PAGE], m[m[A_ROW_HITS] + bank], t[K_PAGE_CAP])
        and not m[m[A_BANK_ACTIVE] + bank]
        and not t[K_CLOCK_READ]
    ):
        closing = RDA if command == RD else WRA
        if earliest(t, m, closing, bank) <= tick:
            command = closing
    _record(t, m, command, bank, m[m[A_OPEN_ROW] + bank], tick)
    m[C_BUSY] += t[K_BURST_TICKS]
    if command in (RD, WR):
        m[m[A_ROW_HITS] + bank] += 1
    else:
        _close(t, m, bank, tick)
    if command in (RD, RDA):
        finish_read(
            t,
            m,
            m[m[A_SLOT_ARRIVE] + slot],
            tick + t[K_READ_TICKS],
            m[m[A_SLOT_SOURCE] + slot],
        )
    else:
        finish_write(t, m, tick, m[m[A_SLOT_SOURCE] + slot])
    release(m, slot)


@compiled
def _count_first(m: Ints, command: int) -> None:
    """A request's first command says whether its row was open."""
    if command == ACT:
        m[C_MISSES] += 1
    elif command in (PRE, PIM_PRE):
        m[C_CONFLICTS] += 1
    else:
        m[C_HITS] += 1


@compiled
def _record(t: Ints, m: Ints, command: int, bank: int, row: int, tick: int) -> None:
    """Constraints, counters and pictures of an issued command."""
    note_command(t, m, command, bank, tick)
    m[C_COMMAND + command] += 1
    if t[K_TICKS_PER_CLOCK] == 2 and t[K_DUAL] and tick & 1 and not t[t[T_ON_COLUMN_BUS] + command]:
        m[S_PAIR_TICK] = tick + (3 if command == ACT else 1)
        m[S_PAIR_PC] = t[t[T_PC_OF_BANK] + bank]
        m[S_PAIR_BANK] = NO_BANK if command in (PREA, REFAB) else bank
    if t[K_BINS]:
        draw(t, m, command, bank, tick)
    if m[S_LOG] + LOG_FIELDS <= t[K_LOG]:
        at = m[S_LOG]
        m[m[A_LOG] + at] = tick
        m[m[A_LOG] + at + 1] = command
        m[m[A_LOG] + at + 2] = bank
        m[m[A_LOG] + at + 3] = row
        m[S_LOG] = at + LOG_FIELDS
