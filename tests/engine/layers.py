"""Programs of equal layers on a memory of DRAM channels, some of whose banks compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from simulator.engine import run_program
from simulator.engine.record import Execution
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.dram.pim.gemv import Run
from simulator.mapping.program import Command, Item, Program, Queue, QueueKind
from tests.engine.placed import placed
from tests.engine.programs import Builder, Pipeline, compute, loop, transfer
from tests.hardware.dram.transfers import SPECS, memory_spec
from tests.hardware.dram.unit_transfers import SPECS as UNIT_SPECS

MEMORIES = {
    **SPECS,
    **{f"units, {name}": spec for name, spec in UNIT_SPECS.items()},
    "hbm2": memory_spec("hbm2-2000"),
    "hbm3": memory_spec("hbm3-6400"),
    "lpddr5": memory_spec("lpddr5-6400", channels=2, controller={"refresh": "none"}),
}


UNIT_STEP = 3
"""Cycles that the core takes for each result of the units."""


@dataclass(frozen=True)
class Shape:
    """A layer: tiles of (loaded bytes, cycles, stored bytes), then runs of units.

    pause_cycles: that it ends with. runs: of units, with their channels; the core waits for
    each of them.
    """

    tiles: tuple[tuple[int, int, int], ...]
    pause_cycles: int = 0
    runs: tuple[tuple[int, Run], ...] = ()
    cores: int = 1


def layers(
    shape: Shape, count: int, memory: DramMemorySpec, copies: int | None = None, transfers: int = 1
) -> Program:
    """A program of `count` such layers between a load and a store.

    copies: of weights and KV cache; as many as layers if left out. Clocks are the memory's.
    """
    b = Builder()
    period_fs = memory.device.tick_fs
    cores = [
        Pipeline.build(b, core=index, period_fs=period_fs, unit_period_fs=period_fs)
        for index in range(shape.cores)
    ]
    core = cores[0]
    units = {channel: _units(b, channel, period_fs) for channel, _ in shape.runs}
    body: list[Item] = []
    for load_bytes, cycles, store_bytes in shape.tiles:
        operator = b.operator(core.unit)
        for each in cores:
            body += each.tile(operator, load_bytes, cycles, store_bytes)
    for channel, run in shape.runs:
        done = b.semaphore(0)
        operator = b.operator(units[channel])
        body.append(Command(units[channel], operator, "units", release=((done, 1),), runs=(run,)))
        body.append(compute(core.unit, b.operator(core.unit), UNIT_STEP, acquire=((done, 1),)))
    if shape.pause_cycles:
        body.append(compute(core.unit, b.operator(core.unit), shape.pause_cycles))
    first = transfer(core.load, b.operator(core.load), 640)
    last = transfer(core.store, b.operator(core.store), 640)
    program = b.program(first, loop(count, *body, instances=True), last)
    found = placed(program, transfers, copies or count)
    regions = tuple(
        replace(region, instances=1) if region.tensor == "activation" else region
        for region in found.regions
    )
    return replace(found, regions=regions)


def _units(b: Builder, channel: int, period_fs: int) -> int:
    name = f"units{channel}"
    if all(queue.name != name for queue in b.queues):
        queue = Queue(name, QueueKind.PIM, 0, period_fs, 100, outstanding=8, channel=channel)
        b.queues.append(queue)
    return [queue.name for queue in b.queues].index(name)


def both(program: Program, memory: DramMemorySpec) -> Execution:
    """Run with and without skipping, compare everything, return the run with skipping."""
    period_fs = memory.device.tick_fs
    skipped = run_program(program, memory, reference_period_fs=period_fs)
    every = run_program(program, memory, reference_period_fs=period_fs, every_event=True)
    assert every.skipped_commands == 0
    assert skipped == every
    return skipped


@st.composite
def shapes(draw: st.DrawFn, channels: Sequence[int]) -> Shape:
    """Layers of a few tiles of awkward sizes; with runs where units are in `channels`."""
    tile = st.tuples(
        st.sampled_from([64, 1000, 4096, 9999, 40_000]),
        st.integers(0, 300),
        st.sampled_from([0, 0, 64, 1111, 8192]),
    )
    run = st.builds(
        Run, st.just(0), st.just(0), first_row=st.integers(1, 4), tiles=st.integers(1, 3),
        segments=st.integers(1, 2), comps=st.sampled_from([1, 8]),
    )  # fmt: skip
    work = st.lists(st.tuples(st.sampled_from(channels or [0]), run), max_size=3 if channels else 0)
    return Shape(
        tuple(draw(st.lists(tile, min_size=1, max_size=3))),
        draw(st.sampled_from([0, 0, 500])),
        tuple(draw(work)),
        draw(st.integers(1, 2)),
    )
