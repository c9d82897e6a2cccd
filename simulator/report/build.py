"""From programs and executions to a Result: costs, shares, bounds, names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from simulator.cost import ZERO, Estimate, Technology
from simulator.cost.area import area
from simulator.cost.difference import Amounts
from simulator.cost.dram import dram_energy
from simulator.cost.energy import energy, static_power_w
from simulator.engine import Execution
from simulator.engine.record import OperatorRecord
from simulator.hardware.bill import MEMORY, machine_parts
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.machine import FEMTOSECONDS_PER_SECOND, MachineSpec
from simulator.hardware.memory.spec import IdealMemorySpec
from simulator.hardware.primitives import Action, ActionCounts, Part, Primitive
from simulator.mapping.program import Command, OperatorInfo, Program, QueueKind
from simulator.report.result import OperatorResult, PhaseResult
from simulator.workload.operators import Phase

STATIC = "static"
"""Component that leakage and an ideal memory's background power are booked on."""
BY_TIME = ("background", "refresh")
"""Energies of a command-level memory that go with time; all others go with bytes."""


@dataclass(slots=True)
class Run:
    """One phase with its program and what the engine measured."""

    phase: Phase
    program: Program
    execution: Execution


@dataclass(slots=True)
class Costs:
    """Energy of a set of actions: in all, and by component path; and the actions."""

    total: Estimate
    by_component: dict[str, Estimate]
    bytes: dict[str, int]
    macs: int
    actions: ActionCounts


