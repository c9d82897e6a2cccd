"""`MemoryTiming` of DRAM channels: transfers become bursts with addresses on every channel.

Addresses are interleaved over the channels. Channels that have seen the same
bursts at the same times are in the same state, so one stands for all of them; as
soon as a transfer means different bursts to some, they are simulated apart, until
they are found idle in equal states again. This is exact.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.hardware.dram.channel_group import (
    LOOK_AHEAD_TICKS,
    ChannelGroup,
    ChannelKernel,
    Ints,
)
from simulator.hardware.dram.interleave import channel_ranges
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.dram.names import COMMANDS
from simulator.hardware.dram.pim.gemv import Run
from simulator.hardware.dram.pim_tables import PIM_RING
from simulator.hardware.dram.statistics import DramStatistics
from simulator.hardware.memory.timing import MemoryCounters

FEMTOSECONDS_PER_SECOND = 10**15


@dataclass(slots=True)
class _Transfer:
    """A transfer in the memory; `number` is its place in the states' tables.

    channel: the only one that it concerns; -1 if its bytes are spread over all.
    end: as `DramMemory._done`, while what is known has not changed since `known_at`.
    """

    number: int
    size_bytes: int
    is_write: bool
    channel: int = -1
    known_at: int = -1
    end: tuple[int, bool] = (0, False)


class DramMemory:
    """`MemoryTiming` of a `DramMemorySpec` for `clients`; a port cycle is a tick of the device.

    movers: those of the clients that transfer bytes, in the order of their turns; all if
        left out. The others may have work for the units in the banks.
    every_event: serve every burst by itself instead of passing stretches of streams
        that have been served before; the result is the same.
    """

    repeats = False

    def __init__(
        self,
        spec: DramMemorySpec,
        clients: int,
        *,
        movers: Sequence[int] | None = None,
        every_event: bool = False,
    ) -> None:
        self._spec = spec
        movers = range(clients) if movers is None else movers
        self._turn_of = {client: turn for turn, client in enumerate(movers)}
        turns = max(1, len(movers))  # a channel without any would be one that serves a trace
        device = spec.device
        self.period_fs = device.tick_fs
        self.alignment_bytes = spec.stripe_bytes
        self._ring = spec.queue_depth
        turn = -(-spec.arbitration_bytes // (spec.channels * device.burst_bytes))
        # What a transfer reads has been written: dependencies wait for the store's end.
        controller = spec.controller.model_copy(update={"forward_writes": False})
        self._kernel = ChannelKernel(
            device,
            controller,
            clients=turns,
            ring=self._ring,
            turn_bursts=max(1, turn),
            remembers=not every_event,
        )
        self._layout = self._kernel.layout
        state = self._kernel.tables.new_state()
        base = self._kernel.counts(state)
        self._groups = [ChannelGroup(self._kernel, state, list(range(spec.channels)), base)]
        self._most_groups = 1
        self._retired = np.zeros_like(base)
        self._path_ticks = -(
            -round(spec.path_latency_s * FEMTOSECONDS_PER_SECOND) // self.period_fs
        )
        self._refreshes_all_banks = controller.refresh == "all_bank"
        self._now = 0
        self._queues: list[deque[_Transfer]] = [deque() for _ in range(clients)]
        self._numbers = [0] * clients
        self._first_run = turns * self._ring
        self._runs_held = [0] * spec.channels
        self._group_of: dict[int, ChannelGroup] = {}
        self._moved = MemoryCounters()

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

    def submit(
        self, client: int, size_bytes: int, is_write: bool, address: int, channel: int = -1
    ) -> None:
        """A transfer of at least one byte, from `address` up, arrives in the present cycle.

        channel: that all of it goes to, where addresses are not spread over the channels.
        """
        turn = self._turn_of[client]
        number = turn * self._ring + self._numbers[client]
        self._numbers[client] = (self._numbers[client] + 1) % self._ring
        self._queues[client].append(_Transfer(number, size_bytes, is_write, channel))
        if channel >= 0:
            burst = self._spec.device.burst_bytes
            first = address // self._spec.channels // burst
            group = self._alone(channel)
            group.submit(turn, (first, -(-size_bytes // burst)), is_write, number)
            return
        self._pass_time()
        self._merge_equal()
        ranges = channel_ranges(self._spec, address, size_bytes)
        self._split(ranges)
        for group in self._groups:
            group.submit(turn, ranges[group.channels[0]], is_write, number)

    def submit_run(self, client: int, channel: int, run: Run) -> None:
        """Work for the units of a channel arrives in the present cycle.

        A client has work on one channel only. At most `PIM_RING` runs of a channel are not
        done at any time.
        """
        held = self._runs_held[channel]
        self._runs_held[channel] = (held + 1) % PIM_RING
        number = self._first_run + held
        self._queues[client].append(_Transfer(number, 0, False, channel))
        self._alone(channel).submit_run(run, number)

    def advance(self, cycles: int) -> None:
        """Let `cycles` port cycles pass; groups follow when they are asked for something."""
        self._now += cycles

    def next_completion(self) -> int | None:
        """Port cycles until the next completion, or fewer while it is not known."""
        heads = [queue[0] for queue in self._queues if queue]
        if not heads:
            return None
        limit = self._now + LOOK_AHEAD_TICKS
        while True:
            ends = [self._done(head) for head in heads]
            first = min(range(len(heads)), key=ends.__getitem__)
            tick, known = ends[first]
            if known or tick > limit:
                return max(tick + self._path_ticks - self._now, 1)
            for group in self._concerned(heads[first]):
                if not group.done(heads[first].number)[1]:
                    group.look_ahead(self._now)

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
        commands = {name: count(layout.C_COMMAND + number) for number, name in names.items()}
        if device.pim is not None:
            commands["COMP"] = count(layout.C_PIM_COMPS)
        buses = self._spec.channels * device.organisation.counts.pseudo_channels
        reads = count(layout.C_READS)
        return DramStatistics(
            device=device.name,
            channels=self._spec.channels,
            cycles=self._now / ticks,
            commands=commands,
            reads=reads,
            writes=count(layout.C_WRITES),
            row_hits=count(layout.C_HITS),
            row_misses=count(layout.C_MISSES),
            row_conflicts=count(layout.C_CONFLICTS),
            latency_cycles=count(layout.C_LATENCY) / ticks / reads if reads else 0.0,
            row_open_cycles=(count(layout.C_ROW_OPEN) + self._open_now()) / ticks,
            busy_share=count(layout.C_BUSY) / (self._now * buses) if self._now else 0.0,
            refresh_late_cycles=max(group.refresh_late_ticks for group in self._groups) / ticks,
            refresh_share=device.refresh_share if self._refreshes_all_banks else 0.0,
            groups=self._most_groups,
            unit_tiles=count(layout.C_PIM_TILES),
            unit_cycles=count(layout.C_PIM_TICKS) / ticks,
        )

    # -- completion ------------------------------------------------------------
    def _is_done(self, transfer: _Transfer) -> bool:
        """Whether all channels have moved their last burst, and the path is behind it."""
        tick, known = self._done(transfer)
        if not known and tick + self._path_ticks <= self._now:
            for group in self._concerned(transfer):
                group.advance(self._now)
            tick, known = self._done(transfer)
        return known and tick + self._path_ticks <= self._now

    def _done(self, transfer: _Transfer) -> tuple[int, bool]:
        """As `ChannelGroup.done`, of its channel, or the last of all."""
        if transfer.known_at != self._kernel.changes:
            latest, certain = 0, True
            for group in self._concerned(transfer):
                tick, known = group.done(transfer.number)
                latest, certain = max(latest, tick), certain and known
            transfer.end = latest, certain
            transfer.known_at = self._kernel.changes
        return transfer.end

    def _concerned(self, transfer: _Transfer) -> list[ChannelGroup]:
        """Groups of channels that a transfer goes to."""
        return self._groups if transfer.channel < 0 else [self._group_of[transfer.channel]]

    # -- channels --------------------------------------------------------------
    def _pass_time(self) -> None:
        """Bring all groups to the present."""
        for group in self._groups:
            group.advance(self._now)

    def _alone(self, channel: int) -> ChannelGroup:
        """The group that has a channel for its only member."""
        group = self._group_of.get(channel)
        if group is None or group.channels != [channel]:
            group = next(each for each in self._groups if channel in each.channels)
        group.advance(self._now)
        if len(group.channels) > 1:
            group.present()
            group = group.without(channel)
            self._groups.append(group)
            self._most_groups = max(self._most_groups, len(self._groups))
        self._group_of[channel] = group
        return group

    def _split(self, ranges: list[tuple[int, int]]) -> None:
        """Separate channels to which a transfer means different bursts."""
        self._groups = [part for group in self._groups for part in group.parts(ranges)]
        self._most_groups = max(self._most_groups, len(self._groups))

    def _merge_equal(self) -> None:
        """Join groups of channels that are idle in equal states."""
        if len(self._groups) == 1:
            return
        kept: dict[bytes, ChannelGroup] = {}
        groups: list[ChannelGroup] = []
        for group in self._groups:
            key = group.idle_key(self._path_ticks)
            twin = kept.get(key) if key is not None else None
            if twin is None:
                groups.append(group)
                if key is not None:
                    kept[key] = group
                continue
            for each in (group, twin):
                each.count_open_rows()
                self._retired += each.counted()
            twin.join(group)
            group.channels = []
        self._groups = groups

    # -- counters --------------------------------------------------------------
    def _totals(self) -> Ints:
        self._pass_time()
        totals = self._retired.copy()
        for group in self._groups:
            totals += group.counted()
        return totals

    def _open_now(self) -> int:
        """Ticks since ranks with open rows had none, over all channels."""
        return sum(len(group.channels) * group.ticks_open() for group in self._groups)
