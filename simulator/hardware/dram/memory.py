"""`MemoryTiming` of DRAM channels: transfers become bursts with addresses on every channel.

Addresses are interleaved over the channels. Channels that have seen the same
bursts at the same times are in the same state, so one stands for all of them; as
soon as a transfer means different bursts to some, they are simulated apart, until
they are found idle in equal states again. This is exact.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.channel import announce_compilation
from simulator.hardware.dram.interleave import channel_ranges
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.dram.names import COMMANDS
from simulator.hardware.dram.statistics import DramStatistics
from simulator.hardware.memory.timing import MemoryCounters

Ints = NDArray[np.int64]
FEMTOSECONDS_PER_SECOND = 10**15
LOOK_AHEAD_BURSTS = 128
"""Bursts left from which on the end of a transfer is found on a copy of the state."""
LOOK_AHEAD_TICKS = 256
"""How far."""
LEAST_READ_QUEUE, LEAST_PER_CLOCK = 8, 4
"""From which on the queue of reads is not empty for a moment while reads wait outside.

At most two reads leave it in a cycle, by a read and by an activation.
"""


@dataclass(slots=True)
class _Group:
    """Channels in one state. base: counters when the present members came together."""

    state: Ints
    channels: list[int]
    base: Ints


@dataclass(slots=True)
class _Transfer:
    """A transfer in the memory; `number` is its place in the states' tables."""

    number: int
    size_bytes: int
    is_write: bool


