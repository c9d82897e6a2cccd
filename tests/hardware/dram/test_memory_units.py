"""A memory whose banks compute: runs beside transfers, and channels simulated once or apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.hardware.dram.memory import DramMemory
from simulator.hardware.dram.pim_tables import PIM_RING
from tests.hardware.dram.unit_transfers import (
    CHANNELS,
    FAR_BYTES,
    NO_REFRESH,
    QUIET,
    SPECS,
    STRIPE_BYTES,
    Action,
    ApartMemory,
    a_run,
    let_pass,
    loads,
    new_memory,
    on_units,
    tick_by_tick,
    unit_memory,
    units,
)


# -- the same, however it is looked at ----------------------------------------------
@settings(max_examples=30)
@given(st.sampled_from(sorted(SPECS)), loads(), st.sampled_from([7, 100, 3000]))
def test_what_happens_does_not_depend_on_who_looks(
    name: str, actions: list[Action], most: int
) -> None:
    """Burst by burst, channel by channel, in short steps and a second time: all is the same."""
    spec = SPECS[name]
    found = let_pass(new_memory(spec), actions)
    assert let_pass(new_memory(spec), actions) == found
    assert let_pass(new_memory(spec, every_event=True), actions) == found
    assert let_pass(new_memory(spec, ApartMemory), actions) == found
    assert let_pass(new_memory(spec), actions, most) == found
    assert tick_by_tick(new_memory(spec), actions) == found


@settings(max_examples=30)
@given(st.sampled_from(sorted(SPECS)), loads())
def test_one_channel_does_not_depend_on_who_looks(name: str, actions: list[Action]) -> None:
    spec = SPECS[name].model_copy(update={"channels": 1})
    alone = [action for action in actions if action.channel <= 0]
    found = let_pass(new_memory(spec), alone)
    assert let_pass(new_memory(spec, every_event=True), alone) == found
    assert tick_by_tick(new_memory(spec), alone) == found


@pytest.mark.parametrize("look", [False, True])
def test_asking_for_the_next_completion_changes_nothing(look: bool) -> None:
    """A run that is queued behind others holds up nothing that would have issued before.

    The first: ACT in tick 1, GWRITE at 15, PIM_HEADER at 111, COMPs 106 behind it for 12,
    and the result 16 later. Then the row is open: GWRITE 2 behind the COMPs' command,
    PIM_HEADER another 96, COMPs in the next cycle.
    """
    memory, now = new_memory(unit_memory(controller=NO_REFRESH, channels=1)), 0
    completions: list[tuple[int, int]] = []

    def wait(ticks: int) -> None:
        nonlocal now
        memory.advance(ticks)
        now += ticks
        completions.extend((now, client) for client in memory.collect())

    for _ in range(2):
        memory.submit_runs(units(0), 0, [a_run(tiles=1, comps=1)])
    if look:
        assert memory.next_completion() is not None
    wait(1)
    memory.submit_runs(units(0), 0, [a_run(tiles=1, comps=1)])
    wait(4)
    memory.submit(0, 64, False, FAR_BYTES)
    while (ticks := memory.next_completion()) is not None:
        wait(ticks)
    first = 111 + 106 + 12 + 16
    assert completions[1:] == [(first + 99 * turn, units(0)) for turn in range(3)]
    assert completions[0] == (5 + 1 + 14 + 16, 0)


@settings(max_examples=30)
@given(st.sampled_from(sorted(SPECS)), loads())
def test_bytes_and_tiles_are_kept(name: str, actions: list[Action]) -> None:
    """Every transfer and every run completes once, in the order of its client."""
    found = let_pass(new_memory(SPECS[name]), actions)
    moved = [sum(a.size_bytes for a in actions if a.is_write == w) for w in (False, True)]
    assert found.moved_bytes == tuple(moved)
    clients = [client for _, client in found.completions]
    assert sorted(clients) == sorted(action.client for action in actions)
    runs = [action.run for action in actions if action.run is not None]
    assert found.statistics["unit_tiles"] == sum(run.tiles for run in runs)
    comps = sum(run.tiles * run.segments * run.comps for run in runs)
    assert found.statistics["commands"]["COMP"] == comps
    assert found.statistics["commands"]["GWRITE"] == sum(run.inputs for run in runs)
    assert found.statistics["unit_cycles"] <= CHANNELS * found.statistics["cycles"]


# -- with a pencil -------------------------------------------------------------------
@pytest.mark.parametrize(("comps", "segments", "inputs"), [(8, 1, 0), (1, 1, 0), (8, 4, 1)])
def test_one_tile(comps: int, segments: int, inputs: int) -> None:
    """PIM_HEADER in tick 1, G_ACTs 30 apart, the last of the other rank at 93; COMPs at 107.

    Segments of 2 cycles per COMP (12 at least) are 2 apart; the last result is out CL + BL =
    16 later. With a vector: ACT in tick 1, GWRITE 14 later, the header another 96.
    """
    run = a_run(tiles=1, segments=segments, comps=comps)
    if not inputs:
        run = type(run)(0, 0, 1, 1, segments, comps, 0)
    last = 107 + (segments - 1) * 2 + segments * max(12, 2 * comps) + 16 + 110 * inputs
    found = let_pass(new_memory(QUIET), [on_units(1, run)])
    assert found.completions == [(last, units(1))]
    path = unit_memory(controller=NO_REFRESH, path_latency_s=50e-9)
    assert let_pass(new_memory(path), [on_units(1, run)]).completions == [(last + 50, units(1))]


def test_equal_work_at_equal_times_ends_at_the_same_tick() -> None:
    """Refreshed ranks included: channels differ in nothing."""
    long = a_run(tiles=30)
    for spec in (SPECS["dual"], SPECS["single"]):
        found = let_pass(new_memory(spec), [on_units(n, long) for n in range(CHANNELS)])
        ticks = {tick for tick, _ in found.completions}
        assert len(ticks) == 1 and len(found.completions) == CHANNELS
        alone = let_pass(new_memory(spec), [on_units(2, long)])
        assert alone.completions[0][0] in ticks
        assert found.statistics["unit_cycles"] == CHANNELS * alone.statistics["unit_cycles"]


def test_runs_of_a_channel_are_served_in_order() -> None:
    """A short one that comes later waits for a long one; that of another channel does not."""
    long, short = a_run(tiles=9), a_run(tiles=1)
    found = let_pass(new_memory(QUIET), [on_units(0, long), on_units(0, short), on_units(1, short)])
    assert [client for _, client in found.completions] == [units(1), units(0), units(0)]


def test_a_channel_holds_as_many_runs_as_its_queue() -> None:
    found = let_pass(new_memory(QUIET), [on_units(0, a_run(tiles=1))] * PIM_RING)
    ticks = [tick for tick, _ in found.completions]
    assert len(ticks) == PIM_RING and ticks == sorted(set(ticks))


# -- clients and channels ------------------------------------------------------------
def test_units_need_nobody_that_transfers_bytes() -> None:
    memory = DramMemory(QUIET, 1, movers=())
    memory.submit_runs(0, 0, [type(a_run())(0, 0, 1, 1, 1, 8, 0)])
    assert memory.next_completion() == 107 + 16 + 16


def test_channels_are_simulated_apart_while_their_units_differ() -> None:
    """A channel with work leaves the others; idle again in an equal state, it joins them."""
    memory = new_memory(unit_memory(controller=NO_REFRESH))
    assert memory.statistics().groups == 1
    memory.submit_runs(units(1), 1, [a_run()])
    assert memory.statistics().groups == 2
    for channel in (0, 2):
        memory.submit_runs(units(channel), channel, [a_run()])
    memory.advance(5000)
    assert sorted(memory.collect()) == [units(channel) for channel in range(CHANNELS)]
    assert memory.statistics().groups == 3
    memory.submit(0, STRIPE_BYTES, False, FAR_BYTES)
    assert len(memory._groups) == 1, "equal rows are open everywhere"
    assert memory.statistics().unit_tiles == 3 * 2


def test_a_memory_without_work_has_no_completion() -> None:
    memory = new_memory(QUIET)
    assert memory.next_completion() is None
    memory.advance(1000)
    assert memory.collect() == []
    found = memory.statistics()
    assert (found.unit_tiles, found.unit_cycles, sum(found.commands.values())) == (0, 0, 0)
