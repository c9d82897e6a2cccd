"""Plans the kernels that all machines of cores in step have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, cast

from simulator.mapping.collective import CollectiveProblem, collective_places, collective_plan
from simulator.mapping.in_step.lower_collective import CollectiveKernel, chunk_elements
from simulator.mapping.in_step.lower_vector import VectorKernel, chunks
from simulator.mapping.in_step.resources import StepResources
from simulator.mapping.plan_vector import vector_places, vector_problem
from simulator.mapping.planner import KernelPlanner
from simulator.mapping.planning import KernelJob, Plan


class StepPlanner(KernelPlanner):
    """Vector work, gathers and collectives; products are each machine's own."""

    def plan_kernel(self, job: KernelJob) -> Plan:
        """By estimated time; raises NoMappingError when nothing fits a core."""
        cache_bytes = self.resources.machine.on_chip_bytes - job.live_bytes
        if job.kernel.kind in ("vector", "gather"):
            return self._plan_vector(job)
        if job.kernel.kind == "collective":
            return self._plan_collective(job, cache_bytes)
        return self.plan_products(job, cache_bytes)

    @abstractmethod
    def plan_products(self, job: KernelJob, cache_bytes: int) -> Plan:
        """A GEMM or fused attention, with so many bytes of the shared cache."""

    def _plan_collective(self, job: KernelJob, cache_bytes: int) -> Plan:
        problem = CollectiveProblem.of(job)
        chunk = chunk_elements(problem, cache_bytes)
        places = collective_places(self.planning, job)
        parameters = job.facts.parameter_bytes
        kernel = CollectiveKernel(self.builder, job.operator, problem, chunk, places, parameters)
        return collective_plan(kernel, job, problem, chunk)

    def _plan_vector(self, job: KernelJob) -> Plan:
        problem = vector_problem(job)
        step = cast("StepResources[Any]", self.resources)
        rows = chunks(problem, step.bytes_at_once).rows
        parameters = job.facts.parameter_bytes if problem.work else 0
        places = vector_places(self.planning, job, problem, rows)
        kernel = VectorKernel(self.builder, job.operator, problem, places, parameters)
        unit = "vector_unit" if problem.work else "dma"
        return Plan([kernel], unit, {"rows_at_once": rows})
