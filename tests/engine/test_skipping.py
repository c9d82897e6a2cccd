"""Skipping repeats gives the same as simulating every event, for any program."""

from __future__ import annotations

import gc

from hypothesis import given, settings

from simulator.engine import run_program
from simulator.engine.record import Execution
from simulator.hardware.memory.spec import IdealMemorySpec
from simulator.mapping.program import Cause, Loop, Program, QueueKind
from tests.engine.programs import PERIOD_FS, Builder, Pipeline, compute, loop, memory_spec, transfer
from tests.engine.random_programs import PERIODS, memories, programs


def both(program: Program, memory: IdealMemorySpec, period_fs: int = PERIOD_FS) -> Execution:
    """Run with and without skipping, compare everything, return the run with skipping."""
    skipped = run_program(program, memory, reference_period_fs=period_fs)
    complete = run_program(program, memory, reference_period_fs=period_fs, every_event=True)
    assert complete.skipped_commands == 0
    assert skipped == complete
    return skipped


@settings(max_examples=150, deadline=None)
@given(programs(), memories(), PERIODS)
def test_any_program(program: Program, memory: IdealMemorySpec, period_fs: int) -> None:
    both(program, memory, period_fs)


# -- programs worth skipping -----------------------------------------------------
def test_a_million_tiles_cost_no_more_than_a_few() -> None:
    b = Builder()
    core = Pipeline.build(b)
    tile = core.tile(b.operator(core.unit), 6400, 80, 640, latency=100)
    memory = memory_spec(latency_cycles=50)
    few = both(b.program(loop(100, *tile)), memory)
    many = run_program(b.program(loop(1_000_000, *tile)), memory, reference_period_fs=PERIOD_FS)
    assert many.events == few.events < 300
    assert many.records[0].executions == {0: 1_000_000, 1: 1_000_000, 2: 1_000_000}
    assert many.read_bytes == 6_400_000_000
    assert many.skipped_commands > 2_999_000


def test_a_compute_bound_loop_has_its_closed_form_at_any_length() -> None:
    b = Builder()
    core = Pipeline.build(b)
    tile = core.tile(b.operator(core.unit), 640, 20, 0)
    execution = run_program(
        b.program(loop(10**9, *tile)), memory_spec(), reference_period_fs=PERIOD_FS
    )
    # The first load, 10 cycles, then 20 per tile.
    assert execution.duration_fs == (10 + 20 * 10**9) * PERIOD_FS


def test_nested_loops_are_skipped_at_every_level() -> None:
    b = Builder()
    core = Pipeline.build(b)
    operator = b.operator(core.unit)
    inner = loop(1000, *core.tile(operator, 640, 20, 0))
    middle = loop(1000, inner, *core.tile(operator, 640, 30, 64))
    program = b.program(loop(1000, middle, *core.tile(operator, 100, 5, 640)))
    execution = run_program(program, memory_spec(), reference_period_fs=PERIOD_FS)
    assert execution.events < 20_000
    assert execution.records[0].executions[0] == 10**9
    small = loop(6, loop(7, loop(8, *inner.body), *middle.body[1:]), *program.body[0].body[1:])
    both(b.program(small), memory_spec())


def test_layers_are_skipped_with_a_record_each() -> None:
    b = Builder()
    core = Pipeline.build(b, depth=8)
    layer = [
        loop(9, *core.tile(b.operator(core.unit), 640, 20, 0)),
        *core.tile(b.operator(core.unit), 640, 7, 640, latency=40),
        loop(5, *core.tile(b.operator(core.unit), 64, 33, 64)),
    ]
    first = core.tile(b.operator(core.unit), 9999, 3, 0)
    last = core.tile(b.operator(core.unit), 64, 3, 64)
    program = b.program(*first, loop(50, *layer, instances=True), *last)
    execution = both(program, memory_spec(latency_cycles=20))
    assert execution.skipped_commands > 1000
    names = [(record.operator, record.instance) for record in execution.records]
    assert names == [(3, 0), *((op, layer) for layer in range(50) for op in (0, 1, 2)), (4, 0)]


