"""A channel's state as an image: all that decides what happens next, relative to now.

Two states with the same image do the same from here on, shifted in time and in
address, as long as no client's present transfer ends and nothing is submitted.
Ticks are relative to the present one, rows to the row from which the next burst of
a client's transfer comes; rows far from all of those count by which are equal.

An image is a sequence of integers, part by part; `restore.py` reads it in the same order.
"""

from __future__ import annotations

import numpy as np

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_ACTIVE_BANK,
    A_ACTIVE_SLOT,
    A_CLOSING,
    A_ENTRY_BANK,
    A_ENTRY_HEAD,
    A_ENTRY_ROW,
    A_ENTRY_SEQ,
    A_ENTRY_TAIL,
    A_HISTORY,
    A_OPEN_ROW,
    A_READY,
    A_RING_BURST,
    A_RING_HEAD,
    A_RING_LENGTH,
    A_RING_QUEUE,
    A_RING_TRANSFER,
    A_ROW_HITS,
    A_SLOT_ARRIVE,
    A_SLOT_COLUMN,
    A_SLOT_NEXT,
    A_SLOT_QUEUE,
    A_SLOT_SEEN,
    A_SLOT_SEQ,
    A_SLOT_SOURCE,
    FAR,
    K_BANKS,
    K_CLIENTS,
    K_COUNTS_HITS,
    K_LONGEST_WINDOW,
    K_NEAR_TICKS,
    K_RING,
    K_ROW_SHIFT,
    K_SOON_TICKS,
    K_TICKS_PER_CLOCK,
    K_XOR_BITS,
    READ,
    S_ACT2_BANK,
    S_ACT2_DEADLINE,
    S_ACT2_SLOT,
    S_ACTIVE,
    S_CLIENT,
    S_CLOCK_UNTIL,
    S_FLOOR,
    S_FLOOR_ROW,
    S_NEXT_REFRESH,
    S_PAIR_BANK,
    S_PAIR_PC,
    S_PAIR_TICK,
    S_READ_ENTRIES,
    S_READS,
    S_REFRESH_BANK,
    S_TICK,
    S_TURN,
    S_WRITE_ENTRIES,
    S_WRITE_MODE,
    S_WRITES,
    WRITE,
    X_BASE_ROWS,
    X_ORDER,
    X_READ_AGE,
    X_ROW_COUNT,
    X_ROWS,
    X_SOURCE_COUNT,
    X_SOURCES,
    X_WRITE_SHIFT,
    Ints,
)
from simulator.hardware.dram.kernel.queues import queue_base

REACH_ROWS = 4
"""Rows about a stream's that are told apart by where they are."""
SPAN = 2 * REACH_ROWS + 1
CLOSED = -1
FIRST_NEAR = -2
"""Labels of rows near a stream go down from here; those of others go up from 0."""
NO_TICK, SOON, LATER = -1, -2, -3
UNKNOWN = -1 << 40
TIME_BITS, PAST, LONGEST_TIME = 32, 1 << 31, 1 << 30
"""A time is below the bit that says that it is one that a window remembers."""
AGE_SHIFT = 20
"""Below a request's age are its transfer, its queue, and whether it has been seen."""
SCALARS, PER_CLIENT, PER_BANK, PER_ENTRY, PER_REQUEST = 17, 5, 2, 3, 2
"""Integers that the parts of an image take."""
IMAGE_REFRESH = 4
"""Where an image says how far away the next refresh is."""


def image_words(banks: int, clients: int, times: int, entries: int) -> int:
    """The most integers that an image takes. times: that constraints keep."""
    streams = clients * (PER_CLIENT + clients)
    requests = 3 + entries * (PER_ENTRY + PER_REQUEST) + (banks + 1) * PER_REQUEST
    return SCALARS + streams + times + banks * PER_BANK + requests


@compiled
def find_streams(t: Ints, m: Ints, x: Ints) -> int:
    """Note where clients' transfers go on; returns how many do.

    Forgets the rows and transfers that earlier images have named.
    """
    x[X_ROW_COUNT] = 0
    x[X_SOURCE_COUNT] = 0
    found = 0
    for client in range(t[K_CLIENTS]):
        base = UNKNOWN
        if m[m[A_RING_LENGTH] + client]:
            at = client * t[K_RING] + m[m[A_RING_HEAD] + client]
            base = m[m[A_RING_BURST] + at] >> t[K_ROW_SHIFT]
            source_label(x, m[m[A_RING_TRANSFER] + at])
            found += 1
        x[x[X_BASE_ROWS] + client] = base
    return found


@compiled
def row_label(t: Ints, x: Ints, row: int) -> int:
    """A row's name in images, relative to the rows of the streams where it is near one."""
    if row < 0:
        return CLOSED
    for client in range(t[K_CLIENTS]):
        away = row - x[x[X_BASE_ROWS] + client]
        if -REACH_ROWS <= away <= REACH_ROWS:
            return FIRST_NEAR - (client * SPAN + away + REACH_ROWS)
    return _label(x, X_ROWS, X_ROW_COUNT, row)


