"""Maps a phase of a workload onto a machine: kernels, residency, tilings, wiring."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from simulator.config import nearest
from simulator.hardware.gpu import GpuSpec
from simulator.hardware.machine import MachineSpec
from simulator.mapping.adaptation import adapted
from simulator.mapping.builder import ProgramBuilder, Wiring
from simulator.mapping.errors import FixedChoiceError, NoMappingError
from simulator.mapping.gpu.plan import GpuPlanner
from simulator.mapping.kernels import Kernel, build_kernels
from simulator.mapping.lowering import KernelPart
from simulator.mapping.plan_npu import NpuPlanner
from simulator.mapping.planner import KernelPlanner
from simulator.mapping.planning import Planning
from simulator.mapping.program import Cause, Command, Item, Loop, Program, Tokens
from simulator.mapping.residency import (
    Residency,
    boundary_output_bytes,
    boundary_sink,
    plan_residency,
)
from simulator.mapping.resources import resources_of
from simulator.mapping.spec import MappingSpec
from simulator.workload.operators import Phase, Segment


@dataclass(slots=True)
class _SegmentPlan:
    """A segment with its kernels planned: `parts[k]` are kernel k's lowerings."""

    segment: Segment
    kernels: list[Kernel]
    residency: Residency
    parts: list[Sequence[KernelPart]]

    def boundary_readers(self) -> list[tuple[int, int]]:
        """`(kernel, core)` pairs that wait for the segment before; never empty."""
        kernels = [i for i, kernel in enumerate(self.kernels) if kernel.reads_boundary] or [0]
        return [(i, core) for i in kernels for core in _cores_of(self.parts[i])]


class Mapper:
    """Maps phases of one experiment; tilings are remembered from phase to phase."""

    def __init__(self, machine: MachineSpec, spec: MappingSpec) -> None:
        self.machine = machine
        self.spec = spec
        self.resources = resources_of(machine)
        self.tilings: dict[Hashable, Any] = {}
        self.used_patterns: set[str] = set()
        self.kernel_names: set[str] = set()

    def map(self, phase: Phase) -> Program:
        """The program of a phase.

        Raises NoMappingError when an operator's smallest tiles do not fit, or those
        that the user fixed, and CyclelabError for formats or functions that the machine
        lacks.
        """
        phase = adapted(phase, self.resources, self.spec)
        attempts = [(fuse, keep) for fuse in self._fusing() for keep in self._keeping()]
        for position, (fuse, keep) in enumerate(attempts):
            try:
                return self._map(phase, fuse, keep)
            except NoMappingError as error:
                left = attempts[position + 1 :]
                if not left or (self._fixes_attention(error) and not left[0][0]):
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _fixes_attention(self, error: NoMappingError) -> bool:
        """Whether blocks of fused attention that the user fixed do not fit."""
        choice = self.spec.operators.get(error.pattern)
        return choice is not None and (choice.query_tokens or choice.keys) is not None

    def check_patterns(self) -> None:
        """Raise CyclelabError if a fixed tiling matched no operator of any phase."""
        for pattern in self.spec.operators:
            named = [name for name in sorted(self.kernel_names) if fnmatchcase(name, pattern)]
            if pattern not in self.used_patterns and named:
                raise FixedChoiceError(
                    pattern,
                    "",
                    f"fixes nothing that {', '.join(named)} could take: GEMMs have m, n, k and "
                    "order (stages on a GPU), fused attention has query_tokens and keys, both "
                    "have unit",
                )
            if pattern not in self.used_patterns:
                hint = nearest(pattern, self.kernel_names)
                raise FixedChoiceError(
                    pattern,
                    "",
                    "no GEMM or attention of the workload has this name; it has: "
                    + ", ".join(sorted(self.kernel_names))
                    + (f"; did you mean {hint!r}?" if hint else ""),
                )

    def _planner(self, planning: Planning) -> KernelPlanner:
        if isinstance(self.machine, GpuSpec):
            return GpuPlanner(planning)
        return NpuPlanner(planning)

    def _fusing(self) -> tuple[bool, ...]:
        return {"auto": (True, False), "always": (True,), "never": (False,)}[
            self.spec.fuse_attention
        ]

    def _keeping(self) -> tuple[bool, ...]:
        keeps = self.spec.keep_activations and self.resources.keeps_activations
        return (True, False) if keeps else (False,)

    def _map(self, phase: Phase, fuse_attention: bool, keep: bool) -> Program:
        builder = ProgramBuilder(self.resources)
        planning = Planning(builder, self.spec, self.tilings, self.used_patterns)
        planner = self._planner(planning)
        kernels = [build_kernels(s, self.spec, fuse_attention) for s in phase.segments]
        stream = self._stream_bytes(phase, kernels) if keep else 0
        plans = [
            self._plan(phase, index, kernels[index], planner, stream, keep)
            for index in range(len(phase.segments))
        ]
        self.kernel_names |= {
            k.name for group in kernels for k in group if k.kind not in ("vector", "gather")
        }
        body = _Wirer(builder, plans, stream).body()
        return builder.program(phase.name, body)

    def _stream_bytes(self, phase: Phase, kernels: list[list[Kernel]]) -> int:
        """Size of the residual stream if it can stay on chip between segments, else 0."""
        flows = [
            boundary_output_bytes(group)
            for segment, group, last in zip(
                phase.segments, kernels, _flags_last(len(kernels)), strict=True
            )
            if not last or segment.repeat > 1
        ]
        size = max(flows, default=0)
        budget = self.spec.resident_fraction * self.machine.on_chip_bytes
        return size if 2 * size <= budget else 0

    def _plan(
        self,
        phase: Phase,
        index: int,
        kernels: list[Kernel],
        planner: KernelPlanner,
        stream: int,
        keep: bool,
    ) -> _SegmentPlan:
        segment = phase.segments[index]
        capacity = self.machine.on_chip_bytes
        budget = int(self.spec.resident_fraction * capacity) if keep else 0
        repeats = segment.repeat > 1
        residency = plan_residency(
            kernels,
            budget,
            stream,
            has_input=index > 0 or repeats,
            has_output=index < len(phase.segments) - 1 or repeats,
        )
        parts = [
            planner.plan(kernel, segment, residency.names, residency.live_bytes[position])
            for position, kernel in enumerate(kernels)
        ]
        return _SegmentPlan(segment, kernels, residency, parts)


