"""What is offered to a bus: the requests of a queue, and which of two candidates is ahead."""

from __future__ import annotations

import numpy as np

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_BANK_ACTIVE,
    A_BANK_STAMP,
    A_ENTRY_BANK,
    A_ENTRY_COMMAND,
    A_ENTRY_ROW,
    A_ENTRY_SEQ,
    A_ENTRY_STAMP,
    A_ENTRY_TICK,
    A_OPEN_ROW,
    A_PRIORITY_COMMAND,
    A_PRIORITY_TARGET,
    A_ROW_HITS,
    ENTRY,
    K_ACT2_DEADLINE,
    K_DUAL,
    K_HIT_CAP,
    K_PIM_BUFFERS,
    K_SCHEDULER,
    K_TICKS_PER_CLOCK,
    NOTHING,
    P_COMMAND,
    P_COUNT,
    P_INDEX,
    P_KIND,
    P_RANK,
    P_SEQ,
    P_TICK,
    READ,
    S_ACT2_BANK,
    S_FLOOR,
    S_PAIR_BANK,
    S_PAIR_PC,
    S_PAIR_TICK,
    S_PIM_LENGTH,
    S_PIM_OPEN,
    S_PRIORITY,
    S_PRIORITY_HEAD,
    S_READ_ENTRIES,
    T_ON_COLUMN_BUS,
    T_ON_FALLING_EDGE,
    T_PC_OF_BANK,
    T_SCOPE_OF_BANK,
    Ints,
)
from simulator.hardware.dram.kernel.pim import (
    beside_pim,
    lets_in,
)
from simulator.hardware.dram.kernel.queues import older_row_waits, queue_base
from simulator.hardware.dram.kernel.timing import earliest
from simulator.hardware.dram.names import (
    ACT,
    PRE,
    PREA,
    RD,
    REFAB,
    WR,
)
from simulator.hardware.dram.policies.dispatch import SCHEDULER_FCFS, serves

RANK_PIM, RANK_ACTIVE, RANK_PRIORITY, RANK_REQUEST, RANK_SECOND_HALF = range(5)
NO_COMMAND = -1
NO_BANK = -1


@compiled
def command_for(m: Ints, queue: int, bank: int, row: int) -> int:
    """The next command of a request."""
    opened = m[m[A_OPEN_ROW] + bank]
    if opened == row:
        return RD if queue == READ else WR
    return ACT if opened < 0 else PRE


@compiled
def offer_entry(t: Ints, m: Ints, queue: int, entry: int, oldest: int) -> None:
    """Consider the requests of one entry. oldest: the queue's oldest entry (FCFS only)."""
    bank = m[m[A_ENTRY_BANK] + entry]
    row = m[m[A_ENTRY_ROW] + entry]
    command = command_for(m, queue, bank, row)
    if t[K_PIM_BUFFERS]:
        command = beside_pim(t, m, command, bank, row)
    if command == NO_COMMAND or is_in_refresh(t, m, bank) or not lets_in(t, m):
        return
    pending = m[S_ACT2_BANK]
    if t[K_ACT2_DEADLINE] and pending != NO_BANK and (command == ACT or bank == pending):
        return
    if command == PRE and m[m[A_BANK_ACTIVE] + bank]:
        return
    cap = t[K_HIT_CAP]
    if cap or t[K_SCHEDULER] == SCHEDULER_FCFS:
        hit = command in (RD, WR)
        waits = hit and cap > 0 and older_row_waits(t, m, queue, entry)
        if not serves(t[K_SCHEDULER], entry == oldest, hit, m[m[A_ROW_HITS] + bank], cap, waits):
            return
    tick = earliest(t, m, command, bank)
    seq = m[m[A_ENTRY_SEQ] + entry]
    offer(t, m, tick, RANK_REQUEST, seq, ENTRY, entry, command, bank)


