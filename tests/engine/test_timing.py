"""When things happen, each checked with a pencil. Times in cycles of 1 ns."""

from __future__ import annotations

import pytest

from simulator.engine import run_program
from simulator.engine.record import Execution
from simulator.hardware.memory.spec import IdealMemorySpec
from simulator.mapping.program import Cause, Program, QueueKind
from tests.engine.programs import (
    PERIOD_FS,
    Builder,
    Pipeline,
    compute,
    loop,
    memory_spec,
    transfer,
)


def run(program: Program, memory: IdealMemorySpec | None = None) -> Execution:
    return run_program(program, memory or memory_spec(), reference_period_fs=PERIOD_FS)


def cycles(execution: Execution) -> float:
    return execution.duration_fs / PERIOD_FS


def test_nothing_to_do() -> None:
    b = Builder()
    execution = run(b.program(loop(0, compute(b.queue(QueueKind.MATRIX), b.operator(0), 5))))
    assert execution.duration_fs == 0
    assert execution.records == []


def test_a_command_takes_its_cycles_and_its_latency() -> None:
    b = Builder()
    unit = b.queue(QueueKind.MATRIX)
    # Occupied for 10, results out at 15.
    execution = run(b.program(compute(unit, b.operator(unit), 10, latency=15)))
    assert cycles(execution) == 15
    assert execution.busy_cycles == {"core0.matrix0": 10}


def test_commands_of_a_queue_are_pipelined() -> None:
    b = Builder()
    unit = b.queue(QueueKind.MATRIX)
    operator = b.operator(unit)
    # Start at 0, 10 and 20; the last result is out at 20 + 15.
    assert cycles(run(b.program(loop(3, compute(unit, operator, 10, latency=15))))) == 35


def test_the_consumer_starts_when_the_results_are_out() -> None:
    b = Builder()
    matrix, vector = b.queue(QueueKind.MATRIX), b.queue(QueueKind.VECTOR)
    ready = b.semaphore(0, Cause.MATRIX_UNIT)
    producer, consumer = b.operator(matrix), b.operator(vector)
    execution = run(
        b.program(
            compute(matrix, producer, 10, latency=25, late=((ready, 1),)),
            compute(vector, consumer, 5, acquire=((ready, 1),)),
        )
    )
    assert cycles(execution) == 30


def test_tokens_of_release_come_before_the_latency() -> None:
    b = Builder()
    matrix, vector = b.queue(QueueKind.MATRIX), b.queue(QueueKind.VECTOR)
    free = b.semaphore(0)
    execution = run(
        b.program(
            compute(matrix, b.operator(matrix), 10, latency=12, release=((free, 1),)),
            compute(vector, b.operator(vector), 5, acquire=((free, 1),)),
        )
    )
    assert cycles(execution) == 15


def test_a_load_takes_beats_and_latency() -> None:
    b = Builder()
    load = b.queue(QueueKind.LOAD)
    # 641 bytes are 11 beats of 64; the last one arrives 50 cycles later.
    execution = run(
        b.program(transfer(load, b.operator(load), 641)), memory_spec(latency_cycles=50)
    )
    assert cycles(execution) == 61
    assert execution.read_bytes == 641
    assert execution.write_bytes == 0
    assert execution.memory_busy_fs == 11 * PERIOD_FS
    assert execution.busy_cycles == {"core0.load0": 61}


@pytest.mark.parametrize(("outstanding", "expected"), [(3, 30 + 50), (2, 60 + 60), (1, 3 * 60)])
def test_transfers_in_flight_hide_latency(outstanding: int, expected: int) -> None:
    # Three loads of 10 beats and latency 50. One at a time: 3 · 60. Two: the third
    # follows the first, which ends at 60. All: 30 + 50.
    b = Builder()
    load = b.queue(QueueKind.LOAD, outstanding=outstanding)
    execution = run(
        b.program(loop(3, transfer(load, b.operator(load), 640))), memory_spec(latency_cycles=50)
    )
    assert cycles(execution) == expected


