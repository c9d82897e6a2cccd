"""Channels in one state: one stands for all, and can be run ahead of time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.channel import NOTHING, announce_compilation
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.pim.gemv import Run
from simulator.hardware.dram.spec import DramDeviceSpec

Ints = NDArray[np.int64]
LOOK_AHEAD_TICKS = 1 << 14
"""How far ahead the end of a transfer is looked for at a time."""
STEP_TICKS = 1 << 12
"""How far apart the states are that are kept on the way."""


class ChannelKernel:
    """The compiled loop for channels of one kind, fed by `clients`.

    changes: counts how often something else has become known of any channel.
    remembers: stretches of streams that it has served before; the result is the same.
    """

    def __init__(
        self,
        device: DramDeviceSpec,
        controller: ControllerSpec,
        *,
        clients: int,
        ring: int,
        turn_bursts: int,
        remembers: bool,
    ) -> None:
        from simulator.hardware.dram.kernel import layout, loop, pim_issue
        from simulator.hardware.dram.stretches import new_memory_of_stretches
        from simulator.hardware.dram.tables import ChannelTables

        announce_compilation()
        self.layout, self._loop, self._pim = layout, loop, pim_issue
        self.changes = 0
        self.tables = ChannelTables(
            device, controller, clients=clients, ring=ring, turn_bursts=turn_bursts
        )
        state = self.tables.new_state()
        self.bursts_left_at = int(state[layout.A_TRANSFER_LEFT])
        self.last_data_at = int(state[layout.A_TRANSFER_DONE])
        latencies = (device.cycles(device.read_latency), device.cycles(device.write_latency))
        self.least_latency_ticks = min(latencies) * device.ticks_per_clock
        self.stretches = new_memory_of_stretches(self.tables) if remembers else NOTHING

    def run(self, state: Ints, until: int, to_completion: bool = False) -> None:
        """Let time pass in a state up to tick `until`, or until a transfer is complete."""
        self._loop.run(self.tables.packed, state, self.stretches, NOTHING, until, not to_completion)

    def submit(
        self,
        state: Ints,
        client: int,
        bursts: tuple[int, int],
        is_write: bool,
        transfer: int,
        now: int,
    ) -> None:
        """A transfer of bursts (first, count) arrives at tick `now`."""
        packed = self.tables.packed
        self._loop.submit(packed, state, client, *bursts, int(is_write), transfer, now)

    def submit_run(self, state: Ints, run: Run, transfer: int, now: int) -> None:
        """Work for the units arrives at tick `now`."""
        self._pim.submit_run(
            self.tables.packed, state, run.input_bank, run.input_row, run.first_row, run.tiles,
            run.segments, run.comps, run.inputs, run.sums, int(run.keeps), transfer, now,
        )  # fmt: skip

    def counts(self, state: Ints) -> Ints:
        """Counters of a state."""
        return state[self.layout.S_COUNT : self.layout.C_END].copy()


class ChannelGroup:
    """Channels that have seen the same bursts at the same times.

    What will happen if nothing is submitted is found out ahead of time, and states on
    the way are kept. Time that passes makes them present one by one; a transfer that
    has to wait for others of its client changes nothing in them but what waits.

    channels: their numbers, ascending. base: counters when the present members came together.
    """

    def __init__(
        self, kernel: ChannelKernel, state: Ints, channels: list[int], base: Ints, now: int = 0
    ) -> None:
        self.channels = channels
        self.base = base
        self._kernel = kernel
        self._layout = kernel.layout
        self._now = now
        self._state = state  # not later than now
        self._served_to = -1  # tick up to which it has been
        self._ends: dict[int, tuple[int, bool]] = {}  # of transfers, by the last state known
        self._ahead: list[Ints] = []  # later than now
        self._seen = now  # tick up to which the last of all these is known
        self._spare: list[Ints] = []

    # -- time ------------------------------------------------------------------
    def submit(self, client: int, bursts: tuple[int, int], is_write: bool, transfer: int) -> None:
        """A transfer of bursts (first, count) to each channel arrives now."""
        kept = 0
        while kept < len(self._ahead) and (not bursts[1] or self._waits(self._ahead[kept], client)):
            kept += 1
        for each in self._states(kept):
            self._kernel.submit(each, client, bursts, is_write, transfer, self._now)

    def submit_run(self, run: Run, transfer: int) -> None:
        """Work for the units of the channel arrives now.

        While they have other work, it changes nothing but what waits behind that.
        """
        kept, length = 0, self._layout.S_PIM_LENGTH
        while kept < len(self._ahead) and self._ahead[kept][length]:
            kept += 1
        for each in self._states(kept):
            self._kernel.submit_run(each, run, transfer, self._now)

    def _states(self, kept: int) -> tuple[Ints, ...]:
        """Of the states ahead the first `kept`, with what is before them, to change alike.

        With none of them the state is that of the present.
        """
        if kept:
            self._forget(kept)
        else:
            state = self.present()
            self._forget(0)
            state[self._layout.S_TICK] = max(state[self._layout.S_TICK], self._now)
        return (self._state, *self._ahead)

    def advance(self, now: int) -> None:
        """Let time pass up to tick `now`."""
        if now == self._now:
            return
        self._now = now
        tick = self._layout.S_TICK
        while self._ahead and self._ahead[0][tick] <= now:
            self._spare.append(self._state)
            self._state = self._ahead.pop(0)
            self._served_to = -1
        if not self._ahead:
            self.present()
            self._seen = now
            self._changed()

    def present(self) -> Ints:
        """The state as it is now."""
        if self._served_to < self._now:
            self._kernel.run(self._state, self._now)
            self._served_to = self._now
        return self._state

    def look_ahead(self, now: int) -> None:
        """Find out a little more of what happens: up to where a transfer is complete, if any is.

        Time passes up to tick `now` first.
        """
        self.advance(now)
        layout, state = self._layout, self._last()
        ahead = self._spare.pop() if self._spare else np.empty_like(state)
        np.copyto(ahead, state)
        ahead[layout.S_COMPLETED] = 0
        tick = self._seen + STEP_TICKS
        self._kernel.run(ahead, tick, to_completion=True)
        before = int(ahead[layout.S_TICK]) - 1  # more may happen in that tick itself
        self._seen = before if ahead[layout.S_COMPLETED] else max(tick, before)
        self._ahead.append(ahead)
        self._changed()

    def _changed(self) -> None:
        """What is known of the ends of transfers is another than before."""
        self._ends.clear()
        self._kernel.changes += 1

    def _last(self) -> Ints:
        return self._ahead[-1] if self._ahead else self._state

    def _waits(self, state: Ints, client: int) -> bool:
        """Whether a client's transfers have yet to enter, so that another one has no effect."""
        return bool(state[state[self._layout.A_RING_LENGTH] + client])

    def _forget(self, kept: int) -> None:
        """Drop all states ahead but the first ones."""
        self._changed()
        if kept < len(self._ahead):
            self._spare += self._ahead[kept:]
            del self._ahead[kept:]
            self._seen = int(self._last()[self._layout.S_TICK]) - 1 if kept else self._now

    # -- transfers -------------------------------------------------------------
    def done(self, transfer: int) -> tuple[int, bool]:
        """Tick of a transfer's last data, and True if it is issued; else one before, and False."""
        if transfer not in self._ends:
            last, kernel = self._last(), self._kernel
            left = last[kernel.bursts_left_at + transfer]
            bound = self._seen + 1 + kernel.least_latency_ticks
            tick = bound if left else int(last[kernel.last_data_at + transfer])
            self._ends[transfer] = tick, not left
        return self._ends[transfer]

    # -- members ---------------------------------------------------------------
    def without(self, channel: int) -> ChannelGroup:
        """A group of one member alone, taken out of this one, which has others."""
        self.channels.remove(channel)
        return ChannelGroup(self._kernel, self._state.copy(), [channel], self.base, self._now)

    def parts(self, ranges: list[tuple[int, int]]) -> list[ChannelGroup]:
        """This group, or several if `ranges`, by channel, mean different bursts to its members."""
        by_range: dict[tuple[int, int], list[int]] = {}
        for channel in self.channels:
            by_range.setdefault(ranges[channel], []).append(channel)
        first, *others = by_range.values()
        self.channels = first
        return [
            self,
            *(
                ChannelGroup(self._kernel, self._state.copy(), each, self.base, self._now)
                for each in others
            ),
        ]

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
        self._state[late] = max(self._state[late], other._state[late])
        self.base = self._kernel.counts(self._state)
        self.channels = sorted(self.channels + other.channels)

    def ticks_open(self) -> int:
        """Ticks, rank by rank, since a rank with open rows had none."""
        state = self.present()
        opened = self._layout.view(state, self._layout.A_RANK_OPEN) > 0
        since = self._layout.view(state, self._layout.A_RANK_SINCE)
        return int(np.maximum(0, self._now - since[opened]).sum())

    def count_open_rows(self) -> None:
        """Count the time that rows have been open, up to now."""
        layout, state = self._layout, self.present()
        state[layout.C_ROW_OPEN] += self.ticks_open()
        since = layout.view(state, layout.A_RANK_SINCE)
        opened = layout.view(state, layout.A_RANK_OPEN) > 0
        since[opened] = np.maximum(since[opened], self._now)
        self._forget(0)

    def idle_key(self, path_ticks: int) -> bytes | None:
        """Everything that decides what idle channels do next; None if they are not idle."""
        layout, now = self._layout, self._now
        if self._ahead and layout.view(self._ahead[0], layout.A_RING_LENGTH).any():
            return None
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