@compiled
def offer_entries(t: Ints, m: Ints, queue: int) -> None:
    """`offer_entry` for all entries of a queue, where no special rule needs to be asked.

    Legal ticks only move on: an entry that could not win with the tick it had last
    cannot win now, and is not looked at again.
    """
    base = queue_base(t, queue)
    ticks, commands = np.uint64(m[A_ENTRY_TICK]), np.uint64(m[A_ENTRY_COMMAND])
    seqs, stamps = np.uint64(m[A_ENTRY_SEQ]), np.uint64(m[A_ENTRY_STAMP])
    banks, rows = np.uint64(m[A_ENTRY_BANK]), np.uint64(m[A_ENTRY_ROW])
    bank_stamps, opened = np.uint64(m[A_BANK_STAMP]), np.uint64(m[A_OPEN_ROW])
    active = np.uint64(m[A_BANK_ACTIVE])
    column = RD if queue == READ else WR
    row_bus = t[K_DUAL]
    floor0, floor1 = m[S_FLOOR], m[S_FLOOR + row_bus]
    edges = t[K_TICKS_PER_CLOCK] == 2
    units = t[K_PIM_BUFFERS] and (m[S_PIM_LENGTH] or m[S_PIM_OPEN])
    refresh = m[S_PRIORITY] > 0
    best0, best1 = m[P_TICK], m[P_TICK + row_bus * P_COUNT]
    seq0, seq1 = -1, -1
    win0, win1 = -1, -1
    for entry in range(np.uint64(base), np.uint64(base + m[S_READ_ENTRIES + queue])):
        bank = np.uint64(m[banks + entry])
        stamp = m[bank_stamps + bank]
        if m[stamps + entry] == stamp:
            tick = m[ticks + entry]
            if not row_bus or m[commands + entry] == column:
                tick = max(tick, floor0)
                if tick > best0 or (tick == best0 and m[seqs + entry] > seq0):
                    continue
            else:
                tick = max(tick, floor1)
                if tick > best1 or (tick == best1 and m[seqs + entry] > seq1):
                    continue
        now_open = m[opened + bank]
        command = column
        if now_open != m[rows + entry]:
            if now_open < 0:
                command = ACT
            elif m[active + bank]:
                continue
            else:
                command = PRE
        if refresh and is_in_refresh(t, m, int(np.int64(bank))):
            continue
        if units:
            command = beside_pim(t, m, command, int(np.int64(bank)), m[rows + entry])
            if command == NO_COMMAND:
                continue
        tick = earliest(t, m, command, int(np.int64(bank)))
        m[ticks + entry] = tick
        m[commands + entry] = command
        m[stamps + entry] = stamp
        seq = m[seqs + entry]
        if command == column or not row_bus:
            tick = max(tick, floor0)
            if edges:
                tick = _on_edge(t, m, tick, command, int(np.int64(bank)))
            if tick < best0 or (tick == best0 and seq < seq0):
                best0, seq0, win0 = tick, seq, int(np.int64(entry))
        else:
            tick = max(tick, floor1)
            if edges:
                tick = _on_edge(t, m, tick, command, int(np.int64(bank)))
            if tick < best1 or (tick == best1 and seq < seq1):
                best1, seq1, win1 = tick, seq, int(np.int64(entry))
    if win0 >= 0:
        _set_pick(m, 0, best0, seq0, win0, m[m[A_ENTRY_COMMAND] + win0])
    if win1 >= 0:
        _set_pick(m, P_COUNT, best1, seq1, win1, m[m[A_ENTRY_COMMAND] + win1])


@compiled
def is_in_refresh(t: Ints, m: Ints, bank: int) -> bool:
    """Whether a refresh that waits is of the bank, so that its requests wait too."""
    head = m[S_PRIORITY_HEAD]
    if not m[S_PRIORITY] or m[m[A_PRIORITY_COMMAND] + head] != REFAB:
        return False
    return t[t[T_SCOPE_OF_BANK] + bank] == m[m[A_PRIORITY_TARGET] + head]


@compiled
def _set_pick(m: Ints, at: int, tick: int, seq: int, entry: int, command: int) -> None:
    m[at + P_TICK] = tick
    m[at + P_RANK] = RANK_REQUEST
    m[at + P_SEQ] = seq
    m[at + P_KIND] = ENTRY
    m[at + P_INDEX] = entry
    m[at + P_COMMAND] = command


@compiled
def offer(
    t: Ints,
    m: Ints,
    tick: int,
    rank: int,
    seq: int,
    kind: int,
    index: int,
    command: int,
    bank: int,
) -> None:
    """A candidate that is legal from `tick`: the earliest wins, then rank, then age."""
    bus = 1 if t[K_DUAL] and not t[t[T_ON_COLUMN_BUS] + command] else 0
    tick = max(tick, m[S_FLOOR + bus])
    if t[K_TICKS_PER_CLOCK] == 2:
        tick = _on_edge(t, m, tick, command, bank)
    at = bus * P_COUNT
    if tick > m[at + P_TICK]:
        return
    if tick == m[at + P_TICK] and m[at + P_KIND] != NOTHING:
        if rank > m[at + P_RANK]:
            return
        if rank == m[at + P_RANK] and seq > m[at + P_SEQ]:
            return
    m[at + P_TICK] = tick
    m[at + P_RANK] = rank
    m[at + P_SEQ] = seq
    m[at + P_KIND] = kind
    m[at + P_INDEX] = index
    m[at + P_COMMAND] = command


@compiled
def _on_edge(t: Ints, m: Ints, tick: int, command: int, bank: int) -> int:
    """The next edge that may carry the command; rising edges are the odd ticks.

    A precharge on a falling edge must not meet a command to the same bank, nor to
    all banks, of its pseudo channel, that started on the rising edge before.
    """
    if tick & 1:
        return tick
    if not t[t[T_ON_FALLING_EDGE] + command]:
        return tick + 1
    meets = (
        tick == m[S_PAIR_TICK]
        and t[t[T_PC_OF_BANK] + bank] == m[S_PAIR_PC]
        and (m[S_PAIR_BANK] == NO_BANK or command == PREA or m[S_PAIR_BANK] == bank)
    )
    return tick + 1 if meets else tick
