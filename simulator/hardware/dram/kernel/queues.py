"""Requests in slots, and entries: the requests of one queue that mean the same bank and row.

Requests of an entry need the same command at the same time and are served oldest
first, so that looking at entries is looking at every request.
"""

from __future__ import annotations

import numpy as np

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_ENTRY_BANK,
    A_ENTRY_COMMAND,
    A_ENTRY_HEAD,
    A_ENTRY_KEY,
    A_ENTRY_ROW,
    A_ENTRY_SEQ,
    A_ENTRY_STAMP,
    A_ENTRY_TAIL,
    A_ENTRY_TICK,
    A_FREE_SLOTS,
    A_LATENCY_BINS,
    A_SLOT_ARRIVE,
    A_SLOT_COLUMN,
    A_SLOT_NEXT,
    A_SLOT_QUEUE,
    A_SLOT_SEEN,
    A_SLOT_SEQ,
    A_SLOT_SOURCE,
    A_TRANSFER_DONE,
    A_TRANSFER_LEFT,
    C_COALESCED,
    C_FORWARDED,
    C_LAST_READ,
    C_LAST_WRITE,
    C_LAST_WRITE_DATA,
    C_LATENCY,
    C_LATENCY_MAX,
    C_READS,
    C_WRITES,
    K_BANKS,
    K_BINS,
    K_FORWARD,
    K_READ_DEPTH,
    K_WRITE_HIGH,
    K_WRITE_LOW,
    K_WRITE_TICKS,
    LATENCY_BINS,
    READ,
    S_COMPLETED,
    S_FREE,
    S_READ_ENTRIES,
    S_READS,
    S_SEQ,
    S_WRITE_MODE,
    S_WRITES,
    WRITE,
    Ints,
)

NO_ENTRY = -1
MERGED = -2
SERVED = -3
LINEAR_BITS = 4


@compiled
def queue_base(t: Ints, queue: int) -> int:
    """Where a queue's entries start."""
    return t[K_READ_DEPTH] * queue


@compiled
def put(
    t: Ints,
    m: Ints,
    queue: int,
    bank: int,
    row: int,
    column: int,
    source: int,
    clock: int,
) -> int:
    """Take in a request at `clock`: its new entry, MERGED into one, or SERVED at once.

    A read of what a write in the queue holds is answered from there in the next
    tick; a write to the same burst replaces the one that waits.
    """
    if t[K_FORWARD] and m[S_WRITES]:
        other = find_entry(t, m, WRITE, bank, row)
        if other != NO_ENTRY and _holds_column(m, other, column):
            if queue == READ:
                m[C_FORWARDED] += 1
                finish_read(t, m, clock, clock + 1, source)
            else:
                m[C_COALESCED] += 1
                m[C_WRITES] += 1
                finish(m, source, clock + 1)
            return SERVED
    slot = _new_slot(m, queue, column, source, clock)
    m[S_READS + queue] += 1
    entry = find_entry(t, m, queue, bank, row)
    if entry != NO_ENTRY:
        m[m[A_SLOT_NEXT] + m[m[A_ENTRY_TAIL] + entry]] = slot
        m[m[A_ENTRY_TAIL] + entry] = slot
        return MERGED
    entry = queue_base(t, queue) + m[S_READ_ENTRIES + queue]
    m[S_READ_ENTRIES + queue] += 1
    m[m[A_ENTRY_BANK] + entry] = bank
    m[m[A_ENTRY_ROW] + entry] = row
    m[m[A_ENTRY_HEAD] + entry] = slot
    m[m[A_ENTRY_TAIL] + entry] = slot
    m[m[A_ENTRY_SEQ] + entry] = m[m[A_SLOT_SEQ] + slot]
    m[m[A_ENTRY_KEY] + entry] = row * t[K_BANKS] + bank
    m[m[A_ENTRY_STAMP] + entry] = -1
    return entry


@compiled
def update_write_mode(t: Ints, m: Ints) -> None:
    """Writes are served from the high mark down to the low one, and when there are no reads."""
    if m[S_WRITE_MODE]:
        if m[S_WRITES] < t[K_WRITE_LOW] and m[S_READS]:
            m[S_WRITE_MODE] = 0
    elif m[S_WRITES] >= t[K_WRITE_HIGH] or not m[S_READS]:
        m[S_WRITE_MODE] = 1


@compiled
def find_entry(t: Ints, m: Ints, queue: int, bank: int, row: int) -> int:
    """The entry of a queue for a bank and row, or NO_ENTRY."""
    base = queue_base(t, queue)
    keys, key = np.uint64(m[A_ENTRY_KEY]), row * t[K_BANKS] + bank
    for entry in range(np.uint64(base), np.uint64(base + m[S_READ_ENTRIES + queue])):
        if m[keys + entry] == key:
            return int(np.int64(entry))
    return NO_ENTRY


@compiled
def oldest_entry(t: Ints, m: Ints, queue: int) -> int:
    """The entry with the oldest request of a queue, or -1."""
    base = queue_base(t, queue)
    best = NO_ENTRY
    for entry in range(base, base + m[S_READ_ENTRIES + queue]):
        seq = m[m[A_ENTRY_SEQ] + entry]
        if best == NO_ENTRY or seq < m[m[A_ENTRY_SEQ] + best]:
            best = entry
    return best


