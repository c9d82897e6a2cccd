"""Channels in one state: one stands for all, and can be run ahead of time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.channel import NOTHING, announce_compilation
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.spec import DramDeviceSpec

Ints = NDArray[np.int64]


class ChannelKernel:
    """The compiled loop for channels of one kind, fed by `clients`, and their states.

    remembers: stretches of streams that it has served before; the result is the same.
    groups, states: of every group of channels, in rows as `kernel.ahead` has them.
    """

    def __init__(
        self,
        device: DramDeviceSpec,
        controller: ControllerSpec,
        *,
        channels: int,
        clients: int,
        ring: int,
        turn_bursts: int,
        remembers: bool,
    ) -> None:
        from simulator.hardware.dram.kernel import ahead, layout
        from simulator.hardware.dram.stretches import new_memory_of_stretches
        from simulator.hardware.dram.tables import ChannelTables

        announce_compilation()
        self.layout, self.ahead = layout, ahead
        self.tables = ChannelTables(
            device, controller, clients=clients, ring=ring, turn_bursts=turn_bursts
        )
        self.stretches = new_memory_of_stretches(self.tables) if remembers else NOTHING
        state = self.tables.new_state()
        self.groups: Ints = np.zeros((channels, ahead.G_FIELDS), dtype=np.int64)
        self.states: Ints = np.empty((channels, ahead.DEPTH, len(state)), dtype=np.int64)
        self.groups[0, ahead.G_SERVED] = -1
        self.states[0, 0] = state
        self.free_rows = list(range(channels - 1, 0, -1))

    def serve(self, row: int, now: int) -> None:
        """Bring the present state of a group up to tick `now`."""
        rows, none = np.array([row]), self.groups[:0]
        self.ahead.go_on(
            self.tables.packed, self.stretches, self.groups, self.states, rows, rows, none, none,
            rows, now, 0, 0, self.ahead.SERVE,
        )  # fmt: skip

    def counts(self, state: Ints) -> Ints:
        """Counters of a state."""
        return state[self.layout.S_COUNT : self.layout.C_END].copy()


class ChannelGroup:
    """Channels that have seen the same bursts at the same times.

    row: of the kernel's groups and states, where `kernel.ahead` finds out what happens.
    channels: their numbers, ascending. base: counters when the present members came together,
        the present ones if left out.
    """

    def __init__(
        self, kernel: ChannelKernel, row: int, channels: list[int], base: Ints | None = None
    ) -> None:
        self.row = row
        self.channels = channels
        self._kernel = kernel
        self._layout = kernel.layout
        self.base = kernel.counts(self.present()) if base is None else base

    # -- time ------------------------------------------------------------------
    @property
    def now(self) -> int:
        """The tick up to which time has passed for the group."""
        return int(self._kernel.groups[self.row, self._kernel.ahead.G_NOW])

    def present(self) -> Ints:
        """The state as it is now, to look at or to change."""
        self._kernel.serve(self.row, self.now)
        first = self._kernel.groups[self.row, self._kernel.ahead.G_FIRST]
        state: Ints = self._kernel.states[self.row, first]
        return state

    # -- members ---------------------------------------------------------------
    def without(self, channels: list[int]) -> ChannelGroup:
        """A group of some members alone, taken out of this one, which has others."""
        kernel, fields = self._kernel, self._kernel.ahead
        state = self.present()
        row = kernel.free_rows.pop()
        kernel.groups[row] = kernel.groups[self.row]
        kernel.groups[row, [fields.G_FIRST, fields.G_AHEAD]] = 0
        kernel.groups[row, fields.G_SEEN] = kernel.groups[row, fields.G_NOW]
        kernel.states[row, 0] = state
        self.channels = [each for each in self.channels if each not in channels]
        return ChannelGroup(kernel, row, channels, self.base)

    def parts(self, ranges: list[tuple[int, int]]) -> list[ChannelGroup]:
        """This group, or several if `ranges`, by channel, mean different bursts to its members."""
        by_range: dict[tuple[int, int], list[int]] = {}
        for channel in self.channels:
            by_range.setdefault(ranges[channel], []).append(channel)
        _, *others = by_range.values()
        return [self, *(self.without(each) for each in others)]

    def counted(self) -> Ints:
        """Counters of all members together since they came together."""
        return len(self.channels) * (self._kernel.counts(self.present()) - self.base)

    @property
    def refresh_late_ticks(self) -> int:
        """The longest that a refresh was issued behind its due time."""
        return int(self.present()[self._layout.C_REFRESH_LATE])

    def join(self, other: ChannelGroup) -> None:
        """Take in the members of a group in an equal state, both counted up to now."""
        late = self._layout.C_REFRESH_LATE
        state = self.present()
        state[late] = max(state[late], other.present()[late])
        self.base = self._kernel.counts(state)
        self.channels = sorted(self.channels + other.channels)
        self._kernel.free_rows.append(other.row)

    def ticks_open(self) -> int:
        """Ticks, rank by rank, since a rank with open rows had none."""
        state = self.present()
        opened = self._layout.view(state, self._layout.A_RANK_OPEN) > 0
        since = self._layout.view(state, self._layout.A_RANK_SINCE)
        return int(np.maximum(0, self.now - since[opened]).sum())

    def ticks_at_work(self) -> int:
        """Ticks, of all members, since units had no work, if they have."""
        state = self.present()
        at_work = state[self._layout.S_PIM_LENGTH] > 0
        since = int(state[self._layout.S_PIM_SINCE])
        return len(self.channels) * (self.now - since) if at_work else 0

    def count_open_rows(self) -> None:
        """Count the time that rows have been open, up to now."""
        layout, state = self._layout, self.present()
        state[layout.C_ROW_OPEN] += self.ticks_open()
        since = layout.view(state, layout.A_RANK_SINCE)
        opened = layout.view(state, layout.A_RANK_OPEN) > 0
        since[opened] = np.maximum(since[opened], self.now)
        self.forget_ahead()

    def forget_ahead(self) -> None:
        """What was known ahead has been of a state that is another now."""
        fields, group = self._kernel.ahead, self._kernel.groups[self.row]
        group[fields.G_AHEAD] = 0
        group[fields.G_SEEN] = group[fields.G_NOW]

    def idle_key(self, path_ticks: int) -> bytes | None:
        """Everything that decides what idle channels do next; None if they are not idle."""
        layout, now = self._layout, self.now
        state = self.present()
        waiting = (
            layout.S_READS, layout.S_WRITES, layout.S_ACTIVE, layout.S_PRIORITY,
            layout.S_PIM_LENGTH,
        )  # fmt: skip
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
            np.maximum(layout.view(state, layout.A_READY), now),
            np.maximum(past, now - int(self._kernel.tables.longest_window_ticks)),
            np.maximum(state[[layout.S_CLOCK_UNTIL, layout.S_PAIR_TICK]], now),
            np.maximum(state[[layout.S_FLOOR, layout.S_FLOOR_ROW]], now + 1),
            layout.view(state, layout.A_OPEN_ROW),
            layout.view(state, layout.A_ROW_HITS) * self._kernel.tables.counts_row_hits,
            layout.view(state, layout.A_CLOSING),
            layout.view(state, layout.A_TRANSFER_LEFT),
            np.maximum(layout.view(state, layout.A_TRANSFER_DONE), now - path_ticks),
            layout.view(state, layout.A_PIM_OPEN_ROW),
        ]
        return np.concatenate(parts).tobytes()
