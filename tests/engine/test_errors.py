"""Programs that cannot run say why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.config import CyclelabError
from simulator.engine import DeadlockError, InvariantError, run_program
from simulator.engine.record import Execution
from simulator.mapping.program import Cause, Command, Loop, Program, QueueKind, Region
from tests.engine.programs import PERIOD_FS, Builder, compute, loop, memory_spec, transfer


def run(program: Program) -> Execution:
    return run_program(program, memory_spec(), reference_period_fs=PERIOD_FS)


def test_a_deadlock_names_queues_commands_and_what_is_lacking() -> None:
    b = Builder()
    matrix = b.queue(QueueKind.MATRIX, depth=2)
    load = b.queue(QueueKind.LOAD)
    data, space = b.semaphore(0, Cause.MEMORY_READ), b.semaphore(50, Cause.BUFFER_SPACE)
    operator = b.operator(matrix)
    program = b.program(
        transfer(load, operator, 80, acquire=((space, 80),), release=((data, 1),), label="load x"),
        loop(9, compute(matrix, operator, 5, acquire=((data, 1),), label="multiply")),
    )
    with pytest.raises(DeadlockError) as error:
        run(program)
    message = str(error.value)
    assert "queue 'core0.load1' at command 'load x' waits for semaphore 's1'" in message
    assert "it needs 80, there are 50, 30 lacking" in message
    assert "queue 'core0.matrix0' at command 'multiply' waits for semaphore 's0'" in message
    assert "it needs 1, there are 0, 1 lacking" in message
    assert "the sequencer waits for room in queue 'core0.matrix0' (depth 2)" in message
    assert isinstance(error.value, CyclelabError)


def test_tokens_that_get_lost_are_an_error() -> None:
    b = Builder()
    unit = b.queue(QueueKind.MATRIX)
    pool = b.semaphore(10, Cause.BUFFER_SPACE)
    command = compute(unit, b.operator(unit), 5, acquire=((pool, 3),), release=((pool, 2),))
    with pytest.raises(InvariantError, match="'s0' ends at 9, not at its initial 10"):
        run(b.program(command))


def _wrong(**changes: object) -> Command:
    return replace(compute(0, 0, 5), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (_wrong(queue=7), "names queue 7 of 2"),
        (_wrong(operator=3), "operator that does not exist: 3"),
        (_wrong(acquire=((4, 1),)), "semaphore that does not exist: 4"),
        (_wrong(release=((0, -1),)), "moves -1 tokens"),
        (_wrong(compute_cycles=6), r"compute_cycles \(6\) must be between 0 and cycles \(5\)"),
        (_wrong(transfer_bytes=6), "transfers bytes on matrix queue 'core0.matrix0'"),
        (_wrong(queue=1, compute_cycles=0), "takes no cycles of its own"),
        (replace(transfer(1, 0, 5), transfer_bytes=-5), "transfers -5 bytes"),
    ],
)
def test_impossible_commands(command: Command, message: str) -> None:
    b = Builder()
    b.queue(QueueKind.MATRIX), b.queue(QueueKind.LOAD)
    b.semaphore(0)
    b.operator(0)
    with pytest.raises(CyclelabError, match=message):
        run(b.program(command))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "command 'transfer' names region -1 of 1"),
        ({"region": 1}, "names region 1 of 1"),
        ({"region": 0, "transfer_bytes": 11}, "transfers 11 bytes, but region 'w' has 10"),
        ({"region": 0, "transfer_bytes": 0}, "names region 0 but transfers no bytes"),
    ],
)
def test_transfers_without_a_place(changes: dict[str, int], message: str) -> None:
    b = Builder()
    load = b.queue(QueueKind.LOAD)
    command = replace(transfer(load, b.operator(load), 10), **changes)  # type: ignore[arg-type]
    program = replace(b.program(command), regions=(Region("w", "weight", 10, 1),))
    with pytest.raises(CyclelabError, match=message):
        run(program)


def test_regions_with_nothing_in_them() -> None:
    b = Builder()
    load = b.queue(QueueKind.LOAD)
    program = b.program(replace(transfer(load, b.operator(load), 10), region=0))
    run(replace(program, regions=(Region("w", "weight", 10, 1),)))
    for region in (Region("w", "weight", 0, 1), Region("w", "weight", 10, 0)):
        with pytest.raises(CyclelabError, match="region 'w' needs at least 1 byte and 1 instance"):
            run(replace(program, regions=(region,)))


def test_impossible_tables() -> None:
    b = Builder()
    unit = b.queue(QueueKind.MATRIX)
    command = compute(unit, b.operator(unit), 5)
    program = b.program(command)
    with pytest.raises(CyclelabError, match="needs a period"):
        run(replace(program, queues=(replace(b.queues[0], depth=0),)))
    with pytest.raises(CyclelabError, match="queue names must differ"):
        run(replace(program, queues=(b.queues[0], b.queues[0])))
    with pytest.raises(CyclelabError, match="negative count"):
        run(b.program(Loop(-1, (command,))))
    inner = Loop(2, (command,), instances=True)
    with pytest.raises(CyclelabError, match="cannot be nested"):
        run(b.program(Loop(2, (inner,), instances=True)))
    b.semaphore(-1)
    with pytest.raises(CyclelabError, match="starts at -1"):
        run(b.program(command))
