"""Plans kernels for a GPU: unit, formats and thread blocks of each."""

from __future__ import annotations

from simulator.mapping.gpu.plan_attention import GpuAttentionPlanner
from simulator.mapping.gpu.plan_gemm import GridPlanner
from simulator.mapping.in_step.plan import StepPlanner
from simulator.mapping.planning import KernelJob, Plan


class GpuPlanner(StepPlanner):
    """Every kernel is a grid of thread blocks over all SMs."""

    def plan_products(self, job: KernelJob, cache_bytes: int) -> Plan:
        """Thread blocks by estimated time; raises NoMappingError when none fits an SM."""
        if job.kernel.kind == "attention":
            return GpuAttentionPlanner(self.planning, job, cache_bytes).plan()
        return GridPlanner(self.planning, job, cache_bytes).plan()
