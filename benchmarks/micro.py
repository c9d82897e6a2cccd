"""Rates of the inner parts: `micro.py NAME [MODEL]` writes a count and CPU seconds as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.random import default_rng

from simulator.api import load
from simulator.engine import run_program
from simulator.experiment import Experiment, gemm_experiment
from simulator.hardware.dram.address import address_slices, decode
from simulator.hardware.dram.channel import simulate_requests
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.load import load_device
from simulator.hardware.matrix_unit import Tile, reference_operands
from simulator.mapping import Mapper
from simulator.workload import load_workload
from simulator.workload.operators import Workload

LEAST_S = 0.5
"""A measurement goes on for at least this long."""

Measured = tuple[int, float]


def repeated(step: Callable[[], int]) -> Measured:
    """Count and CPU seconds of calls of `step`, each of which returns its count."""
    count, began = 0, time.process_time()
    while time.process_time() - began < LEAST_S:
        count += step()
    return count, time.process_time() - began


def engine(_: str) -> Measured:
    """Commands that the engine executes, every one of them, on a Gemmini-like machine."""
    experiment = gemm_experiment((1024, 1024, 1024), "gemmini_16x16")
    machine = experiment.spec.machine
    program = Mapper(machine, experiment.spec.mapping).map(workload_of(experiment).phases[0])

    def step() -> int:
        execution = run_program(
            program,
            machine.memory,
            reference_period_fs=machine.clock.period_fs,
            every_event=True,
            span_limit=0,
        )
        return sum(sum(record.executions.values()) for record in execution.records)

    return repeated(step)


def timing(_: str) -> Measured:
    """Closed-form timings of different tiles on a 128×128 array."""
    unit = load("llama2_7b_on_tpu").spec.machine.core.build_matrix_units()[0]
    tiles = [Tile(m, n, 512) for m in range(1, 301) for n in range(1, 301)]

    def step() -> int:
        for tile in tiles:
            unit.timing(tile)
        return len(tiles)

    began = time.process_time()
    return step(), time.process_time() - began


def registers(_: str) -> Measured:
    """PEs times cycles of the register-level model of a 128×128 array."""
    unit = load("llama2_7b_on_tpu").spec.machine.core.build_matrix_units()[0]
    pair = unit.format_pairs[0]
    operands = reference_operands(default_rng(0), Tile(128, 128, 128), *pair)
    return repeated(lambda: unit.registers(*operands).cycles * unit.macs_per_cycle)


def workload(model: str) -> Measured:
    """Workloads of two phases, from the model's configuration to operator graphs."""
    experiment = _experiment(model)
    return repeated(lambda: bool(workload_of(experiment).phases))


def mapping(model: str) -> Measured:
    """Phases mapped from nothing, for a TPUv3-like core."""
    experiment = _experiment(model)
    phases = workload_of(experiment).phases

    def step() -> int:
        mapper = Mapper(experiment.spec.machine, experiment.spec.mapping)
        return len([mapper.map(phase) for phase in phases])

    return repeated(step)


def dram_stream(device: str) -> Measured:
    """Requests of a bank-group-interleaved stream, through one channel."""
    return _requests(device, streaming=True)


def dram_random(device: str) -> Measured:
    """Random reads through one channel."""
    return _requests(device, streaming=False)


def _requests(name: str, streaming: bool) -> Measured:
    device, controller = load_device(name), ControllerSpec()
    count, size = 200_000, device.organisation.counts
    numbers = np.arange(count)
    if not streaming:
        numbers = default_rng(0).integers(
            0, device.banks * size.rows * device.bursts_per_row, count
        )
    slices = address_slices(device, controller.address_mapping)
    banks, rows, columns = decode(slices, [], numbers)
    zeros = np.zeros_like(banks)
    requests = np.stack([zeros, zeros, banks, rows, columns], axis=1)
    simulate_requests(device, controller, [requests[:1000]])
    return repeated(lambda: simulate_requests(device, controller, [requests]).reads)


def workload_of(experiment: Experiment) -> Workload:
    """The workload of an experiment."""
    return load_workload(experiment.spec.workload)


def _experiment(model: str) -> Experiment:
    return load("llama2_7b_on_tpu", {"workload.model": model})


if __name__ == "__main__":
    parts = (engine, timing, registers, workload, mapping, dram_stream, dram_random)
    measure = {part.__name__: part for part in parts}[sys.argv[1]]
    count, seconds = measure(sys.argv[2] if len(sys.argv) > 2 else "")
    print(json.dumps({"count": count, "seconds": seconds}))
