"""Cheap checks on every run: laws that no mapping and no schedule can break."""

from __future__ import annotations

from simulator.engine.check import DMA_KINDS
from simulator.engine.errors import InvariantError
from simulator.engine.record import Execution
from simulator.mapping.program import Command, Item, Loop, Program, QueueKind


def check_invariants(program: Program, execution: Execution, bytes_per_s: float) -> None:
    """Raise InvariantError unless time, bytes and utilisation are possible.

    Time is at least that of the busiest queue and of moving all bytes; every
    byte moved was asked for; no operator moves less than its compulsory bytes.
    """
    asked = _asked_bytes(program.body, program)
    moved = (execution.read_bytes, execution.write_bytes)
    if asked != moved:
        raise InvariantError(f"{program.name}: bytes moved {moved}, asked for {asked}")
    least_fs = sum(moved) * 10**15 / bytes_per_s
    if execution.duration_fs < least_fs * (1 - 1e-9):
        raise InvariantError(f"{program.name}: faster than memory bandwidth allows")
    for queue in program.queues:
        busy_fs = execution.busy_cycles[queue.name] * queue.period_fs
        if queue.kind not in DMA_KINDS and busy_fs > execution.duration_fs:
            raise InvariantError(f"{program.name}: {queue.name} is busy longer than the run")
    commands = list(program.commands())
    for record in execution.records:
        info = program.operators[record.operator]
        total = sum(commands[i].transfer_bytes * n for i, n in record.executions.items())
        if total < info.compulsory_bytes:
            raise InvariantError(
                f"{program.name}: {info.name} moved {total} bytes, at least "
                f"{info.compulsory_bytes} are compulsory"
            )


def _asked_bytes(items: tuple[Item, ...], program: Program) -> tuple[int, int]:
    """Bytes that the commands of a stream load and store."""
    reads = writes = 0
    known: dict[int, tuple[int, int]] = {}
    for item in items:
        if isinstance(item, Loop):
            if id(item) not in known:
                known[id(item)] = _asked_bytes(item.body, program)
            inner = known[id(item)]
            reads += inner[0] * item.count
            writes += inner[1] * item.count
        elif isinstance(item, Command) and item.transfer_bytes:
            if program.queues[item.queue].kind is QueueKind.LOAD:
                reads += item.transfer_bytes
            else:
                writes += item.transfer_bytes
    return reads, writes
