"""Queues of units in the memory: runs are handed over, and give their tokens at the end."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from simulator.config import CyclelabError
from simulator.engine import DeadlockError, run_program
from simulator.engine.invariants import check_invariants
from simulator.engine.record import Execution
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.dram.pim.gemv import Run
from simulator.mapping.program import Cause, Command, Program, Queue, QueueKind, Tokens
from tests.engine.placed import placed
from tests.engine.programs import PERIOD_FS, Builder, compute, loop, transfer
from tests.hardware.dram.unit_transfers import NO_REFRESH, SINGLE, unit_memory

QUIET = unit_memory(controller=NO_REFRESH)
TILE = Run(0, 0, first_row=1, tiles=1, segments=1, comps=8, inputs=0)
ALONE = 139
"""Cycles of that run: PIM_HEADER in the first, G_ACTs 30 apart up to 93, 14 to the COMPs,
16 of them, and 16 until the result is out (tests/hardware/dram/test_memory_units.py)."""
OPEN = TILE.comps * 2 + 2
"""To the next run of the same rows, which are open: a header and COMPs behind COMPs."""


@dataclass
class UnitBuilder(Builder):
    """Tables with a queue of loads, as every machine has one, and queues of units."""

    def __post_init__(self) -> None:
        self.queue(QueueKind.LOAD)

    def units(self, channel: int, outstanding: int = 8) -> int:
        """The queue of a channel's units."""
        index = len(self.queues)
        name = f"pim{channel}.{index}"
        options = {"outstanding": outstanding, "channel": channel}
        self.queues.append(Queue(name, QueueKind.PIM, 0, PERIOD_FS, 100, **options))
        return index


def work(
    queue: int, operator: int, run: Run | None = TILE, acquire: Tokens = (), release: Tokens = ()
) -> Command:
    return Command(
        queue, operator, "multiply", acquire=acquire, release=release, runs=(run,) if run else ()
    )


def executed(program: Program, spec: DramMemorySpec = QUIET, again: bool = True) -> Execution:
    """What comes of a program; event by event it is the same."""
    execution = run_program(program, spec, reference_period_fs=PERIOD_FS)
    check_invariants(program, execution, spec.bandwidth_bytes_per_s)
    if again:
        every = run_program(program, spec, reference_period_fs=PERIOD_FS, every_event=True)
        assert every == execution
    return execution


