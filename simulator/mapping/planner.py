"""Plans the kernels of a phase one after the other, and states facts about each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from simulator.hardware.vector_unit.work import VectorWork, vector_cycles
from simulator.mapping.facts import KernelFacts
from simulator.mapping.kernels import Kernel
from simulator.mapping.lower_vector import (
    VectorLowering,
    VectorPlaces,
    VectorProblem,
    tile_vector,
)
from simulator.mapping.lowering import Lowering
from simulator.mapping.nest import Dimension
from simulator.mapping.plan_attention import AttentionPlanner
from simulator.mapping.plan_gemm import GemmPlanner
from simulator.mapping.planning import KernelJob, Plan, Planning
from simulator.mapping.program import OperatorInfo
from simulator.mapping.regions import pass_bytes
from simulator.mapping.tiling import Budget
from simulator.workload.operators import Gather, Segment, Vector


class KernelPlanner:
    """Plans kernels in program order, adding to the builder's operator table."""

    def __init__(self, planning: Planning) -> None:
        self.planning = planning
        self.builder = planning.builder
        self.resources = planning.builder.resources

    def plan(
        self, kernel: Kernel, segment: Segment, resident: set[str], live_bytes: int
    ) -> Sequence[Lowering]:
        """Lowerings of a kernel's parts, not wired yet; adds its `OperatorInfo`.

        resident: names of tensors that stay on chip; live_bytes: what they hold.
        """
        operator = len(self.builder.operators)
        self.builder.operators.append(cast(OperatorInfo, None))
        facts = KernelFacts(kernel, resident)
        job = KernelJob(segment, kernel, operator, facts, self._budget(live_bytes))
        if kernel.kind in ("vector", "gather"):
            plan = self._plan_vector(job)
        elif kernel.kind == "attention":
            plan = AttentionPlanner(self.planning, job).plan()
        else:
            plan = GemmPlanner(self.planning, job).plan()
        if kernel.epilogue:
            plan.mapping["fused"] = [op.name for op in kernel.epilogue]
        kept = sorted(t.name for t in kernel.outputs if t.name in resident)
        if kept:
            plan.mapping["kept_on_chip"] = kept
        self.builder.operators[operator] = self._info(kernel, segment.name, facts, plan)
        return plan.lowerings

    def _budget(self, live_bytes: int) -> Budget:
        core = self.resources.core
        accumulator = core.accumulator
        return Budget(
            scratchpad_bytes=core.scratchpad.capacity_bytes - live_bytes,
            accumulator_bytes=accumulator.capacity_bytes if accumulator else None,
            buffers=core.scratchpad.buffers,
            accumulator_buffers=accumulator.buffers if accumulator else core.scratchpad.buffers,
            cores=len(self.resources.cores),
            bytes_per_cycle=float(self.resources.bytes_per_cycle),
            latency_cycles=self.resources.latency_cycles,
        )

    # -- vector work and gathers ---------------------------------------------------
    def _plan_vector(self, job: KernelJob) -> Plan:
        kernel, facts = job.kernel, job.facts
        op = kernel.operators[0]
        if isinstance(op, Gather):
            rows = max(1, op.rows)
            work: tuple[tuple[str, float, bool], ...] = ()
        else:
            assert isinstance(op, Vector)
            rows = max(1, op.elements // op.row_elements)
            vectors = [op, *kernel.epilogue]
            work = tuple((v.function, v.elements / rows, v.row_elements > 1) for v in vectors)
        inputs = facts.activation_inputs() if work else facts.gather_inputs()
        loaded = [t for t in inputs if t.name not in facts.resident]
        problem = VectorProblem(
            rows=rows,
            work=work,
            load_bits=8 * sum(t.bytes for t in loaded) / rows,
            store_bits=8 * sum(t.bytes for t in facts.stored()) / rows,
            read_bits=8 * sum(t.bytes for t in inputs) / rows,
            write_bits=8 * sum(t.bytes for t in kernel.outputs) / rows,
        )
        parameters = facts.parameter_bytes if work else 0
        free = job.budget.scratchpad_bytes - parameters
        tiling = tile_vector(kernel.name, problem, self.builder, free)
        cut, row = Dimension("rows", rows, tiling.rows), Dimension("row", 1, 1)
        place = self.planning.place
        places = VectorPlaces(
            inputs=place(job, loaded, pass_bytes(1, cut, row, problem.load_bits)),
            outputs=place(job, facts.stored(), pass_bytes(1, cut, row, problem.store_bits)),
            parameters=place(job, facts.parameters if work else []),
        )
        lowering = VectorLowering(self.builder, job.operator, problem, tiling, places, parameters)
        unit = "dma" if isinstance(op, Gather) else "vector_unit"
        return Plan([lowering], unit, {"rows_per_tile": tiling.rows})

    # -- facts for reports ---------------------------------------------------------
    def _info(self, kernel: Kernel, block: str, facts: KernelFacts, plan: Plan) -> OperatorInfo:
        macs = sum(op.macs for op in kernel.operators)
        vectors = [op for op in kernel.operators if isinstance(op, Vector)]
        cores = self.resources.cores
        work = [VectorWork(v.function, v.elements) for v in vectors]
        vector_bound = vector_cycles(self.resources.core.vector_unit, work) / len(cores)
        vector_bound *= self.resources.vector_period_fs / self.resources.period_fs
        bound = math.ceil(vector_bound)
        primary = cores[0].vector if kernel.kind == "vector" else cores[0].load
        if macs:
            index = self.resources.unit_index(plan.unit)
            chosen = self.resources.matrix_units[index]
            peak = chosen.macs_per_cycle * chosen.spec.count * len(cores)
            bound, primary = -(-macs // peak), cores[0].matrix[index]
        reads, writes = facts.compulsory()
        return OperatorInfo(
            name=kernel.name,
            kind=kernel.kind,
            block=block,
            unit=plan.unit,
            primary=primary,
            macs=macs,
            vector_elements=sum(v.elements for v in vectors),
            read_bytes=reads,
            write_bytes=writes,
            compulsory_bytes=reads + writes,
            compute_bound_cycles=bound,
            memory_bound_cycles=self.resources.memory_cycles(reads + writes),
            mapping=plan.mapping,
        )
