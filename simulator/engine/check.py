"""Checks a program before it runs, so that a wrong one gives a message."""

from __future__ import annotations

from simulator.config import CyclelabError
from simulator.mapping.program import Command, Item, Loop, Program, QueueKind

DMA_KINDS = frozenset((QueueKind.LOAD, QueueKind.STORE))


def check_program(program: Program) -> None:
    """Raise CyclelabError for tables that don't fit together or impossible numbers."""
    for queue in program.queues:
        if min(queue.period_fs, queue.depth, queue.outstanding) < 1 or queue.bytes_per_cycle < 0:
            raise _error(
                program,
                f"queue {queue.name!r} needs a period, a depth and outstanding transfers of at "
                f"least 1 and a bus width of at least 0; found {queue}",
            )
    names = [queue.name for queue in program.queues]
    if len(set(names)) < len(names):
        raise _error(program, f"queue names must differ; found {names}")
    for semaphore in program.semaphores:
        if semaphore.initial < 0:
            raise _error(program, f"semaphore {semaphore.name!r} starts at {semaphore.initial}")
    for region in program.regions:
        if min(region.size_bytes, region.instances) < 1:
            raise _error(
                program,
                f"region {region.name!r} needs at least 1 byte and 1 instance; found "
                f"{region.size_bytes} and {region.instances}",
            )
    _check_loops(program, program.body, inside_instances=False)
    for command in program.commands():
        _check_command(program, command)
    if program.regions:
        check_places(program)


def check_places(program: Program) -> None:
    """Raise CyclelabError unless every transfer lies in a region."""
    for command in program.commands():
        _check_place(program, command)


def _error(program: Program, message: str) -> CyclelabError:
    return CyclelabError(f"program {program.name!r}: {message}")


def _check_loops(program: Program, items: tuple[Item, ...], inside_instances: bool) -> None:
    seen: set[tuple[int, bool]] = set()
    stack = [(item, inside_instances) for item in items]
    while stack:
        item, inside = stack.pop()
        if not isinstance(item, Loop) or (id(item), inside) in seen:
            continue
        seen.add((id(item), inside))
        if item.count < 0:
            raise _error(program, f"loop {item.label!r} has a negative count ({item.count})")
        if item.instances and inside:
            raise _error(program, f"loop {item.label!r}: loops of instances cannot be nested")
        stack.extend((part, inside or item.instances) for part in item.body)


def _check_command(program: Program, command: Command) -> None:
    what = f"command {command.label!r}"
    if not 0 <= command.queue < len(program.queues):
        raise _error(program, f"{what} names queue {command.queue} of {len(program.queues)}")
    if not 0 <= command.operator < len(program.operators):
        raise _error(program, f"{what} names an operator that does not exist: {command.operator}")
    for semaphore, amount in (*command.acquire, *command.release, *command.release_late):
        if not 0 <= semaphore < len(program.semaphores):
            raise _error(program, f"{what} names a semaphore that does not exist: {semaphore}")
        if amount < 0:
            raise _error(program, f"{what} moves {amount} tokens; amounts are at least 0")
    if not 0 <= command.compute_cycles <= command.cycles or command.latency_cycles < 0:
        raise _error(
            program,
            f"{what}: compute_cycles ({command.compute_cycles}) must be between 0 and cycles "
            f"({command.cycles}), latency_cycles ({command.latency_cycles}) at least 0",
        )
    queue = program.queues[command.queue]
    if command.transfer_bytes < 0:
        raise _error(program, f"{what} transfers {command.transfer_bytes} bytes")
    if queue.kind not in DMA_KINDS and command.transfer_bytes:
        raise _error(program, f"{what} transfers bytes on {queue.kind} queue {queue.name!r}")
    if command.channel >= 0 and not command.transfer_bytes:
        raise _error(program, f"{what} names channel {command.channel} but transfers no bytes")
    if command.runs and queue.kind is not QueueKind.PIM:
        raise _error(program, f"{what} has work for units of the memory on queue {queue.name!r}")
    if queue.kind in DMA_KINDS and (command.cycles or command.latency_cycles):
        raise _error(program, f"{what}: a transfer takes no cycles of its own; set 0")


def _check_place(program: Program, command: Command) -> None:
    """Every transfer lies in a region, and what transfers nothing has none."""
    what, count = f"command {command.label!r}", len(program.regions)
    if not command.transfer_bytes:
        if command.region != -1:
            raise _error(program, f"{what} names region {command.region} but transfers no bytes")
        return
    if not 0 <= command.region < count:
        raise _error(program, f"{what} names region {command.region} of {count}")
    region = program.regions[command.region]
    if command.transfer_bytes > region.size_bytes:
        raise _error(
            program,
            f"{what} transfers {command.transfer_bytes} bytes, but region {region.name!r} has "
            f"{region.size_bytes}",
        )
