"""Transfers and runs on a memory whose banks compute, and ways to let time pass for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from simulator.hardware.dram.memory import DramMemory
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.dram.pim.gemv import Run
from simulator.hardware.dram.pim_tables import PIM_RING
from tests.hardware.dram.transfers import Ints, completions, memory_spec

DUAL, SINGLE = "hbm2-neupims-dual", "hbm2-newton-single"
CHANNELS = 3
MOVERS = 2
"""Clients 0 and 1 transfer bytes; client 2 + n has work for the units of channel n."""
BURST_BYTES = 64
STRIPE_BYTES = CHANNELS * BURST_BYTES
FAR_BYTES = (3 << 24) + STRIPE_BYTES
"""An address whose row no run of these tests wants, in a bank that no vector is in."""
NO_REFRESH = {"refresh": "none"}
STAGGERED = {"refresh": "staggered"}


def unit_memory(name: str = DUAL, *settings: str, **changes: Any) -> DramMemorySpec:
    """Channels that take a burst each in turn; settings: of the device."""
    values: dict[str, Any] = {"channels": CHANNELS, "controller": STAGGERED} | changes
    return memory_spec(name, *settings, **values)


SPECS = {
    "dual": unit_memory(),
    "single": unit_memory(SINGLE),
    "as published": unit_memory(DUAL, "pim.timing=as_published"),
    "path": unit_memory(path_latency_s=100e-9),
    "without refresh": unit_memory(controller=NO_REFRESH),
    "refreshed at once": unit_memory(SINGLE, controller={"refresh": "all_bank"}),
    "short turns": unit_memory(controller=STAGGERED | {"read_queue": 4}, arbitration_bytes=192),
}


class Action(NamedTuple):
    """What arrives `gap` ticks behind the action before: bytes, or a run.

    channel: of the run; of a transfer, the only one it goes to, or -1.
    """

    gap: int
    client: int
    size_bytes: int = 0
    is_write: bool = False
    address: int = 0
    channel: int = -1
    run: Run | None = None


def on_units(channel: int, run: Run, gap: int = 0) -> Action:
    """A run of a channel."""
    return Action(gap, MOVERS + channel, channel=channel, run=run)


def a_run(first_row: int = 1, tiles: int = 2, segments: int = 1, comps: int = 8) -> Run:
    """A vector from row 0 of bank 0, and some tiles."""
    return Run(0, 0, first_row, tiles, segments, comps)


@dataclass
class Outcome:
    """Ticks and clients of completions, in order, and what was counted."""

    completions: list[tuple[int, int]]
    moved_bytes: tuple[int, int]
    busy_cycles: int
    statistics: dict[str, Any]


class ApartMemory(DramMemory):
    """The same memory with every channel simulated by itself, from start to end."""

    def _split(self, ranges: Ints) -> None:
        super()._split(np.array([(channel, 0) for channel in range(len(ranges))]))

    def _merge_equal(self) -> None:
        pass


def new_memory(
    spec: DramMemorySpec, kind: type[DramMemory] = DramMemory, every_event: bool = False
) -> DramMemory:
    """A memory with movers and units of every channel as its clients."""
    clients = MOVERS + spec.channels
    return kind(spec, clients, movers=range(MOVERS), every_event=every_event)


def submit(memory: DramMemory, action: Action) -> None:
    """Hand over an action now."""
    if action.run is not None:
        memory.submit_runs(action.client, action.channel, [action.run])
        return
    memory.submit(action.client, action.size_bytes, action.is_write, action.address, action.channel)


def let_pass(memory: DramMemory, actions: Sequence[Action], most: int = 1 << 60) -> Outcome:
    """Actions as the engine has them, `most` ticks at a time."""
    submissions = ((action.gap, partial(submit, memory, action)) for action in actions)
    return outcome(memory, completions(memory, submissions, repeat(most)))


def tick_by_tick(memory: DramMemory, actions: Sequence[Action], most: int = 60_000) -> Outcome:
    """Tick by tick, without ever asking for what will come; up to `most` ticks at the end."""
    done: list[tuple[int, int]] = []
    now, left = 0, len(actions)
    for gap, action in [*((each.gap, each) for each in actions), (most, None)]:
        for _ in range(gap):
            if action is None and not left:
                break
            memory.advance(1)
            now += 1
            completed = memory.collect()
            left -= len(completed)
            done += [(now, client) for client in completed]
        if action is not None:
            submit(memory, action)
    return outcome(memory, done)


def outcome(memory: DramMemory, done: list[tuple[int, int]]) -> Outcome:
    """All but how many channels were simulated apart, which is no finding."""
    counted, statistics = memory.counters, asdict(memory.statistics())
    del statistics["groups"]
    moved = counted.read_bytes, counted.write_bytes
    return Outcome(done, moved, counted.busy_cycles, statistics)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """A short run of rows that transfers may want too."""
    return Run(
        input_bank=draw(st.integers(0, 31)),
        input_row=draw(st.integers(0, 3)),
        first_row=draw(st.integers(0, 3)),
        tiles=draw(st.integers(1, 4)),
        segments=draw(st.integers(1, 4)),
        comps=draw(st.sampled_from([1, 5, 8, 32])),
        inputs=draw(st.sampled_from([0, 1, 1])),
    )


@st.composite
def loads(draw: st.DrawFn, most: int = 8) -> list[Action]:
    """Runs of all channels, often equal ones, and transfers between them."""
    gaps = st.sampled_from([0, 0, 1]) | st.integers(0, 60) | st.integers(0, 2500)
    sizes = st.integers(1, 300) | st.integers(1, 80).map(lambda n: n * STRIPE_BYTES)
    actions: list[Action] = []
    for _ in range(draw(st.integers(1, most))):
        gap, kind = draw(gaps), draw(st.sampled_from(["run", "runs", "transfer", "alone"]))
        if kind == "runs":
            run = draw(runs())
            actions += [on_units(n, run, gap if not n else 0) for n in range(CHANNELS)]
            continue
        channel = draw(st.integers(0, CHANNELS - 1))
        if kind == "run":
            actions.append(on_units(channel, draw(runs()), gap))
            continue
        address = draw(st.integers(0, draw(st.sampled_from([1 << 9, 1 << 18]))))
        client, size, is_write = draw(st.integers(0, 1)), draw(sizes), draw(st.booleans())
        only = channel if kind == "alone" else -1
        actions.append(Action(gap, client, size, is_write, address, only))
    assert sum(each.run is not None for each in actions) < PIM_RING
    return actions


QUIET = unit_memory(controller=NO_REFRESH)
BLOCKED = unit_memory(SINGLE, controller=NO_REFRESH)


def units(channel: int) -> int:
    """The client that has work for a channel."""
    return MOVERS + channel
