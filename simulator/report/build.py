"""From programs and executions to a Result: costs, shares, bounds, names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

from simulator.cost import ZERO, Estimate, Technology
from simulator.cost.area import area
from simulator.cost.difference import Amounts
from simulator.cost.dram import dram_energy
from simulator.cost.energy import CLOCK_IDLE, JOULES_PER_PJ, energy, static_power_w, waits
from simulator.cost.floorplan import WIRES, floorplan, wire_energy_j
from simulator.cost.logic import WAIT
from simulator.engine import Execution
from simulator.engine.record import OperatorRecord
from simulator.hardware.bill import MEMORY
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.machine import FEMTOSECONDS_PER_SECOND, MachineSpec
from simulator.hardware.memory.spec import IdealMemorySpec
from simulator.hardware.primitives import Action, ActionCounts, Part, Primitive
from simulator.mapping.program import Command, OperatorInfo, Program, QueueKind
from simulator.report.pipeline import pipeline_facts
from simulator.report.result import MEMORY_UNITS, OperatorResult, PhaseResult
from simulator.report.start import moved_start, starts_in_memory
from simulator.workload.operators import ONE_DEVICE, Devices, Phase

STATIC = "static"
"""Component that leakage and an ideal memory's background power are booked on."""
BY_TIME = ("background", "refresh")
"""Energies of a command-level memory that go with time; all others go with bytes."""


WhatRan = tuple[int, tuple[tuple[int, int], ...]]
"""An operator, and how often each of its commands ran: what equal costs follow from."""


REMEMBERED_MACHINES = 64
_area = lru_cache(maxsize=REMEMBERED_MACHINES)(area)
_static_power_w = lru_cache(maxsize=REMEMBERED_MACHINES)(static_power_w)
"""Of equal parts: those of a machine whose memory or clock is another one are."""


@dataclass(slots=True)
class Run:
    """One phase with its program and what the engine measured."""

    phase: Phase
    program: Program
    execution: Execution


@dataclass(slots=True)
class Costs:
    """Energy of a set of actions: in all, and by component path; and the actions.

    parts_j: the same by the first names of paths, a memory of commands included.
    bit_mm: bits that wires move, times millimetres.
    """

    total: Estimate
    by_component: dict[str, Estimate]
    parts_j: dict[str, float]
    bytes: dict[str, int]
    macs: int
    actions: ActionCounts
    bit_mm: float