def in_turns(count: int, last_instance: int | None = None) -> Program:
    """Layers that are prepared an iteration ahead: 0 before the loop, `count` in it, then the rest.

    last_instance: that is finished behind the loop, if not the one that is left.
    """
    b = Builder()
    core = Pipeline.build(b, depth=8)
    prepare, finish = b.operator(core.unit), b.operator(core.unit)
    before = core.tile(prepare, 640, 20, 0)
    after = core.tile(finish, 64, 33, 64, latency=40)
    turn = Loop(count, (*after, *before), instances=True, ahead=frozenset((prepare,)))
    end = Loop(
        1, after, instances=True, first_instance=count if last_instance is None else last_instance
    )
    return b.program(*before, turn, end)


def test_layers_that_are_prepared_ahead_are_skipped_with_a_record_each() -> None:
    execution = both(in_turns(40), memory_spec(latency_cycles=20))
    assert execution.skipped_commands > 100
    names = [(record.operator, record.instance) for record in execution.records]
    turns = [each for layer in range(40) for each in ((1, layer), (0, layer + 1))]
    assert names == [(0, 0), *turns, (1, 40)]


def test_layers_whose_records_others_add_to_are_not_skipped() -> None:
    """What follows the loop finishes a layer of the middle once more."""
    execution = both(in_turns(40, last_instance=20), memory_spec(latency_cycles=20))
    assert execution.skipped_commands == 0
    (record,) = [r for r in execution.records if (r.operator, r.instance) == (1, 20)]
    assert sum(record.executions.values()) == 2 * 3


def test_tokens_that_pile_up_for_a_later_operator_do_not_prevent_skipping() -> None:
    b = Builder()
    matrix, vector = b.queue(QueueKind.MATRIX), b.queue(QueueKind.VECTOR)
    done = b.semaphore(0, Cause.MATRIX_UNIT)
    producer, consumer = b.operator(matrix), b.operator(vector)
    one_by_one = b.program(
        loop(5000, compute(matrix, producer, 10, release=((done, 1),))),
        # Twice as fast as the producer would be, but only issued behind it.
        loop(5000, compute(vector, consumer, 5, acquire=((done, 1),))),
    )
    execution = both(one_by_one, memory_spec())
    assert execution.events < 300
    at_once = b.program(
        loop(5000, compute(matrix, producer, 10, release=((done, 1),))),
        compute(vector, consumer, 5, acquire=((done, 5000),)),
    )
    assert both(at_once, memory_spec()).events < 300


def test_a_semaphore_that_runs_low_ends_the_skipping() -> None:
    # Each command takes 2 of 500 tokens and gives 1 back when its result is out, 100
    # cycles later: in the end the commands wait for each other's tokens.
    b = Builder()
    matrix = b.queue(QueueKind.MATRIX, depth=1)
    stock = b.semaphore(500)
    operator = b.operator(matrix)
    take = compute(matrix, operator, 10, latency=100, acquire=((stock, 2),), late=((stock, 1),))
    program = b.program(loop(495, take), compute(matrix, operator, 1, release=((stock, 495),)))
    execution = both(program, memory_spec())
    assert execution.skipped_commands > 300
    assert execution.records[0].stall_cycles["dependency"] > 0


def test_a_semaphore_that_fills_up_for_somebody_who_waits_is_not_skipped_past() -> None:
    # The vector unit waits for 300 tokens that the matrix unit gives one by one, and
    # then makes room for the last 150 tiles.
    b = Builder()
    matrix, vector = b.queue(QueueKind.MATRIX), b.queue(QueueKind.VECTOR)
    done, room = b.semaphore(0, Cause.MATRIX_UNIT), b.semaphore(450, Cause.VECTOR_UNIT)
    tiles, rows = b.operator(matrix), b.operator(vector)
    tile = compute(matrix, tiles, 10, acquire=((room, 1),), release=((done, 1),))
    program = b.program(
        compute(vector, rows, 5, acquire=((done, 300),), release=((room, 300),)),
        loop(600, tile),
        compute(vector, rows, 5, acquire=((done, 300),), release=((room, 300),)),
    )
    execution = both(program, memory_spec())
    # The first row runs at 3000–3005. The second is issued behind the last tile, when
    # 17 tiles are left (one served, 16 waiting), at 5830, and runs at 6000.
    assert execution.records[0].stall_cycles == {"matrix_unit": 3000 + 170, "issue": 2825}
    # The same with a command that does not wait yet, but will when its turn comes.
    b = Builder()
    matrix, vector = b.queue(QueueKind.MATRIX), b.queue(QueueKind.VECTOR)
    done, go = b.semaphore(0, Cause.MATRIX_UNIT), b.semaphore(0, Cause.DEPENDENCY)
    tiles, rows = b.operator(matrix), b.operator(vector)
    program = b.program(
        compute(vector, rows, 1, acquire=((go, 250),)),
        compute(vector, rows, 1, acquire=((done, 260),)),
        compute(vector, rows, 1, acquire=((done, 60),)),
        loop(320, compute(matrix, tiles, 10, release=((done, 1), (go, 1)))),
        compute(vector, rows, 1, acquire=((go, 70),)),
    )
    both(program, memory_spec())


