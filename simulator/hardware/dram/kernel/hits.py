"""Reads of a row that is open, one behind the other, while nothing else can come between.

A read changes nothing but when others are legal, and that only to later. So as long as the
next read of the row comes before anything else could, as far as that is known from when
the first of them had issued, there is nothing to choose. What the reads forbid is noted
once, with the last of them: it forbids more than those before. Writes are the same, while
there are no reads.
"""

from __future__ import annotations

from simulator.hardware.dram.kernel.feed import fetch, may_arrive
from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_ACTIVE_BANK,
    A_ACTIVE_SLOT,
    A_BANK_ACTIVE,
    A_ENTRY_BANK,
    A_ENTRY_HEAD,
    A_ENTRY_KEY,
    A_ENTRY_ROW,
    A_ENTRY_SEQ,
    A_OPEN_ROW,
    A_REQUEST,
    A_ROW_HITS,
    A_SLOT_ARRIVE,
    A_SLOT_QUEUE,
    A_SLOT_SEEN,
    A_SLOT_SOURCE,
    C_BUSY,
    C_COMMAND,
    C_HITS,
    FAR,
    K_BURST_TICKS,
    K_HIT_TICKS,
    K_PER_TICK,
    K_PIM_BUFFERS,
    K_READ_TICKS,
    K_WRITE_HIGH,
    READ,
    S_ACTIVE,
    S_COMPLETED,
    S_FLOOR,
    S_FLOOR_ROW,
    S_MARK,
    S_NEXT_REFRESH,
    S_PIM_LENGTH,
    S_PIM_NEXT,
    S_PIM_OPEN,
    S_PRIORITY,
    S_READ_ENTRIES,
    S_READS,
    S_SEQ,
    S_TICK,
    S_WRITE_MODE,
    S_WRITES,
    Ints,
)
from simulator.hardware.dram.kernel.offers import NO_COMMAND, command_for
from simulator.hardware.dram.kernel.pim import beside_pim
from simulator.hardware.dram.kernel.queues import (
    finish_read,
    finish_write,
    put,
    queue_base,
    release,
    take_head,
    update_write_mode,
)
from simulator.hardware.dram.kernel.timing import earliest, note_command
from simulator.hardware.dram.names import PRE, RD, WR


@compiled
def serve_hits(
    t: Ints, m: Ints, trace: Ints, entry: int, key: int, last: int, stops: bool, marks: bool
) -> bool:
    """Serve reads of an entry, of which one has just issued, and what clients send meanwhile.

    Or writes. key: bank and row of the entry, which may have gone. last: tick to stay within.
    stops: behind a transfer's last burst. marks: where a stretch begins that may be known.
    Returns whether requests have arrived in a tick in which a command may yet issue.
    """
    queue = m[S_WRITE_MODE]
    apart = t[K_HIT_TICKS + queue]
    if m[S_PRIORITY] or not apart or _is_over(t, m, queue, entry, key, stops, marks):
        return False
    if m[S_READS] > 0 if queue else m[S_WRITES] >= t[K_WRITE_HIGH]:
        return False
    bank, issued = m[m[A_ENTRY_BANK] + entry], m[S_TICK]
    following, column = issued + apart, RD if queue == READ else WR
    if max(earliest(t, m, column, bank), m[S_FLOOR]) > following:
        return False
    oldest = _oldest_other_hit(t, m, queue, entry)
    limit = min(min(_next_of_others(t, m, queue, entry), m[S_NEXT_REFRESH]), last + 1)
    noted, may_come, arrived = True, True, False
    while m[m[A_ENTRY_SEQ] + entry] < oldest and following < limit:
        if may_come and m[S_TICK] < following:
            known = m[S_READ_ENTRIES + queue]
            may_come = take_in(t, m, trace, m[S_TICK] + 1)
            both = queue > 0 and m[S_READS] > 0
            if both or m[S_WRITE_MODE] != queue or m[S_READ_ENTRIES + queue] > known:
                arrived = True
                break
            continue
        _issue_hit(t, m, queue, entry, bank, following)
        issued, following = following, following + apart
        noted, may_come = False, True
        if _is_over(t, m, queue, entry, key, stops, marks):
            break
    if not noted:
        note_command(t, m, column, bank, issued)
    return arrived


