"""What fused attention takes of a streaming multiprocessor: registers, shared memory, time."""

from __future__ import annotations

from simulator.hardware.gpu import REGISTER_BYTES, THREADS_PER_WARP, SmSpec
from simulator.hardware.matrix_unit import Tile
from simulator.mapping.gpu.occupancy import BlockUse, occupancy
from simulator.mapping.in_step.attention import (
    MOST_STAGES,
    AttentionCosts,
    AttentionGrid,
    query_bytes,
    stage_bytes,
)

MOST_WARPS_PER_SUB_CORE = 2


def attention_use(grid: AttentionGrid, core: SmSpec) -> BlockUse:
    """What one block takes of an SM, with as many warps as its registers ask for.

    In registers are scores and probabilities of a step, and the sums so far; in shared
    memory queries, and keys and values of one step, or of two if there are more.
    """
    bits = grid.accumulator_bits * grid.rows * (grid.keys + grid.shape.head_dim)
    bits += int(grid.probability_bits * grid.rows * grid.keys)
    warps = per_thread = 0
    for each in range(1, MOST_WARPS_PER_SUB_CORE + 1):
        warps = each * core.sub_cores
        per_thread = -(-bits // (8 * REGISTER_BYTES * THREADS_PER_WARP * warps))
        per_thread += core.spare_registers_per_thread
        if per_thread <= core.max_registers_per_thread:
            break
    threads = warps * THREADS_PER_WARP
    return BlockUse(
        registers_per_thread=per_thread,
        register_bytes=per_thread * threads * REGISTER_BYTES,
        shared_bytes=query_bytes(grid) + min(2, grid.rounds) * stage_bytes(grid),
        threads=threads,
    )


def key_slots(grid: AttentionGrid, core: SmSpec) -> int:
    """Steps whose keys and values an SM holds at once, over as many blocks as fit; 0 if none."""
    held = occupancy(attention_use(grid, core), core)
    free = core.shared_memory.capacity_bytes
    return max(
        (
            blocks * min(MOST_STAGES, (free // blocks - query_bytes(grid)) // stage_bytes(grid))
            for blocks in range(1, held + 1)
            if free // blocks > query_bytes(grid)
        ),
        default=0,
    )


class GpuAttentionCosts(AttentionCosts):
    """Of a streaming multiprocessor.

    Each warp of a block has its share of the rows and reads all keys, or values, of a
    step, in the unit's format.
    """

    def slots(self, grid: AttentionGrid) -> int:
        """As registers and shared memory allow."""
        return key_slots(grid, self.resources.core)

    def near_bytes(self, grid: AttentionGrid, tile: Tile) -> int:
        """From shared memory."""
        warps = attention_use(grid, self.resources.core).threads // THREADS_PER_WARP
        return warps * grid.taken_bytes // 2

    def near_cycles(self, grid: AttentionGrid, tile: Tile) -> int:
        """Of shared memory's port."""
        read = self.near_bytes(grid, tile)
        return -(-read // int(self.resources.core.shared_memory.bytes_per_cycle))
