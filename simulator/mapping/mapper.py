"""Maps a phase of a workload onto a machine: kernels, residency, tilings, wiring."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from simulator.config import nearest
from simulator.hardware.machine import MachineSpec
from simulator.mapping.adaptation import adapted
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.errors import FixedChoiceError, NoMappingError
from simulator.mapping.idle import IdleUnits, Operands, idle_main_units
from simulator.mapping.kernels import Kernel, build_kernels
from simulator.mapping.machine_kinds import MACHINE_KINDS, resources_of
from simulator.mapping.planner import KernelPlanner
from simulator.mapping.planning import Planning
from simulator.mapping.program import Program
from simulator.mapping.residency import (
    boundary_output_bytes,
    plan_residency,
)
from simulator.mapping.spec import MappingSpec
from simulator.mapping.turns import LayerEstimate, Turns
from simulator.mapping.wiring import SegmentPlan, Wirer
from simulator.workload.operators import MatMul, Phase, Segment


class Mapper:
    """Maps phases of one experiment; tilings are remembered from phase to phase.

    operands: formats of activations and weights that were met. worked: names of units that
        multiplied.
    layer_estimate: by which it was decided whether sub-batches take turns, where it was.
    """

    def __init__(self, machine: MachineSpec, spec: MappingSpec) -> None:
        self.machine = machine
        self.spec = spec
        self.resources = resources_of(machine)
        self.tilings: dict[Hashable, Any] = {}
        self.used_patterns: set[str] = set()
        self.kernel_names: set[str] = set()
        self.operands: set[Operands] = set()
        self.worked: set[str] = set()
        self.layer_estimate: LayerEstimate | None = None

    def map(self, phase: Phase) -> Program:
        """The program of a phase.

        Raises NoMappingError when an operator's smallest tiles do not fit, or those
        that the user fixed, and CyclelabError for formats or functions that the machine
        lacks.
        """
        program = self._attempt(adapted(phase, self.resources, self.spec))
        self.operands |= {
            (op.input_format, op.weight_format)
            for segment in phase.segments
            for op in segment.operators()
            if isinstance(op, MatMul)
        }
        self.worked |= {info.unit for info in program.operators if info.macs}
        return program

    def idle(self) -> IdleUnits | None:
        """The main units, if they had no work in any phase as they take no such operands."""
        return idle_main_units(self.resources, self.operands, self.worked)

    def _attempt(self, phase: Phase) -> Program:
        """The program with attention fused and activations kept on chip, if that fits."""
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
                    "have unit; attention in the memory has none (mapping.pim.attention)",
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
        return MACHINE_KINDS[self.machine.kind].planner(planning)

    def _fusing(self) -> tuple[bool, ...]:
        return {"auto": (True, False), "always": (True,), "never": (False,)}[
            self.spec.fuse_attention
        ]

    def _keeping(self) -> tuple[bool, ...]:
        keeps = self.spec.keep_activations and self.resources.keeps_activations
        return (True, False) if keeps else (False,)

    def _map(self, phase: Phase, fuse_attention: bool, keep: bool) -> Program:
        builder = ProgramBuilder(self.resources)
        planner = self._planner(self._planning(builder, phase))
        wirer = self._wirer(phase.segments, planner, fuse_attention, keep)
        if phase.parts and self.spec.pim.interleave != "never":
            program = self._map_parts(phase, wirer, fuse_attention, keep)
            if program is not None:
                return program
        return builder.program(phase.name, wirer.body())

    def _map_parts(
        self, phase: Phase, whole: Wirer, fuse_attention: bool, keep: bool
    ) -> Program | None:
        """The program of a phase's sub-batches in turns; None if they had better not take any."""
        builder = ProgramBuilder(self.resources, shares=len(phase.parts))
        planner = self._planner(self._planning(builder, phase))
        wirers = []
        for number, segments in enumerate(phase.parts, start=1):
            builder.suffix = f"[{number}]"
            if number > 1:
                builder.pools = builder.new_pools(builder.suffix)
            wirers.append(self._wirer(segments, planner, fuse_attention, keep))
        turns = Turns(wirers)
        if not turns.possible:
            return None
        if self.spec.pim.interleave == "auto":
            self.layer_estimate = turns.estimate(whole)
            if self.layer_estimate is None or not self.layer_estimate.pays:
                return None
        return builder.program(phase.name, turns.body())

    def _planning(self, builder: ProgramBuilder, phase: Phase) -> Planning:
        patterns, weights = self.used_patterns, phase.weight_bytes
        return Planning(builder, self.spec, self.tilings, patterns, weights)

    def _wirer(
        self, segments: Sequence[Segment], planner: KernelPlanner, fuse_attention: bool, keep: bool
    ) -> Wirer:
        """Kernels of segments that follow each other, planned."""
        kernels = [build_kernels(s, self.spec, fuse_attention) for s in segments]
        builder = planner.builder
        stream = self._stream_bytes(segments, kernels, builder) if keep else 0
        plans = [
            self._plan(segments, index, kernels[index], planner, stream, keep)
            for index in range(len(segments))
        ]
        self.kernel_names |= {
            k.name for group in kernels for k in group if k.kind not in ("vector", "gather")
        }
        return Wirer(builder, plans, stream)

    def _stream_bytes(
        self, segments: Sequence[Segment], kernels: list[list[Kernel]], builder: ProgramBuilder
    ) -> int:
        """Size of the residual stream if it can stay on chip between segments, else 0."""
        flows = [
            boundary_output_bytes(group)
            for segment, group, last in zip(
                segments, kernels, _flags_last(len(kernels)), strict=True
            )
            if not last or segment.repeat > 1
        ]
        size = max(flows, default=0)
        budget = self.spec.resident_fraction * builder.on_chip_bytes
        return size if 2 * size <= budget else 0

    def _plan(
        self,
        segments: Sequence[Segment],
        index: int,
        kernels: list[Kernel],
        planner: KernelPlanner,
        stream: int,
        keep: bool,
    ) -> SegmentPlan:
        segment = segments[index]
        capacity = planner.builder.on_chip_bytes
        budget = int(self.spec.resident_fraction * capacity) if keep else 0
        repeats = segment.repeat > 1
        residency = plan_residency(
            kernels,
            budget,
            stream,
            has_input=index > 0 or repeats,
            has_output=index < len(segments) - 1 or repeats,
        )
        parts = [
            planner.plan(kernel, segment, residency.names, residency.live_bytes[position])
            for position, kernel in enumerate(kernels)
        ]
        return SegmentPlan(segment, kernels, residency, parts)


def _flags_last(count: int) -> list[bool]:
    return [index == count - 1 for index in range(count)]