class ResultBuilder:
    """Turns the runs of one experiment into the lists of a Result.

    devices: that share the workload. amounts: what each phase's energy is made of, for comparisons.
    """

    def __init__(
        self, machine: MachineSpec, technology: Technology, devices: Devices = ONE_DEVICE
    ) -> None:
        self.machine = machine
        self.devices = devices
        self.technology = technology
        self.period_fs = machine.clock.period_fs
        self.parts = machine.parts()
        self.area_by_component = dict(_area(self.parts, technology))
        pieces = machine.buffer_pieces()
        self.floorplan = floorplan(self.area_by_component, machine.cores, pieces)
        memory = Primitive("dram", device=machine.memory.device_name)
        self.memory_read = Action(MEMORY, memory, "read")
        self.memory_write = Action(MEMORY, memory, "write")
        parts = self.parts
        if isinstance(machine.memory, IdealMemorySpec):
            installed = replace(memory, capacity_bytes=machine.memory.capacity_bytes)
            parts = (*parts, Part(MEMORY, installed, 1))
        self.idle_parts = parts
        self.static_power_w = _static_power_w(parts, technology)
        self.operators: list[OperatorResult] = []
        self.phases: list[PhaseResult] = []
        self.amounts: list[Amounts] = []
        self.spans: list[dict[str, Any]] = []
        self.energy_by_component: dict[str, Estimate] = {}
        self.start_cycle = 0
        self.peak_macs_per_cycle = 0.0

    def add(self, run: Run) -> None:
        """Append a phase, which starts when the one before has ended."""
        execution, phase = run.execution, run.phase
        peaks = (i.peak_macs_per_cycle for i in run.program.operators if i.unit != MEMORY_UNITS)
        self.peak_macs_per_cycle = max(self.peak_macs_per_cycle, *peaks, 0.0)
        cycles = -(-execution.duration_fs // self.period_fs)
        seconds = execution.duration_fs / FEMTOSECONDS_PER_SECOND
        memory = self._memory_energy(execution)
        commands = tuple(run.program.commands())
        found, actions = self._all_costs(run.program, commands, execution, memory)
        waited = waits(self.parts, actions, cycles)
        by_time = self._by_time(seconds, memory, waited)
        total, macs = sum(by_time.values(), ZERO), 0
        starts = starts_in_memory(run.program, commands, execution)
        for place, (record, cost) in enumerate(zip(execution.records, found, strict=True)):
            share = record.exclusive_fs / execution.duration_fs if execution.duration_fs else 0.0
            own = {path: estimate.scaled(share) for path, estimate in by_time.items()}
            self.operators.append(self._operator(run, record, cost, own, starts.get(place)))
            total, macs = total + cost.total, macs + cost.macs
            for path, estimate in cost.by_component.items():
                self._book(path, estimate)
        self._add_spans(run, commands)
        amounts = Amounts(other=sum(memory.values(), ZERO))
        amounts.add_idle(self.idle_parts, seconds)
        amounts.add_actions(actions)
        amounts.add_wires(sum(cost.bit_mm for cost in found))
        amounts.add_waits(waited)
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
                busy_cycles=self._busy_cycles(run),
                memory_busy_seconds=execution.memory_busy_fs / FEMTOSECONDS_PER_SECOND,
                energy_j=total,
                dram=_dram_facts(execution),
                pipeline=pipeline_facts(run.program, execution, self.devices, self.period_fs),
                sharers=self.devices.tensor,
            )
        )
        self.start_cycle += cycles

    def _busy_cycles(self, run: Run) -> dict[str, int]:
        """Cycles of the machine's clock in which queues are busy, whatever their own clock."""
        busy = run.execution.busy_cycles
        return {
            queue.name: busy[queue.name] * queue.period_fs // self.period_fs
            for queue in run.program.queues
        }

    def _book(self, path: str, estimate: Estimate) -> None:
        self.energy_by_component[path] = self.energy_by_component.get(path, ZERO) + estimate

    def _all_costs(
        self,
        program: Program,
        commands: Sequence[Command],
        execution: Execution,
        memory: dict[str, Estimate],
    ) -> tuple[list[Costs], ActionCounts]:
        """Costs of every record, those of equal ones made once, and all actions."""
        per_byte = _per_byte(memory, execution)
        costs: dict[WhatRan, Costs] = {}
        keys = [_what_ran(record) for record in execution.records]
        for key, record in zip(keys, execution.records, strict=True):
            if key not in costs:
                costs[key] = self._costs(program, commands, record, per_byte)
        times = Counter(keys)
        actions = ActionCounts.total((cost.actions, times[key]) for key, cost in costs.items())
        return [costs[key] for key in keys], actions

    def _by_time(
        self,
        seconds: float,
        memory: dict[str, Estimate],
        waited: list[tuple[Primitive, float]],
    ) -> dict[str, Estimate]:
        """Joules of a phase that go with time, by path; books them and the memory's others."""
        by_time = {STATIC: self.static_power_w.scaled(seconds)}
        for category, estimate in memory.items():
            path = f"{MEMORY}.{category}"
            if category in BY_TIME:
                by_time[path] = estimate
            else:
                self._book(path, estimate)
        prices = self.technology.action_energy_pj
        each = (prices(p, WAIT).scaled(count * JOULES_PER_PJ) for p, count in waited)
        by_time[CLOCK_IDLE] = sum(each, ZERO)
        for path, estimate in by_time.items():
            self._book(path, estimate)
        return by_time

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
        bit_mm = self.floorplan.bit_mm(counts)
        if per_byte is not None and self.floorplan.memory_mm:
            bit_mm[MEMORY] = self.floorplan.memory_bit_mm(reads + writes)
        for path, moved in bit_mm.items():
            by_component[f"{WIRES}.{path}"] = wire_energy_j(moved, self.technology)
        total = sum(by_component.values(), ZERO)
        parts = _outermost(by_component)
        if per_byte is not None:
            traffic = per_byte.scaled(reads + writes)
            total, parts[MEMORY] = total + traffic, traffic.value
        macs = program.operators[record.operator].macs
        return Costs(total, by_component, parts, levels, macs, counts, sum(bit_mm.values()))

    def _operator(
        self,
        run: Run,
        record: OperatorRecord,
        cost: Costs,
        by_time: dict[str, Estimate],
        inputs_fs: int | None,
    ) -> OperatorResult:
        """inputs_fs: since when it has its inputs, if it is to begin there."""
        info = run.program.operators[record.operator]
        compute, stalls = self._reference_cycles(run.program, info, record)
        start = record.start_fs // self.period_fs
        if inputs_fs is not None:
            stalls = moved_start(stalls, inputs_fs // self.period_fs - start)
            start = inputs_fs // self.period_fs
        cycles = compute + sum(stalls.values())
        exclusive = self._edge(record.end_fs) - self._edge(record.end_fs - record.exclusive_fs)
        active = max(compute, exclusive)
        return OperatorResult(
            phase=run.phase.name,
            name=info.name,
            block=info.block,
            instance=info.first_instance + record.instance,
            kind=info.kind,
            unit=info.unit,
            start_cycle=self.start_cycle + start,
            cycles=cycles,
            compute_cycles=compute,
            exclusive_cycles=exclusive,
            stall_cycles=stalls,
            bytes=cost.bytes,
            macs=cost.macs,
            utilisation=cost.macs / (active * info.peak_macs_per_cycle) if cost.macs else 0.0,
            bound=_bound(info, active),
            compute_bound_cycles=info.compute_bound_cycles,
            memory_bound_cycles=info.memory_bound_cycles,
            compulsory_bytes=info.compulsory_bytes,
            energy_j=sum(by_time.values(), cost.total),
            energy_parts_j=cost.parts_j | {path: own.value for path, own in by_time.items()},
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
                    "instance": info.first_instance + entry.instance,
                    "label": commands[command].label,
                    "start_cycle": self.start_cycle + start_fs // self.period_fs,
                    "end_cycle": self.start_cycle + -(-end_fs // self.period_fs),
                }
            )


def _what_ran(record: OperatorRecord) -> WhatRan:
    return record.operator, tuple(sorted(record.executions.items()))


def _outermost(by_component: dict[str, Estimate]) -> dict[str, float]:
    """Joules by the first two names of a path; of wires by the first."""
    found: dict[str, float] = {}
    for path, estimate in by_component.items():
        first, _, rest = path.partition(".")
        name = first if first == WIRES or not rest else f"{first}.{rest.partition('.')[0]}"
        found[name] = found.get(name, 0.0) + estimate.value
    return found


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
    """Bytes moved at each on-chip buffer, from its sram accesses, and sent to other devices."""
    levels: dict[str, int] = {}
    for action, count in counts.counts.items():
        if action.primitive.kind == "link":
            levels["link_sent"] = levels.get("link_sent", 0) + count
        elif action.primitive.kind == "sram":
            name = f"{action.path.split('.')[1]}_{action.verb}"
            levels[name] = levels.get(name, 0) + count * action.primitive.bits // 8
    return levels


def _bound(info: OperatorInfo, cycles: int) -> str:
    """What an operator's time is nearest to: the larger bound, unless it is far off."""
    compute = "compute" if info.macs else "link" if info.kind == "collective" else "vector"
    largest = max(info.compute_bound_cycles, info.memory_bound_cycles)
    if cycles > 2 * largest:
        return "latency"
    return compute if info.compute_bound_cycles >= info.memory_bound_cycles else "memory"
