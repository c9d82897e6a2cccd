"""Programs on a memory of DRAM channels: the engine asks it for no more than it has to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simulator.config import CyclelabError
from simulator.engine import DeadlockError, run_program
from simulator.engine import run as engine
from simulator.engine.invariants import check_invariants
from simulator.engine.record import Execution
from simulator.hardware.dram.memory import DramMemory
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.memory.spec import IdealMemorySpec
from simulator.mapping.program import Cause, Program, QueueKind
from tests.engine.placed import placed
from tests.engine.programs import PERIOD_FS, Builder, Pipeline, compute, loop, transfer
from tests.engine.random_programs import executed, programs
from tests.hardware.dram.transfers import SPECS, memory_spec

SPEC = SPECS["plain"]
TICK_FS = 1_137_000
MEMORIES = st.sampled_from(["plain", "path", "closed page", "bank by bank", "half clocks"])


def run(program: Program, memory: DramMemorySpec = SPEC, every_event: bool = False) -> Execution:
    execution = run_program(program, memory, reference_period_fs=PERIOD_FS, every_event=every_event)
    check_invariants(program, execution, memory.bandwidth_bytes_per_s)
    return execution


class PolledMemory(DramMemory):
    """Says "soon" until a transfer has completed."""

    def next_completion(self, within: int | None = None) -> int | None:
        return None if super().next_completion(within) is None else 1


@settings(max_examples=15)
@given(programs(), MEMORIES)
def test_any_program(program: Program, name: str) -> None:
    """Every run of it is the same, however often the memory is looked at."""
    assume(executed(program.body) < 300)
    program = placed(program)
    execution = run(program, SPECS[name])
    assert run(program, SPECS[name]) == execution
    complete = run(program, SPECS[name], every_event=True)
    assert complete == execution
    assert complete.skipped_commands == execution.skipped_commands == 0
    with pytest.MonkeyPatch.context() as patch:
        polled = lambda spec, _, clients, **__: PolledMemory(spec, clients)  # noqa: E731
        patch.setattr(engine, "build_memory", polled)
        assert run(program, SPECS[name]) == execution


def tiles(
    count: int, load_bytes: int, cycles: int, store_bytes: int = 0, buffers: int = 2
) -> Program:
    """A tile loop of one core, whose data lies in order in main memory."""
    b = Builder()
    core = Pipeline.build(b, buffers)
    body = core.tile(b.operator(core.unit), load_bytes, cycles, store_bytes)
    return placed(b.program(loop(count, *body)), transfers=count, instances=1)


# -- with a pencil -----------------------------------------------------------------
def test_one_tile() -> None:
    """A burst takes 30 ticks: ACT at 1, RD 14 behind it, data 15 behind that: 34.11 ns.

    The load queue sees it at 35 ns, the unit works for 10.
    """
    execution = run(tiles(1, 32, 10))
    assert execution.duration_fs == 45 * PERIOD_FS
    assert execution.records[0].stall_cycles == {"memory_read": 35}
    assert (execution.read_bytes, execution.write_bytes) == (32, 0)


def test_a_path_is_added_to_every_transfer() -> None:
    # 100 ns are 88 ticks: 118 in all, 134.17 ns.
    spec = memory_spec(path_latency_s=100e-9)
    assert run(tiles(1, 32, 10), spec).duration_fs == (135 + 10) * PERIOD_FS


def test_transfers_that_are_submitted_between_ticks_arrive_at_the_next() -> None:
    """The store is submitted at 45 ns, between ticks 39 and 40, and takes 20 ticks.

    Its first row command is a tick behind its arrival: ACT at 41, WR 12 later, and its
    data 7 ticks behind that: tick 60 is 68.22 ns.
    """
    assert 39 * TICK_FS < 45 * PERIOD_FS < 40 * TICK_FS
    assert run(tiles(1, 32, 10, 32)).duration_fs == 69 * PERIOD_FS


def test_a_loop_bound_by_the_memory_runs_at_its_rate() -> None:
    # 32 bytes per tick and channel: a tile of 12,800 bytes takes 100 ticks.
    execution = run(tiles(60, 12_800, 1))
    ticks = execution.duration_fs / TICK_FS
    assert 6000 < ticks < 6000 * 1.15
    busy = execution.memory_busy_fs / TICK_FS
    assert busy == 6000


def test_a_loop_bound_by_compute_hides_the_memory() -> None:
    program = tiles(60, 6400, 200)
    # The first load: 50 ticks of bursts and a latency of 30, 91 ns; then 200 ns each.
    least = 92 + 60 * 200
    without = run(program, memory_spec(controller={"refresh": "none"})).duration_fs // PERIOD_FS
    assert least <= without < least + 20
    # A refresh takes longer, 350 ns, than is left between two loads.
    execution = run(program)
    assert execution.dram is not None and execution.dram.commands["REFab"] == 3 * 4 * 2
    assert 3 * 150 < execution.duration_fs // PERIOD_FS - without < 3 * 350


def test_data_that_is_read_again_finds_its_rows_open() -> None:
    b = Builder()
    load = b.queue(QueueKind.LOAD)
    again = loop(50, transfer(load, b.operator(load), 1024))
    execution = run(placed(b.program(again), transfers=1))
    assert execution.dram is not None
    # 8 bursts a channel: one in each bank group of each pseudo channel.
    assert execution.dram.row_misses == 4 * 8
    assert execution.dram.row_hits == 4 * 8 * 49
    assert execution.dram.row_conflicts == 0


def test_two_cores_share_the_memory() -> None:
    """They take twice as long, and more where one needs another row of the other's bank."""
    alone, both = (shared_by(cores) for cores in (1, 2))
    assert 1.9 * alone.duration_fs < both.duration_fs < 2.5 * alone.duration_fs
    ends = sorted(record.end_fs for record in both.records)
    assert ends[0] > 0.9 * ends[1]