@compiled
def source_label(x: Ints, source: int) -> int:
    """A transfer's name in images."""
    return _label(x, X_SOURCES, X_SOURCE_COUNT, source)


@compiled
def _label(x: Ints, names: int, count: int, value: int) -> int:
    """The place of a value among those named so far, at the end if it is new."""
    for place in range(x[count]):
        if x[x[names] + place] == value:
            return place
    x[x[names] + x[count]] = value
    x[count] += 1
    return x[count] - 1


# -- taking ------------------------------------------------------------------------
@compiled
def take_image(t: Ints, m: Ints, x: Ints, at: int) -> int:
    """Write the image of a state between two events from `x[at]` up; returns its end."""
    at = _take_scalars(t, m, x, at)
    at = _take_streams(t, m, x, at)
    at = _take_constraints(t, m, x, at)
    at = _take_banks(t, m, x, at)
    _find_ages(t, m, x)
    for queue in range(2):
        at = _take_queue(t, m, x, queue, at)
    for index in range(m[S_ACTIVE]):
        x[at] = m[m[A_ACTIVE_BANK] + index]
        at = _take_request(m, x, m[m[A_ACTIVE_SLOT] + index], at + 1)
    if m[S_ACT2_BANK] >= 0:
        slot = m[S_ACT2_SLOT]
        x[at] = row_label(t, x, m[m[A_SLOT_COLUMN] + slot])
        at = _take_request(m, x, slot, at + 1)
    return at


@compiled
def _find_ages(t: Ints, m: Ints, x: Ints) -> None:
    """Note the age of the oldest read, and by how much older writes may be made younger.

    Writes may wait for ever, and of their age nothing counts but what is older.
    """
    x[X_READ_AGE] = 0
    x[X_WRITE_SHIFT] = 0
    oldest, youngest = 0, FAR
    for entry in range(m[S_READ_ENTRIES]):
        oldest = max(oldest, _age(m, m[m[A_ENTRY_HEAD] + entry]))
    for index in range(m[S_ACTIVE]):
        slot = m[m[A_ACTIVE_SLOT] + index]
        if m[m[A_SLOT_QUEUE] + slot] == READ:
            oldest = max(oldest, _age(m, slot))
    if m[S_ACT2_BANK] >= 0 and m[m[A_SLOT_QUEUE] + m[S_ACT2_SLOT]] == READ:
        oldest = max(oldest, _age(m, m[S_ACT2_SLOT]))
    base = queue_base(t, WRITE)
    for entry in range(base, base + m[S_WRITE_ENTRIES]):
        slot, last = m[m[A_ENTRY_HEAD] + entry], m[m[A_ENTRY_TAIL] + entry]
        while slot != last:
            youngest = _younger_write(m, slot, oldest, youngest)
            slot = m[m[A_SLOT_NEXT] + slot]
        youngest = _younger_write(m, slot, oldest, youngest)
    for index in range(m[S_ACTIVE]):
        youngest = _younger_write(m, m[m[A_ACTIVE_SLOT] + index], oldest, youngest)
    if m[S_ACT2_BANK] >= 0:
        youngest = _younger_write(m, m[S_ACT2_SLOT], oldest, youngest)
    x[X_READ_AGE] = oldest
    if youngest < FAR:
        x[X_WRITE_SHIFT] = youngest - oldest - 1


@compiled
def _age(m: Ints, slot: int) -> int:
    return m[S_TICK] - m[m[A_SLOT_ARRIVE] + slot]


@compiled
def _younger_write(m: Ints, slot: int, oldest: int, youngest: int) -> int:
    """The younger of two ages: `youngest`, and that of a write that is above `oldest`."""
    age = _age(m, slot)
    return min(youngest, age) if m[m[A_SLOT_QUEUE] + slot] == WRITE and age > oldest else youngest


@compiled
def refresh_distance(t: Ints, m: Ints) -> int:
    """Ticks to the next refresh if it is near; SOON or LATER if it is not."""
    ticks = m[S_NEXT_REFRESH] - m[S_TICK]
    if ticks <= t[K_NEAR_TICKS]:
        return ticks
    return SOON if ticks <= t[K_SOON_TICKS] else LATER


@compiled
def refresh_margin(t: Ints, distance: int) -> int:
    """Ticks for which there is no refresh, by the distance that an image says."""
    if distance == SOON:
        return t[K_NEAR_TICKS]
    return t[K_SOON_TICKS] if distance == LATER else 0


