"""What fused attention takes of a CPU's core: its private cache, its SIMD pipes."""

from __future__ import annotations

from typing import Any

from simulator.hardware.matrix_unit import MatrixUnit, Tile
from simulator.mapping.cpu.cost import near_bytes
from simulator.mapping.cpu.resources import CpuResources
from simulator.mapping.cpu.tiling import CPU_TOLERANCE
from simulator.mapping.errors import NoMappingError
from simulator.mapping.in_step.attention import (
    MOST_STAGES,
    AttentionCosts,
    AttentionGrid,
    query_bytes,
    stage_bytes,
)
from simulator.mapping.in_step.plan_attention import StepAttentionPlanner
from simulator.mapping.tiling import tile_bytes


class CpuAttentionCosts(AttentionCosts):
    """Of a core, whose pipes do products and softmax in turns."""

    shares_pipes = True
    tolerance = CPU_TOLERANCE

    def __init__(self, resources: CpuResources, unit: MatrixUnit[Any]) -> None:
        super().__init__(resources, unit)
        self.cpu = resources

    def slots(self, grid: AttentionGrid) -> int:
        """Steps whose keys and values are in the private cache, beside a block's scores."""
        free = self.cpu.machine.core.private_cache.capacity_bytes - block_bytes(grid)
        return max(0, min(MOST_STAGES, grid.rounds, free // stage_bytes(grid)))

    def near_bytes(self, grid: AttentionGrid, tile: Tile) -> int:
        """From the private cache; scores meet keys, the context values and probabilities."""
        scores, _ = grid.products()
        if tile == scores:
            bits = grid.query_bits, grid.converted_bits or grid.key_bits
        else:
            bits = grid.probability_bits, grid.converted_bits or grid.value_bits
        return near_bytes(self.cpu, tile, *bits)

    def near_cycles(self, grid: AttentionGrid, tile: Tile) -> int:
        """Of the private cache's port."""
        port = self.cpu.machine.core.private_cache.bytes_per_cycle
        return -(-self.near_bytes(grid, tile) // port)


def block_bytes(grid: AttentionGrid) -> int:
    """Queries of a block, its scores and probabilities of a step, and its sums so far."""
    rows = grid.rows
    sums = tile_bytes(rows * (grid.keys + grid.shape.head_dim), grid.accumulator_bits)
    return query_bytes(grid) + sums + tile_bytes(rows * grid.keys, grid.probability_bits)


class CpuAttentionPlanner(StepAttentionPlanner):
    """Blocks that fit a core's private cache."""

    def costs(self, unit: MatrixUnit[Any]) -> AttentionCosts:
        """Of a core."""
        assert isinstance(self.resources, CpuResources)
        return CpuAttentionCosts(self.resources, unit)

    def shortage(self, least: AttentionGrid) -> NoMappingError:
        """Names the bytes that the private cache lacks."""
        needed = block_bytes(least) + min(2, least.rounds) * stage_bytes(least)
        free = self.resources.machine.core.private_cache.capacity_bytes
        also = "set mapping.fuse_attention=never"
        return NoMappingError(
            self.job.kernel.name, "private_cache", needed, free, self.pattern, also
        )
