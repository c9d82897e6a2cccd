"""Runs an experiment: workload, mapping, engine, cost, result."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from simulator import __version__
from simulator.config import CyclelabError
from simulator.config.blame import pointed, said_at
from simulator.cost import ZERO
from simulator.cost.difference import Amounts
from simulator.engine import run_program
from simulator.engine.invariants import check_invariants
from simulator.experiment import Experiment
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.machine import FEMTOSECONDS_PER_SECOND, MachineSpec
from simulator.hardware.memory.spec import IdealMemorySpec
from simulator.mapping import Mapper
from simulator.mapping.errors import SettingError
from simulator.mapping.kernels import build_kernels
from simulator.mapping.pim.layout import peak_macs_per_cycle as memory_macs_per_cycle
from simulator.mapping.program import Program
from simulator.mapping.spec import MappingSpec
from simulator.report.build import ResultBuilder, Run
from simulator.report.result import MEMORY_UNITS, PhaseResult, Result, sub_batch_of
from simulator.workload import load_workload
from simulator.workload.operators import Phase, Workload

Progress = Callable[[str, float], None]
"""Called with a phase's name and the fraction of the whole run that is done."""


def run_experiment(
    experiment: Experiment, progress: Progress | None = None, provenance: bool = True
) -> Result:
    """Simulate every phase of an experiment and put the findings together.

    provenance: have its sources and configuration in the result. Raises CyclelabError when the
    model does not fit the memory, no mapping fits, or the machine cannot do an operator.
    """
    return run_with_amounts(experiment, progress, provenance)[0]


def run_with_amounts(
    experiment: Experiment, progress: Progress | None = None, provenance: bool = True
) -> tuple[Result, list[Amounts]]:
    """`run_experiment`, and what the energy of each phase is made of."""
    spec = experiment.spec
    if spec.serving is not None:
        raise pointed(
            experiment.document,
            ("serving",),
            f"{spec.name!r} serves requests: cyclelab serve runs it",
        )
    workload = _workload(experiment)
    builder = ResultBuilder(spec.machine, experiment.technology, workload.devices)
    mapper = Mapper(spec.machine, spec.mapping)
    simulated = skipped = 0
    for index, phase in enumerate(workload.phases):
        run = simulate_phase(
            experiment,
            mapper,
            phase,
            span_limit=spec.simulation.timeline_commands // len(workload.phases),
            progress=_within(progress, phase, index, len(workload.phases)),
        )
        builder.add(run)
        simulated += run.execution.events
        skipped += run.execution.skipped_commands
    check_patterns(experiment, mapper)
    simulation = {
        "every_event": spec.simulation.every_event,
        "events": simulated,
        "skipped_commands": skipped,
    }
    turns = _turns(experiment, mapper, builder)
    facts = machine_facts(spec.machine, mapper, builder.peak_macs_per_cycle)
    result = _result(experiment, workload, builder, simulation, turns, facts)
    if provenance:
        result.sources = experiment.sources()
        result.configuration = experiment.resolved()
        result.configuration_hash = experiment.configuration_hash()
    return result, builder.amounts


