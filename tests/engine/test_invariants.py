"""The checks on every run catch a run that cannot be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.config import CyclelabError
from simulator.engine import run_program
from simulator.engine.errors import InvariantError
from simulator.engine.invariants import check_invariants
from simulator.engine.record import Execution
from simulator.mapping.program import Program
from tests.engine.programs import PERIOD_FS, Builder, Pipeline, loop, memory_spec

BYTES_PER_S = 64e9


def simulated() -> tuple[Program, Execution]:
    """Ten tiles of 640 bytes in and 64 bytes out, nine cycles each."""
    b = Builder()
    pipeline = Pipeline.build(b)
    program = b.program(loop(10, *pipeline.tile(b.operator(pipeline.unit), 640, 9, 64)))
    return program, run_program(program, memory_spec(64), reference_period_fs=PERIOD_FS)


def check(program: Program, execution: Execution) -> None:
    check_invariants(program, execution, BYTES_PER_S)


def test_a_real_run_passes() -> None:
    program, execution = simulated()
    assert (execution.read_bytes, execution.write_bytes) == (6400, 640)
    check(program, execution)


@pytest.mark.parametrize("change", [1, -1])
@pytest.mark.parametrize("field", ["read_bytes", "write_bytes"])
def test_bytes_that_nobody_asked_for(field: str, change: int) -> None:
    program, execution = simulated()
    wrong = replace(execution, **{field: getattr(execution, field) + change})
    with pytest.raises(InvariantError, match="asked for"):
        check(program, wrong)


def test_faster_than_the_memory() -> None:
    # 7040 bytes at 64 per cycle take 110 cycles.
    program, execution = simulated()
    execution.busy_cycles = dict.fromkeys(execution.busy_cycles, 0)
    check(program, replace(execution, duration_fs=110 * PERIOD_FS))
    with pytest.raises(InvariantError, match="bandwidth"):
        check(program, replace(execution, duration_fs=110 * PERIOD_FS - 1))


def test_busier_than_time_allows() -> None:
    program, execution = simulated()
    (unit,) = (queue.name for queue in program.queues if "matrix" in queue.name)
    execution.busy_cycles[unit] = execution.duration_fs // PERIOD_FS + 1
    with pytest.raises(InvariantError, match="busy longer"):
        check(program, execution)


def test_fewer_bytes_than_compulsory() -> None:
    program, execution = simulated()
    (info,) = program.operators
    check(replace(program, operators=(replace(info, compulsory_bytes=7040),)), execution)
    with pytest.raises(InvariantError, match="7040 bytes, at least 7041 are compulsory"):
        check(replace(program, operators=(replace(info, compulsory_bytes=7041),)), execution)


def test_it_is_a_message_and_no_traceback() -> None:
    assert issubclass(InvariantError, CyclelabError)
