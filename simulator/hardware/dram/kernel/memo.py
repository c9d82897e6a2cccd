"""Stretches of a stream are served once, and looked up when they come again.

A stretch is what happens while a client's transfer goes on by `K_STRETCH` bursts.
What happens in it is decided by the image of the state at its start, so where an
image is met again, the image at the end, and what was counted, are put in place at
once. This is exact. A stretch is left to be served burst by burst where it would
run past the time that is asked for, or past the end of a client's transfer.
"""

from __future__ import annotations

from simulator.hardware.dram.kernel.image import (
    IMAGE_REFRESH,
    find_streams,
    refresh_distance,
    take_image,
)
from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_RANK_SINCE,
    A_RING_BURST,
    A_RING_HEAD,
    A_RING_LEFT,
    A_RING_LENGTH,
    A_SLOT_ARRIVE,
    A_TRANSFER_DONE,
    A_TRANSFER_LEFT,
    C_END,
    C_LAST_READ,
    C_LAST_WRITE,
    C_LAST_WRITE_DATA,
    C_LATENCY_MAX,
    C_READS,
    C_REFRESH_LATE,
    C_WRITES,
    FAR,
    K_CLIENTS,
    K_PER_TICK,
    K_RING,
    K_STRETCH,
    S_CLIENT,
    S_COMPLETED,
    S_COUNT,
    S_MARK,
    S_NEXT_REFRESH,
    S_SEQ,
    S_TICK,
    X_KEY,
    X_LEARNING,
    X_MISSED,
    X_PASSED,
    X_ROW_COUNT,
    X_SOURCE_COUNT,
    X_SOURCES,
    X_TABLE,
    X_TABLE_SIZE,
    Ints,
)
from simulator.hardware.dram.kernel.learn import (
    R_COUNT,
    R_END_WORDS,
    R_HASH,
    R_LATE,
    R_NEXT,
    R_REFRESH_TICKS,
    R_REQUESTS,
    R_SOURCES,
    R_START_WORDS,
    R_TICKS,
    finish_learning,
    settle_open_rows,
    start_learning,
)
from simulator.hardware.dram.kernel.restore import restore_image

PATIENCE, PATIENCE_SHARE = 4096, 16
"""After so many new stretches, and with less than one known for so many new ones, a look is taken
only every so many stretches, and only one in so many of what is new is kept."""
HASH_FACTOR, HASH_MASK = 1_000_003, (1 << 31) - 1


@compiled
def pass_stretches(t: Ints, m: Ints, x: Ints, until: int, goes_on: bool) -> None:
    """Where a stretch of a stream starts: pass those that are known; learn one that is not.

    goes_on: up to tick `until`, also when a transfer is complete; otherwise the stretch
    that is under way then is the last.
    """
    if x[X_LEARNING]:
        finish_learning(t, m, x)
    passed = 0
    while True:
        streams = find_streams(t, m, x)
        if not streams:
            m[S_MARK] = m[S_SEQ] + t[K_STRETCH]
            return
        if not _may_last(t, _mark_next(t, m)):
            return
        settle_open_rows(t, m)
        words = take_image(t, m, x, x[X_KEY]) - x[X_KEY]
        key = _hash(x, words)
        found = _find(x, key, words)
        if not found:
            x[X_MISSED] += 1
            many = x[X_MISSED] > PATIENCE + PATIENCE_SHARE * x[X_PASSED]
            if many and x[X_MISSED] % PATIENCE_SHARE:
                m[S_MARK] += PATIENCE_SHARE * t[K_STRETCH]
            else:
                start_learning(t, m, x, key, words)
            return
        simple = streams == 1 and x[X_ROW_COUNT] == 0
        if passed and simple and x[X_SOURCE_COUNT] == 1:
            x[passed + R_NEXT] = found
        passed = _pass_chain(t, m, x, found, until, goes_on)
        if not passed or (not goes_on and (m[S_COMPLETED] or m[S_TICK] >= until)):
            return
        if not simple:
            passed = 0


@compiled
def _pass_chain(t: Ints, m: Ints, x: Ints, record: int, until: int, goes_on: bool) -> int:
    """Pass a stretch and those that are known to follow it; returns the last one, 0 if none.

    With one stream, all rows near it and no other transfer left, what a stretch
    starts from says what the next one starts from, but for when a refresh is due.
    """
    last = 0
    while _may_pass(t, m, x, record, until, goes_on):
        if last:
            find_streams(t, m, x)
        _pass(t, m, x, record)
        last = record
        record = x[last + R_NEXT]
        if not record or (not goes_on and (m[S_COMPLETED] or m[S_TICK] >= until)):
            break
        if x[record + R_COUNT + IMAGE_REFRESH] != refresh_distance(t, m):
            break
        if not _may_last(t, _mark_next(t, m)):
            break
    if last:
        restore_image(t, m, x, last + R_COUNT + x[last + R_START_WORDS])
        for rank in range(m[A_SLOT_ARRIVE] - m[A_RANK_SINCE]):
            m[m[A_RANK_SINCE] + rank] = m[S_TICK]
    return last


