"""One channel by itself: requests in, what happened out."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.names import COMMANDS
from simulator.hardware.dram.spec import DramDeviceSpec

Ints = NDArray[np.int64]
PICTURE_BINS = 256
NOTHING: Ints = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class ChannelResult:
    """What one channel did, in clock cycles of the device.

    cycles: until the last read's data has returned and the last write command was
        issued. busy_cycles: of the data bus(es), bursts times their length.
    commands: by name; COMP also those that are part of COMPS_READRES.
    latency_…: of reads, from entering the queue until the data is complete; latency_counts are
        reads per latency, up to the bounds `latency_cycles` (inclusive).
    row_open_cycles: rank by rank, time with at least one row open, added up.
    refresh_late_cycles: the longest that a refresh was issued behind its due time.
    activity: [reads, writes, activations, refreshes] × banks × bins of time, each
        `bin_cycles` wide.
    """

    cycles: float
    reads: int
    writes: int
    row_hits: int
    row_misses: int
    row_conflicts: int
    forwarded_reads: int
    coalesced_writes: int
    commands: dict[str, int]
    busy_cycles: float
    row_open_cycles: float
    refresh_late_cycles: float
    latency_mean_cycles: float
    latency_max_cycles: float
    latency_cycles: NDArray[np.float64] = field(repr=False)
    latency_counts: Ints = field(repr=False)
    activity: Ints = field(repr=False)
    bin_cycles: float = 0

    def latency_percentile(self, share: float) -> float:
        """Cycles within which that share (0 to 1) of the reads was answered.

        0 without reads, NaN if they were not counted (a channel without bins).
        """
        total = int(self.latency_counts.sum())
        if not total:
            return math.nan if self.reads else 0.0
        place = int(np.searchsorted(np.cumsum(self.latency_counts), share * total))
        return min(float(self.latency_cycles[place]), self.latency_max_cycles)


class Channel:
    """A channel that is fed requests in order.

    log_commands: commands to keep one by one (`logged`), for checks and pictures.
    bins: of time, for pictures; without any, latencies are not counted one by one.
    """

    def __init__(
        self,
        device: DramDeviceSpec,
        controller: ControllerSpec,
        *,
        bins: int = PICTURE_BINS,
        log_commands: int = 0,
    ) -> None:
        from simulator.hardware.dram.tables import ChannelTables

        announce_compilation()
        self.device = device
        self.tables = ChannelTables(device, controller, bins=bins, log_commands=log_commands)
        self.state = self.tables.new_state()
        self._waiting: Ints = np.zeros(0, dtype=np.int64)

    def feed(self, requests: Ints, *, final: bool) -> None:
        """Let time pass until more requests are needed; after the last ones, until all is served.

        requests: [n, 5] arrival in clock cycles (ascending), 0 for a read or 1 for
        a write, bank (flat, over all levels), row, burst within the row.
        Raises ValueError for a bank, row or burst that the channel does not have.
        """
        from simulator.hardware.dram.kernel import layout, loop

        rows = np.ascontiguousarray(requests, dtype=np.int64).copy()
        self._check(rows)
        rows[:, 0] *= self.tables.ticks
        pending = int(self.state[layout.S_PENDING])
        flat = np.concatenate([self._waiting[5 * pending :], rows.ravel()])
        self.state[layout.S_PENDING] = 0
        loop.run(self.tables.packed, self.state, NOTHING, flat, layout.FAR, final)
        self._waiting = flat

    def _check(self, rows: Ints) -> None:
        if not len(rows):
            return
        device = self.device
        limits = {
            "operation": 2,
            "bank": self.tables.geometry.banks,
            "row": device.organisation.counts.rows,
            "burst": device.bursts_per_row,
        }
        low, high = rows[:, 1:].min(axis=0), rows[:, 1:].max(axis=0)
        for (name, limit), least, most in zip(limits.items(), low, high, strict=True):
            if least < 0 or most >= limit:
                found = least if least < 0 else most
                raise ValueError(f"{name} {found} of a request, expected 0 to {limit - 1}")

    def logged(self) -> Ints:
        """[n, 4]: tick, command number, bank (the first of a scope), row (-1 if none)."""
        from simulator.hardware.dram.kernel import layout

        log = layout.view(self.state, layout.A_LOG)
        return log[: int(self.state[layout.S_LOG])].reshape(-1, 4).copy()

    def result(self) -> ChannelResult:
        """What happened so far."""
        from simulator.hardware.dram.kernel import layout
        from simulator.hardware.dram.kernel.queues import LINEAR_BITS

        state, ticks = self.state, self.tables.ticks

        def count(place: int) -> int:
            return int(state[place])

        def cycles(place: int) -> float:
            return _whole(count(place) / ticks)

        names = {number: name for name, number in COMMANDS.items() if name in self.device.commands}
        commands = {name: count(layout.C_COMMAND + number) for number, name in names.items()}
        if self.device.pim is not None:
            commands["COMP"] = count(layout.C_PIM_COMPS)
        reads = count(layout.C_READS)
        last = max(count(layout.C_LAST_READ), count(layout.C_LAST_WRITE))
        bounds = _latency_bounds(layout.LATENCY_BINS, LINEAR_BITS)
        activity = layout.view(state, layout.A_BINS)
        return ChannelResult(
            cycles=_whole(last / ticks),
            reads=reads,
            writes=count(layout.C_WRITES),
            row_hits=count(layout.C_HITS),
            row_misses=count(layout.C_MISSES),
            row_conflicts=count(layout.C_CONFLICTS),
            forwarded_reads=count(layout.C_FORWARDED),
            coalesced_writes=count(layout.C_COALESCED),
            commands=commands,
            busy_cycles=cycles(layout.C_BUSY),
            row_open_cycles=self.row_open_ticks(last) / ticks,
            refresh_late_cycles=cycles(layout.C_REFRESH_LATE),
            latency_mean_cycles=count(layout.C_LATENCY) / ticks / reads if reads else 0.0,
            latency_max_cycles=cycles(layout.C_LATENCY_MAX),
            latency_cycles=bounds / ticks,
            latency_counts=layout.view(state, layout.A_LATENCY_BINS).copy(),
            activity=activity.reshape(layout.KINDS_OF_BINS, self.tables.geometry.banks, -1).copy(),
            bin_cycles=(1 << count(layout.S_BIN_SHIFT)) / ticks,
        )

    def row_open_ticks(self, now: int) -> int:
        """Ticks up to `now`, rank by rank, with at least one row open."""
        from simulator.hardware.dram.kernel import layout

        opened = layout.view(self.state, layout.A_RANK_OPEN) > 0
        since = layout.view(self.state, layout.A_RANK_SINCE)
        ongoing = np.maximum(0, now - since[opened]).sum()
        return int(self.state[layout.C_ROW_OPEN]) + int(ongoing)


def simulate_requests(
    device: DramDeviceSpec,
    controller: ControllerSpec,
    chunks: Iterable[Ints],
    *,
    log_commands: int = 0,
    progress: Callable[[int], None] | None = None,
) -> ChannelResult:
    """Serve requests that come in chunks (as `Channel.feed` takes them); memory stays bounded.

    progress: called with the number of requests handed over so far.
    """
    channel = Channel(device, controller, log_commands=log_commands)
    done = 0
    for chunk, final in _with_last(chunks):
        channel.feed(chunk, final=final)
        done += len(chunk)
        if progress is not None:
            progress(done)
    return channel.result()


def announce_compilation() -> None:
    """Say so on the terminal before the first compilation, which takes a while."""
    from simulator.hardware.dram.kernel.jit import is_compiled

    if not is_compiled():
        print("compiling the DRAM kernel, once (a minute or two) …", file=sys.stderr)


def _with_last(chunks: Iterable[Ints]) -> Iterator[tuple[Ints, bool]]:
    """Chunks with a flag on the last one; one empty chunk if there are none."""
    before: Ints | None = None
    for chunk in chunks:
        if before is not None:
            yield before, False
        before = chunk
    yield (np.zeros((0, 5), dtype=np.int64) if before is None else before), True


def _latency_bounds(bins: int, linear_bits: int) -> Ints:
    """Largest latency in ticks of each bin of `kernel.queues.latency_bin`."""
    bounds = []
    for index in range(bins):
        shift = max(0, (index >> linear_bits) - 1)
        start = index - (shift << linear_bits)
        bounds.append((start + 1 << shift) - 1)
    return np.array(bounds, dtype=np.int64)


def _whole(value: float) -> float:
    return int(value) if value == int(value) else value