class ResultBuilder:
    """Turns the runs of one experiment into the lists of a Result.

    amounts: what each phase's energy is made of, for comparisons.
    """

    def __init__(self, machine: MachineSpec, technology: Technology) -> None:
        self.machine = machine
        self.technology = technology
        self.period_fs = machine.clock.period_fs
        self.parts = machine_parts(machine)
        self.area_by_component = area(self.parts, technology)
        memory = Primitive("dram", device=machine.memory.device_name)
        self.memory_read = Action(MEMORY, memory, "read")
        self.memory_write = Action(MEMORY, memory, "write")
        parts = self.parts
        if isinstance(machine.memory, IdealMemorySpec):
            installed = replace(memory, capacity_bytes=machine.memory.capacity_bytes)
            parts = (*parts, Part(MEMORY, installed, 1))
        self.idle_parts = parts
        self.static_power_w = static_power_w(parts, technology)
        self.operators: list[OperatorResult] = []
        self.phases: list[PhaseResult] = []
        self.amounts: list[Amounts] = []
        self.spans: list[dict[str, Any]] = []
        self.energy_by_component: dict[str, Estimate] = {}
        self.start_cycle = 0

    def add(self, run: Run) -> None:
        """Append a phase, which starts when the one before has ended."""
        execution, phase = run.execution, run.phase
        cycles = -(-execution.duration_fs // self.period_fs)
        seconds = execution.duration_fs / FEMTOSECONDS_PER_SECOND
        static = self.static_power_w.scaled(seconds)
        self._book(STATIC, static)
        memory = self._memory_energy(execution)
        for category, estimate in memory.items():
            self._book(f"{MEMORY}.{category}", estimate)
        static = sum((memory[each] for each in memory if each in BY_TIME), static)
        per_byte = _per_byte(memory, execution)
        commands = tuple(run.program.commands())
        costs: dict[tuple[int, tuple[tuple[int, int], ...]], Costs] = {}
        amounts = Amounts(other=sum(memory.values(), ZERO))
        amounts.add_idle(self.idle_parts, seconds)
        total, macs = static, 0
        for record in execution.records:
            key = (record.operator, tuple(sorted(record.executions.items())))
            if key not in costs:
                costs[key] = self._costs(run.program, commands, record, per_byte)
            cost = costs[key]
            share = record.exclusive_fs / execution.duration_fs if execution.duration_fs else 0.0
            self.operators.append(self._operator(run, record, cost, static.scaled(share)))
            total, macs = total + cost.total, macs + cost.macs
            amounts.add_actions(cost.actions)
            for path, estimate in cost.by_component.items():
                self._book(path, estimate)
        self._add_spans(run, commands)
        self.amounts.append(amounts)
        self.phases.append(
            PhaseResult(
                name=phase.name,
                kind=phase.kind,
                tokens=phase.tokens,
                generated=phase.generated,
                start_cycle=self.start_cycle,
                cycles=cycles,
                seconds=seconds,
                macs=macs,
                dram_read_bytes=execution.read_bytes,
                dram_write_bytes=execution.write_bytes,
                busy_cycles=dict(execution.busy_cycles),
                memory_busy_seconds=execution.memory_busy_fs / FEMTOSECONDS_PER_SECOND,
                energy_j=total,
                dram=_dram_facts(execution),
            )
        )
        self.start_cycle += cycles

    def _book(self, path: str, estimate: Estimate) -> None:
        self.energy_by_component[path] = self.energy_by_component.get(path, ZERO) + estimate

    def _memory_energy(self, execution: Execution) -> dict[str, Estimate]:
        """Energy of a command-level memory by category; nothing for an ideal one."""
        memory, dram = self.machine.memory, execution.dram
        if not isinstance(memory, DramMemorySpec) or dram is None:
            return {}
        channels = memory.channels
        commands = {name: count / channels for name, count in dram.commands.items()}
        opened = dram.row_open_cycles / channels
        return dram_energy(memory.device, commands, dram.cycles, opened, channels)

    def _costs(
        self,
        program: Program,
        commands: Sequence[Command],
        record: OperatorRecord,
        per_byte: Estimate | None,
    ) -> Costs:
        """Energy and bytes of one record from how often its commands ran; its useful MACs.

        per_byte: what a byte costs on average in a memory priced by its commands.
        """
        counts, reads, writes = ActionCounts(), 0, 0
        for index, times in record.executions.items():
            command = commands[index]
            counts.merge(command.actions, times)
            if program.queues[command.queue].kind is QueueKind.LOAD:
                reads += command.transfer_bytes * times
            else:
                writes += command.transfer_bytes * times
        levels = {"dram_read": reads, "dram_write": writes, **_buffer_bytes(counts)}
        if per_byte is None:
            counts.add(self.memory_read, reads)
            counts.add(self.memory_write, writes)
        by_component = energy(counts, self.technology)
        total = sum(by_component.values(), ZERO)
        if per_byte is not None:
            total = total + per_byte.scaled(reads + writes)
        macs = program.operators[record.operator].macs
        return Costs(total, by_component, levels, macs, counts)

    def _operator(
        self, run: Run, record: OperatorRecord, cost: Costs, static: Estimate
    ) -> OperatorResult:
        info = run.program.operators[record.operator]
        compute, stalls = self._reference_cycles(run.program, info, record)
        cycles = compute + sum(stalls.values())
        return OperatorResult(
            phase=run.phase.name,
            name=info.name,
            block=info.block,
            instance=record.instance,
            kind=info.kind,
            unit=info.unit,
            start_cycle=self.start_cycle + record.start_fs // self.period_fs,
            cycles=cycles,
            compute_cycles=compute,
            exclusive_cycles=self._edge(record.end_fs)
            - self._edge(record.end_fs - record.exclusive_fs),
            stall_cycles=stalls,
            bytes=cost.bytes,
            macs=cost.macs,
            utilisation=cost.macs / (cycles * info.peak_macs_per_cycle) if cost.macs else 0.0,
            bound=_bound(info, cycles),
            compute_bound_cycles=info.compute_bound_cycles,
            memory_bound_cycles=info.memory_bound_cycles,
            compulsory_bytes=info.compulsory_bytes,
            energy_j=cost.total + static,
            mapping=info.mapping,
        )

    def _edge(self, time_fs: int) -> int:
        return -(-time_fs // self.period_fs)

    def _reference_cycles(
        self, program: Program, info: OperatorInfo, record: OperatorRecord
    ) -> tuple[int, dict[str, int]]:
        """Compute and stall cycles in the machine's clock; rounding goes to `drain`."""
        period = program.queues[info.primary].period_fs
        if period == self.period_fs:
            return record.compute_cycles, dict(record.stall_cycles)
        total = -(-record.cycles * period // self.period_fs)
        compute = record.compute_cycles * period // self.period_fs
        stalls = {k: v * period // self.period_fs for k, v in record.stall_cycles.items()}
        stalls["drain"] = stalls.get("drain", 0) + total - compute - sum(stalls.values())
        return compute, stalls

    def _add_spans(self, run: Run, commands: Sequence[Command]) -> None:
        for queue, record, command, start_fs, end_fs in run.execution.spans:
            entry = run.execution.records[record]
            info = run.program.operators[entry.operator]
            self.spans.append(
                {
                    "phase": run.phase.name,
                    "queue": run.program.queues[queue].name,
                    "operator": info.name,
                    "instance": entry.instance,
                    "label": commands[command].label,
                    "start_cycle": self.start_cycle + start_fs // self.period_fs,
                    "end_cycle": self.start_cycle + -(-end_fs // self.period_fs),
                }
            )


def _per_byte(memory: dict[str, Estimate], execution: Execution) -> Estimate | None:
    """What a byte costs of the energy that goes with traffic; None for an ideal memory."""
    if not memory:
        return None
    moved = execution.read_bytes + execution.write_bytes
    traffic = sum((memory[each] for each in memory if each not in BY_TIME), ZERO)
    return traffic.scaled(1 / moved) if moved else ZERO


def _dram_facts(execution: Execution) -> dict[str, Any] | None:
    return asdict(execution.dram) if execution.dram is not None else None


def _buffer_bytes(counts: ActionCounts) -> dict[str, int]:
    """Bytes moved at each on-chip buffer, from its sram accesses."""
    levels: dict[str, int] = {}
    for action, count in counts.counts.items():
        if action.primitive.kind == "sram":
            name = f"{action.path.split('.')[1]}_{action.verb}"
            levels[name] = levels.get(name, 0) + count * action.primitive.bits // 8
    return levels


def _bound(info: OperatorInfo, cycles: int) -> str:
    """What an operator's time is nearest to: the larger bound, unless it is far off."""
    compute = "compute" if info.macs else "vector"
    largest = max(info.compute_bound_cycles, info.memory_bound_cycles)
    if cycles > 2 * largest:
        return "latency"
    return compute if info.compute_bound_cycles >= info.memory_bound_cycles else "memory"
