"""One channel whose banks compute, with a stream of reads beside them or without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.address import address_slices, decode
from simulator.hardware.dram.channel import Channel
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.pim.gemv import Run, pim_of
from simulator.hardware.dram.spec import DramDeviceSpec

Ints = NDArray[np.int64]
STEP_CYCLES = 256
"""Cycles between two looks at how far the units are."""
RUNS_AHEAD = 32
READS_AHEAD = 4096


@dataclass(frozen=True)
class PimResult:
    """What a channel did until its units were done, in clock cycles of the device.

    cycles: until the last result is out. pim_cycles: with work for the units.
    comps, tiles: that they did. commands: by name, all until then. reads: bursts of the
    stream beside, issued until then.
    row_open_cycles: rank by rank, with at least one row open. log: [n, 4] tick, command
    number, bank, row of the first commands.
    """

    device: DramDeviceSpec
    cycles: float
    pim_cycles: float
    tiles: int
    comps: int
    commands: dict[str, int]
    reads: int
    row_open_cycles: float
    refresh_late_cycles: float
    log: Ints = field(repr=False)

    @property
    def cycles_per_tile(self) -> float:
        """Cycles of the units' work per tile."""
        return self.pim_cycles / self.tiles

    @property
    def multiplying_share(self) -> float:
        """Share of the time in which COMPs keep the multipliers busy."""
        interval = self.device.cycles(pim_of(self.device).comp_interval)
        return self.comps * interval / self.cycles

    @property
    def read_share(self) -> float:
        """Share of the data bus's time that the reads beside took."""
        buses = self.device.organisation.counts.pseudo_channels
        return self.reads * self.device.burst_cycles / (buses * self.cycles)


def simulate_runs(
    device: DramDeviceSpec,
    controller: ControllerSpec,
    runs: Sequence[Run],
    *,
    reads_beside: bool = False,
    log_commands: int = 0,
) -> PimResult:
    """Let the units of a channel do their runs, all of which are there at cycle 0.

    reads_beside: a stream of reads goes on beside them, in the highest rows, from the
    beginning to the end, as fast as the channel takes it.
    Raises ValueError if a tile is too long to fit between two refreshes.
    """
    from simulator.hardware.dram.kernel import layout, loop
    from simulator.hardware.dram.kernel.pim_issue import submit_run

    check_fit(device, controller, runs)
    channel = Channel(device, controller, bins=0, log_commands=log_commands)
    packed, state, ticks = channel.tables.packed, channel.state, channel.tables.ticks
    waiting = list(reversed(runs))
    reads = _ReadStream(device, controller)
    trace = np.zeros(0, dtype=np.int64)
    now = 0
    before = state.copy()
    while waiting or state[layout.S_PIM_LENGTH]:
        while waiting and state[layout.S_PIM_LENGTH] < RUNS_AHEAD:
            run = waiting.pop()
            submit_run(
                packed, state, run.input_bank, run.input_row, run.first_row, run.tiles,
                run.segments, run.comps, run.inputs, run.sums, int(run.keeps), -1, now,
            )  # fmt: skip
        if reads_beside:
            trace = reads.after(trace, int(state[layout.S_PENDING]))
            state[layout.S_PENDING] = 0
        before = state.copy()
        now += STEP_CYCLES * ticks
        loop.run(packed, state, trace[:0], trace, now, True)
    end = int(state[layout.C_PIM_LAST])
    state[:] = before  # once more, up to the last result and no further
    loop.run(packed, state, trace[:0], trace, end, True)
    result = channel.result()
    return PimResult(
        device=device,
        cycles=end / ticks,
        pim_cycles=int(state[layout.C_PIM_TICKS]) / ticks,
        tiles=int(state[layout.C_PIM_TILES]),
        comps=int(state[layout.C_PIM_COMPS]),
        commands={name: count for name, count in result.commands.items() if count},
        reads=result.reads,
        row_open_cycles=channel.row_open_ticks(end) / ticks,
        refresh_late_cycles=result.refresh_late_cycles,
        log=channel.logged(),
    )


def check_fit(device: DramDeviceSpec, controller: ControllerSpec, runs: Sequence[Run]) -> None:
    """Raise ValueError for a tile that is expected to take longer than refreshes are apart."""
    from simulator.hardware.dram.pim_tables import expected_tile_ticks
    from simulator.hardware.dram.tables import ChannelTables

    pim_of(device)
    if controller.refresh == "none":
        return
    tables = ChannelTables(device, controller)
    interval = tables.refresh_interval_ticks
    for segments, comps in sorted({(run.segments, run.comps) for run in runs}):
        ticks = expected_tile_ticks(device, tables.geometry, segments, comps)
        if ticks >= interval:
            raise ValueError(
                f"a tile of {segments} × {comps} COMPs takes {ticks // tables.ticks} cycles on "
                f"{device.name}, which never fits between refreshes {interval // tables.ticks} "
                "cycles apart"
            )


class _ReadStream:
    """Reads one after the other, in the upper half of a channel's rows, as addresses go."""

    def __init__(self, device: DramDeviceSpec, controller: ControllerSpec) -> None:
        self._slices = address_slices(device, controller.address_mapping)
        self._first = device.capacity_bytes // device.burst_bytes // 2
        self._given = 0

    def after(self, trace: Ints, taken: int) -> Ints:
        """What is left of a trace of which requests were taken, with more behind it."""
        left = trace[5 * taken :]
        if len(left) >= 5 * READS_AHEAD:
            return left
        number = np.arange(self._given, self._given + READS_AHEAD, dtype=np.int64)
        self._given += READS_AHEAD
        banks, rows, columns = decode(self._slices, [], self._first + number)
        requests = np.zeros((READS_AHEAD, 5), dtype=np.int64)
        requests[:, 2], requests[:, 3], requests[:, 4] = banks, rows, columns
        return np.concatenate([left, requests.ravel()])
