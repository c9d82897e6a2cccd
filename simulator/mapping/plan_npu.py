"""Plans kernels for the cores of an NPU."""

from __future__ import annotations

from simulator.hardware.npu import NpuCoreSpec
from simulator.mapping.collective import CollectiveProblem, collective_places, collective_plan
from simulator.mapping.lower_collective import CollectiveLowering, tile_collective
from simulator.mapping.lower_vector import VectorLowering, tile_vector
from simulator.mapping.pim.plan import PimAttentionPlanner
from simulator.mapping.plan_attention import AttentionPlanner
from simulator.mapping.plan_gemm import GemmPlanner
from simulator.mapping.plan_vector import vector_places, vector_problem
from simulator.mapping.planner import KernelPlanner
from simulator.mapping.planning import KernelJob, Plan
from simulator.mapping.tiling import Budget


class NpuPlanner(KernelPlanner):
    """Tiles of a kernel go through the cores' scratchpads."""

    def plan_kernel(self, job: KernelJob) -> Plan:
        """Tilings by estimated time; raises NoMappingError when nothing fits."""
        budget = self._budget(job.live_bytes)
        if job.kernel.kind in ("vector", "gather"):
            return self._plan_vector(job, budget)
        if job.kernel.kind == "collective":
            return self._plan_collective(job, budget)
        if job.kernel.kind == "attention":
            return self._plan_attention(job, budget)
        return GemmPlanner(self.planning, job, budget).plan()

    def _plan_attention(self, job: KernelJob, budget: Budget) -> Plan:
        in_memory = PimAttentionPlanner.of(self.planning, job)
        if in_memory is not None and self.planning.spec.pim.attention == "memory":
            return in_memory.plan()
        on_units = AttentionPlanner(self.planning, job, budget)
        if in_memory is not None and in_memory.beats(on_units):
            return in_memory.plan()
        return on_units.plan()

    def _budget(self, live_bytes: int) -> Budget:
        core: NpuCoreSpec = self.resources.core
        accumulator = core.accumulator
        return Budget(
            scratchpad_bytes=core.scratchpad.capacity_bytes // self.builder.shares - live_bytes,
            accumulator_bytes=accumulator.capacity_bytes if accumulator else None,
            buffers=core.scratchpad.buffers,
            accumulator_buffers=accumulator.buffers if accumulator else core.scratchpad.buffers,
            cores=len(self.resources.cores),
            bytes_per_cycle=float(self.resources.bytes_per_cycle),
            latency_cycles=self.resources.latency_cycles,
        )

    def _plan_collective(self, job: KernelJob, budget: Budget) -> Plan:
        problem = CollectiveProblem.of(job)
        parameters = job.facts.parameter_bytes
        free = budget.scratchpad_bytes - parameters
        tile = tile_collective(job.kernel.name, problem, self.builder, free)
        places = collective_places(self.planning, job)
        lowering = CollectiveLowering(self.builder, job.operator, problem, tile, places, parameters)
        return collective_plan(lowering, job, problem, tile)

    def _plan_vector(self, job: KernelJob, budget: Budget) -> Plan:
        problem = vector_problem(job)
        parameters = job.facts.parameter_bytes if problem.work else 0
        free = budget.scratchpad_bytes - parameters
        tiling = tile_vector(job.kernel.name, problem, self.builder, free)
        places = vector_places(self.planning, job, problem, tiling.rows)
        lowering = VectorLowering(self.builder, job.operator, problem, tiling, places, parameters)
        unit = "vector_unit" if problem.work else "dma"
        return Plan([lowering], unit, {"rows_per_tile": tiling.rows})