@pytest.mark.parametrize(
    ("load_cycles", "compute_cycles", "buffers", "expected"),
    [
        (10, 20, 2, 10 + 8 * 20),  # compute bound: the first load, then the unit never waits
        (30, 20, 2, 8 * 30 + 20),  # memory bound: the loads, then the last tile
        (20, 20, 2, 8 * 20 + 20),  # balanced
        (10, 20, 1, 8 * (10 + 20)),  # one buffer: nothing overlaps
        (10, 20, 3, 10 + 8 * 20),  # a third buffer does not help
    ],
)
def test_double_buffering(
    load_cycles: int, compute_cycles: int, buffers: int, expected: int
) -> None:
    b = Builder()
    core = Pipeline.build(b, buffers=buffers)
    tile = core.tile(b.operator(core.unit), 64 * load_cycles, compute_cycles, 0)
    assert cycles(run(b.program(loop(8, *tile)))) == expected


def test_two_clients_share_the_memory_in_turns() -> None:
    b = Builder()
    loads = [b.queue(QueueKind.LOAD), b.queue(QueueKind.LOAD)]
    operators = [b.operator(queue) for queue in loads]
    # 100 beats each, in turns of 10: the last turns are [180, 190) and [190, 200).
    execution = run(
        b.program(*(transfer(q, o, 6400) for q, o in zip(loads, operators, strict=True))),
        memory_spec(arbitration_bytes=640),
    )
    assert [record.end_fs // PERIOD_FS for record in execution.records] == [190, 200]


@pytest.mark.parametrize(("queue_depth", "expected"), [(1, 60 + 60), (2, 20 + 50)])
def test_the_memory_accepts_as_many_transfers_as_its_queue_holds(
    queue_depth: int, expected: int
) -> None:
    b = Builder()
    loads = [b.queue(QueueKind.LOAD), b.queue(QueueKind.LOAD)]
    operator = b.operator(loads[0])
    execution = run(
        b.program(*(transfer(queue, operator, 640) for queue in loads)),
        memory_spec(latency_cycles=50, queue_depth=queue_depth),
    )
    assert cycles(execution) == expected


def test_slots_of_the_memory_go_to_who_came_first() -> None:
    # One slot, 10 cycles per transfer. Queue 0 holds it first; queue 1 has been
    # waiting since 0 and queue 0 comes back at 10, so they alternate.
    b = Builder()
    loads = [b.queue(QueueKind.LOAD, outstanding=1) for _ in range(2)]
    operators = [b.operator(queue) for queue in loads]
    body = [transfer(q, o, 640) for q, o in zip(loads, operators, strict=True)]
    execution = run(b.program(loop(3, *body)), memory_spec(queue_depth=1))
    assert [record.end_fs // PERIOD_FS for record in execution.records] == [50, 60]


def test_the_bus_of_a_dma_engine_limits_it() -> None:
    b = Builder()
    load = b.queue(QueueKind.LOAD, bytes_per_cycle=16)
    # 640 bytes: 10 beats of memory, 40 cycles of bus, one after the other.
    assert cycles(run(b.program(loop(2, transfer(load, b.operator(load), 640))))) == 80


def test_loads_and_stores_share_the_bandwidth() -> None:
    b = Builder()
    load, store = b.queue(QueueKind.LOAD), b.queue(QueueKind.STORE)
    operator = b.operator(load)
    execution = run(b.program(transfer(load, operator, 6400), transfer(store, operator, 6400)))
    assert cycles(execution) == 200
    assert (execution.read_bytes, execution.write_bytes) == (6400, 6400)


def test_an_allocation_takes_tokens_and_no_time() -> None:
    b = Builder()
    load, unit = b.queue(QueueKind.LOAD), b.queue(QueueKind.MATRIX)
    pool, given = b.semaphore(100, Cause.BUFFER_SPACE), b.semaphore(0)
    operator = b.operator(unit)
    execution = run(
        b.program(
            transfer(load, operator, 0, acquire=((pool, 80),), release=((given, 1),)),
            transfer(load, operator, 640, acquire=((pool, 30),), release=((pool, 30),)),
            compute(unit, operator, 7, acquire=((given, 1),), release=((pool, 80),)),
        )
    )
    # The load needs 30 of the 20 left until the unit gives back 80 at 7.
    assert cycles(execution) == 17
    assert execution.read_bytes == 640


def test_all_tokens_are_taken_at_once_or_none() -> None:
    b = Builder()
    first, second = b.queue(QueueKind.MATRIX), b.queue(QueueKind.VECTOR)
    there, late = b.semaphore(1), b.semaphore(0)
    operators = b.operator(first), b.operator(second)
    # The first waits for `late`, which the second gives at 5 after taking `there`.
    execution = run(
        b.program(
            compute(first, operators[0], 3, acquire=((there, 1), (late, 1)), release=((there, 1),)),
            compute(
                second, operators[1], 5, acquire=((there, 1),), release=((there, 1), (late, 1))
            ),
        )
    )
    assert cycles(execution) == 8


def test_the_sequencer_waits_for_room_in_order() -> None:
    b = Builder()
    matrix, vector = b.queue(QueueKind.MATRIX, depth=1), b.queue(QueueKind.VECTOR)
    operators = b.operator(matrix), b.operator(vector)
    # One served, one waiting: the third has room at 10, and only then does the
    # vector unit get its command.
    execution = run(
        b.program(loop(3, compute(matrix, operators[0], 10)), compute(vector, operators[1], 5))
    )
    vector_record = execution.records[1]
    assert vector_record.end_fs == 15 * PERIOD_FS
    assert vector_record.stall_cycles == {"issue": 10}


def test_crossing_into_a_slower_clock_rounds_up() -> None:
    b = Builder()
    matrix = b.queue(QueueKind.MATRIX)
    vector = b.queue(QueueKind.VECTOR, period_fs=1_500_000)
    ready = b.semaphore(0, Cause.MATRIX_UNIT)
    execution = run(
        b.program(
            compute(matrix, b.operator(matrix), 10, release=((ready, 1),)),
            compute(vector, b.operator(vector), 2, acquire=((ready, 1),)),
        )
    )
    # Ready at 10 ns, next edge at 7 · 1.5 = 10.5 ns, two cycles: 13.5 ns.
    assert execution.duration_fs == 13_500_000
    assert execution.records[1].stall_cycles == {"matrix_unit": 7}


def test_memory_and_dma_in_different_clocks_round_up_both_ways() -> None:
    b = Builder()
    load = b.queue(QueueKind.LOAD, period_fs=1_500_000, bytes_per_cycle=64)
    execution = run(b.program(loop(2, transfer(load, b.operator(load), 64))))
    # Second transfer: on the bus at 1.5, in the memory at 2, read at 3, and 3 ns is an edge.
    assert execution.duration_fs == 3_000_000


def test_spans_are_recorded_up_to_the_limit() -> None:
    b = Builder()
    core = Pipeline.build(b)
    program = b.program(loop(50, *core.tile(b.operator(core.unit), 640, 20, 0)))
    execution = run_program(
        program, memory_spec(), reference_period_fs=PERIOD_FS, span_limit=4, every_event=True
    )
    # In the order in which they become known: a transfer when it ends, a tile when
    # it starts. Loads end at 10 and 20; tiles start at 10 and, after 20 cycles, 30;
    # the third load waits for the first tile and ends at 40.
    spans = [
        (queue, start // PERIOD_FS, end // PERIOD_FS)
        for queue, _, _, start, end in (execution.spans)
    ]
    assert spans == [
        (core.load, 0, 10),
        (core.load, 0, 20),
        (core.unit, 10, 30),
        (core.unit, 30, 50),
    ]


def test_progress_ends_near_one_and_never_falls() -> None:
    b = Builder()
    unit = b.queue(QueueKind.MATRIX)
    seen: list[float] = []
    run_program(
        b.program(loop(10_000, compute(unit, b.operator(unit), 1))),
        memory_spec(),
        reference_period_fs=PERIOD_FS,
        every_event=True,
        progress=seen.append,
    )
    assert seen == sorted(seen)
    assert 0 < seen[0] < 0.5
    assert 0.8 <= seen[-1] <= 1