@compiled
def _may_last(t: Ints, rest: int) -> bool:
    """Whether a transfer with so many bursts left may outlast a stretch."""
    return rest > t[K_STRETCH] + t[K_PER_TICK]


@compiled
def _mark_next(t: Ints, m: Ints) -> int:
    """Set where the next stretch starts: at the same places of a row, whenever it began.

    Returns the bursts left of the transfer whose turn it is.
    """
    client = m[S_CLIENT]
    if not m[m[A_RING_LENGTH] + client]:
        m[S_MARK] = m[S_SEQ] + t[K_STRETCH]
        return FAR
    at = client * t[K_RING] + m[m[A_RING_HEAD] + client]
    m[S_MARK] = m[S_SEQ] + t[K_STRETCH] - m[m[A_RING_BURST] + at] % t[K_STRETCH]
    return m[m[A_RING_LEFT] + at]


# -- finding -----------------------------------------------------------------------
@compiled
def _hash(x: Ints, words: int) -> int:
    value = words
    for place in range(x[X_KEY], x[X_KEY] + words):
        value = (value * HASH_FACTOR + x[place]) & HASH_MASK
    return value


@compiled
def _find(x: Ints, key: int, words: int) -> int:
    """The stretch that starts with the image under `X_KEY`, or 0."""
    slot = key & (x[X_TABLE_SIZE] - 1)
    while x[x[X_TABLE] + slot]:
        record = x[x[X_TABLE] + slot]
        if x[record + R_HASH] == key and x[record + R_START_WORDS] == words:
            first = record + R_COUNT
            same = True
            for place in range(words):
                if x[first + place] != x[x[X_KEY] + place]:
                    same = False
                    break
            if same:
                return record
        slot = (slot + 1) & (x[X_TABLE_SIZE] - 1)
    return 0


@compiled
def _may_pass(t: Ints, m: Ints, x: Ints, record: int, until: int, goes_on: bool) -> bool:
    """Whether a stretch ends within all clients' present transfers, and by `until`."""
    if goes_on and m[S_TICK] + x[record + R_TICKS] > until:
        return False
    bursts = record + R_COUNT + x[record + R_START_WORDS] + x[record + R_END_WORDS]
    for client in range(t[K_CLIENTS]):
        if x[bursts + client]:
            at = client * t[K_RING] + m[m[A_RING_HEAD] + client]
            if m[m[A_RING_LEFT] + at] <= x[bursts + client]:
                return False
    return True


@compiled
def _pass(t: Ints, m: Ints, x: Ints, record: int) -> None:
    """Count what a stretch does: all but the image at its end."""
    x[X_PASSED] += 1
    began = m[S_TICK]
    at = record + R_COUNT + x[record + R_START_WORDS] + x[record + R_END_WORDS]
    m[S_TICK] += x[record + R_TICKS]
    m[S_SEQ] += x[record + R_REQUESTS]
    m[S_NEXT_REFRESH] += x[record + R_REFRESH_TICKS]
    m[C_REFRESH_LATE] = max(m[C_REFRESH_LATE], x[record + R_LATE])
    for client in range(t[K_CLIENTS]):
        if x[at + client]:
            place = client * t[K_RING] + m[m[A_RING_HEAD] + client]
            m[m[A_RING_BURST] + place] += x[at + client]
            m[m[A_RING_LEFT] + place] -= x[at + client]
    at += t[K_CLIENTS]
    reads, writes = x[at + C_READS - S_COUNT], x[at + C_WRITES - S_COUNT]
    for counter in range(S_COUNT, C_END):
        if counter in (C_LAST_READ, C_LAST_WRITE, C_LAST_WRITE_DATA):
            if reads if counter == C_LAST_READ else writes:
                m[counter] = began + x[at + counter - S_COUNT]
        elif counter != C_REFRESH_LATE and counter != C_LATENCY_MAX:
            m[counter] += x[at + counter - S_COUNT]
    at += C_END - S_COUNT
    for label in range(x[record + R_SOURCES]):
        if x[at]:
            source = x[x[X_SOURCES] + label]
            m[m[A_TRANSFER_LEFT] + source] -= x[at]
            m[m[A_TRANSFER_DONE] + source] = began + x[at + 1]
            if not m[m[A_TRANSFER_LEFT] + source]:
                m[S_COMPLETED] = 1
        at += 2
