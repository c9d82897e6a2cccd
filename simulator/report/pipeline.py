"""Stages of a pipeline: how long each takes, and how often a micro-batch comes round."""

from __future__ import annotations

from typing import Any

from simulator.engine import Execution
from simulator.hardware.machine import FEMTOSECONDS_PER_SECOND
from simulator.mapping.program import Program
from simulator.workload.operators import Devices


def pipeline_facts(
    program: Program, execution: Execution, devices: Devices, period_fs: int
) -> dict[str, Any] | None:
    """What `PhaseResult.pipeline` holds; None if there is but one stage.

    period_fs: of the clock that cycles are of. A micro-batch's way through all stages is
    what they and the sends between them put off its end. As many micro-batches as stages are
    under way: the next step of one begins when it has come round, and not before the slowest
    stage has worked on every one.
    """
    stages = devices.pipeline
    if stages == 1:
        return None
    taken_fs = [0] * stages
    between_fs = 0
    for record in execution.records:
        stage = program.operators[record.operator].stage
        if stage < 0:
            between_fs += record.exclusive_fs
        else:
            taken_fs[stage] += record.exclusive_fs
    round_fs = max(execution.duration_fs, stages * max(taken_fs))
    return {
        "micro_batches": stages,
        "requests": devices.requests,
        "micro_batch": devices.micro_batch,
        "stage_cycles": [-(-each // period_fs) for each in taken_fs],
        "between_cycles": -(-between_fs // period_fs),
        "round_cycles": -(-round_fs // period_fs),
        "round_seconds": round_fs / FEMTOSECONDS_PER_SECOND,
    }
