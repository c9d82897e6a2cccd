"""Plans kernels for a GPU: unit, formats and thread blocks of each."""

from __future__ import annotations

from typing import cast

from simulator.mapping.collective import CollectiveProblem, collective_places, collective_plan
from simulator.mapping.gpu.lower_collective import CollectiveKernel, chunk_elements
from simulator.mapping.gpu.lower_vector import VectorKernel, chunks
from simulator.mapping.gpu.plan_attention import GpuAttentionPlanner
from simulator.mapping.gpu.plan_gemm import GridPlanner
from simulator.mapping.plan_vector import vector_places, vector_problem
from simulator.mapping.planner import KernelPlanner
from simulator.mapping.planning import KernelJob, Plan
from simulator.mapping.resources import GpuResources


class GpuPlanner(KernelPlanner):
    """Every kernel is a grid of thread blocks over all SMs."""

    def plan_kernel(self, job: KernelJob) -> Plan:
        """Thread blocks by estimated time; raises NoMappingError when none fits an SM."""
        cache_bytes = self.resources.machine.on_chip_bytes - job.live_bytes
        if job.kernel.kind in ("vector", "gather"):
            return self._plan_vector(job)
        if job.kernel.kind == "collective":
            return self._plan_collective(job, cache_bytes)
        if job.kernel.kind == "attention":
            return GpuAttentionPlanner(self.planning, job, cache_bytes).plan()
        return GridPlanner(self.planning, job, cache_bytes).plan()

    def _plan_collective(self, job: KernelJob, cache_bytes: int) -> Plan:
        problem = CollectiveProblem.of(job)
        chunk = chunk_elements(problem, cache_bytes)
        places = collective_places(self.planning, job)
        parameters = job.facts.parameter_bytes
        kernel = CollectiveKernel(self.builder, job.operator, problem, chunk, places, parameters)
        return collective_plan(kernel, job, problem, chunk)

    def _plan_vector(self, job: KernelJob) -> Plan:
        problem = vector_problem(job)
        gpu = cast(GpuResources, self.resources)
        rows = chunks(problem, gpu.machine).rows
        parameters = job.facts.parameter_bytes if problem.work else 0
        places = vector_places(self.planning, job, problem, rows)
        kernel = VectorKernel(self.builder, job.operator, problem, places, parameters)
        unit = "vector_unit" if problem.work else "dma"
        return Plan([kernel], unit, {"rows_at_once": rows})
