"""The state of a channel, for comparison with an earlier one in another layer.

Equal images have equal futures: all is in them that decides what happens next, relative to
now and to the rows of the present layer. Left out are counters, what is known ahead, and what
is found out anew before it is used: the next commands, and first legal ticks of requests.

Ticks that have passed bind nothing any more and count as equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.kernel import layout as at
from simulator.hardware.dram.moving_rows import MovingRows
from simulator.hardware.dram.pim_tables import PIM_RING
from simulator.hardware.dram.tables import ChannelTables

Ints = NDArray[np.int64]

PLAIN = (
    at.S_WRITE_MODE, at.S_REFRESH_BANK, at.S_ACT2_BANK, at.S_CLIENT, at.S_TURN, at.S_READS,
    at.S_WRITES, at.S_READ_ENTRIES, at.S_WRITE_ENTRIES, at.S_ACTIVE, at.S_PRIORITY, at.S_COMING,
    at.S_PIM_LENGTH, at.S_PIM_STAGE, at.S_PIM_INPUTS, at.S_PIM_TILE, at.S_PIM_SEGMENT,
    at.S_PIM_STEP, at.S_PIM_FITS, at.S_PIM_SKIPS, at.S_PIM_ROW, at.S_PIM_OPEN,
    at.S_PIM_INPUT_BANK, at.S_PIM_SUMS, at.S_PIM_OWED, at.S_PIM_OWED_ROW, at.S_PIM_OWED_TILES,
    at.S_PIM_AHEAD, at.S_PIM_MODE,
)  # fmt: skip
"""Scalars that count as they are. Rows among them are the units', which don't move."""
EDGES = 2
"""Ticks for which the last event may hold up an arrival."""
NEVER = -1


class ChannelImage:
    """Takes the image of one state at tick `now`, of a channel in layer `layer`.

    names: of the transfers that are in the memory, by their numbers. path_ticks: for which
    the end of a transfer is not yet known to its client.
    """

    def __init__(
        self,
        tables: ChannelTables,
        state: Ints,
        now: int,
        rows: MovingRows,
        layer: int,
        names: Mapping[int, int],
        path_ticks: int,
    ) -> None:
        self._tables, self._state, self._now = tables, state, now
        self._rows, self._layer, self._names = rows, layer, names
        self._path_ticks = path_ticks
        self._m: list[int] = state.tolist()

    def take(self) -> bytes:
        """The image, equal for states that go on alike."""
        parts = [
            np.array(list(self._numbers()), dtype=np.int64),
            *self._constraints(),
            self._rows.names(at.view(self._state, at.A_OPEN_ROW), self._layer),
            at.view(self._state, at.A_CLOSING),
            at.view(self._state, at.A_PIM_OPEN_ROW),
        ]
        if self._tables.counts_row_hits:
            parts.append(at.view(self._state, at.A_ROW_HITS))
        return np.concatenate(parts).tobytes()

    def _one(self, array: int, index: int) -> int:
        return self._m[self._m[array] + index]

    def _numbers(self) -> Iterator[int]:
        """All but whole arrays. What is variable in number follows how many there are."""
        for place in PLAIN:
            yield self._m[place]
        yield from self._times()
        yield from self._transfers()
        for queue in range(2):
            yield from self._queue(queue)
        for index in range(self._m[at.S_ACTIVE]):
            yield self._one(at.A_ACTIVE_BANK, index)
            yield from self._request(self._one(at.A_ACTIVE_SLOT, index))
        for index in range(self._m[at.S_PRIORITY]):
            place = (self._m[at.S_PRIORITY_HEAD] + index) % self._tables.asked
            yield self._one(at.A_PRIORITY_COMMAND, place)
            yield self._one(at.A_PRIORITY_TARGET, place)
            yield self._one(at.A_PRIORITY_DUE, place) - self._now
        yield from self._runs()

    # -- times -----------------------------------------------------------------
    def _times(self) -> Iterator[int]:
        m, now = self._m, self._now
        refresh = m[at.S_NEXT_REFRESH]
        yield refresh - now if refresh < at.FAR else at.FAR
        yield max(m[at.S_TICK] - now, -EDGES)
        # Units at work look at it to see whether what follows fits before the next refresh.
        least = -at.FAR if m[at.S_PIM_LENGTH] else 1
        yield max(m[at.S_FLOOR] - now, least)
        yield max(m[at.S_FLOOR_ROW] - now, least)
        yield max(m[at.S_CLOCK_UNTIL] - now, 0)
        opens = m[at.S_PIM_OPENING] >= 0 and m[at.S_PIM_OPENING_TICK] > now
        yield m[at.S_PIM_OPENING] if opens else NEVER
        yield m[at.S_PIM_OPENING_TICK] - now if opens else NEVER
        yield max(m[at.S_PIM_SLACK], self._least_slack())
        paired = m[at.S_PAIR_TICK] >= now
        yield m[at.S_PAIR_TICK] - now if paired else NEVER
        yield m[at.S_PAIR_PC] if paired else 0
        yield m[at.S_PAIR_BANK] if paired else 0
        if m[at.S_ACT2_BANK] >= 0:
            slot = m[at.S_ACT2_SLOT]
            yield m[at.S_ACT2_DEADLINE] - now
            yield self._row(self._one(at.A_SLOT_COLUMN, slot))
            yield from self._request(slot)

    def _least_slack(self) -> int:
        """Below all that a slack is compared with."""
        limits = (at.K_SLACK_ANY, at.K_SLACK_ACT, at.K_SLACK_PRE)
        return min(0, *(int(self._tables.packed[place]) for place in limits)) - 1

    def _constraints(self) -> list[Ints]:
        """First legal ticks, and when commands were issued that windows remember."""
        left = at.view(self._state, at.A_READY) - self._now
        past = at.view(self._state, at.A_HISTORY)
        ago = past - self._now + self._tables.longest_window_ticks
        return [np.maximum(left, 1), np.where(past < 0, 0, np.maximum(ago, 0))]

    # -- rows and transfers ----------------------------------------------------
    def _row(self, row: int) -> int:
        return int(self._rows.names(np.array([row]), self._layer)[0])

    def _name(self, number: int) -> int:
        return self._names.get(number, NEVER)

    def _transfers(self) -> Iterator[int]:
        """Transfers whose end is not known yet, and those that have bursts to come."""
        for number, name in self._names.items():
            yield name
            yield self._one(at.A_TRANSFER_LEFT, number)
            yield max(self._one(at.A_TRANSFER_DONE, number) - self._now, -self._path_ticks)
        ring = self._tables.ring
        for client in range(self._tables.clients):
            length, head = self._one(at.A_RING_LENGTH, client), self._one(at.A_RING_HEAD, client)
            yield length
            for index in range(length):
                place = client * ring + (head + index) % ring
                yield self._rows.burst_name(self._one(at.A_RING_BURST, place), self._layer)
                yield self._one(at.A_RING_LEFT, place)
                yield self._one(at.A_RING_QUEUE, place)
                yield self._name(self._one(at.A_RING_TRANSFER, place))

    def _runs(self) -> Iterator[int]:
        if self._m[at.S_PIM_OWED_TILES]:
            yield self._name(self._m[at.S_PIM_OWED_TRANSFER])
        for index in range(self._m[at.S_PIM_LENGTH]):
            slot = (self._m[at.S_PIM_HEAD] + index) % PIM_RING
            first = self._m[at.A_PIM_RUNS] + slot * at.RUN_FIELDS
            run = self._m[first : first + at.RUN_FIELDS]
            run[at.RUN_TRANSFER] = self._name(run[at.RUN_TRANSFER])
            yield from run

    # -- requests --------------------------------------------------------------
    def _queue(self, queue: int) -> Iterator[int]:
        """Entries of a queue, the one with the oldest request first; ages by rank."""
        base = self._tables.controller.read_queue * queue
        found = []
        for entry in range(base, base + self._m[at.S_READ_ENTRIES + queue]):
            slots = list(self._slots(entry))
            found.append((self._one(at.A_SLOT_SEQ, slots[0]), entry, slots))
        ages = sorted(self._one(at.A_SLOT_SEQ, slot) for _, _, slots in found for slot in slots)
        ranks = {age: rank for rank, age in enumerate(ages)}
        for _, entry, slots in sorted(found):
            yield self._one(at.A_ENTRY_BANK, entry)
            yield self._row(self._one(at.A_ENTRY_ROW, entry))
            yield len(slots)
            for slot in slots:
                yield ranks[self._one(at.A_SLOT_SEQ, slot)]
                yield from self._request(slot)

    def _slots(self, entry: int) -> Iterator[int]:
        slot, last = self._one(at.A_ENTRY_HEAD, entry), self._one(at.A_ENTRY_TAIL, entry)
        while slot != last:
            yield slot
            slot = self._one(at.A_SLOT_NEXT, slot)
        yield last

    def _request(self, slot: int) -> tuple[int, ...]:
        return (
            self._one(at.A_SLOT_ARRIVE, slot) - self._now,
            self._name(self._one(at.A_SLOT_SOURCE, slot)),
            self._one(at.A_SLOT_QUEUE, slot),
            self._one(at.A_SLOT_SEEN, slot),
        )


def move_rows(tables: ChannelTables, state: Ints, rows: MovingRows, layers: int) -> None:
    """Give a state the rows that the same state has so many layers later."""
    opened = at.view(state, at.A_OPEN_ROW)
    opened[:] = rows.further(opened, layers)
    waiting = at.view(state, at.A_ENTRY_ROW)
    base, banks = tables.controller.read_queue, tables.geometry.banks
    reads, writes = int(state[at.S_READ_ENTRIES]), int(state[at.S_WRITE_ENTRIES])
    for part in (slice(0, reads), slice(base, base + writes)):
        waiting[part] = rows.further(waiting[part], layers)
        at.view(state, at.A_ENTRY_KEY)[part] = (
            waiting[part] * banks + at.view(state, at.A_ENTRY_BANK)[part]
        )
    if state[at.S_ACT2_BANK] >= 0:
        slots, slot = at.view(state, at.A_SLOT_COLUMN), int(state[at.S_ACT2_SLOT])
        slots[slot] = rows.further(slots[slot : slot + 1], layers)[0]
    bursts, shift = at.view(state, at.A_RING_BURST), int(tables.packed[at.K_ROW_SHIFT])
    for client in range(tables.clients):
        head, length = (
            int(at.view(state, place)[client]) for place in (at.A_RING_HEAD, at.A_RING_LENGTH)
        )
        for index in range(length):
            place = client * tables.ring + (head + index) % tables.ring
            row = bursts[place : place + 1] >> shift
            bursts[place] += (rows.further(row, layers)[0] - row[0]) << shift
