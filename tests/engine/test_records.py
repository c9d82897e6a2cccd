"""Where an operator's time went, checked with a pencil; and what every record obeys."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from simulator.engine import run_program
from simulator.engine.record import Execution
from simulator.hardware.memory.spec import IdealMemorySpec
from simulator.mapping.program import Cause, Loop, Program, QueueKind
from tests.engine.programs import (
    PERIOD_FS,
    Builder,
    Pipeline,
    compute,
    loop,
    memory_spec,
    transfer,
)
from tests.engine.random_programs import memories, programs


def run(program: Program, memory: IdealMemorySpec | None = None) -> Execution:
    return run_program(program, memory or memory_spec(), reference_period_fs=PERIOD_FS)


def test_compute_port_and_drain() -> None:
    b = Builder()
    unit = b.queue(QueueKind.MATRIX)
    record = run(b.program(compute(unit, b.operator(unit), 10, busy=6, latency=15))).records[0]
    assert (record.start_fs, record.end_fs) == (0, 15 * PERIOD_FS)
    assert record.compute_cycles == 6
    assert record.stall_cycles == {"port": 4, "drain": 5}


@pytest.mark.parametrize("cause", list(Cause))
def test_a_wait_is_called_what_its_semaphore_says(cause: Cause) -> None:
    b = Builder()
    matrix, vector = b.queue(QueueKind.MATRIX), b.queue(QueueKind.VECTOR)
    ready = b.semaphore(0, cause)
    record = run(
        b.program(
            compute(matrix, b.operator(matrix), 12, release=((ready, 1),)),
            compute(vector, b.operator(vector), 5, acquire=((ready, 1),)),
        )
    ).records[1]
    assert record.compute_cycles == 5
    assert record.stall_cycles == {cause.value: 12}


def test_two_waits_of_one_command_are_told_apart() -> None:
    b = Builder()
    matrix, load, vector = (
        b.queue(QueueKind.MATRIX),
        b.queue(QueueKind.LOAD),
        b.queue(QueueKind.VECTOR),
    )
    data, result = b.semaphore(0, Cause.MEMORY_READ), b.semaphore(0, Cause.MATRIX_UNIT)
    operator = b.operator(vector)
    record = run(
        b.program(
            transfer(load, operator, 640, release=((data, 1),)),  # there at 10
            compute(matrix, operator, 25, release=((result, 1),)),  # there at 25
            compute(vector, operator, 5, acquire=((data, 1), (result, 1))),
        )
    ).records[0]
    assert record.stall_cycles == {"memory_read": 10, "matrix_unit": 15}


def test_an_operator_starts_when_its_unit_is_free_for_it() -> None:
    b = Builder()
    core = Pipeline.build(b)
    first, second = b.operator(core.unit), b.operator(core.unit)
    execution = run(
        b.program(*core.tile(first, 640, 50, 640), *core.tile(second, 6400, 20, 0)), memory_spec()
    )
    # Loads at 0–10 and, alone, from 10 on; the first tile is done at 60 and its
    # store of 10 beats is served at once, so the second load ends at 120.
    one, two = execution.records
    assert (one.start_fs, one.end_fs) == (0, 70 * PERIOD_FS)
    assert one.stall_cycles == {"memory_read": 10, "drain": 10}
    assert two.start_fs == 60 * PERIOD_FS
    assert two.compute_cycles == 20
    assert two.stall_cycles == {"memory_read": 60}
    assert two.end_fs == 140 * PERIOD_FS
    assert [one.exclusive_fs, two.exclusive_fs] == [70 * PERIOD_FS, 70 * PERIOD_FS]


def test_operators_that_alternate_wait_for_each_other() -> None:
    b = Builder()
    unit = b.queue(QueueKind.MATRIX)
    one, two = b.operator(unit), b.operator(unit)
    program = b.program(loop(3, compute(unit, one, 10), compute(unit, two, 4)))
    first, second = run(program).records
    # One: 0–10, 14–24, 28–38. Two: 10–14, 24–28, 38–42.
    assert (first.start_fs, first.end_fs) == (0, 38 * PERIOD_FS)
    assert first.compute_cycles == 30
    assert first.stall_cycles == {"matrix_unit": 8}
    assert (second.start_fs, second.end_fs) == (10 * PERIOD_FS, 42 * PERIOD_FS)
    assert second.compute_cycles == 12
    assert second.stall_cycles == {"matrix_unit": 20}


def test_an_operator_of_transfers_waits_for_memory() -> None:
    b = Builder()
    store = b.queue(QueueKind.STORE, outstanding=1)
    record = run(
        b.program(loop(3, transfer(store, b.operator(store), 640))), memory_spec(latency_cycles=5)
    ).records[0]
    # 15 each, one at a time: two waits, then the last one's own time.
    assert record.compute_cycles == 0
    assert record.stall_cycles == {"memory_write": 30, "drain": 15}


def test_an_operator_without_a_command_on_its_primary_queue_only_drains() -> None:
    b = Builder()
    load, unit = b.queue(QueueKind.LOAD), b.queue(QueueKind.MATRIX)
    record = run(b.program(transfer(load, b.operator(unit), 640))).records[0]
    assert record.stall_cycles == {"drain": 10}


def test_a_record_for_every_instance() -> None:
    b = Builder()
    unit = b.queue(QueueKind.MATRIX)
    one, two = b.operator(unit), b.operator(unit)
    layer = Loop(3, (compute(unit, one, 10), loop(2, compute(unit, two, 5))), instances=True)
    records = run(b.program(layer)).records
    assert [(each.operator, each.instance) for each in records] == [
        (0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2),
    ]  # fmt: skip
    assert [each.start_fs // PERIOD_FS for each in records] == [0, 10, 20, 30, 40, 50]
    assert [each.cycles for each in records] == [10] * 6
    assert [each.executions for each in records] == [{0: 1}, {1: 2}] * 3


def test_an_instance_visited_twice_has_one_record() -> None:
    b = Builder()
    unit = b.queue(QueueKind.MATRIX)
    layer = Loop(2, (compute(unit, b.operator(unit), 10),), instances=True)
    records = run(b.program(Loop(2, (layer,)))).records
    assert [(each.instance, each.executions) for each in records] == [(0, {0: 2}), (1, {0: 2})]
    # Instance 0 at 0–10 and 20–30, instance 1 at 10–20 and 30–40.
    assert [each.stall_cycles for each in records] == [{"matrix_unit": 10}] * 2


def test_cycles_round_up_to_the_primary_clock() -> None:
    b = Builder()
    matrix = b.queue(QueueKind.MATRIX, period_fs=3_000_000)
    store = b.queue(QueueKind.STORE)
    operator = b.operator(matrix)
    record = run(b.program(compute(matrix, operator, 1), transfer(store, operator, 256))).records[0]
    # One cycle of 3 ns, a store of 4 ns beside it: 4 ns are two cycles.
    assert record.compute_cycles == 1
    assert record.stall_cycles == {"drain": 1}


@settings(max_examples=30, deadline=None)
@given(programs(), memories())
def test_accounts_add_up(program: Program, memory: IdealMemorySpec) -> None:
    execution = run(program, memory)
    for record in execution.records:
        queue = program.queues[program.operators[record.operator].primary]
        duration_fs = record.end_fs - record.start_fs
        assert record.cycles == -(-duration_fs // queue.period_fs)
        assert all(cycles > 0 for cycles in record.stall_cycles.values())
    assert sum(record.exclusive_fs for record in execution.records) == execution.duration_fs
    assert execution.memory_busy_fs <= execution.duration_fs
    for queue in program.queues:
        assert execution.busy_cycles[queue.name] * queue.period_fs <= execution.duration_fs


@settings(max_examples=20, deadline=None)
@given(programs(), memories())
def test_compute_time_is_the_sum_over_executions(program: Program, memory: IdealMemorySpec) -> None:
    execution = run(program, memory)
    commands = list(program.commands())
    for record in execution.records:
        primary = program.operators[record.operator].primary
        assert record.compute_cycles == sum(
            times * commands[index].compute_cycles
            for index, times in record.executions.items()
            if commands[index].queue == primary
        )
