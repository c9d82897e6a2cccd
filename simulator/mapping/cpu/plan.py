"""Plans kernels for a CPU: its cores, and the arrays beside its last-level cache."""

from __future__ import annotations

from simulator.config import CyclelabError
from simulator.mapping.cpu.attention import CpuAttentionPlanner
from simulator.mapping.cpu.plan_arrays import ArrayGemmPlanner
from simulator.mapping.cpu.plan_gemm import CoreGemmPlanner
from simulator.mapping.cpu.resources import ARRAYS_NAME, CpuResources
from simulator.mapping.errors import FixedChoiceError, SettingError
from simulator.mapping.in_step.plan import StepPlanner
from simulator.mapping.planning import KernelJob, Plan
from simulator.mapping.spec import ATTENTION_SETTINGS, GEMM_SETTINGS
from simulator.workload.operators import MatMul


class CpuPlanner(StepPlanner):
    """Every kernel is shared out to all cores, or to all arrays: to whom it should take less."""

    def plan_products(self, job: KernelJob, cache_bytes: int) -> Plan:
        """By estimated time; raises NoMappingError when no tile fits."""
        assert isinstance(self.resources, CpuResources)
        if self.resources.machine.arrays is None:
            return self._on_cores(job, cache_bytes)
        if isinstance(job.kernel.operators[0], MatMul):
            return self._fastest(job, cache_bytes)
        settings = ATTENTION_SETTINGS if job.kernel.kind == "attention" else GEMM_SETTINGS
        choice, pattern = self.planning.fixed(job.kernel.name, settings)
        if choice.unit == ARRAYS_NAME:
            raise FixedChoiceError(
                pattern,
                "unit",
                f"{ARRAYS_NAME} multiplies by weights; {job.kernel.name!r} multiplies by the KV "
                "cache, which the cores do",
            )
        return self._on_cores(job, cache_bytes)

    def _on_cores(self, job: KernelJob, cache_bytes: int) -> Plan:
        if job.kernel.kind == "attention":
            return CpuAttentionPlanner(self.planning, job, cache_bytes).plan()
        return CoreGemmPlanner(self.planning, job, cache_bytes).plan()

    def _fastest(self, job: KernelJob, cache_bytes: int) -> Plan:
        """Cores or arrays; the user may fix either."""
        arrays = ArrayGemmPlanner(self.planning, job, cache_bytes)
        fixed = arrays.choice.unit
        if fixed == ARRAYS_NAME:
            try:
                return arrays.plan_of(*arrays.shared())
            except SettingError:
                raise
            except CyclelabError as error:
                raise FixedChoiceError(arrays.pattern, "unit", str(error)) from None
        cores = CoreGemmPlanner(self.planning, job, cache_bytes)
        if fixed is not None:
            return cores.plan()
        try:
            cycles, shared = arrays.shared()
        except SettingError:
            raise
        except CyclelabError:  # the arrays take no such operands: the cores say so if they don't
            return cores.plan()
        try:
            index, tiled = cores.tiled()
        except CyclelabError:
            return arrays.plan_of(cycles, shared)
        if sum(tiling.estimated_cycles for _, tiling in tiled) < cycles:
            return cores.plan_of(index, tiled)
        return arrays.plan_of(cycles, shared)