class _Wirer:
    """Connects planned kernels by semaphores and strings segments together.

    Between segments flows one tensor. Its readers (a kernel on a core) have a
    semaphore each, numbered in program order and shared by all segments, so that
    a loop over layers can hand on to itself and to what follows alike.
    """

    def __init__(self, builder: ProgramBuilder, plans: list[_SegmentPlan], stream: int) -> None:
        self.builder = builder
        self.plans = plans
        self.stream_bytes = stream
        self.cores = len(builder.resources.cores)
        first_repeats = plans[0].segment.repeat > 1
        takers = plans if first_repeats else plans[1:]
        slots = max((len(plan.boundary_readers()) for plan in takers), default=0)
        givers = plans if plans[-1].segment.repeat > 1 else plans[:-1]
        self.most_parts = max((len(p.parts[boundary_sink(p.kernels)]) for p in givers), default=1)
        self.share = self.cores * self.most_parts
        self.initial = self.share if first_repeats else 0
        self.boundary = [
            builder.semaphore(f"residual stream {slot}", self.initial, Cause.DEPENDENCY)
            for slot in range(slots)
        ]

    def body(self) -> tuple[Item, ...]:
        """The whole phase in program order."""
        items: list[Item] = []
        for index, plan in enumerate(self.plans):
            self._wire(index, plan)
            body: tuple[Item, ...] = tuple(
                i for parts in plan.parts for part in parts for i in part.items()
            )
            repeat = plan.segment.repeat
            items.extend(
                body
                if repeat == 1
                else (Loop(repeat, body, instances=True, label=plan.segment.name),)
            )
        first_repeats, last_repeats = (self.plans[end].segment.repeat > 1 for end in (0, -1))
        if self.stream_bytes and first_repeats:
            items[:0] = self.builder.allocation(0, 0, self.stream_bytes)
        if last_repeats and (self.stream_bytes or self.share > self.initial):
            items.append(self._drain())
        return tuple(items)

    def _drain(self) -> Command:
        """Takes what a last repeated segment hands on to nobody."""
        left = self.share - self.initial
        size = self.stream_bytes
        return Command(
            queue=self.builder.resources.cores[0].vector,
            operator=len(self.builder.operators) - 1,
            label="hand over",
            acquire=tuple((semaphore, left) for semaphore in self.boundary if left),
            release=((self.builder.pools[0], size),) if size else (),
        )

    def _wire(self, index: int, plan: _SegmentPlan) -> None:
        repeats = plan.segment.repeat > 1
        takes = index > 0 or repeats
        gives = index < len(self.plans) - 1 or repeats
        ready: dict[tuple[int, int], list[tuple[int, int]]] = {}
        done: list[list[tuple[int, int]]] = [[] for _ in plan.kernels]
        for reader, kernel in enumerate(plan.kernels):
            for core in _cores_of(plan.parts[reader]):
                tokens = ready.setdefault((reader, core), [])
                if not kernel.producers:
                    continue
                semaphore = self.builder.semaphore(
                    f"{plan.segment.name}.{kernel.name}.core{core}.ready", 0, Cause.DEPENDENCY
                )
                for source in kernel.producers:
                    done[source].append((semaphore, 1))
                amount = self.cores * sum(len(plan.parts[source]) for source in kernel.producers)
                tokens.append((semaphore, amount))
        if takes:
            readers = plan.boundary_readers()
            for slot, semaphore in enumerate(self.boundary):
                reader_core = readers[slot] if slot < len(readers) else readers[0]
                ready[reader_core].append((semaphore, self.share))
        sink = boundary_sink(plan.kernels)
        for number, parts in enumerate(plan.parts):
            gives_on = gives and number == sink
            self._wire_kernel(plan, number, parts, ready, done[number], gives_on)

    def _wire_kernel(
        self,
        plan: _SegmentPlan,
        number: int,
        parts: Sequence[KernelPart],
        ready: dict[tuple[int, int], list[tuple[int, int]]],
        done: list[tuple[int, int]],
        gives_on: bool,
    ) -> None:
        begun: set[int] = set()
        for position, part in enumerate(parts):
            last = position == len(parts) - 1
            amount = self.most_parts - len(parts) + 1 if last else 1
            stream: Tokens = tuple((s, amount) for s in self.boundary) if gives_on else ()
            waits: list[Tokens] = [
                tuple(ready[number, core]) if core in part.taking_part and core not in begun else ()
                for core in range(self.cores)
            ]
            begun.update(part.taking_part)
            part.wiring = Wiring(
                ready=waits,
                done=(*done, *stream),
                cores=self.cores,
                alloc_bytes=plan.residency.alloc_bytes[number] if position == 0 else 0,
                free_bytes=plan.residency.free_bytes[number] if last else 0,
            )


def _cores_of(parts: Sequence[KernelPart]) -> list[int]:
    return sorted({core for part in parts for core in part.taking_part})


def _flags_last(count: int) -> list[bool]:
    return [index == count - 1 for index in range(count)]