def shared_by(cores: int) -> Execution:
    """A loop on each core that loads 40 tiles of 6,400 bytes."""
    b = Builder()
    body = []
    for index in range(cores):
        core = Pipeline.build(b, core=index, depth=200)
        operator = b.operator(core.unit)
        body.append(loop(40, *core.tile(operator, 6400, 1, 0)))
    return run(placed(b.program(*body), 48, 1), memory_spec(controller={"refresh": "none"}))


# -- laws --------------------------------------------------------------------------
@settings(max_examples=40)
@given(
    st.integers(1, 20),
    st.sampled_from([32, 100, 1000, 12_800]),
    st.sampled_from([0, 10, 90, 400]),
    st.sampled_from([0, 64, 5000]),
    st.integers(1, 3),
)
def test_no_faster_than_an_ideal_memory_of_its_peak(
    count: int, load_bytes: int, cycles: int, store_bytes: int, buffers: int
) -> None:
    program = tiles(count, load_bytes, cycles, store_bytes, buffers)
    ideal = IdealMemorySpec(
        device="hbm2",
        capacity_bytes=SPEC.capacity_bytes,
        bandwidth_bytes_per_s=SPEC.bandwidth_bytes_per_s,
        latency_s=0,
    )
    # Beats of a picosecond: rounding up to them is no matter.
    least = run_program(program, ideal, reference_period_fs=1000).duration_fs
    assert run(program).duration_fs >= least


@pytest.mark.parametrize("cycles", [1000, 100_000])
def test_the_memory_is_there_until_the_end(cycles: int) -> None:
    """It draws power and refreshes while the last tile is multiplied."""
    execution = run(tiles(1, 640, cycles))
    assert execution.dram is not None
    assert execution.dram.cycles == pytest.approx(execution.duration_fs / TICK_FS, abs=2)
    # Each of 4 channels refreshes 2 pseudo channels every 3430 cycles.
    refreshes = 4 * 2 * (execution.duration_fs // TICK_FS // 3430)
    assert execution.dram.commands["REFab"] == refreshes


# -- what cannot be ----------------------------------------------------------------
def test_a_program_without_places() -> None:
    bare = replace(tiles(3, 640, 10), regions=())
    with pytest.raises(CyclelabError, match=r"'test'.*region"):
        run(bare)
    b = Builder()
    core = Pipeline.build(b)
    with pytest.raises(CyclelabError, match=r"'test'.*region"):
        run(b.program(*core.tile(b.operator(core.unit), 64, 1, 0)))


def test_a_program_that_moves_nothing_needs_no_places() -> None:
    b = Builder()
    unit = b.queue(QueueKind.MATRIX)
    program = b.program(loop(3, compute(unit, b.operator(unit), 5)))
    execution = run(program)
    assert execution.duration_fs == 15 * PERIOD_FS
    assert execution.dram is not None and execution.dram.reads == 0


def test_regions_that_do_not_fit() -> None:
    tiny = memory_spec("hbm2-1760", "organisation.counts.rows=1")
    assert tiny.capacity_bytes == 4 * 32 * 1024
    run(tiles(128, 1024, 1), tiny)
    with pytest.raises(CyclelabError, match=r"need 131,200 bytes .*but it has 131,072"):
        run(tiles(41, 3200, 1), tiny)


def test_a_deadlock_is_found_although_refreshes_go_on() -> None:
    b = Builder()
    load, matrix = b.queue(QueueKind.LOAD), b.queue(QueueKind.MATRIX)
    data = b.semaphore(0, Cause.MEMORY_READ)
    operator = b.operator(matrix)
    program = b.program(
        transfer(load, operator, 64, release=((data, 1),)),
        compute(matrix, operator, 5, acquire=((data, 2),), label="multiply"),
    )
    with pytest.raises(DeadlockError, match="'multiply' waits for semaphore 's0'"):
        run(placed(program))
