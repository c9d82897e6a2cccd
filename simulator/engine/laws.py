"""What must hold at the end of every run: nothing waits, nothing got lost."""

from __future__ import annotations

from simulator.engine.code import Operation
from simulator.engine.dma import DmaQueue
from simulator.engine.errors import DeadlockError, InvariantError
from simulator.engine.moment import Parts
from simulator.engine.queue import CommandQueue, State
from simulator.engine.record import Execution
from simulator.engine.semaphore import TokenSemaphore
from simulator.mapping.program import Program


def check_finished(program: Program, parts: Parts) -> None:
    """Raise DeadlockError if commands are left although nothing can happen any more."""
    stuck = [queue for queue in parts.queues if queue.state is not State.IDLE]
    if not stuck and parts.sequencer.finished:
        return
    lines = [f"program {program.name!r} cannot go on: every queue waits for another one"]
    lines += [f"  {_why_stuck(queue)}" for queue in stuck]
    blocked = parts.sequencer.blocked_on
    if blocked is not None:
        lines.append(
            f"  the sequencer waits for room in queue {blocked.name!r} (depth {blocked.depth})"
        )
    raise DeadlockError("\n".join(lines))


def _why_stuck(queue: CommandQueue) -> str:
    label = queue.entry[0].command.label if queue.entry else ""
    what = f"queue {queue.name!r} at command {label!r}"
    if queue.missing is None:
        return f"{what} is {queue.state.name.lower().replace('_', ' ')}"
    semaphore, need = queue.missing
    return (
        f"{what} waits for semaphore {semaphore.name!r}: it needs {need}, there are "
        f"{semaphore.count}, {need - semaphore.count} lacking"
    )


def check_laws(
    program: Program,
    operations: list[Operation],
    semaphores: list[TokenSemaphore],
    parts: Parts,
    execution: Execution,
) -> None:
    """Raise InvariantError if tokens or bytes got lost or an account does not add up."""
    for semaphore in semaphores:
        if semaphore.count != semaphore.initial:
            raise _broken(
                program,
                f"semaphore {semaphore.name!r} ends at {semaphore.count}, "
                f"not at its initial {semaphore.initial}",
            )
    moved = {False: 0, True: 0}
    for record in execution.records:
        for index, times in record.executions.items():
            operation = operations[index]
            queue = parts.queues[operation.queue]
            if isinstance(queue, DmaQueue):
                moved[queue.is_write] += times * operation.transfer_bytes
        primary = program.queues[program.operators[record.operator].primary]
        if record.cycles != -((record.start_fs - record.end_fs) // primary.period_fs):
            raise _broken(program, f"the cycles of {record} do not add up")
    if (moved[False], moved[True]) != (execution.read_bytes, execution.write_bytes):
        raise _broken(
            program,
            f"commands read and wrote {moved[False]} and {moved[True]} bytes, the memory "
            f"{execution.read_bytes} and {execution.write_bytes}",
        )
    if sum(record.exclusive_fs for record in execution.records) != execution.duration_fs:
        raise _broken(program, "exclusive times do not add up to the duration")


def _broken(program: Program, message: str) -> InvariantError:
    return InvariantError(f"internal error in program {program.name!r}: {message}")
