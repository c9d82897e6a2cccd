"""Learning a stretch of a stream: what the state was, and what has become of it."""

from __future__ import annotations

from simulator.hardware.dram.kernel.image import (
    IMAGE_REFRESH,
    REACH_ROWS,
    refresh_margin,
    take_image,
)
from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_RANK_OPEN,
    A_RANK_SINCE,
    A_RING_BURST,
    A_RING_HEAD,
    A_RING_LENGTH,
    A_SLOT_ARRIVE,
    A_TRANSFER_DONE,
    A_TRANSFER_LEFT,
    C_END,
    C_LAST_READ,
    C_LAST_WRITE,
    C_LAST_WRITE_DATA,
    C_ROW_OPEN,
    K_CLIENTS,
    K_RING,
    K_ROW_SHIFT,
    S_COUNT,
    S_LATE,
    S_NEXT_REFRESH,
    S_SEQ,
    S_TICK,
    X_BEFORE,
    X_KEY,
    X_KEY_HASH,
    X_KEY_WORDS,
    X_LEARNING,
    X_POOL,
    X_RECORD_WORDS,
    X_ROW_COUNT,
    X_SOURCE_COUNT,
    X_SOURCES,
    X_STORED,
    X_TABLE,
    X_TABLE_SIZE,
    X_USED,
    Ints,
)

# A stretch in the memory of stretches: these, then the image at its start, the one at its
# end, bursts of each client, counters, and per transfer its bursts and the last one's end.
(
    R_HASH, R_START_WORDS, R_END_WORDS, R_TICKS, R_REQUESTS, R_REFRESH_TICKS, R_LATE, R_SOURCES,
    R_NEXT, R_COUNT,
) = range(10)  # fmt: skip


@compiled
def settle_open_rows(t: Ints, m: Ints) -> None:
    """Count the time that rows have been open up to now."""
    for rank in range(m[A_SLOT_ARRIVE] - m[A_RANK_SINCE]):
        if m[m[A_RANK_OPEN] + rank]:
            m[C_ROW_OPEN] += m[S_TICK] - m[m[A_RANK_SINCE] + rank]
            m[m[A_RANK_SINCE] + rank] = m[S_TICK]


@compiled
def start_learning(t: Ints, m: Ints, x: Ints, key: int, words: int) -> None:
    """Keep what the state is, to see what the stretch makes of it."""
    x[X_LEARNING] = 1
    x[X_KEY_HASH] = key
    x[X_KEY_WORDS] = words
    m[S_LATE] = 0
    at = x[X_BEFORE]
    x[at] = m[S_TICK]
    x[at + 1] = m[S_SEQ]
    x[at + 2] = m[S_NEXT_REFRESH]
    at += 3
    for client in range(t[K_CLIENTS]):
        x[at + client] = m[m[A_RING_BURST] + client * t[K_RING] + m[m[A_RING_HEAD] + client]]
        x[at + t[K_CLIENTS] + client] = m[m[A_RING_LENGTH] + client]
    at += 2 * t[K_CLIENTS]
    for counter in range(S_COUNT, C_END):
        x[at + counter - S_COUNT] = m[counter]
    at += C_END - S_COUNT
    for label in range(x[X_SOURCE_COUNT]):
        x[at + label] = m[m[A_TRANSFER_LEFT] + x[x[X_SOURCES] + label]]


@compiled
def finish_learning(t: Ints, m: Ints, x: Ints) -> None:
    """Keep the stretch that ends here, if it may be passed the next time."""
    x[X_LEARNING] = 0
    before, words = x[X_BEFORE], x[X_KEY_WORDS]
    began = x[before]
    sources, rows = x[X_SOURCE_COUNT], x[X_ROW_COUNT]
    ticks = m[S_TICK] - began
    refreshed = m[S_NEXT_REFRESH] - x[before + 2]
    margin = refresh_margin(t, x[x[X_KEY] + IMAGE_REFRESH])
    if margin and (refreshed or ticks > margin):
        return
    _make_room(x)
    record = x[X_USED]
    at = record + R_COUNT
    for place in range(words):
        x[at + place] = x[x[X_KEY] + place]
    at += words
    settle_open_rows(t, m)
    end = take_image(t, m, x, at)
    if x[X_SOURCE_COUNT] != sources or x[X_ROW_COUNT] != rows:
        return  # something new has come: another transfer has begun
    x[record + R_HASH] = x[X_KEY_HASH]
    x[record + R_START_WORDS] = words
    x[record + R_END_WORDS] = end - at
    x[record + R_TICKS] = ticks
    x[record + R_REQUESTS] = m[S_SEQ] - x[before + 1]
    x[record + R_REFRESH_TICKS] = refreshed
    x[record + R_LATE] = m[S_LATE]
    x[record + R_SOURCES] = sources
    x[record + R_NEXT] = 0
    at = _keep_counts(t, m, x, began, before + 3, end)
    if at < 0:
        return
    x[X_USED] = at
    x[X_STORED] += 1
    slot = x[X_KEY_HASH] & (x[X_TABLE_SIZE] - 1)
    while x[x[X_TABLE] + slot]:
        slot = (slot + 1) & (x[X_TABLE_SIZE] - 1)
    x[x[X_TABLE] + slot] = record


@compiled
def _keep_counts(t: Ints, m: Ints, x: Ints, began: int, before: int, at: int) -> int:
    """Bursts of clients, counters and transfers of a stretch, to `x[at]`; their end.

    -1 if a client's transfer has ended.
    """
    for client in range(t[K_CLIENTS]):
        if m[m[A_RING_LENGTH] + client] != x[before + t[K_CLIENTS] + client]:
            return -1
        place = client * t[K_RING] + m[m[A_RING_HEAD] + client]
        x[at + client] = m[m[A_RING_BURST] + place] - x[before + client]
        if x[at + client] >> t[K_ROW_SHIFT] >= REACH_ROWS - 1:
            return -1
    before += 2 * t[K_CLIENTS]
    at += t[K_CLIENTS]
    for counter in range(S_COUNT, C_END):
        last = counter in (C_LAST_READ, C_LAST_WRITE, C_LAST_WRITE_DATA)
        x[at + counter - S_COUNT] = m[counter] - (began if last else x[before + counter - S_COUNT])
    before += C_END - S_COUNT
    at += C_END - S_COUNT
    for label in range(x[X_SOURCE_COUNT]):
        source = x[x[X_SOURCES] + label]
        x[at] = x[before + label] - m[m[A_TRANSFER_LEFT] + source]
        x[at + 1] = m[m[A_TRANSFER_DONE] + source] - began
        at += 2
    return at


@compiled
def _make_room(x: Ints) -> None:
    """Forget everything when memory is full."""
    if x[X_USED] + x[X_RECORD_WORDS] <= len(x) and 2 * x[X_STORED] < x[X_TABLE_SIZE]:
        return
    for slot in range(x[X_TABLE_SIZE]):
        x[x[X_TABLE] + slot] = 0
    x[X_STORED] = 0
    x[X_USED] = x[X_POOL]
