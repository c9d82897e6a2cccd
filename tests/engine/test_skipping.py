"""Skipping repeats gives the same as simulating every event, for any program."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simulator.engine import run_program
from simulator.engine.record import Execution
from simulator.hardware.memory.spec import IdealMemorySpec
from simulator.mapping.program import Cause, Command, Item, Program, QueueKind
from tests.engine.programs import PERIOD_FS, Builder, Pipeline, compute, loop, memory_spec, transfer


def both(program: Program, memory: IdealMemorySpec, period_fs: int = PERIOD_FS) -> Execution:
    """Run with and without skipping, compare everything, return the run with skipping."""
    skipped = run_program(program, memory, reference_period_fs=period_fs)
    complete = run_program(program, memory, reference_period_fs=period_fs, every_event=True)
    assert complete.skipped_commands == 0
    assert skipped == complete
    return skipped


def executed(items: Sequence[Item]) -> int:
    """Command executions."""
    return sum(item.count * executed(item.body) if isinstance(item, Loop) else 1 for item in items)


# -- any program ---------------------------------------------------------------
PERIODS = st.sampled_from([PERIOD_FS, PERIOD_FS, 2 * PERIOD_FS, 1_500_000, 1_063_830])


@st.composite
def memories(draw: st.DrawFn) -> IdealMemorySpec:
    return memory_spec(
        bytes_per_cycle=draw(st.sampled_from([1, 7.3, 64, 500])),
        latency_cycles=draw(st.sampled_from([0, 1, 13, 100])),
        queue_depth=draw(st.sampled_from([1, 2, 5, 64])),
        arbitration_bytes=draw(st.sampled_from([1, 100, 4096])),
    )


@st.composite
def pipelines(draw: st.DrawFn, b: Builder, core: int) -> Pipeline:
    return Pipeline.build(
        b,
        buffers=draw(st.integers(1, 3)),
        core=core,
        depth=draw(st.integers(1, 5)),
        outstanding=draw(st.integers(1, 3)),
        period_fs=draw(PERIODS),
        unit_period_fs=draw(PERIODS),
        bytes_per_cycle=draw(st.sampled_from([0, 0, 3, 64])),
    )


@st.composite
def tiles(draw: st.DrawFn, cores: list[Pipeline], operator: int) -> list[Command]:
    """One tile on one or several cores."""
    commands = []
    for core in draw(st.lists(st.sampled_from(cores), min_size=1, max_size=len(cores))):
        commands += core.tile(
            operator,
            load_bytes=draw(st.sampled_from([0, 1, 64, 100, 999])),
            cycles=draw(st.integers(0, 60)),
            store_bytes=draw(st.sampled_from([0, 0, 1, 70, 640])),
            latency=draw(st.sampled_from([0, 0, 30, 150])),
        )
    return commands


@st.composite
def nests(draw: st.DrawFn, cores: list[Pipeline], operator: int, depth: int = 2) -> Item:
    """A loop over tiles and inner loops."""
    body: list[Item] = []
    for _ in range(draw(st.integers(1, 2))):
        if depth and draw(st.booleans()):
            body.append(draw(nests(cores, operator, depth - 1)))
        else:
            body += draw(tiles(cores, operator))
    return loop(draw(st.integers(0, 5 if depth < 2 else 20)), *body)


@st.composite
def kernels(draw: st.DrawFn, b: Builder, cores: list[Pipeline]) -> list[Item]:
    """An operator's loops, whose primary queue need not be the unit."""
    core = draw(st.sampled_from(cores))
    operator = b.operator(draw(st.sampled_from([core.unit, core.unit, core.load, core.store])))
    items: list[Item] = [draw(nests(cores, operator))]
    if draw(st.booleans()):
        # The kernel gives a token per iteration; another one takes them, one by
        # one or all at once.
        ready = b.semaphore(0)
        count = draw(st.integers(1, 30))
        items.append(loop(count, compute(core.unit, operator, 9, release=((ready, 1),))))
        consumer = b.operator(core.store)
        if draw(st.booleans()):
            items.append(loop(count, transfer(core.store, consumer, 50, acquire=((ready, 1),))))
        else:
            items.append(transfer(core.store, consumer, 50, acquire=((ready, count),)))
            items.append(draw(nests(cores, consumer)))
    return items


@st.composite
def programs(draw: st.DrawFn) -> Program:
    b = Builder()
    cores = [draw(pipelines(b, core)) for core in range(draw(st.integers(1, 3)))]
    body: list[Item] = []
    for _ in range(draw(st.integers(1, 3))):
        items: list[Item] = []
        for _ in range(draw(st.integers(1, 2))):
            items += draw(kernels(b, cores))
        shape = draw(st.sampled_from(["plain", "instances", "nested"]))
        if shape == "plain":
            body += items
        else:
            instances = loop(draw(st.integers(0, 12)), *items, instances=True)
            body.append(loop(2, instances) if shape == "nested" else instances)
    assume(executed(body) < 2500)
    return b.program(*body)


@settings(max_examples=60, deadline=None)
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


def test_a_consumer_that_overtakes_its_producer_is_not_skipped_past_it() -> None:
    # The consumer's loop runs on tokens that its producer still makes: 40 are there
    # at once, the rest come one by one in the background.
    b = Builder()
    matrix, vector = b.queue(QueueKind.MATRIX, depth=64), b.queue(QueueKind.VECTOR, depth=2)
    done = b.semaphore(0, Cause.MATRIX_UNIT)
    producer, consumer = b.operator(matrix), b.operator(vector)
    program = b.program(
        compute(matrix, producer, 1, release=((done, 40),)),
        loop(60, compute(matrix, producer, 50, release=((done, 1),))),
        loop(100, compute(vector, consumer, 10, acquire=((done, 1),))),
    )
    execution = both(program, memory_spec())
    assert execution.duration_fs == (1 + 60 * 50 + 10) * PERIOD_FS


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
