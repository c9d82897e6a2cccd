"""Plans a fused attention kernel on a GPU."""

from __future__ import annotations

from typing import Any

from simulator.hardware.matrix_unit import MatrixUnit
from simulator.mapping.errors import NoMappingError
from simulator.mapping.gpu.attention import GpuAttentionCosts
from simulator.mapping.gpu.shortage import attention_shortage
from simulator.mapping.in_step.attention import AttentionCosts, AttentionGrid
from simulator.mapping.in_step.plan_attention import StepAttentionPlanner


class GpuAttentionPlanner(StepAttentionPlanner):
    """Blocks that fit the registers and the shared memory of an SM."""

    def costs(self, unit: MatrixUnit[Any]) -> AttentionCosts:
        """Of an SM."""
        return GpuAttentionCosts(self.resources, unit)

    def shortage(self, least: AttentionGrid) -> NoMappingError:
        """Names the first limit of an SM that is exceeded."""
        core = self.resources.machine.core
        return attention_shortage(self.job.kernel.name, least, core, self.pattern)