def cycles(execution: Execution) -> int:
    return -(-execution.duration_fs // PERIOD_FS)


# -- with a pencil -------------------------------------------------------------------
def test_one_run() -> None:
    b = UnitBuilder()
    units = b.units(1)
    found = executed(b.program(work(units, b.operator(units))))
    assert cycles(found) == ALONE
    assert found.busy_cycles == {"pim1.1": ALONE, "core0.load0": 0}
    assert (found.read_bytes, found.write_bytes) == (0, 0)
    assert found.dram is not None and found.dram.unit_tiles == 1
    assert found.records[0].cycles == ALONE


def test_who_needs_the_results_waits_for_the_units() -> None:
    b = UnitBuilder()
    units, vector = b.units(0), b.queue(QueueKind.VECTOR)
    scores = b.semaphore(0, Cause.PIM)
    program = b.program(
        work(units, b.operator(units), release=((scores, 1),)),
        compute(vector, b.operator(vector), 10, acquire=((scores, 1),)),
    )
    found = executed(program)
    assert cycles(found) == ALONE + 10
    assert found.records[1].stall_cycles == {"pim": ALONE}


def test_units_wait_for_what_they_need() -> None:
    """40 cycles of the vector unit come first; the memory's clock has the same edges."""
    b = UnitBuilder()
    units, vector = b.units(0), b.queue(QueueKind.VECTOR)
    vectors = b.semaphore(0, Cause.VECTOR_UNIT)
    program = b.program(
        compute(vector, b.operator(vector), 40, release=((vectors, 1),)),
        work(units, b.operator(units), acquire=((vectors, 1),)),
    )
    found = executed(program)
    assert cycles(found) == 40 + ALONE
    assert found.records[1].stall_cycles["vector_unit"] == 40


def test_a_command_without_a_run_passes_its_tokens_on_in_no_time() -> None:
    b = UnitBuilder()
    units, vector = b.units(0), b.queue(QueueKind.VECTOR)
    first, second = b.semaphore(), b.semaphore()
    operator = b.operator(vector)
    program = b.program(
        compute(vector, operator, 7, release=((first, 1),)),
        work(units, operator, None, acquire=((first, 1),), release=((second, 1),)),
        compute(vector, operator, 5, acquire=((second, 1),)),
    )
    found = executed(program)
    assert cycles(found) == 12
    assert found.busy_cycles["pim0.1"] == 0


def test_runs_of_equal_channels_end_together_and_those_of_one_in_order() -> None:
    b = UnitBuilder()
    queues = [b.units(channel) for channel in range(3)]
    side_by_side = b.program(*(work(queue, b.operator(queue)) for queue in queues))
    assert cycles(executed(side_by_side)) == ALONE
    b = UnitBuilder()
    units = b.units(0)
    in_turn = b.program(*(work(units, b.operator(units)) for _ in range(3)))
    found = executed(in_turn)
    ends = [record.end_fs // PERIOD_FS for record in found.records]
    assert ends == [ALONE, ALONE + OPEN, ALONE + 2 * OPEN]


def test_time_is_the_operators_whose_runs_the_units_are_at() -> None:
    """Two operators' commands are there from the start; the second's wait is not its own."""
    b = UnitBuilder()
    units = b.units(0)
    first, second = b.operator(units), b.operator(units)
    program = b.program(work(units, first), work(units, first), work(units, second))
    found = executed(program)
    done = ALONE + OPEN
    assert found.records[0].compute_cycles == found.records[0].cycles == done
    assert found.records[1].start_fs == found.records[0].end_fs == done * PERIOD_FS
    assert found.records[1].compute_cycles == found.records[1].cycles == OPEN
    assert not found.records[0].stall_cycles and not found.records[1].stall_cycles


def test_what_units_wait_for_between_two_operators_is_the_seconds() -> None:
    """The vector unit takes 40 cycles more than the first operator's run."""
    b = UnitBuilder()
    units, vector = b.units(0), b.queue(QueueKind.VECTOR)
    vectors = b.semaphore(0, Cause.VECTOR_UNIT)
    program = b.program(
        compute(vector, b.operator(vector), ALONE + 40, release=((vectors, 1),)),
        work(units, b.operator(units)),
        work(units, b.operator(units), acquire=((vectors, 1),)),
    )
    _, first, second = executed(program).records
    assert first.compute_cycles == first.cycles == ALONE
    assert second.start_fs == first.end_fs
    assert second.stall_cycles == {"vector_unit": 40}


def test_runs_of_a_command_give_its_tokens_with_the_last() -> None:
    b = UnitBuilder()
    units, vector = b.units(0), b.queue(QueueKind.VECTOR)
    scores = b.semaphore(0, Cause.PIM)
    three = replace(work(units, b.operator(units), release=((scores, 1),)), runs=(TILE,) * 3)
    program = b.program(three, compute(vector, b.operator(vector), 10, acquire=((scores, 1),)))
    found = executed(program)
    assert cycles(found) == ALONE + 2 * OPEN + 10
    assert found.dram is not None and found.dram.unit_tiles == 3


def test_a_queue_has_so_many_runs_in_flight() -> None:
    """One at a time: the next one arrives when the result is out, and begins a cycle later."""
    b = UnitBuilder()
    units = b.units(0, outstanding=1)
    found = executed(b.program(loop(3, work(units, b.operator(units)))))
    again = 1 + 1 + TILE.comps * 2 + 16  # header, COMPs, result
    assert cycles(found) == ALONE + 2 * again
    free = UnitBuilder()
    units = free.units(0, outstanding=3)
    assert cycles(executed(free.program(loop(3, work(units, free.operator(units)))))) == (
        ALONE + 2 * OPEN
    )


def test_more_runs_than_are_in_flight_or_in_the_queue() -> None:
    """Back-pressure: 500 runs in a queue of 100 with 8 in flight, none is lost."""
    b = UnitBuilder()
    units = b.units(2)
    found = executed(b.program(loop(500, work(units, b.operator(units)))), again=False)
    assert found.dram is not None
    assert found.dram.unit_tiles == 500
    assert found.dram.commands["COMP"] == 500 * TILE.comps
    assert cycles(found) == ALONE + 499 * OPEN


# -- beside transfers ----------------------------------------------------------------
def beside(spec: DramMemorySpec) -> tuple[int, int]:
    """Ends of a run of 4 tiles and of a load that begins 50 cycles later."""
    b = UnitBuilder()
    units, load, vector = b.units(0), b.queue(QueueKind.LOAD), b.queue(QueueKind.VECTOR)
    later = b.semaphore()
    program = b.program(
        work(units, b.operator(units), replace(TILE, tiles=4)),
        compute(vector, b.operator(vector), 50, release=((later, 1),)),
        transfer(load, b.operator(load), 6400, acquire=((later, 1),)),
    )
    found = executed(placed(program, 1, 1), spec)
    assert found.read_bytes == 6400
    return found.records[0].end_fs // PERIOD_FS, found.records[2].end_fs // PERIOD_FS


def test_a_load_goes_on_beside_units_with_row_buffers_of_their_own() -> None:
    run_end, load_end = beside(QUIET)
    assert load_end < run_end
    assert ALONE + 3 * 143 < run_end < ALONE + 3 * (143 + 16 + 2) + 20


def test_a_load_waits_for_units_with_the_only_row_buffers() -> None:
    run_end, load_end = beside(unit_memory(SINGLE, controller=NO_REFRESH))
    assert load_end > run_end


def test_runs_take_no_slot_of_the_memory() -> None:
    """A memory that accepts one transfer at a time takes it while runs are in flight."""
    spec = unit_memory(controller=NO_REFRESH, queue_depth=1)
    assert beside(spec)[1] < beside(spec)[0]


# -- what cannot be ------------------------------------------------------------------
def test_work_for_units_on_another_queue() -> None:
    b = UnitBuilder()
    vector = b.queue(QueueKind.VECTOR)
    with pytest.raises(CyclelabError, match="'multiply' has work for units of the memory on queue"):
        executed(b.program(work(vector, b.operator(vector))))


def test_bytes_on_a_queue_of_units() -> None:
    b = UnitBuilder()
    units = b.units(0)
    with pytest.raises(CyclelabError, match=r"transfers bytes on pim queue 'pim0\.1'"):
        executed(placed(b.program(transfer(units, b.operator(units), 64))))


def test_units_that_wait_for_ever() -> None:
    b = UnitBuilder()
    units = b.units(0)
    never = b.semaphore()
    with pytest.raises(DeadlockError, match=r"queue 'pim0\.1' at command 'multiply' waits"):
        executed(b.program(work(units, b.operator(units), acquire=((never, 1),))))
