"""Where requests come from: a trace, or transfers of clients that take turns.

A trace is served in order: a request that finds its queue full holds up all
behind it. Clients hold up only themselves. Either way at most `K_PER_TICK`
requests enter per tick, one tick behind their arrival.
"""

from __future__ import annotations

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_REQUEST,
    A_RING_BURST,
    A_RING_HEAD,
    A_RING_LEFT,
    A_RING_LENGTH,
    A_RING_QUEUE,
    A_RING_TRANSFER,
    FAR,
    K_CLIENTS,
    K_PER_TICK,
    K_READ_DEPTH,
    K_RING,
    K_ROW_SHIFT,
    K_TICKS_PER_CLOCK,
    K_TURN,
    K_WRITE_DEPTH,
    K_XOR_BITS,
    READ,
    S_CLIENT,
    S_COMING,
    S_PENDING,
    S_READS,
    S_TICK,
    S_TURN,
    T_PLACE,
    Ints,
)
from simulator.hardware.dram.kernel.pim import pim_shuts_out

TRACE_COLUMNS = 5
"""A request of a trace: tick of arrival, queue, bank, row, burst of the row."""
T_ARRIVE, T_QUEUE, T_BANK, T_ROW, T_COLUMN = range(TRACE_COLUMNS)
COLUMN_BITS = 32
"""Bits that a column takes in the table of places."""


@compiled
def next_arrival(t: Ints, m: Ints, trace: Ints, final: bool) -> int:
    """Tick before which the next request enters, FAR if none can, -1 if the trace must go on."""
    if pim_shuts_out(t, m):
        return FAR
    if t[K_CLIENTS]:
        if m[S_COMING]:
            for client in range(t[K_CLIENTS]):
                if _client_is_ready(t, m, client):
                    return _entry_tick(t, m[S_TICK])
        return FAR
    at = m[S_PENDING]
    if not final and (at + t[K_PER_TICK]) * TRACE_COLUMNS > len(trace):
        return -1  # all that may enter in one tick must be known
    if at * TRACE_COLUMNS >= len(trace):
        return FAR
    queue = trace[at * TRACE_COLUMNS + T_QUEUE]
    if not _has_room(t, m, queue):
        return FAR
    return _entry_tick(t, max(trace[at * TRACE_COLUMNS + T_ARRIVE], m[S_TICK]))


@compiled
def _entry_tick(t: Ints, tick: int) -> int:
    """The tick before which a request that is there at `tick` enters: a rising edge."""
    tick += 1
    if t[K_TICKS_PER_CLOCK] == 2 and not tick & 1:
        tick += 1
    return tick


@compiled
def may_arrive(t: Ints, m: Ints, trace: Ints, tick: int) -> bool:
    """Whether another request enters before `tick`."""
    coming = next_arrival(t, m, trace, True)
    if t[K_CLIENTS]:
        return coming != FAR
    return coming <= tick


@compiled
def transfers_wait(t: Ints, m: Ints, trace: Ints) -> bool:
    """Whether requests are left outside of the queues."""
    if t[K_CLIENTS]:
        return m[S_COMING] > 0
    return m[S_PENDING] * TRACE_COLUMNS < len(trace)


@compiled
def fetch(t: Ints, m: Ints, trace: Ints) -> None:
    """The next request into `request`: queue, bank, row, column, transfer."""
    if t[K_CLIENTS]:
        _fetch_from_client(t, m)
        return
    at = m[S_PENDING] * TRACE_COLUMNS
    for field in range(T_QUEUE, TRACE_COLUMNS):
        m[m[A_REQUEST] + field - T_QUEUE] = trace[at + field]
    m[m[A_REQUEST] + 4] = -1
    m[S_PENDING] += 1


@compiled
def _has_room(t: Ints, m: Ints, queue: int) -> bool:
    depth = t[K_READ_DEPTH] if queue == READ else t[K_WRITE_DEPTH]
    return m[S_READS + queue] < depth


@compiled
def _client_is_ready(t: Ints, m: Ints, client: int) -> bool:
    if not m[m[A_RING_LENGTH] + client]:
        return False
    at = client * t[K_RING] + m[m[A_RING_HEAD] + client]
    return _has_room(t, m, m[m[A_RING_QUEUE] + at])


@compiled
def _fetch_from_client(t: Ints, m: Ints) -> None:
    """Clients take turns of `K_TURN` bursts; one that cannot go on passes its turn."""
    clients = t[K_CLIENTS]
    client = m[S_CLIENT]
    if m[S_TURN] == 0 or not _client_is_ready(t, m, client):
        for _ in range(clients):
            client = (client + 1) % clients
            if _client_is_ready(t, m, client):
                break
        m[S_CLIENT] = client
        m[S_TURN] = t[K_TURN]
    m[S_TURN] -= 1
    at = client * t[K_RING] + m[m[A_RING_HEAD] + client]
    locate(t, m, m[m[A_RING_BURST] + at])
    m[m[A_REQUEST] + 0] = m[m[A_RING_QUEUE] + at]
    m[m[A_REQUEST] + 4] = m[m[A_RING_TRANSFER] + at]
    m[m[A_RING_BURST] + at] += 1
    m[m[A_RING_LEFT] + at] -= 1
    if m[m[A_RING_LEFT] + at] == 0:
        m[m[A_RING_HEAD] + client] = (m[m[A_RING_HEAD] + client] + 1) % t[K_RING]
        m[m[A_RING_LENGTH] + client] -= 1
        m[S_COMING] -= 1


@compiled
def locate(t: Ints, m: Ints, burst: int) -> None:
    """Bank, row and column of a channel's burst by number, into `request[1:4]`."""
    shift = t[K_ROW_SHIFT]
    row = burst >> shift
    place = t[t[T_PLACE] + (burst & ((1 << shift) - 1))]
    at = m[A_REQUEST]
    m[at + 1] = (place >> COLUMN_BITS) ^ (row & ((1 << t[K_XOR_BITS]) - 1))
    m[at + 2] = row
    m[at + 3] = place & ((1 << COLUMN_BITS) - 1)