def simulate_phase(
    experiment: Experiment,
    mapper: Mapper,
    phase: Phase,
    span_limit: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Run:
    """Map and run one phase on an idle machine; raises as `run_experiment` does."""
    spec = experiment.spec
    check_capacity(phase, spec.machine, spec.mapping)
    program = _mapped(mapper, phase, experiment)
    execution = run_program(
        program,
        spec.machine.memory,
        reference_period_fs=spec.machine.clock.period_fs,
        every_event=spec.simulation.every_event,
        span_limit=span_limit,
        progress=progress,
    )
    check_invariants(program, execution, spec.machine.memory.bandwidth_bytes_per_s)
    return Run(phase, program, execution)


def check_patterns(experiment: Experiment, mapper: Mapper) -> None:
    """Raise ConfigError, where it stands, for a fixed tiling that no operator has taken."""
    try:
        mapper.check_patterns()
    except SettingError as error:
        raise experiment.document.error(error.path, error.reason) from None


def _mapped(mapper: Mapper, phase: Phase, experiment: Experiment) -> Program:
    """The program of a phase; what is wrong with a setting is said where it stands."""
    try:
        return mapper.map(phase)
    except SettingError as error:
        raise experiment.document.error(error.path, error.reason) from None


def _within(
    progress: Progress | None, phase: Phase, index: int, count: int
) -> Callable[[float], None] | None:
    """Progress of phase `index` of `count` as progress of the whole run."""
    if progress is None:
        return None
    return lambda share: progress(phase.name, (index + share) / count)


def check_capacity(phase: Phase, machine: MachineSpec, mapping: MappingSpec) -> None:
    """Raise CyclelabError if what a phase needs at once exceeds the main memory.

    That is weights, KV cache, and the activations of the kernel with most of them, of
    which those are left out that may stay on chip.
    """
    parts = {"weights": phase.weight_bytes, "KV cache": phase.kv_bytes_after}
    if sum(parts.values()) <= machine.memory.capacity_bytes:
        operator, activations = most_activations(phase, machine, mapping)
        parts[f"activations of {operator!r}"] = activations
    missing = sum(parts.values()) - machine.memory.capacity_bytes
    if missing > 0:
        ideal = isinstance(machine.memory, IdealMemorySpec)
        held = (
            "machine.memory.capacity_bytes is" if ideal else "the channels of machine.memory hold"
        )
        more = "raise the capacity" if ideal else "raise machine.memory.channels"
        needed = " + ".join(f"{name} {size:,} bytes" for name, size in parts.items())
        raise CyclelabError(
            f"phase {phase.name!r} does not fit the memory of {machine.name}: {needed}, but "
            f"{held} {machine.memory.capacity_bytes:,} "
            f"({missing:,} bytes missing); use a smaller model, "
            f"batch or precision, or {more}"
        )


def most_activations(phase: Phase, machine: MachineSpec, mapping: MappingSpec) -> tuple[str, int]:
    """The kernel that has most bytes of activations in main memory, and how many."""
    stays = mapping.resident_fraction * machine.on_chip_bytes if mapping.keep_activations else 0
    fused = mapping.fuse_attention != "never"
    found = [("", 0)]
    for segment in phase.segments:
        for kernel in build_kernels(segment, mapping, fused):
            sizes = [t.bytes for t in (*kernel.inputs, *kernel.outputs) if t.kind == "activation"]
            found.append((kernel.name, sum(size for size in sizes if size > stays)))
    return max(found, key=lambda kernel: kernel[1])


def _workload(experiment: Experiment) -> Workload:
    document = experiment.document
    node = document.locate(("workload",))
    with said_at(document, ("workload",)):
        return load_workload(experiment.spec.workload, node.origin.directory)


def _result(
    experiment: Experiment,
    workload: Workload,
    builder: ResultBuilder,
    simulation: dict[str, Any],
    turns: dict[str, str],
    machine: dict[str, Any],
) -> Result:
    phases = builder.phases
    cycles = sum(phase.cycles for phase in phases)
    seconds = sum(phase.seconds for phase in phases)
    energy = sum((phase.energy_j for phase in phases), ZERO)
    produced = sum(phase.generated * phase.batches for phase in phases)
    if not produced:
        produced = sum(phase.tokens * phase.batches for phase in phases if phase.kind == "encode")
    rounds = sum(phase.round_seconds for phase in phases)
    return Result(
        name=experiment.spec.name,
        machine=machine,
        workload={"name": workload.name, **workload.description, **turns},
        cycles=cycles,
        seconds=seconds,
        time_to_first_token_s=_first_token(phases),
        time_per_output_token_s=_per_token(phases),
        tokens_per_s=produced / rounds if produced else None,
        utilisation=sum(
            op.utilisation * op.active_cycles for op in builder.operators if op.unit != MEMORY_UNITS
        )
        / max(1, cycles),
        area_mm2=sum(builder.area_by_component.values(), ZERO),
        energy_j=energy,
        power_w=energy.scaled(1 / seconds) if seconds else ZERO,
        phases=phases,
        operators=builder.operators,
        area_by_component=builder.area_by_component,
        energy_by_component=builder.energy_by_component,
        technology={
            "name": experiment.technology.name,
            "description": experiment.technology.description,
            "warning": experiment.technology.warning,
        },
        sources={},
        configuration={},
        configuration_hash="",
        version=__version__,
        seed=experiment.spec.workload.moe.seed,
        spans=builder.spans,
        simulation=simulation,
        devices=workload.devices.count,
    )


def _turns(experiment: Experiment, mapper: Mapper, builder: ResultBuilder) -> dict[str, str]:
    """Whether two sub-batches took turns, where they were asked for, and who decided that."""
    if experiment.spec.workload.sub_batches == 1:
        return {}
    taken = any(sub_batch_of(op.name) for op in builder.operators)
    return {"sub_batches": f"2, {'in turns' if taken else 'at once'} ({_why(mapper, taken)})"}


def _why(mapper: Mapper, taken: bool) -> str:
    """What decided on turns: a setting, or two estimates."""
    estimate, interleave = mapper.layer_estimate, mapper.spec.pim.interleave
    if estimate is not None:
        return (
            f"estimated cycles of a layer: {round(estimate.at_once):,} at once, "
            f"{round(estimate.in_turns):,} in turns"
        )
    if taken or interleave == "never":
        return f"mapping.pim.interleave is {interleave}"
    return "no attention in the memory beside which others could run"


def _first_token(phases: list[PhaseResult]) -> float | None:
    """Time to first token: the prefill, if the run has one that ends in tokens."""
    first = phases[0]
    return first.seconds if first.kind in ("prefill", "mixed") and first.generated else None


def _per_token(phases: list[PhaseResult]) -> float | None:
    """Time per output token: the mean decode step, until the next one can begin."""
    steps = [phase.round_seconds for phase in phases if phase.kind == "decode"]
    return sum(steps) / len(steps) if steps else None


def ideal_seconds(experiment: Experiment) -> dict[str, float]:
    """What each phase would take with an ideal memory of the same peak rate and latency.

    Of a machine whose memory is modelled by commands; raises as `run_experiment` does.
    """
    spec, memory = experiment.spec, experiment.spec.machine.memory
    ideal = IdealMemorySpec(
        device=memory.device_name,
        capacity_bytes=memory.capacity_bytes,
        bandwidth_bytes_per_s=memory.bandwidth_bytes_per_s,
        latency_s=memory.latency_s,
        queue_depth=memory.queue_depth,
        arbitration_bytes=memory.arbitration_bytes,
    )
    machine = spec.machine.model_copy(update={"memory": ideal})
    mapper = Mapper(machine, spec.mapping)
    found = {}
    for phase in _workload(experiment).phases:
        execution = run_program(
            mapper.map(phase), ideal, reference_period_fs=machine.clock.period_fs
        )
        found[phase.name] = execution.duration_fs / FEMTOSECONDS_PER_SECOND
    return found


def _dram_facts(machine: MachineSpec) -> dict[str, Any]:
    memory = machine.memory
    if isinstance(memory, IdealMemorySpec):
        return {}
    return {"memory_channels": memory.channels, "memory_clock_s": memory.device.clock_s}


def _memory_units(machine: MachineSpec) -> dict[str, Any]:
    """Of a memory that computes: its units, of all channels.

    They read each operand of the matrix for one product, so that bytes go by MACs.
    """
    memory = machine.memory
    if not isinstance(memory, DramMemorySpec) or memory.device.pim is None:
        return {}
    macs = memory_macs_per_cycle(memory, machine.clock.period_fs)
    operand_bytes = Fraction(memory.device.pim.operand_bits, 8)
    facts = {"macs_per_cycle": macs, "bytes_per_mac": operand_bytes}
    return {"memory_units": {name: _number(value) for name, value in facts.items()}}


def machine_facts(
    machine: MachineSpec, mapper: Mapper, peak_macs_per_cycle: float = 0
) -> dict[str, Any]:
    """What results say about a machine, by what was mapped to it.

    peak_macs_per_cycle: of units that were faster with the workload's formats than with
        those that they are described with.
    """
    units = [
        (unit, unit.spec.count, Fraction(unit.macs_per_cycle * unit.spec.count), False)
        for unit in machine.core.build_matrix_units()
    ]
    units += [(*each, True) for each in machine.shared_units()]
    return {
        "name": machine.name,
        "description": machine.description,
        "cores": machine.cores,
        "clock_hz": machine.clock.frequency_hz,
        "peak_macs_per_cycle": max(machine.peak_macs_per_cycle, math.ceil(peak_macs_per_cycle)),
        "matrix_units": [
            {
                "kind": unit.spec.kind,
                "name": unit.title,
                "count": many,
                "macs_per_cycle": _number(rate),
                "formats": [f"{a} x {b}" for a, b in unit.format_pairs],
                "approximate_products": unit.approximate,
                **({"shared": True} if shared else {}),
            }
            for unit, many, rate, shared in units
        ],
        "kind": machine.kind,
        "on_chip_bytes": machine.on_chip_bytes,
        "memory_device": machine.memory.device_name,
        "memory_bandwidth_bytes_per_s": machine.memory.bandwidth_bytes_per_s,
        "memory_latency_s": machine.memory.latency_s,
        **_dram_facts(machine),
        **_memory_units(machine),
        **({"idle_units": asdict(idle)} if (idle := mapper.idle()) else {}),
        **({"links": machine.links.model_dump(mode="json")} if machine.links else {}),
        "memory_capacity_bytes": machine.memory.capacity_bytes,
        **({"price_usd_per_hour": price} if (price := machine.price_usd_per_hour) else {}),
    }


def _number(value: int | Fraction) -> int | float:
    """As JSON has it: whole if it is."""
    return int(value) if value == int(value) else float(value)
