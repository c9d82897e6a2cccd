"""Plans the kernels of a phase one after the other, and states facts about each."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, cast

from simulator.hardware.matrix_unit import MatrixUnit
from simulator.hardware.vector_unit.work import VectorWork, vector_cycles
from simulator.mapping.facts import KernelFacts
from simulator.mapping.kernels import Kernel
from simulator.mapping.lowering import KernelPart
from simulator.mapping.planning import KernelJob, Plan, Planning
from simulator.mapping.program import BETWEEN_STAGES, OperatorInfo
from simulator.workload.operators import Collective, Segment, Vector


class KernelPlanner(ABC):
    """Plans kernels in program order, adding to the builder's operator table."""

    def __init__(self, planning: Planning) -> None:
        self.planning = planning
        self.builder = planning.builder
        self.resources = planning.builder.resources

    def plan(
        self, kernel: Kernel, segment: Segment, resident: set[str], live_bytes: int
    ) -> Sequence[KernelPart]:
        """Lowerings of a kernel's parts, not wired yet; adds its `OperatorInfo`.

        resident: names of tensors that stay on chip; live_bytes: what they hold.
        """
        operator = len(self.builder.operators)
        self.builder.operators.append(cast(OperatorInfo, None))
        facts = KernelFacts(kernel, resident)
        plan = self.plan_kernel(KernelJob(segment, kernel, operator, facts, live_bytes))
        if kernel.epilogue:
            plan.mapping["fused"] = [op.name for op in kernel.epilogue]
        kept = sorted(t.name for t in kernel.outputs if t.name in resident)
        if kept:
            plan.mapping["kept_on_chip"] = kept
        self.builder.operators[operator] = self._info(kernel, segment, facts, plan)
        return plan.lowerings

    @abstractmethod
    def plan_kernel(self, job: KernelJob) -> Plan:
        """How the machine runs a kernel; raises as `plan` does."""

    # -- facts for reports ---------------------------------------------------------
    def _info(
        self, kernel: Kernel, segment: Segment, facts: KernelFacts, plan: Plan
    ) -> OperatorInfo:
        macs = sum(op.macs for op in kernel.operators)
        vectors = [op for op in kernel.operators if isinstance(op, Vector)]
        queues, cores = self.resources.cores[0], self.resources.machine.cores
        work = [VectorWork(v.function, v.elements) for v in vectors]
        vector_bound = vector_cycles(self.resources.core.vector_unit, work) / cores
        vector_bound *= self.resources.vector_period_fs / self.resources.period_fs
        bound = math.ceil(vector_bound)
        primary = queues.vector if kernel.kind == "vector" else queues.load
        peak: int | Fraction = 0
        reads, writes = facts.compulsory()
        if plan.elsewhere is not None:
            primary, bound, peak, reads, writes = plan.elsewhere
        unit = plan.unit
        if isinstance(unit, int):
            chosen = self.resources.matrix_units[unit]
            if macs:
                peak = chosen.macs_per_cycle * chosen.spec.count * cores
                bound, primary = -(-macs // peak), queues.matrix[unit]
            if chosen.is_narrowed:
                plan.mapping.update(_narrowed(chosen))
            unit = self.resources.unit_names[unit]
        return OperatorInfo(
            name=kernel.name + self.builder.suffix,
            kind=kernel.kind,
            block=segment.name,
            unit=unit,
            primary=primary,
            macs=macs,
            vector_elements=sum(v.elements for v in vectors),
            read_bytes=reads,
            write_bytes=writes,
            compulsory_bytes=reads + writes,
            compute_bound_cycles=bound,
            memory_bound_cycles=self.resources.memory_cycles(reads + writes),
            mapping=plan.mapping,
            peak_macs_per_cycle=float(peak),
            first_instance=segment.first,
            stage=BETWEEN_STAGES if _is_send(kernel) else segment.stage,
        )


def _narrowed(unit: MatrixUnit[Any]) -> dict[str, object]:
    """What weights a unit works on, and for which it is built, whose area it has."""
    ((_, weights), *_), ((_, widest), *_) = unit.format_pairs, type(unit)(unit.built).format_pairs
    return {"weights": weights, "unit_built_for": widest}


def _is_send(kernel: Kernel) -> bool:
    op = kernel.operators[0]
    return isinstance(op, Collective) and op.function == "send"
