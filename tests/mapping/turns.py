"""A small model on units in the memory: the whole batch at once, and two sub-batches in turns."""

from __future__ import annotations

from functools import cache

from simulator.experiment import load_experiment
from simulator.report.result import Result
from simulator.runner import run_experiment

LAYERS = 3
SMALL = (
    "workload.model=gpt3-small",
    "workload.tensor_parallel=1",
    f"workload.layers={LAYERS}",
    "workload.running.requests=12",
    "workload.running.channels=mapped",
    "machine.memory.channels=8",
)


@cache
def run(*settings: str) -> Result:
    return run_experiment(load_experiment("neupims_gpt3_7b_b64", (*SMALL, *settings)))


def whole() -> Result:
    return run("mapping.pim.interleave=never")


def in_turns() -> Result:
    return run("workload.sub_batches=2", "mapping.pim.interleave=always")