@compiled
def older_row_waits(t: Ints, m: Ints, queue: int, entry: int) -> bool:
    """Whether an older request for another row of the entry's bank waits in its queue."""
    base = queue_base(t, queue)
    bank, seq = m[m[A_ENTRY_BANK] + entry], m[m[A_ENTRY_SEQ] + entry]
    for other in range(base, base + m[S_READ_ENTRIES + queue]):
        if m[m[A_ENTRY_BANK] + other] == bank and m[m[A_ENTRY_SEQ] + other] < seq:
            return True
    return False


@compiled
def take_head(t: Ints, m: Ints, queue: int, entry: int) -> int:
    """Take the oldest request out of an entry; returns its slot. An empty entry goes."""
    slot = m[m[A_ENTRY_HEAD] + entry]
    m[S_READS + queue] -= 1
    if slot != m[m[A_ENTRY_TAIL] + entry]:
        head = m[m[A_SLOT_NEXT] + slot]
        m[m[A_ENTRY_HEAD] + entry] = head
        m[m[A_ENTRY_SEQ] + entry] = m[m[A_SLOT_SEQ] + head]
        return slot
    m[S_READ_ENTRIES + queue] -= 1
    last = queue_base(t, queue) + m[S_READ_ENTRIES + queue]
    m[m[A_ENTRY_BANK] + entry] = m[m[A_ENTRY_BANK] + last]
    m[m[A_ENTRY_ROW] + entry] = m[m[A_ENTRY_ROW] + last]
    m[m[A_ENTRY_HEAD] + entry] = m[m[A_ENTRY_HEAD] + last]
    m[m[A_ENTRY_TAIL] + entry] = m[m[A_ENTRY_TAIL] + last]
    m[m[A_ENTRY_SEQ] + entry] = m[m[A_ENTRY_SEQ] + last]
    m[m[A_ENTRY_TICK] + entry] = m[m[A_ENTRY_TICK] + last]
    m[m[A_ENTRY_COMMAND] + entry] = m[m[A_ENTRY_COMMAND] + last]
    m[m[A_ENTRY_STAMP] + entry] = m[m[A_ENTRY_STAMP] + last]
    m[m[A_ENTRY_KEY] + entry] = m[m[A_ENTRY_KEY] + last]
    return slot


@compiled
def release(m: Ints, slot: int) -> None:
    """Give a slot back."""
    m[m[A_FREE_SLOTS] + m[S_FREE]] = slot
    m[S_FREE] += 1


@compiled
def finish_read(t: Ints, m: Ints, arrive: int, depart: int, source: int) -> None:
    """Account for a read whose data is complete at `depart`."""
    latency = depart - arrive
    m[C_READS] += 1
    m[C_LATENCY] += latency
    m[C_LAST_READ] = max(m[C_LAST_READ], depart)
    if t[K_BINS]:
        m[C_LATENCY_MAX] = max(m[C_LATENCY_MAX], latency)
        m[m[A_LATENCY_BINS] + latency_bin(latency)] += 1
    finish(m, source, depart)


@compiled
def finish_write(t: Ints, m: Ints, tick: int, source: int) -> None:
    """Account for a write that is issued at `tick`."""
    m[C_WRITES] += 1
    m[C_LAST_WRITE] = tick
    m[C_LAST_WRITE_DATA] = tick + t[K_WRITE_TICKS]
    finish(m, source, tick + t[K_WRITE_TICKS])


@compiled
def finish(m: Ints, source: int, tick: int) -> None:
    """One burst less of a transfer, if it belongs to one."""
    if source >= 0:
        m[m[A_TRANSFER_LEFT] + source] -= 1
        m[m[A_TRANSFER_DONE] + source] = max(m[m[A_TRANSFER_DONE] + source], tick)
        if not m[m[A_TRANSFER_LEFT] + source]:
            m[S_COMPLETED] = 1


@compiled
def latency_bin(latency: int) -> int:
    """Exact below 2^LINEAR_BITS, then 2^LINEAR_BITS bins per doubling."""
    shift = 0
    while latency >> (shift + LINEAR_BITS + 1):
        shift += 1
    index = (shift << LINEAR_BITS) + (latency >> shift)
    return min(index, LATENCY_BINS - 1)


@compiled
def _holds_column(m: Ints, entry: int, column: int) -> bool:
    slot = m[m[A_ENTRY_HEAD] + entry]
    while m[m[A_SLOT_COLUMN] + slot] != column:
        if slot == m[m[A_ENTRY_TAIL] + entry]:
            return False
        slot = m[m[A_SLOT_NEXT] + slot]
    return True


@compiled
def _new_slot(m: Ints, queue: int, column: int, source: int, clock: int) -> int:
    m[S_FREE] -= 1
    slot = m[m[A_FREE_SLOTS] + m[S_FREE]]
    m[m[A_SLOT_ARRIVE] + slot] = clock
    m[m[A_SLOT_COLUMN] + slot] = column
    m[m[A_SLOT_SEQ] + slot] = m[S_SEQ]
    m[m[A_SLOT_SOURCE] + slot] = source
    m[m[A_SLOT_QUEUE] + slot] = queue
    m[m[A_SLOT_SEEN] + slot] = 0
    m[S_SEQ] += 1
    return slot