@compiled
def _take_scalars(t: Ints, m: Ints, x: Ints, at: int) -> int:
    now = m[S_TICK]
    paired = m[S_PAIR_TICK] >= now
    x[at] = now & (t[K_TICKS_PER_CLOCK] - 1)
    x[at + 1] = m[S_WRITE_MODE]
    x[at + 2] = max(m[S_FLOOR] - now, 0)
    x[at + 3] = max(m[S_FLOOR_ROW] - now, 0)
    x[at + IMAGE_REFRESH] = refresh_distance(t, m)
    x[at + 5] = m[S_REFRESH_BANK]
    x[at + 6] = max(m[S_CLOCK_UNTIL] - now, 0)
    x[at + 7] = m[S_PAIR_TICK] - now if paired else NO_TICK
    x[at + 8] = m[S_PAIR_PC] if paired else 0
    x[at + 9] = m[S_PAIR_BANK] if paired else 0
    x[at + 10] = m[S_ACT2_BANK]
    x[at + 11] = m[S_ACT2_DEADLINE] - now if m[S_ACT2_BANK] >= 0 else 0
    x[at + 12] = m[S_CLIENT]
    x[at + 13] = m[S_TURN]
    x[at + 14] = m[S_READS]
    x[at + 15] = m[S_WRITES]
    x[at + 16] = m[S_ACTIVE]
    return at + SCALARS


@compiled
def _take_streams(t: Ints, m: Ints, x: Ints, at: int) -> int:
    """Where each client goes on within its row, and rows that are near another's."""
    bases = x[X_BASE_ROWS]
    for client in range(t[K_CLIENTS]):
        waits = m[m[A_RING_LENGTH] + client] > 0
        x[at] = int(waits)
        at += 1
        if not waits:
            continue
        place = client * t[K_RING] + m[m[A_RING_HEAD] + client]
        burst = m[m[A_RING_BURST] + place]
        row = burst >> t[K_ROW_SHIFT]
        x[at] = m[m[A_RING_QUEUE] + place]
        x[at + 1] = burst & ((1 << t[K_ROW_SHIFT]) - 1)
        x[at + 2] = row & ((1 << t[K_XOR_BITS]) - 1)
        x[at + 3] = row - x[bases + client]
        at += 4
        for other in range(client):
            away = x[bases + client] - x[bases + other]
            x[at] = away if abs(away) <= 2 * SPAN else 2 * SPAN + 1
            at += 1
    return at


@compiled
def _take_constraints(t: Ints, m: Ints, x: Ints, at: int) -> int:
    """First legal ticks to come, and commands that windows still remember: how many, then each.

    A place and a time in one number. Most constraints of the past bind nothing any more.
    """
    now, length = m[S_TICK], at
    first, count = np.uint64(m[A_READY]), np.uint64(m[A_HISTORY] - m[A_READY])
    for place in range(count):
        left = m[first + place] - now
        if left > 0:
            at += 1
            x[at] = (int(np.int64(place)) << TIME_BITS) | left
    for place in range(m[A_OPEN_ROW] - m[A_HISTORY]):
        left = m[m[A_HISTORY] + place] - now + t[K_LONGEST_WINDOW]
        if left > 0 and m[m[A_HISTORY] + place] >= 0:
            at += 1
            x[at] = (place << TIME_BITS) | left | PAST
    x[length] = at - length
    return at + 1


@compiled
def _take_banks(t: Ints, m: Ints, x: Ints, at: int) -> int:
    for bank in range(t[K_BANKS]):
        x[at] = row_label(t, x, m[m[A_OPEN_ROW] + bank])
        if t[K_COUNTS_HITS]:
            x[at + 1] = 2 * m[m[A_ROW_HITS] + bank] + m[m[A_CLOSING] + bank]
            at += 1
        at += 1
    return at


@compiled
def _take_queue(t: Ints, m: Ints, x: Ints, queue: int, at: int) -> int:
    """A queue's entries, the one with the oldest request first."""
    base, entries, order = queue_base(t, queue), m[S_READ_ENTRIES + queue], x[X_ORDER]
    seqs = m[A_ENTRY_SEQ]
    for place in range(entries):
        entry = base + place
        to = place
        while to > 0 and m[seqs + x[order + to - 1]] > m[seqs + entry]:
            x[order + to] = x[order + to - 1]
            to -= 1
        x[order + to] = entry
    x[at] = entries
    at += 1
    newest = 0
    for place in range(entries):
        newest = max(newest, m[m[A_SLOT_SEQ] + m[m[A_ENTRY_TAIL] + base + place]])
    for place in range(entries):
        entry = x[order + place]
        x[at] = m[m[A_ENTRY_BANK] + entry]
        x[at + 1] = row_label(t, x, m[m[A_ENTRY_ROW] + entry])
        length = at + 2
        x[length] = 0
        at += 3
        slot, last = m[m[A_ENTRY_HEAD] + entry], m[m[A_ENTRY_TAIL] + entry]
        while True:
            x[length] += 1
            x[at] = 1 + newest - m[m[A_SLOT_SEQ] + slot]
            at = _take_request(m, x, slot, at + 1)
            if slot == last:
                break
            slot = m[m[A_SLOT_NEXT] + slot]
    return at


@compiled
def _take_request(m: Ints, x: Ints, slot: int, at: int) -> int:
    age = _age(m, slot)
    if age > x[X_READ_AGE]:
        age -= x[X_WRITE_SHIFT]
    source = source_label(x, m[m[A_SLOT_SOURCE] + slot])
    flags = 2 * m[m[A_SLOT_QUEUE] + slot] + m[m[A_SLOT_SEEN] + slot]
    x[at] = (age << AGE_SHIFT) | (source << 2) | flags
    return at + 1
