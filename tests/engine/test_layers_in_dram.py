"""Layers behind a command-level memory: skipped where the memory's state comes back, exactly."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.experiment import load_experiment
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.dram.pim.gemv import Run
from simulator.runner import run_experiment
from tests.engine.layers import MEMORIES, UNIT_STEP, Shape, both, layers, shapes
from tests.hardware.dram.transfers import NO_REFRESH, memory_spec
from tests.hardware.dram.unit_transfers import unit_memory

STREAM = Shape(((40_000, 10, 0), (9999, 60, 1111)))
"""Bound by the memory, with sizes that no row and no stripe divides."""


def channels_with_units(memory: DramMemorySpec) -> list[int]:
    return list(range(memory.channels)) if memory.device.pim else []


def turn_bytes(memory: DramMemorySpec) -> int:
    """What a client transfers in its turn: with other sizes, a turn goes on in the next layer."""
    stripe = memory.channels * memory.device.burst_bytes
    return -(-memory.arbitration_bytes // stripe) * stripe


def in_whole_turns(shape: Shape, memory: DramMemorySpec) -> Shape:
    turn = turn_bytes(memory)
    tiles = (
        (-(-load // turn) * turn, n, -(-store // turn) * turn) for load, n, store in shape.tiles
    )
    return replace(shape, tiles=tuple(tiles))


def without_refresh(memory: DramMemorySpec) -> DramMemorySpec:
    controller = memory.controller.model_copy(update=NO_REFRESH)
    return memory.model_copy(update={"controller": controller})


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.data(), st.sampled_from(sorted(MEMORIES)), st.integers(4, 24), st.booleans(), st.booleans()
)
def test_any_layers(
    data: st.DataObject, name: str, count: int, whole_turns: bool, refreshes: bool
) -> None:
    """Everything measured is the same as event by event, commands and open rows included.

    Without refreshes and with whole turns, most of them are skipped.
    """
    memory = MEMORIES[name] if refreshes else without_refresh(MEMORIES[name])
    shape = data.draw(shapes(channels_with_units(memory)))
    both(layers(in_whole_turns(shape, memory) if whole_turns else shape, count, memory), memory)


@pytest.mark.parametrize("name", sorted(MEMORIES))
def test_layers_that_last_a_round_of_refreshes_are_skipped(name: str) -> None:
    """One is as long as the interval after which the same banks are refreshed again.

    Half of them would do on a memory that never refreshes.
    """
    memory = MEMORIES[name]
    device = memory.device
    interval = device.cycles(device.refresh_interval) * device.ticks_per_clock
    if memory.controller.refresh == "per_bank":
        interval = device.cycles(device.bank_refresh_interval or "0") * device.ticks_per_clock
        interval *= device.banks
    if memory.controller.refresh == "staggered":
        interval = interval // 2 * 2
    runs = tuple((channel, Run(0, 0, 1, 1, 1, 8)) for channel in channels_with_units(memory)[:1])
    turn, half = turn_bytes(memory), interval // 2
    rest = interval - half - UNIT_STEP * len(runs)
    shape = Shape(((2 * turn, half, turn), (turn, rest, 0)), 0, runs)
    found = both(layers(shape, 40, memory), memory)
    assert found.skipped_commands > 0
    assert found.dram is not None
    if memory.controller.refresh == "all_bank":
        assert found.dram.commands["REFab"] >= 39 * memory.channels


def test_a_stream_of_weights_is_skipped() -> None:
    """Without refresh, every layer but the first ones finds the memory in the same state."""
    memory = memory_spec(controller=NO_REFRESH)
    few, many = (both(layers(STREAM, count, memory), memory) for count in (20, 200))
    assert many.events == few.events
    assert few.dram is not None and many.dram is not None
    assert many.dram.reads - few.dram.reads == 180 * (1250 + 313)


def test_units_beside_a_stream_are_skipped() -> None:
    memory = unit_memory(controller=NO_REFRESH)
    run = Run(0, 0, first_row=8, tiles=3, segments=2, comps=8)
    turn = turn_bytes(memory)
    runs = ((0, run), (1, run), (1, run))
    shape = Shape(((9 * turn, 10, 0), (3 * turn, 60, turn)), 4000, runs)
    found = both(layers(shape, 40, memory), memory)
    assert found.skipped_commands > 100
    assert found.dram is not None and found.dram.unit_tiles == 40 * 9


SMALL = (
    "workload.model=gpt3-small",
    "workload.tensor_parallel=1",
    "workload.running.requests=6",
    "workload.running.channels=mapped",
    "machine.memory.channels=4",
    "simulation.timeline_commands=0",
)


@pytest.mark.parametrize(
    "settings",
    [
        ("workload.sub_batches=1",),
        ("workload.sub_batches=2", "mapping.pim.interleave=always"),
        ("workload.sub_batches=1", "machine.memory.device=hbm2-newton-single"),
    ],
    ids=["at once", "in turns", "one row buffer"],
)
def test_a_transformer_on_units_in_the_memory(settings: tuple[str, ...]) -> None:
    """Results are the same to the last digit, energy included."""
    found = []
    for every_event in ("false", "true"):
        changed = (*SMALL, *settings, f"simulation.every_event={every_event}")
        result = run_experiment(load_experiment("neupims_gpt3_7b_b64", changed))
        found.append(replace(result, configuration={}, configuration_hash="", simulation={}))
        if every_event == "false":
            assert result.simulation["skipped_commands"] > 0
    assert found[0] == found[1]


# -- what must not be skipped --------------------------------------------------------
def test_layers_without_room_for_whole_rows_are_not_alike() -> None:
    """Where a layer has less than a row of all banks, each lies in other banks."""
    size = Shape(((4096, 10, 0), (8192, 60, 0)))
    roomy = memory_spec(controller=NO_REFRESH)
    tight = memory_spec("hbm2-1760", "organisation.counts.rows=2", controller=NO_REFRESH)
    assert both(layers(size, 40, roomy), roomy).skipped_commands > 0
    assert both(layers(size, 40, tight), tight).skipped_commands == 0


def test_layers_that_share_copies_are_not_skipped() -> None:
    memory = memory_spec(controller=NO_REFRESH)
    assert both(layers(STREAM, 40, memory, copies=40), memory).skipped_commands > 0
    assert both(layers(STREAM, 40, memory, copies=7), memory).skipped_commands == 0


def test_a_layer_that_comes_upon_rows_of_units_is_not_skipped() -> None:
    """A row for 640 bytes of each layer, then two for its KV cache: layer 15 is in row 70."""
    memory = unit_memory(controller=NO_REFRESH)
    assert memory.row_bytes < 36 * turn_bytes(memory) < 2 * memory.row_bytes
    shape = Shape(((36 * turn_bytes(memory), 10, 0),), 4000)
    skipped = []
    for row in (2000, 70):
        run = Run(0, 0, row, tiles=1, segments=1, comps=8)
        found = both(layers(replace(shape, runs=((0, run),)), 40, memory), memory)
        skipped.append(found.skipped_commands)
    assert 0 < skipped[1] < skipped[0]


def test_refreshes_at_another_phase_are_another_state() -> None:
    """Layers of 1000 ticks, refreshes every 3430: the phase comes back after 343 layers."""
    memory = memory_spec()
    interval = memory.device.cycles(memory.device.refresh_interval)
    assert interval == 3430
    shape = Shape(((640, 500, 0), (640, 500, 0)))
    assert both(layers(shape, 60, memory), memory).skipped_commands == 0
