"""An image put back in place: the state that it was taken from, at another time and address."""

from __future__ import annotations

from simulator.hardware.dram.kernel.image import (
    AGE_SHIFT,
    CLOSED,
    FIRST_NEAR,
    PAST,
    PER_CLIENT,
    PER_REQUEST,
    REACH_ROWS,
    SCALARS,
    SPAN,
    TIME_BITS,
)
from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_ACTIVE_BANK,
    A_ACTIVE_SLOT,
    A_BANK_ACTIVE,
    A_CLOSING,
    A_ENTRY_BANK,
    A_ENTRY_HEAD,
    A_ENTRY_KEY,
    A_ENTRY_ROW,
    A_ENTRY_SEQ,
    A_ENTRY_STAMP,
    A_ENTRY_TAIL,
    A_FREE_SLOTS,
    A_HISTORY,
    A_OPEN_ROW,
    A_RANK_OPEN,
    A_RANK_SINCE,
    A_READY,
    A_ROW_HITS,
    A_SCOPE_ACTIVE,
    A_SCOPE_OPEN,
    A_SLOT_ARRIVE,
    A_SLOT_COLUMN,
    A_SLOT_NEXT,
    A_SLOT_QUEUE,
    A_SLOT_SEEN,
    A_SLOT_SEQ,
    A_SLOT_SOURCE,
    K_BANKS,
    K_CLIENTS,
    K_COUNTS_HITS,
    K_LONGEST_WINDOW,
    S_ACT2_BANK,
    S_ACT2_DEADLINE,
    S_ACT2_SLOT,
    S_ACTIVE,
    S_CLIENT,
    S_CLOCK_UNTIL,
    S_FLOOR,
    S_FLOOR_ROW,
    S_FREE,
    S_PAIR_BANK,
    S_PAIR_PC,
    S_PAIR_TICK,
    S_READ_ENTRIES,
    S_READS,
    S_REFRESH_BANK,
    S_SEQ,
    S_TICK,
    S_TURN,
    S_WRITE_MODE,
    S_WRITES,
    T_RANK_OF_BANK,
    T_SCOPE_OF_BANK,
    X_BASE_ROWS,
    X_ROWS,
    X_SOURCES,
    Ints,
)
from simulator.hardware.dram.kernel.queues import queue_base


@compiled
def restore_image(t: Ints, m: Ints, x: Ints, at: int) -> None:
    """Give a state, at its `S_TICK`, `S_SEQ` and `S_NEXT_REFRESH`, the rest of what an image says.

    Streams have been moved on already; rows and transfers are those of the last
    `find_streams`.
    """
    at = _restore_scalars(m, x, at)
    for client in range(t[K_CLIENTS]):
        at += PER_CLIENT + client if x[at] else 1
    at = _restore_constraints(t, m, x, at)
    at = _restore_banks(t, m, x, at)
    slots = m[A_SLOT_COLUMN] - m[A_SLOT_ARRIVE]
    m[S_FREE] = slots
    for place in range(slots):
        m[m[A_FREE_SLOTS] + place] = slots - 1 - place
    for queue in range(2):
        at = _restore_queue(t, m, x, queue, at)
    for index in range(m[S_ACTIVE]):
        bank = x[at]
        m[m[A_ACTIVE_BANK] + index] = bank
        m[m[A_ACTIVE_SLOT] + index] = _restore_request(m, x, at + 1)
        m[m[A_BANK_ACTIVE] + bank] += 1
        m[m[A_SCOPE_ACTIVE] + t[t[T_SCOPE_OF_BANK] + bank]] += 1
        at += PER_REQUEST
    if m[S_ACT2_BANK] >= 0:
        slot = _restore_request(m, x, at + 1)
        m[S_ACT2_SLOT] = slot
        m[m[A_SLOT_COLUMN] + slot] = row_of_label(x, x[at])


@compiled
def _restore_scalars(m: Ints, x: Ints, at: int) -> int:
    now = m[S_TICK]
    m[S_WRITE_MODE] = x[at + 1]
    m[S_FLOOR] = now + x[at + 2]
    m[S_FLOOR_ROW] = now + x[at + 3]
    m[S_REFRESH_BANK] = x[at + 5]
    m[S_CLOCK_UNTIL] = now + x[at + 6]
    m[S_PAIR_TICK] = now + x[at + 7]
    m[S_PAIR_PC] = x[at + 8]
    m[S_PAIR_BANK] = x[at + 9]
    m[S_ACT2_BANK] = x[at + 10]
    m[S_ACT2_DEADLINE] = now + x[at + 11]
    m[S_CLIENT] = x[at + 12]
    m[S_TURN] = x[at + 13]
    m[S_READS] = x[at + 14]
    m[S_WRITES] = x[at + 15]
    m[S_ACTIVE] = x[at + 16]
    return at + SCALARS