def test_a_first_layer_that_was_held_up_is_not_the_pattern_of_the_others() -> None:
    # A large load keeps the first layer's first command waiting for 101 cycles. Two
    # layers later the machine is in the same state, but that layer's record is not.
    b = Builder()
    load, unit = b.queue(QueueKind.LOAD), b.queue(QueueKind.MATRIX, depth=8)
    data = b.semaphore(0, Cause.MEMORY_READ)
    operator, before = b.operator(unit), b.operator(load)
    layer = [
        transfer(load, operator, 64, release=((data, 1),)),
        compute(unit, operator, 10, acquire=((data, 1),)),
        loop(4, compute(unit, operator, 10)),
    ]
    program = b.program(transfer(load, before, 6400), loop(40, *layer, instances=True))
    execution = both(program, memory_spec())
    assert execution.skipped_commands > 100
    stalls = [record.stall_cycles for record in execution.records[1:]]
    assert stalls == [{"memory_read": 101}] + [{}] * 39


def test_loops_around_layers_are_not_skipped_but_their_tiles_are() -> None:
    b = Builder()
    core = Pipeline.build(b)
    operator = b.operator(core.unit)
    layer = loop(3, loop(50, *core.tile(operator, 640, 20, 0)), instances=True)
    execution = both(b.program(loop(6, layer)), memory_spec())
    assert [record.executions[0] for record in execution.records] == [300, 300, 300]
    assert execution.skipped_commands > 1000


def test_two_clocks_repeat_when_both_are_at_the_same_phase() -> None:
    # Periods of 1 and 1.5 ns: the state repeats every 3 ns or a multiple.
    b = Builder()
    core = Pipeline.build(b, unit_period_fs=1_500_000)
    tile = core.tile(b.operator(core.unit), 640, 5, 0)
    assert both(b.program(loop(2000, *tile)), memory_spec()).events < 1000


def test_a_clock_that_stands_still_does_not_prevent_skipping() -> None:
    # A vector unit in a clock that meets the other one every 10^6 cycles only.
    b = Builder()
    core = Pipeline.build(b)
    vector = b.queue(QueueKind.VECTOR, period_fs=1_000_001)
    operator, other = b.operator(core.unit), b.operator(vector)
    program = b.program(
        compute(vector, other, 3),
        loop(3000, *core.tile(operator, 640, 20, 64)),
        compute(vector, other, 3),
        *core.tile(operator, 640, 20, 64),
    )
    assert both(program, memory_spec()).events < 1000


def test_cores_that_share_the_memory() -> None:
    b = Builder()
    cores = [Pipeline.build(b, core=index) for index in range(4)]
    operator = b.operator(cores[0].unit)
    tiles = [
        command
        for index, core in enumerate(cores)
        for command in core.tile(operator, 900 + 64 * index, 17, 130)
    ]
    execution = both(b.program(loop(1000, *tiles)), memory_spec(latency_cycles=33))
    assert execution.skipped_commands > 6000


def test_a_loop_that_never_repeats_is_simulated_to_the_end() -> None:
    # Clocks that are in phase again after 10^6 periods.
    b = Builder()
    core = Pipeline.build(b, unit_period_fs=1_000_001)
    tile = core.tile(b.operator(core.unit), 640, 20, 0)
    assert both(b.program(loop(700, *tile)), memory_spec()).skipped_commands == 0


def test_a_run_leaves_nothing_for_the_collector() -> None:
    """Otherwise a process that runs many programs, as workers of sweeps do, grows."""
    b = Builder()
    core = Pipeline.build(b)
    operator = b.operator(core.unit)
    program = b.program(loop(100, *core.tile(operator, 6400, 80, 640, latency=100)))
    both(program, memory_spec())
    gc.collect()
    gc.disable()
    try:
        both(program, memory_spec())
        assert gc.collect() == 0
    finally:
        gc.enable()