class DramMemory:
    """`MemoryTiming` of a `DramMemorySpec` for `clients`; a port cycle is a tick of the device."""

    repeats = False

    def __init__(self, spec: DramMemorySpec, clients: int) -> None:
        from simulator.hardware.dram.kernel import layout, loop
        from simulator.hardware.dram.tables import ChannelTables

        announce_compilation()
        self._layout, self._loop = layout, loop
        self._spec = spec
        device = spec.device
        self.period_fs = device.tick_fs
        self.alignment_bytes = spec.stripe_bytes
        self._ring = spec.queue_depth
        turn = -(-spec.arbitration_bytes // (spec.channels * device.burst_bytes))
        # What a transfer reads has been written: dependencies wait for the store's end.
        controller = spec.controller.model_copy(update={"forward_writes": False})
        self._tables = ChannelTables(
            device,
            controller,
            clients=clients,
            ring=self._ring,
            turn_bursts=max(1, turn),
        )
        state = self._tables.new_state()
        self._groups = [_Group(state, list(range(spec.channels)), self._counts(state))]
        self._most_groups = 1
        self._ahead = state.copy()
        self._retired = np.zeros_like(self._groups[0].base)
        self._path_ticks = -(
            -round(spec.path_latency_s * FEMTOSECONDS_PER_SECOND) // self.period_fs
        )
        self._refreshes_all_banks = controller.refresh == "all_bank"
        self._now = 0
        self._queues: list[deque[_Transfer]] = [deque() for _ in range(clients)]
        self._numbers = [0] * clients
        self._moved = MemoryCounters()
        self._nothing = np.zeros(0, dtype=np.int64)
        counts = device.organisation.counts
        self._burst_ticks = device.burst_cycles * device.ticks_per_clock
        self._buses = counts.pseudo_channels
        self._reads_never_run_out = (
            controller.read_queue >= LEAST_READ_QUEUE
            and controller.requests_per_clock >= LEAST_PER_CLOCK
        )
        self._read_ticks = device.cycles(device.read_latency) * device.ticks_per_clock
        self._write_ticks = device.cycles(device.write_latency) * device.ticks_per_clock

    # -- MemoryTiming ----------------------------------------------------------
    @property
    def slots(self) -> int:
        """Transfers accepted at once."""
        return self._spec.queue_depth

    @property
    def counters(self) -> MemoryCounters:
        """Bytes of completed transfers; busy cycles are an average over data buses, rounded up."""
        layout = self._layout
        busy = int(self._totals()[layout.C_BUSY - layout.S_COUNT])
        buses = self._spec.channels * self._spec.device.organisation.counts.pseudo_channels
        self._moved.busy_cycles = -(-busy // buses)
        return self._moved

    def submit(self, client: int, size_bytes: int, is_write: bool, address: int) -> None:
        """A transfer of at least one byte, from `address` up, arrives in the present cycle."""
        queue = self._queues[client]
        number = client * self._ring + self._numbers[client]
        self._numbers[client] = (self._numbers[client] + 1) % self._ring
        queue.append(_Transfer(number, size_bytes, is_write))
        self._merge_equal()
        ranges = channel_ranges(self._spec, address, size_bytes)
        self._split(ranges)
        for group in self._groups:
            first, count = ranges[group.channels[0]]
            self._loop.submit(
                self._tables.packed, group.state, client, first, count, int(is_write), number,
                self._now,
            )  # fmt: skip

    def advance(self, cycles: int) -> None:
        """Let `cycles` port cycles pass."""
        self._now += cycles
        for group in self._groups:
            self._loop.run(self._tables.packed, group.state, self._nothing, self._now, True)

    def next_completion(self) -> int | None:
        """Port cycles until the next completion, or fewer while it is not known."""
        due = [self._due(queue[0]) for queue in self._queues if queue]
        return min(due) - self._now if due else None

    def collect(self) -> list[int]:
        """Clients whose transfers have completed by now, each transfer named once."""
        done = []
        for client, queue in enumerate(self._queues):
            while queue and self._is_done(queue[0]):
                transfer = queue.popleft()
                if transfer.is_write:
                    self._moved.write_bytes += transfer.size_bytes
                else:
                    self._moved.read_bytes += transfer.size_bytes
                done.append(client)
        return done

    def signature(self) -> Hashable:
        """Refresh, rows and addresses hardly ever come back alike: not offered."""
        raise AssertionError("the state of a command-level memory is not compared")

    def statistics(self) -> DramStatistics:
        """What all channels did."""
        layout, device = self._layout, self._spec.device
        totals, ticks = self._totals(), device.ticks_per_clock

        def count(place: int) -> int:
            return int(totals[place - layout.S_COUNT])

        names = {number: name for name, number in COMMANDS.items() if name in device.commands}
        buses = self._spec.channels * device.organisation.counts.pseudo_channels
        reads = count(layout.C_READS)
        return DramStatistics(
            device=device.name,
            channels=self._spec.channels,
            cycles=self._now / ticks,
            commands={name: count(layout.C_COMMAND + number) for number, name in names.items()},
            reads=reads,
            writes=count(layout.C_WRITES),
            row_hits=count(layout.C_HITS),
            row_misses=count(layout.C_MISSES),
            row_conflicts=count(layout.C_CONFLICTS),
            latency_cycles=count(layout.C_LATENCY) / ticks / reads if reads else 0.0,
            row_open_cycles=(count(layout.C_ROW_OPEN) + self._open_now()) / ticks,
            busy_share=count(layout.C_BUSY) / (self._now * buses) if self._now else 0.0,
            refresh_late_cycles=max(
                int(group.state[layout.C_REFRESH_LATE]) for group in self._groups
            )
            / ticks,
            refresh_share=device.refresh_share if self._refreshes_all_banks else 0.0,
            groups=self._most_groups,
        )

    # -- completion ------------------------------------------------------------
    def _is_done(self, transfer: _Transfer) -> bool:
        """Whether all channels have moved their last burst, and the path is behind it."""
        layout = self._layout
        for group in self._groups:
            state = group.state
            if state[state[layout.A_TRANSFER_LEFT] + transfer.number]:
                return False
            done = state[state[layout.A_TRANSFER_DONE] + transfer.number]
            if done + self._path_ticks > self._now:
                return False
        return True

    def _due(self, transfer: _Transfer) -> int:
        """Tick of a transfer's completion: the exact one once every burst has been issued.

        Before, no later one: what is left takes a data bus each, and then its latency.
        """
        layout = self._layout
        due = self._now + 1
        for group in self._groups:
            state = group.state
            left = int(state[state[layout.A_TRANSFER_LEFT] + transfer.number])
            if not left:
                done = int(state[state[layout.A_TRANSFER_DONE] + transfer.number])
            else:
                done = self._done_at_least(group, transfer, left)
            due = max(due, done + self._path_ticks)
        return due

    def _done_at_least(self, group: _Group, transfer: _Transfer, left: int) -> int:
        """A tick before which a transfer with `left` bursts to issue is not complete.

        Every burst takes a data bus for a while, and those that go before it do too.
        Near the end the answer is found on a copy of the state.
        """
        before = left
        if transfer.is_write:
            before += self._reads_before_writes(group.state, left)
        if before <= LOOK_AHEAD_BURSTS:
            return self._look_ahead(group, transfer.number)
        latency = self._write_ticks if transfer.is_write else self._read_ticks
        on_a_bus = -(-before // self._buses)
        return self._now + 1 + max((on_a_bus - 1) * self._burst_ticks, before - 1) + latency

    def _reads_before_writes(self, state: Ints, left: int) -> int:
        """Reads that must have been issued before the last of `left` writes can be.

        Writes below the high mark wait until no read is left; those whose row has
        been opened for them wait no more.
        """
        layout, packed = self._layout, self._tables.packed
        opened = int(state[layout.S_ACTIVE]) + int(state[layout.S_ACT2_BANK] >= 0)
        waits = (
            self._reads_never_run_out
            and not state[layout.S_WRITE_MODE]
            and state[layout.S_READS]
            and state[layout.S_WRITES] < packed[layout.K_WRITE_HIGH]
            and left > opened
        )
        if not waits:
            return 0
        transfers = state[layout.A_TRANSFER_LEFT]
        total = 0
        for queue in self._queues:
            for transfer in queue:
                left = int(state[transfers + transfer.number])
                if not transfer.is_write:
                    total += left
                elif left and self._is_entering(state, transfer.number):
                    return 0
        return max(0, total - self._tables.geometry.banks)

    def _is_entering(self, state: Ints, number: int) -> bool:
        """Whether bursts of a transfer have not reached the queue of writes."""
        layout, client = self._layout, number // self._ring
        head = int(state[state[layout.A_RING_HEAD] + client])
        for place in range(int(state[state[layout.A_RING_LENGTH] + client])):
            at = client * self._ring + (head + place) % self._ring
            if state[state[layout.A_RING_TRANSFER] + at] == number:
                return True
        return False

    def _look_ahead(self, group: _Group, number: int) -> int:
        """Tick of a transfer's completion if nothing else is submitted and it is near.

        Otherwise the end of what was looked at.
        """
        layout, ahead = self._layout, self._ahead
        np.copyto(ahead, group.state)
        until = self._now + LOOK_AHEAD_TICKS
        self._loop.run(self._tables.packed, ahead, self._nothing, until, True)
        if ahead[ahead[layout.A_TRANSFER_LEFT] + number]:
            return until + 1
        return int(ahead[ahead[layout.A_TRANSFER_DONE] + number])

    # -- channels --------------------------------------------------------------
    def _split(self, ranges: list[tuple[int, int]]) -> None:
        """Separate channels to which a transfer means different bursts."""
        groups: list[_Group] = []
        for group in self._groups:
            by_range: dict[tuple[int, int], list[int]] = {}
            for channel in group.channels:
                by_range.setdefault(ranges[channel], []).append(channel)
            for place, channels in enumerate(by_range.values()):
                state = group.state.copy() if place else group.state
                groups.append(_Group(state, channels, group.base))
        self._groups = groups
        self._most_groups = max(self._most_groups, len(groups))

    def _merge_equal(self) -> None:
        """Join groups of channels that are idle in equal states."""
        if len(self._groups) == 1:
            return
        layout = self._layout
        kept: dict[bytes, _Group] = {}
        groups: list[_Group] = []
        for group in self._groups:
            key = self._idle_key(group.state)
            twin = kept.get(key) if key is not None else None
            if twin is None:
                groups.append(group)
                if key is not None:
                    kept[key] = group
                continue
            self._retire(group)
            self._retire(twin)
            late = layout.C_REFRESH_LATE
            twin.state[late] = max(twin.state[late], group.state[late])
            twin.base = self._counts(twin.state)
            twin.channels = sorted(twin.channels + group.channels)
        self._groups = groups

    def _idle_key(self, state: Ints) -> bytes | None:
        """Everything that decides what an idle channel does next; None if it is not idle."""
        layout = self._layout
        waiting = (layout.S_READS, layout.S_WRITES, layout.S_ACTIVE, layout.S_PRIORITY)
        if (
            any(state[place] for place in waiting)
            or state[layout.S_ACT2_BANK] >= 0
            or layout.view(state, layout.A_RING_LENGTH).any()
        ):
            return None
        past = layout.view(state, layout.A_HISTORY)
        scalars = (
            layout.S_WRITE_MODE, layout.S_NEXT_REFRESH, layout.S_REFRESH_BANK, layout.S_CLIENT,
            layout.S_TURN,
        )  # fmt: skip
        parts = [
            state[list(scalars)],
            np.maximum(layout.view(state, layout.A_READY), self._now),
            np.maximum(past, self._now - int(self._tables.longest_window_ticks)),
            np.maximum(state[[layout.S_CLOCK_UNTIL, layout.S_PAIR_TICK]], self._now),
            np.maximum(state[[layout.S_FLOOR, layout.S_FLOOR_ROW]], self._now + 1),
            layout.view(state, layout.A_OPEN_ROW),
            layout.view(state, layout.A_ROW_HITS),
            layout.view(state, layout.A_CLOSING),
            layout.view(state, layout.A_TRANSFER_LEFT),
            np.maximum(layout.view(state, layout.A_TRANSFER_DONE), self._now - self._path_ticks),
        ]
        return np.concatenate(parts).tobytes()

    # -- counters --------------------------------------------------------------
    def _counts(self, state: Ints) -> Ints:
        layout = self._layout
        return state[layout.S_COUNT : layout.C_END].copy()

    def _retire(self, group: _Group) -> None:
        """Keep what a group's members have counted, before they change."""
        layout, state = self._layout, group.state
        opened = layout.view(state, layout.A_RANK_OPEN) > 0
        since = layout.view(state, layout.A_RANK_SINCE)
        state[layout.C_ROW_OPEN] += self._ticks_open(state)
        since[opened] = np.maximum(since[opened], self._now)
        self._retired += len(group.channels) * (self._counts(group.state) - group.base)

    def _totals(self) -> Ints:
        totals = self._retired.copy()
        for group in self._groups:
            totals += len(group.channels) * (self._counts(group.state) - group.base)
        return totals

    def _open_now(self) -> int:
        """Ticks since ranks with open rows had none, over all channels."""
        return sum(len(group.channels) * self._ticks_open(group.state) for group in self._groups)

    def _ticks_open(self, state: Ints) -> int:
        layout = self._layout
        opened = layout.view(state, layout.A_RANK_OPEN) > 0
        since = layout.view(state, layout.A_RANK_SINCE)
        return int(np.maximum(0, self._now - since[opened]).sum())