@compiled
def _restore_constraints(t: Ints, m: Ints, x: Ints, at: int) -> int:
    now = m[S_TICK]
    for place in range(m[A_READY], m[A_HISTORY]):
        m[place] = 0
    for place in range(m[A_HISTORY], m[A_OPEN_ROW]):
        m[place] = -1
    end = at + 1 + x[at]
    for one in range(at + 1, end):
        place, left = x[one] >> TIME_BITS, x[one] & (PAST - 1)
        if x[one] & PAST:
            m[m[A_HISTORY] + place] = now + left - t[K_LONGEST_WINDOW]
        else:
            m[m[A_READY] + place] = now + left
    return end


@compiled
def _restore_banks(t: Ints, m: Ints, x: Ints, at: int) -> int:
    for place in range(m[A_SCOPE_OPEN], m[A_RANK_SINCE]):  # open and active, counted anew
        m[place] = 0
    for bank in range(t[K_BANKS]):
        row = row_of_label(x, x[at])
        m[m[A_OPEN_ROW] + bank] = row
        if t[K_COUNTS_HITS]:
            m[m[A_ROW_HITS] + bank] = x[at + 1] >> 1
            m[m[A_CLOSING] + bank] = x[at + 1] & 1
            at += 1
        at += 1
        if row >= 0:
            m[m[A_SCOPE_OPEN] + t[t[T_SCOPE_OF_BANK] + bank]] += 1
            m[m[A_RANK_OPEN] + t[t[T_RANK_OF_BANK] + bank]] += 1
    return at


@compiled
def _restore_queue(t: Ints, m: Ints, x: Ints, queue: int, at: int) -> int:
    base = queue_base(t, queue)
    m[S_READ_ENTRIES + queue] = x[at]
    at += 1
    for entry in range(base, base + m[S_READ_ENTRIES + queue]):
        bank, row, length = x[at], row_of_label(x, x[at + 1]), x[at + 2]
        at += 3
        m[m[A_ENTRY_BANK] + entry] = bank
        m[m[A_ENTRY_ROW] + entry] = row
        m[m[A_ENTRY_KEY] + entry] = row * t[K_BANKS] + bank
        m[m[A_ENTRY_STAMP] + entry] = -1
        for place in range(length):
            slot = _restore_request(m, x, at + 1)
            m[m[A_SLOT_SEQ] + slot] = m[S_SEQ] - x[at]
            if place:
                m[m[A_SLOT_NEXT] + m[m[A_ENTRY_TAIL] + entry]] = slot
            else:
                m[m[A_ENTRY_HEAD] + entry] = slot
                m[m[A_ENTRY_SEQ] + entry] = m[m[A_SLOT_SEQ] + slot]
            m[m[A_ENTRY_TAIL] + entry] = slot
            at += PER_REQUEST
    return at


@compiled
def _restore_request(m: Ints, x: Ints, at: int) -> int:
    """A request in a new slot."""
    m[S_FREE] -= 1
    slot = m[m[A_FREE_SLOTS] + m[S_FREE]]
    m[m[A_SLOT_ARRIVE] + slot] = m[S_TICK] - (x[at] >> AGE_SHIFT)
    m[m[A_SLOT_SOURCE] + slot] = x[x[X_SOURCES] + ((x[at] & ((1 << AGE_SHIFT) - 1)) >> 2)]
    m[m[A_SLOT_QUEUE] + slot] = (x[at] >> 1) & 1
    m[m[A_SLOT_SEEN] + slot] = x[at] & 1
    return slot


@compiled
def row_of_label(x: Ints, label: int) -> int:
    """The row that a label means now."""
    if label == CLOSED:
        return -1
    if label >= 0:
        return x[x[X_ROWS] + label]
    near = FIRST_NEAR - label
    return x[x[X_BASE_ROWS] + near // SPAN] + near % SPAN - REACH_ROWS
