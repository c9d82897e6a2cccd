"""Small models on a NeuPIMs of few channels, from requests to executions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from simulator.config import Document
from simulator.engine import run_program
from simulator.engine.invariants import check_invariants
from simulator.engine.record import Execution
from simulator.experiment import build_experiment
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.dram.pim.gemv import Run
from simulator.hardware.dram.spec import DramDeviceSpec
from simulator.hardware.npu import NpuSpec
from simulator.mapping import Mapper, MappingSpec, Program
from simulator.mapping.program import Command, Item, Loop
from simulator.mapping.spec import PimMappingSpec
from simulator.workload.model import TransformerSpec
from simulator.workload.operators import Context, Phase, Scores
from simulator.workload.phases import Request, build_phases
from simulator.workload.precision import PrecisionSpec

FP16 = {"activations": "fp16", "weights": "fp16", "kv_cache": "fp16", "residual": "fp16"}
PUBLISHED: dict[str, Any] = {"barrier": True, "writes": "as_published"}
"""Of the mapping; `pim.timing=as_published` is of the device."""


@cache
def machine(channels: int = 4, *settings: str) -> NpuSpec:
    """The shipped machine; settings: below `machine.memory`."""
    document = {
        "name": "test",
        "machine": "neupims",
        "workload": {"gemms": [{"m": 1, "n": 1, "k": 1}]},
    }
    given = [f"channels={channels}", *settings]
    overrides = [f"machine.memory.{each}" for each in given]
    spec = build_experiment(Document.from_data(document, "experiment"), overrides).spec.machine
    assert isinstance(spec, NpuSpec)
    return spec


def device_of(npu: NpuSpec) -> DramDeviceSpec:
    """The device of its memory."""
    assert isinstance(npu.memory, DramMemorySpec)
    return npu.memory.device


def model(**changes: Any) -> TransformerSpec:
    """One layer of width 256: 4 heads of 64, plain norms and MLP; changes: keys of the spec."""
    values: dict[str, Any] = {
        "name": "small",
        "hidden_size": 256,
        "layers": 1,
        "heads": 4,
        "head_dim": 64,
        "intermediate_size": 256,
        "vocab_size": 64,
        "gated_mlp": False,
        "max_context": 8192,
    }
    return TransformerSpec.model_validate(values | changes)


def decoding(*contexts: int, channel: int | None = None, steps: int = 1) -> list[Request]:
    """Requests that see so many tokens, the new one included, when they decode the next."""
    return [Request(0, context - 1, steps, channel) for context in contexts]


def phases(spec: TransformerSpec, requests: Sequence[Request]) -> tuple[Phase, ...]:
    """Phases of requests in FP16."""
    formats = PrecisionSpec.model_validate(FP16).resolve(spec)
    return build_phases(spec, requests, formats)


def attention_macs(phase: Phase) -> int:
    """Multiplications of scores and context, all layers."""
    return sum(
        segment.repeat * operator.macs
        for segment in phase.segments
        for operator in segment.operators()
        if isinstance(operator, Scores | Context)
    )


def mapped(phase: Phase, npu: NpuSpec | None = None, **pim: Any) -> Program:
    """The program of a phase; pim: keys of `PimMappingSpec`."""
    spec = MappingSpec(pim=PimMappingSpec(**pim))
    return Mapper(npu or machine(), spec).map(phase)


def executed(program: Program, npu: NpuSpec | None = None, every_event: bool = False) -> Execution:
    """What the engine makes of a program; all laws hold."""
    npu = npu or machine()
    execution = run_program(
        program,
        npu.memory,
        reference_period_fs=npu.clock.period_fs,
        every_event=every_event,
    )
    check_invariants(program, execution, npu.memory.bandwidth_bytes_per_s)
    return execution


def run_commands(program: Program) -> list[Command]:
    """Commands for units in the memory, as often as they are executed, in program order."""

    def within(items: tuple[Item, ...]) -> list[Command]:
        found: list[Command] = []
        for item in items:
            if isinstance(item, Loop):
                found += within(item.body) * item.count
            elif item.runs:
                found.append(item)
        return found

    return within(program.body)


def labelled_runs(commands: Sequence[Command]) -> list[tuple[str, Run]]:
    """The commands' runs, one after the other, each with the label of its command."""
    return [(command.label, run) for command in commands for run in command.runs]


def counts(commands: Sequence[Command]) -> dict[str, int]:
    """Commands of a device with composite ones, and tiles, that runs come to."""
    runs = [run for _, run in labelled_runs(commands)]
    return {
        "tiles": sum(run.tiles for run in runs),
        "GWRITE": sum(run.inputs for run in runs),
        "PIM_HEADER": sum(run.tiles for run in runs),
        "COMPS_READRES": sum(run.tiles * run.segments for run in runs),
        "COMP": sum(run.tiles * run.segments * run.comps for run in runs),
    }