@compiled
def _is_over(t: Ints, m: Ints, queue: int, entry: int, key: int, stops: bool, marks: bool) -> bool:
    """Whether the entry has gone, or there is something else to be done behind a read."""
    if (stops and m[S_COMPLETED]) or not m[S_READS + queue]:
        return True
    if marks and m[S_SEQ] >= m[S_MARK] and m[S_PIM_LENGTH] == 0 and m[S_PIM_OPEN] == 0:
        return True
    end = queue_base(t, queue) + m[S_READ_ENTRIES + queue]
    return entry >= end or m[m[A_ENTRY_KEY] + entry] != key


@compiled
def _oldest_other_hit(t: Ints, m: Ints, queue: int, entry: int) -> int:
    """The oldest request of the queue's other entries whose rows are open."""
    oldest = FAR
    base = queue_base(t, queue)
    for other in range(base, base + m[S_READ_ENTRIES + queue]):
        if (
            other != entry
            and m[m[A_OPEN_ROW] + m[m[A_ENTRY_BANK] + other]] == m[m[A_ENTRY_ROW] + other]
        ):
            oldest = min(oldest, m[m[A_ENTRY_SEQ] + other])
    return oldest


@compiled
def _next_of_others(t: Ints, m: Ints, queue: int, entry: int) -> int:
    """A tick before which no command is legal but those to the queue's rows that are open."""
    first = m[S_PIM_NEXT]
    for index in range(m[S_ACTIVE]):
        command = RD if m[m[A_SLOT_QUEUE] + m[m[A_ACTIVE_SLOT] + index]] == READ else WR
        first = min(first, earliest(t, m, command, m[m[A_ACTIVE_BANK] + index]))
    base = queue_base(t, queue)
    for other in range(base, base + m[S_READ_ENTRIES + queue]):
        bank, row = m[m[A_ENTRY_BANK] + other], m[m[A_ENTRY_ROW] + other]
        command = command_for(m, queue, bank, row)
        if command in (RD, WR) or (command == PRE and m[m[A_BANK_ACTIVE] + bank]):
            continue
        if t[K_PIM_BUFFERS]:
            command = beside_pim(t, m, command, bank, row)
            if command == NO_COMMAND:
                continue
        first = min(first, earliest(t, m, command, bank))
    return first


@compiled
def take_in(t: Ints, m: Ints, trace: Ints, tick: int) -> bool:
    """Requests arrive before `tick`, as in the loop, and reads or writes are chosen for it.

    Returns whether there may be more in the next tick.
    """
    if not may_arrive(t, m, trace, tick):
        return False
    m[S_FLOOR] = max(m[S_FLOOR], tick)
    m[S_FLOOR_ROW] = max(m[S_FLOOR_ROW], tick)
    at, more = m[A_REQUEST], True
    for _ in range(t[K_PER_TICK]):
        fetch(t, m, trace)
        put(t, m, m[at], m[at + 1], m[at + 2], m[at + 3], m[at + 4], tick - 1)
        more = may_arrive(t, m, trace, tick)
        if not more:
            break
    update_write_mode(t, m)
    m[S_TICK] = max(m[S_TICK], tick)
    return more


@compiled
def _issue_hit(t: Ints, m: Ints, queue: int, entry: int, bank: int, tick: int) -> None:
    """The entry's next read, or write, issues."""
    slot = m[m[A_ENTRY_HEAD] + entry]
    if not m[m[A_SLOT_SEEN] + slot]:
        m[C_HITS] += 1
    m[S_TICK] = tick
    m[S_FLOOR] = tick + 1
    m[S_FLOOR_ROW] = max(m[S_FLOOR_ROW], tick)
    take_head(t, m, queue, entry)
    m[C_COMMAND + (RD if queue == READ else WR)] += 1
    m[C_BUSY] += t[K_BURST_TICKS]
    m[m[A_ROW_HITS] + bank] += 1
    source = m[m[A_SLOT_SOURCE] + slot]
    if queue == READ:
        finish_read(t, m, m[m[A_SLOT_ARRIVE] + slot], tick + t[K_READ_TICKS], source)
    else:
        finish_write(t, m, tick, source)
    release(m, slot)
