"""Images of a channel's state: all that decides what comes next, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from simulator.hardware.dram.kernel import layout as at
from simulator.hardware.dram.memory import DramMemory
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.dram.moving_rows import MovingRows
from simulator.hardware.dram.names import ACT
from simulator.hardware.dram.pim.gemv import Run
from simulator.hardware.dram.repeats import ChannelImage, move_rows
from simulator.hardware.memory.timing import Block, Motion
from tests.hardware.dram.transfers import Ints, memory_spec
from tests.hardware.dram.unit_transfers import unit_memory

PLAIN = memory_spec(controller={"row_hit_cap": 4})
STAGGERED = {"refresh": "staggered", "read_queue": 8}
UNITS = unit_memory(channels=1, controller=STAGGERED)
LAYER_ROWS, LAYERS = 3, 20


def motion_of(spec: DramMemorySpec) -> Motion:
    """Twenty layers of three rows each, from the beginning of the memory on."""
    stride = LAYER_ROWS * spec.row_bytes
    return Motion((Block(0, LAYERS * stride, stride),), (Block(0, stride, stride),), LAYERS)


def busy(spec: DramMemorySpec, layer: int = 0, ticks: int = 300) -> DramMemory:
    """Some ticks behind a read and a write of a layer, and work for units if there are any."""
    memory = DramMemory(spec, 3, movers=(0, 1))
    base = layer * LAYER_ROWS * spec.row_bytes
    memory.submit(0, 100_000, False, base)
    memory.submit(1, 20_000, True, base + spec.row_bytes)
    if spec.device.pim is not None:
        memory.submit_runs(2, 0, [Run(0, 0, 500, 9, 1, 8)])
    memory.advance(ticks)
    memory.collect()
    memory.signature()
    return memory


def image(
    memory: DramMemory, change: Callable[[Ints], None] | None = None, layer: int = 0
) -> bytes:
    """Of the first group of channels, a bit of whose state has been changed."""
    group, kernel = memory._groups[0], memory._kernel
    state = group.present().copy()
    if change is not None:
        change(state)
    shift = int(kernel.tables.packed[at.K_ROW_SHIFT])
    rows = MovingRows(memory._spec, motion_of(memory._spec), shift)
    names = {each.number: each.number for queue in memory._queues for each in queue}
    return ChannelImage(kernel.tables, state, group.now, rows, layer, names, 0).take()


def add(place: int, amount: int = 1) -> Callable[[Ints], None]:
    """A scalar is another one."""

    def change(state: Ints) -> None:
        state[place] += amount

    return change


def add_in(array: int, index: int = 0, amount: int = 1) -> Callable[[Ints], None]:
    """An element of an array is another one."""

    def change(state: Ints) -> None:
        at.view(state, array)[index] += amount

    return change


COUNTS = {
    "refresh": add(at.S_NEXT_REFRESH),
    "whose bank is refreshed": add(at.S_REFRESH_BANK),
    "reads or writes": add(at.S_WRITE_MODE),
    "turn": add(at.S_TURN),
    "client": add(at.S_CLIENT),
    "floor": add(at.S_FLOOR, 9),
    "open row": add_in(at.A_OPEN_ROW),
    "hits of a row": add_in(at.A_ROW_HITS),
    "closing": add_in(at.A_CLOSING),
    "bursts left": add_in(at.A_RING_LEFT),
    "next burst": add_in(at.A_RING_BURST),
    "bursts of a transfer": add_in(at.A_TRANSFER_LEFT),
    "row asked for": add_in(at.A_ENTRY_ROW),
    "bank asked for": add_in(at.A_ENTRY_BANK),
}


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_what_decides_the_future_is_in_the_image(name: str) -> None:
    memory = busy(PLAIN)
    state = memory._groups[0].present()
    assert state[at.S_READ_ENTRIES] > 0 and at.view(state, at.A_RING_LENGTH)[0] > 0
    assert image(memory) == image(memory)
    assert image(memory, COUNTS[name]) != image(memory)


@pytest.mark.parametrize("place", [at.C_READS, at.C_LATENCY, at.S_SEQ, at.S_MARK, at.S_LATE])
def test_counters_and_numbering_are_not(place: int) -> None:
    memory = busy(PLAIN)
    assert image(memory, add(place, 7)) == image(memory)


@pytest.mark.parametrize("spec", [PLAIN, UNITS], ids=["plain", "units"])
def test_a_constraint_counts_as_long_as_it_binds(spec: DramMemorySpec) -> None:
    memory = busy(spec)
    now = memory._groups[0].now

    def legal(tick: int) -> bytes:
        def change(state: Ints) -> None:
            at.view(state, at.A_READY)[ACT * memory._kernel.tables.nodes] = now + tick

        return image(memory, change)

    assert legal(-1000) == legal(0) == legal(1), "a command may issue in the next tick"
    assert len({legal(1), legal(2), legal(3)}) == 3


@pytest.mark.parametrize("spec", [PLAIN, UNITS], ids=["plain", "units"])
def test_the_same_in_another_layer_is_the_same(spec: DramMemorySpec) -> None:
    """Event by event, the memory is in the same state in layer 4; only its rows are others."""
    first, later = busy(spec), busy(spec, layer=4)
    assert image(first) == image(later, layer=4) != image(later, layer=3)
    opened = [at.view(each._groups[0].present(), at.A_OPEN_ROW) for each in (first, later)]
    assert (opened[0] != opened[1]).any()


@pytest.mark.parametrize("spec", [PLAIN, UNITS], ids=["plain", "units"])
@pytest.mark.parametrize("ticks", [300, 2200])
def test_rows_that_have_been_moved_are_those_of_the_other_layer(
    spec: DramMemorySpec, ticks: int
) -> None:
    first, later = busy(spec, ticks=ticks), busy(spec, 4, ticks)
    motion = motion_of(spec)
    first.repeat((0,) * len(first.counted()), 1, motion, 4)
    opened = [at.view(each._groups[0].present(), at.A_OPEN_ROW) for each in (first, later)]
    assert opened[0].tolist() == opened[1].tolist()
    assert image(first, layer=4) == image(later, layer=4)
    done = [[each.next_completion(), each.counted()] for each in (first, later)]
    assert done[0] == done[1]
    for each in (first, later):
        each.advance(20_000)
    assert first.collect() == later.collect()
    assert first.counted() == later.counted()


def test_rows_of_units_stay_and_are_kept_apart() -> None:
    spec = UNITS
    stride = LAYER_ROWS * spec.row_bytes
    blocks = (Block(stride, LAYERS * stride, stride),)
    used = (Block(stride, stride + spec.row_bytes, stride),)
    rows = MovingRows(spec, Motion(blocks, used, LAYERS, ((0, 1), (31, 2))), row_shift=9)
    names = rows.names(np.array([-1, 0, 3, 6, 31, 60]), 1)
    assert names[[0, 1, 4, 5]].tolist() == [-1, 0, 31, 60], "closed, outside, of units, outside"
    assert rows.names(np.array([6]), 2) == rows.names(np.array([3]), 1) == names[2]
    assert rows.further(np.array([-1, 0, 6, 31]), 2).tolist() == [-1, 0, 12, 31]
    # Layer i touches row 3 + 3 i: the units' rows 31 and 32 lie between 30 and 33.
    assert rows.keep_apart(0, 9)
    assert rows.keep_apart(10, 19)
    assert not rows.keep_apart(5, 15)
    assert not rows.keep_apart(0, LAYERS)


def test_rows_of_a_memory_add_up() -> None:
    for spec in (
        PLAIN,
        UNITS,
        memory_spec(controller={"address_mapping": {"xor_banks_with_row": 2}}),
    ):
        tables = DramMemory(spec, 1)._kernel.tables
        in_row = spec.device.burst_bytes << int(tables.packed[at.K_ROW_SHIFT])
        assert spec.row_bytes == spec.channels * in_row
        assert spec.layer_alignment_bytes == spec.row_bytes << int(tables.packed[at.K_XOR_BITS])
        assert spec.layer_alignment_bytes % spec.stripe_bytes == 0


def test_moving_rows_leaves_counters_alone() -> None:
    memory = busy(PLAIN)
    group, tables = memory._groups[0], memory._kernel.tables
    state = group.present()
    before = state.copy()
    rows = MovingRows(PLAIN, motion_of(PLAIN), int(tables.packed[at.K_ROW_SHIFT]))
    move_rows(tables, state, rows, 2)
    changed = np.flatnonzero(state != before)
    assert len(changed) > 0
    assert (changed >= state[at.A_READY]).all()
