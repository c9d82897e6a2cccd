"""Channels whose units get runs at some ticks while a stream of requests goes on beside them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.hardware.dram.channel import Channel, ChannelResult
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.kernel import layout, loop
from simulator.hardware.dram.kernel.pim_issue import submit_run
from simulator.hardware.dram.pim.channel import check_fit
from simulator.hardware.dram.pim.gemv import Run
from simulator.hardware.dram.spec import DramDeviceSpec
from simulator.hardware.dram.tables import ChannelTables
from tests.hardware.dram.devices import BINS, device
from tests.hardware.dram.pim.unit_rules import Work
from tests.hardware.dram.random_streams import streams

Ints = NDArray[np.int64]
NAMES = ("hbm2-neupims-dual", "hbm2-newton-single")
TIMINGS = ("as_published", "corrected")
LATEST_TICK = 400_000
"""By which every mix is done, unless something waits for ever."""
ROWS = 6
"""So few that requests and units want the same ones: `streams` has rows 0 to 3."""

SETTINGS = (
    ("timing.cycles.nREFI=1900",),
    ("organisation.counts.ranks=1", "organisation.counts.ranks=4"),
    ("organisation.counts.bank_groups=1",),
    ("organisation.counts.banks_per_group=1", "organisation.counts.banks_per_group=2"),
    ("organisation.counts.pseudo_channels=2",),
    ("pim.composite=true", "pim.composite=false"),
    ("pim.results=2",),
)
"""What devices are changed in. The shipped ones have two ranks of four groups of four banks."""


def pim_device(name: str, timing: str, *settings: str) -> DramDeviceSpec:
    """A shipped device with units, in one of the two timings."""
    return device(name, f"pim.timing={timing}", *settings)


class Mix(NamedTuple):
    """A channel, what its units do and what is asked of it besides."""

    device: DramDeviceSpec
    controller: ControllerSpec
    work: tuple[Work, ...]
    stream: Ints

    def __repr__(self) -> str:
        pim = self.device.pim
        return (
            f"{self.device.name}, {pim.timing}, nREFI {self.device.timing.cycles['nREFI']}, "
            f"composite={pim.composite}, results={pim.results}, "
            f"{self.device.organisation.counts!r}, "
            f"{self.controller!r}, {self.work}, {self.stream.tolist()}"
        )


class Served(NamedTuple):
    """What a channel did. tiles, comps: of its units. left: requests and runs not served."""

    result: ChannelResult
    log: Ints
    tiles: int
    comps: int
    left: int


def serve_mix(mix: Mix, log_commands: int = 20_000) -> Served:
    """Let a channel go on until all is done, or something waits for ever."""
    channel = Channel(mix.device, mix.controller, bins=BINS, log_commands=log_commands)
    packed, state, ticks = channel.tables.packed, channel.state, channel.tables.ticks
    trace = mix.stream.copy()
    trace[:, 0] *= ticks
    flat = np.ascontiguousarray(trace).ravel()
    for submitted, run in mix.work:
        loop.run(packed, state, flat[:0], flat, submitted, True)
        submit_run(
            packed, state, run.input_bank, run.input_row, run.first_row, run.tiles,
            run.segments, run.comps, run.inputs, run.sums, int(run.keeps), -1, submitted,
        )  # fmt: skip
    loop.run(packed, state, flat[:0], flat, LATEST_TICK, True)
    places = (layout.S_PIM_LENGTH, layout.S_READS, layout.S_WRITES, layout.S_ACTIVE)
    left = len(mix.stream) - int(state[layout.S_PENDING]) + sum(int(state[at]) for at in places)
    tiles, comps = int(state[layout.C_PIM_TILES]), int(state[layout.C_PIM_COMPS])
    return Served(channel.result(), channel.logged(), tiles, comps, left)


@st.composite
def works(draw: st.DrawFn, banks: int) -> tuple[Work, ...]:
    """Up to 4 runs of few tiles, in rows that requests may want too."""
    tick, found = 0, []
    for _ in range(draw(st.integers(1, 4))):
        tick += draw(st.sampled_from([0, 0, 40, 700, 2500]))
        run = Run(
            input_bank=draw(st.integers(0, banks - 1)),
            input_row=draw(st.integers(0, ROWS)),
            first_row=draw(st.integers(0, ROWS)),
            tiles=draw(st.integers(1, 4)),
            segments=draw(st.integers(1, 4)),
            comps=draw(st.sampled_from([1, 2, 5, 6, 7, 8, 32])),
            inputs=draw(st.sampled_from([0, 1, 1])),
        )
        found.append(Work(tick, run))
    return tuple(found)


@st.composite
def controllers(draw: st.DrawFn) -> ControllerSpec:
    """Queues short and long, every policy of rows and refresh that the devices have."""
    depths = st.sampled_from([1, 4, 32, 128])
    return ControllerSpec(
        read_queue=draw(depths),
        write_queue=draw(depths),
        scheduler=draw(st.sampled_from(["fr_fcfs", "fr_fcfs", "fcfs"])),
        row_hit_cap=draw(st.sampled_from([0, 0, 1, 4])),
        page=draw(st.sampled_from(["open", "closed"])),
        page_cap=draw(st.sampled_from([1, 3])),
        refresh=draw(st.sampled_from(["staggered", "staggered", "all_bank", "none"])),
    )


@st.composite
def mixes(draw: st.DrawFn, name: str, timing: str) -> Mix:
    """A device as shipped or with other nodes, refreshes and results of its units."""
    settings = [choice for each in SETTINGS if (choice := draw(st.sampled_from(["", *each])))]
    spec = pim_device(name, timing, *settings)
    controller, work = draw(controllers()), draw(works(spec.banks))
    assume(fits(spec, controller, work))
    return Mix(spec, controller, work, draw(streams(spec.banks)))


def fits(spec: DramDeviceSpec, controller: ControllerSpec, work: tuple[Work, ...]) -> bool:
    """Whether every tile is short enough to be begun between two refreshes.

    And one rank's refresh is over long before that of the next, which it has to be open for.
    """
    apart = ChannelTables(spec, controller).refresh_interval_ticks
    if apart < 2 * spec.timing.cycles["nRFC"]:
        return False
    try:
        check_fit(spec, controller, [run for _, run in work])
    except ValueError:
        return False
    return True
