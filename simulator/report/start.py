"""When operators in a memory that computes begin: with their inputs.

The units of a channel turn to the next attention when the last one is done, with nothing to
fetch ahead. If that is before its inputs are made, none of its commands is at work yet; if it is
behind, those that write its inputs may already be.
"""

from __future__ import annotations

from collections.abc import Sequence

from simulator.engine import Execution
from simulator.mapping.program import Cause, Command, Program
from simulator.report.result import MEMORY_UNITS

BEFORE_THE_FIRST = ("issue", "dependency", "launch", "memory_write", "memory_read")
"""Causes of waits before an operator has its inputs, the likeliest first."""

Starts = dict[int, int]
"""By place among the records of an execution, femtoseconds from the start of the program."""


def starts_in_memory(program: Program, commands: Sequence[Command], execution: Execution) -> Starts:
    """When the inputs of each operator in the memory were there.

    That is when the last operator ended that makes some. The first write to the memory may begin
    later still, behind those of another sub-batch.
    """
    makers = {
        number: _makers(number, program, commands)
        for number, info in enumerate(program.operators)
        if info.unit == MEMORY_UNITS
    }
    if not makers:
        return {}
    ends = {(record.operator, record.instance): record.end_fs for record in execution.records}
    return {
        place: max(ends[maker, record.instance] for maker in makers[record.operator])
        for place, record in enumerate(execution.records)
        if makers.get(record.operator)
    }


def moved_start(stalls: dict[str, int], cycles: int) -> dict[str, int]:
    """Stall cycles by cause of an operator that begins so many cycles later, or earlier.

    Later: less of waiting for its inputs. Earlier: units that are at work on others meanwhile.
    """
    left = dict(stalls)
    if cycles < 0:
        left[Cause.PIM.value] = left.get(Cause.PIM.value, 0) - cycles
    for cause in (*BEFORE_THE_FIRST, *stalls):
        taken = max(0, min(cycles, left.get(cause, 0)))
        if taken:
            cycles -= taken
            left[cause] -= taken
    return {cause: waited for cause, waited in left.items() if waited}


def _makers(operator: int, program: Program, commands: Sequence[Command]) -> set[int]:
    """The operators that another one depends on."""
    needed = {
        semaphore
        for command in commands
        if command.operator == operator
        for semaphore, _ in command.acquire
        if program.semaphores[semaphore].cause is Cause.DEPENDENCY
    }
    return {
        command.operator
        for command in commands
        if command.operator != operator
        and not needed.isdisjoint(s for s, _ in (*command.release, *command.release_late))
    }
