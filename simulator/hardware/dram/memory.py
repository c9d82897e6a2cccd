"""`MemoryTiming` of DRAM channels: transfers become bursts with addresses on every channel.

Addresses are interleaved over the channels. Channels that have seen the same
bursts at the same times are in the same state, so one stands for all of them; as
soon as a transfer means different bursts to some, they are simulated apart, until
they are found idle in equal states again. This is exact.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.hardware.dram.channel_group import ChannelGroup, ChannelKernel, Ints
from simulator.hardware.dram.interleave import channel_ranges, whole_stripes
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.dram.moving_rows import MovingRows
from simulator.hardware.dram.pim.gemv import Run
from simulator.hardware.dram.pim_tables import PIM_RING
from simulator.hardware.dram.repeats import ChannelImage, move_rows
from simulator.hardware.dram.statistics import DramStatistics
from simulator.hardware.dram.totals import statistics_of
from simulator.hardware.memory.timing import STILL, MemoryCounters, Motion

FEMTOSECONDS_PER_SECOND = 10**15
LOOK_AHEAD_TICKS, LEAST_AHEAD_TICKS = 1 << 14, 1 << 7
"""How far ahead the end of a transfer is looked for at a time, at most, and at least where what
will be submitted soon may make it vain."""
STEP_TICKS = 1 << 8
"""How far one group of channels goes on before another one does."""


@dataclass(slots=True)
class _Transfer:
    """A transfer in the memory; `number` is its place in the states' tables.

    channel: the only one that it concerns; -1 if its bytes are spread over all.
    """

    number: int
    size_bytes: int
    is_write: bool
    channel: int = -1


class DramMemory:
    """`MemoryTiming` of a `DramMemorySpec` for `clients`; a port cycle is a tick of the device.

    movers: those of the clients that transfer bytes, in the order of their turns; all if
        left out. The others may have work for the units in the banks.
    every_event: serve every burst by itself instead of passing stretches of streams
        that have been served before; the result is the same.
    """

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
        self.layer_alignment_bytes = spec.layer_alignment_bytes
        self._ring = spec.queue_depth
        turn = -(-spec.arbitration_bytes // (spec.channels * device.burst_bytes))
        # What a transfer reads has been written: dependencies wait for the store's end.
        controller = spec.controller.model_copy(update={"forward_writes": False})
        self._kernel = ChannelKernel(
            device,
            controller,
            channels=spec.channels,
            clients=turns,
            ring=self._ring,
            turn_bursts=max(1, turn),
            remembers=not every_event,
        )
        self._layout = self._kernel.layout
        everyone = ChannelGroup(self._kernel, 0, list(range(spec.channels)))
        self._groups = [everyone]
        self._arrange()
        self._most_groups = 1
        self._retired = np.zeros_like(everyone.base)
        self._path_ticks = -(
            -round(spec.path_latency_s * FEMTOSECONDS_PER_SECOND) // self.period_fs
        )
        self._now = self._skipped = 0  # ticks
        self._moving: dict[Motion, MovingRows] = {}
        self._queues: list[deque[_Transfer]] = [deque() for _ in range(clients)]
        self._numbers = [0] * clients
        self._first_run = turns * self._ring
        self._runs_held = [0] * spec.channels
        self._units_at_work = 0  # channels whose units are, which have no twin
        self._heads: Ints = np.full((clients, self._kernel.ahead.HEAD_FIELDS), -1, dtype=np.int64)
        self._found: Ints = np.zeros(clients, dtype=np.int64)
        self._looks: Ints = np.zeros(spec.channels, dtype=np.int64)
        self._ordered = array("q")
        self._no_orders: Ints = np.zeros((0, self._kernel.ahead.ORDER_FIELDS), dtype=np.int64)
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
        self._append(client, _Transfer(number, size_bytes, is_write, channel))
        if channel >= 0:
            burst = self._spec.device.burst_bytes
            first, count = address // self._spec.channels // burst, -(-size_bytes // burst)
            self._order(self._alone(channel).row, turn, (first, count, is_write, number))
            return
        if len(self._groups) - self._units_at_work > 1:
            self._pass_time()
            self._merge_equal()
        everywhere = whole_stripes(self._spec, address, size_bytes)
        if everywhere is None:
            ranges = channel_ranges(self._spec, address, size_bytes)
            if (ranges == ranges[0]).all():
                everywhere = tuple(ranges[0].tolist())
        if everywhere is not None:
            self._order(self._kernel.ahead.EVERYWHERE, turn, (*everywhere, is_write, number))
            return
        self._split(ranges)
        for row, (first, count) in zip(
            self._rows.tolist(), ranges[self._leaders].tolist(), strict=True
        ):
            self._order(row, turn, (first, count, is_write, number))

    def submit_runs(self, client: int, channel: int, runs: Sequence[Run]) -> None:
        """Work for the units of a channel arrives in the present cycle.

        It completes with the last of the runs. A client has work on one channel only. At most
        `PIM_RING` runs of a channel are not done at any time.
        """
        held = self._runs_held[channel]
        self._runs_held[channel] = (held + 1) % PIM_RING
        self._units_at_work += not self._queues[client]
        number = self._first_run + held
        self._append(client, _Transfer(number, 0, False, channel))
        row = self._alone(channel).row
        for run in runs:
            work = (
                run.input_bank, run.input_row, run.first_row, run.tiles, run.segments, run.comps,
                run.inputs, run.sums, int(run.keeps), number,
            )  # fmt: skip
            self._order(row, self._kernel.ahead.NOBODY, work)

    def advance(self, cycles: int) -> None:
        """Let `cycles` port cycles pass; groups follow when they are asked for something."""
        if self._ordered:
            self._pass_time()
        self._now += cycles

    def next_completion(self, within: int | None = None) -> int | None:
        """Port cycles until the next completion, or fewer while it is not known.

        within: as far ahead as it makes sense to look.
        """
        ticks = (
            LOOK_AHEAD_TICKS
            if within is None
            else min(max(within, LEAST_AHEAD_TICKS), LOOK_AHEAD_TICKS)
        )
        tick = self._go_on(self._kernel.ahead.LOOK, ticks)
        if tick == self._layout.FAR:
            return None
        return max(tick + self._path_ticks - self._now, 1)

    def collect(self) -> list[int]:
        """Clients whose transfers have completed by now, each transfer named once."""
        done: list[int] = []
        if self._ordered:
            self._pass_time()
        kernel, data_by = self._kernel, self._now - self._path_ticks
        while True:
            count = kernel.ahead.ended(
                kernel.tables.packed, kernel.groups, kernel.states, self._rows, self._row_of,
                self._heads, data_by, self._found,
            )  # fmt: skip
            if count < 0:
                self._pass_time()
                continue
            if not count:
                return sorted(done)
            clients, more = self._found[:count].tolist(), False
            for client in clients:
                transfer = self._queues[client].popleft()
                self._set_head(client)
                more = more or bool(self._queues[client])
                if transfer.number >= self._first_run and not self._queues[client]:
                    self._units_at_work -= 1
                if transfer.is_write:
                    self._moved.write_bytes += transfer.size_bytes
                else:
                    self._moved.read_bytes += transfer.size_bytes
            done += clients
            if not more:
                return sorted(done)

    def signature(self, motion: Motion = STILL, layer: int = 0) -> Hashable:
        """Transfers that are not complete, and of each group of channels an image of its state."""
        self._pass_time()
        rows = self._rows_of(motion)
        waiting = tuple(
            tuple((each.size_bytes, each.is_write, each.channel) for each in queue)
            for queue in self._queues
        )
        images = tuple(
            (tuple(group.channels), self._image(group, rows, layer)) for group in self._groups
        )
        return waiting, images

    def counted(self) -> tuple[int, ...]:
        """Time, bytes read and written, then all that channels count, up to now."""
        totals = self._totals()
        totals[self._layout.C_ROW_OPEN - self._layout.S_COUNT] += self._open_now()
        totals[self._layout.C_PIM_TICKS - self._layout.S_COUNT] += sum(
            group.ticks_at_work() for group in self._groups
        )
        moved = self._moved
        passed = self._now + self._skipped
        return passed, moved.read_bytes, moved.write_bytes, *totals.tolist()

    def may_repeat(self, motion: Motion, first: int, last: int) -> bool:
        """Whether the work of units has no row in common with what these layers touch."""
        return self._rows_of(motion).keep_apart(first, last)

    def repeat(self, grown: tuple[int, ...], times: int, motion: Motion, layers: int) -> None:
        """What was counted has grown by `grown` again, so many times; it is `layers` later."""
        passed, read, write, *totals = grown
        self._skipped += times * passed
        self._moved.read_bytes += times * read
        self._moved.write_bytes += times * write
        self._retired += times * np.array(totals, dtype=np.int64)
        for group in self._groups:
            move_rows(self._kernel.tables, group.present(), self._rows_of(motion), layers)
            group.forget_ahead()

    def statistics(self) -> DramStatistics:
        """What all channels did."""
        return statistics_of(
            self._spec,
            self._totals(),
            passed=self._now + self._skipped,
            open_ticks=self._open_now(),
            refresh_late_ticks=max(group.refresh_late_ticks for group in self._groups),
            groups=self._most_groups,
        )

    # -- states of layers --------------------------------------------------------
    def _rows_of(self, motion: Motion) -> MovingRows:
        if motion not in self._moving:
            shift = int(self._kernel.tables.packed[self._layout.K_ROW_SHIFT])
            self._moving[motion] = MovingRows(self._spec, motion, shift)
        return self._moving[motion]

    def _image(self, group: ChannelGroup, rows: MovingRows, layer: int) -> bytes:
        names = {
            each.number: client * self._ring + place
            for client, queue in enumerate(self._queues)
            for place, each in enumerate(queue)
            if each.channel < 0 or each.channel in group.channels
        }
        image = ChannelImage(
            self._kernel.tables, group.present(), self._now, rows, layer, names, self._path_ticks
        )
        return image.take()

    # -- transfers -------------------------------------------------------------
    def _append(self, client: int, transfer: _Transfer) -> None:
        queue = self._queues[client]
        queue.append(transfer)
        if len(queue) == 1:
            self._set_head(client)

    def _set_head(self, client: int) -> None:
        """Say which of a client's transfers ends next."""
        queue = self._queues[client]
        self._heads[client] = (queue[0].number, queue[0].channel) if queue else (-1, -1)

    # -- channels --------------------------------------------------------------
    def _go_on(self, what: int, ahead: int = 0) -> int:
        """Submit what has been ordered, and as `kernel.ahead.go_on`, for ticks ahead."""
        kernel, orders = self._kernel, self._no_orders
        if self._ordered:
            orders = np.frombuffer(self._ordered, np.int64).reshape(-1, kernel.ahead.ORDER_FIELDS)
            self._ordered = array("q")
        found: int = kernel.ahead.go_on(
            kernel.tables.packed, kernel.stretches, kernel.groups, kernel.states,
            self._rows, self._row_of, self._heads, orders,
            self._looks, self._now, STEP_TICKS, self._now + ahead, what,
        )  # fmt: skip
        return found

    def _pass_time(self) -> None:
        """Bring all groups to the present."""
        self._go_on(self._kernel.ahead.BRING)

    def _order(self, row: int, client: int, rest: tuple[int, ...]) -> None:
        """Something is submitted to the channels of a group when the kernel is next asked."""
        unused = self._kernel.ahead.ORDER_FIELDS - 2 - len(rest)
        self._ordered.extend((row, client, *rest, *(0,) * unused))

    def _alone(self, channel: int) -> ChannelGroup:
        """The group that has a channel for its only member."""
        group = self._group_of[channel]
        if len(group.channels) > 1:
            self._pass_time()
            group = group.without([channel])
            self._groups.append(group)
            self._arrange()
            self._most_groups = max(self._most_groups, len(self._groups))
        return group

    def _split(self, ranges: Ints) -> None:
        """Separate channels to which a transfer means different bursts."""
        if len(self._groups) == self._spec.channels:
            return
        if self._ordered:
            self._pass_time()
        by_channel = [(first, count) for first, count in ranges.tolist()]
        parts = [part for group in self._groups for part in group.parts(by_channel)]
        if len(parts) > len(self._groups):
            self._groups = parts
            self._arrange()
            self._most_groups = max(self._most_groups, len(parts))

    def _arrange(self) -> None:
        """Note who is in which group, and where it lies."""
        self._group_of = {each: group for group in self._groups for each in group.channels}
        self._rows: Ints = np.array([group.row for group in self._groups])
        self._leaders: Ints = np.array([group.channels[0] for group in self._groups])
        self._row_of: Ints = np.array(
            [self._group_of[channel].row for channel in range(self._spec.channels)]
        )

    def _merge_equal(self) -> None:
        """Join groups of channels that are idle in equal states, all of them in the present."""
        looks = self._looks[: len(self._groups)].tolist()
        seen = Counter(looks)
        kept: dict[bytes, ChannelGroup] = {}
        groups: list[ChannelGroup] = []
        for group, look in zip(self._groups, looks, strict=True):
            may_be_equal = look != self._kernel.ahead.BUSY and seen[look] > 1
            key = group.idle_key(self._path_ticks) if may_be_equal else None
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
        if len(groups) < len(self._groups):
            self._groups = groups
            self._arrange()

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
