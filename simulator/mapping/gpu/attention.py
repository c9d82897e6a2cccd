"""Fused attention on a GPU: blocks of query rows that walk over keys and values.

A block holds some query tokens of all query heads that share a key/value head, and
walks over the keys that they see, a block of them per step: scores, softmax with a
running maximum, context (Dao, FlashAttention-2, arXiv:2307.08691). Where there are
fewer blocks than SMs, each block's keys are split among several, whose results are
combined (flash-decoding). Steps are dealt out evenly: long blocks start first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from simulator.hardware.gpu import REGISTER_BYTES, THREADS_PER_WARP, GpuSpec, SmSpec
from simulator.hardware.matrix_unit import MatrixUnit, Tile
from simulator.hardware.vector_unit.work import VectorWork, vector_cycles
from simulator.mapping.gpu.occupancy import BlockUse, occupancy
from simulator.mapping.tiling import TIME_TOLERANCE, gang_interval, tile_bytes
from simulator.workload.operators import AttentionShape

ROWS = (16, 32, 64, 128)
KEYS = (32, 64, 128, 256)
MOST_STAGES = 4
"""Key blocks in flight per block of rows."""
MOST_WARPS_PER_SUB_CORE = 2


@dataclass(frozen=True, slots=True)
class AttentionGrid:
    """`shape` cut into blocks; storage bits per element as the SMs read them.

    *_on_chip: whether it stays in the L2 cache. converted_bits: of keys and values in
        the unit's format, 0 when they are stored in it.
    epilogue: vector functions with their elements per element of the output.
    tokens, keys: of a step. steps: of all blocks; rounds: that the busiest SM takes.
    split: shares of a block's keys. slots: blocks of keys and values that an SM holds.
    """

    shape: AttentionShape
    query_bits: float
    key_bits: float
    value_bits: float
    queries_on_chip: bool
    cache_on_chip: bool
    converted_bits: float
    probability_bits: float
    accumulator_bits: int
    result_bits: float
    store_bits: float
    epilogue: tuple[tuple[str, float], ...]
    tokens: int = 0
    keys: int = 0
    steps: int = 0
    rounds: int = 0
    split: int = 1
    slots: int = 0

    @property
    def rows(self) -> int:
        """Query rows of a step."""
        return self.tokens * self.shape.query_heads

    @property
    def blocks(self) -> int:
        """Blocks of the whole grid, splits left out."""
        return self.shape.count * -(-self.shape.query_tokens // self.tokens)

    @property
    def outputs(self) -> int:
        """Elements of the result."""
        s = self.shape
        return s.count * s.query_heads * s.query_tokens * s.head_dim

    @property
    def key_value_bytes(self) -> int:
        """Of the keys and values of one step."""
        depth = self.keys * self.shape.head_dim
        return tile_bytes(depth, self.key_bits) + tile_bytes(depth, self.value_bits)

    def passes(self, sms: int, cache_bytes: float) -> int:
        """How often keys and values come from main memory: once if those in use stay cached.

        Blocks of a head that run at once walk in step and share what they read.
        """
        s = self.shape
        blocks = -(-s.query_tokens // self.tokens) * self.split
        heads = min(s.count, -(-sms // blocks) + 1)
        held = heads * s.context_tokens * s.head_dim * (self.key_bits + self.value_bits) / 8
        return 1 if held <= cache_bytes else -(-blocks // sms)

    @property
    def converted_bytes(self) -> int:
        """Of the keys and values of one step in the unit's format, if they are converted."""
        return tile_bytes(2 * self.keys * self.shape.head_dim, self.converted_bits)

    @property
    def taken_bytes(self) -> int:
        """Of the keys and values of one step, as the unit takes them."""
        return self.converted_bytes or self.key_value_bytes

    def memory_bytes(self, sms: int, cache_bytes: float) -> int:
        """From and to main memory, over all steps."""
        s, passes = self.shape, self.passes(sms, cache_bytes)
        held = s.count * s.context_tokens * s.head_dim
        read = 0 if self.cache_on_chip else passes * held * (self.key_bits + self.value_bits)
        queries = 0 if self.queries_on_chip else self.outputs * self.query_bits
        return int((read + queries + self.outputs * self.store_bits) / 8)

    def products(self) -> tuple[Tile, Tile]:
        """Scores and context of one step."""
        depth = self.shape.head_dim
        return Tile(self.rows, self.keys, depth), Tile(self.rows, depth, self.keys)

    def softmax(self) -> list[VectorWork]:
        """Vector work of one step: probabilities, and the sums so far rescaled."""
        work = [VectorWork("softmax", self.rows * self.keys, self.rows)]
        work.append(VectorWork("multiply", self.rows * self.shape.head_dim))
        return work

    def conversion(self) -> list[VectorWork]:
        """Dequantisation of the keys and values of one step, if any."""
        elements = 2 * self.keys * self.shape.head_dim
        return [VectorWork("dequantise", elements)] if self.converted_bits else []


def steps_of(shape: AttentionShape, tokens: int, keys: int) -> tuple[int, int]:
    """Steps of all blocks of one key/value head, and of the longest one."""
    if not shape.causal:
        longest = -(-shape.context_tokens // keys)
        return longest * -(-shape.query_tokens // tokens), longest
    before = shape.context_tokens - shape.query_tokens
    each = [
        -(-(before + min(first + tokens, shape.query_tokens)) // keys)
        for first in range(0, shape.query_tokens, tokens)
    ]
    return sum(each), each[-1]


def query_bytes(grid: AttentionGrid) -> int:
    """Of the queries of one block, in shared memory."""
    return tile_bytes(grid.rows * grid.shape.head_dim, grid.query_bits)


def stage_bytes(grid: AttentionGrid) -> int:
    """Of the keys and values of one step in shared memory, with their converted copies."""
    return grid.key_value_bytes + grid.converted_bytes


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


def shared_cycles(grid: AttentionGrid, core: SmSpec) -> int:
    """Cycles in which the warps of a block read the keys, or the values, of a step.

    Each warp has its share of the rows and reads all of either, in the unit's format.
    """
    warps = attention_use(grid, core).threads // THREADS_PER_WARP
    read = warps * grid.taken_bytes // 2
    return -(-read // core.shared_memory.bytes_per_cycle)


def step_cycles(
    grid: AttentionGrid, unit: MatrixUnit[Any], machine: GpuSpec
) -> tuple[int, int, int]:
    """Cycles of one step on an SM: scores, vector work, context."""
    shared = shared_cycles(grid, machine.core)
    scores, context = (max(shared, gang_interval(unit, each)) for each in grid.products())
    vector = vector_cycles(machine.core.vector_unit, [*grid.softmax(), *grid.conversion()])
    return scores, vector, context


def cut(grid: AttentionGrid, tokens: int, keys: int, sms: int) -> AttentionGrid:
    """The grid with blocks of this size, dealt out to `sms`."""
    shape = grid.shape
    total, longest = steps_of(shape, tokens, keys)
    blocks = shape.count * -(-shape.query_tokens // tokens)
    split = min(longest, -(-sms // blocks)) if blocks < sms else 1
    steps = shape.count * total
    rounds = max(-(-steps // sms), -(-longest // split))
    return replace(grid, tokens=tokens, keys=keys, steps=steps, rounds=rounds, split=split)


@dataclass(frozen=True, slots=True)
class MemoryFacts:
    """Of main memory, in cycles of the SMs' clock; cache_bytes: of the L2 cache."""

    latency_cycles: int
    bytes_per_cycle: float
    cache_bytes: float


def best_cut(
    grid: AttentionGrid,
    unit: MatrixUnit[Any],
    machine: GpuSpec,
    memory: MemoryFacts,
    fixed: tuple[int | None, int | None] = (None, None),
) -> AttentionGrid | None:
    """The fastest block size that fits an SM, of equals the one with most bytes in flight.

    None if none fits.
    """
    shape = grid.shape
    tokens = {max(1, min(shape.query_tokens, rows // shape.query_heads)) for rows in ROWS}
    keys = {min(size, shape.context_tokens) for size in KEYS}
    found = [
        cut(grid, t, k, machine.cores)
        for t in sorted({fixed[0]} if fixed[0] else tokens)
        for k in sorted({fixed[1]} if fixed[1] else keys)
    ]
    held = [replace(each, slots=key_slots(each, machine.core)) for each in found]
    timed = [
        (estimated_cycles(each, unit, machine, memory), each)
        for each in held
        if each.slots > 1 or each.slots == each.rounds
    ]
    if not timed:
        return None
    limit = TIME_TOLERANCE * min(cycles for cycles, _ in timed)
    good = [grid for cycles, grid in timed if cycles <= limit]
    return max(good, key=lambda grid: (grid.slots * grid.keys, grid.rows * grid.keys))


def estimated_cycles(
    grid: AttentionGrid, unit: MatrixUnit[Any], machine: GpuSpec, memory: MemoryFacts
) -> int:
    """Rounds times the slowest of matrix units, vector unit and caches, latencies covered."""
    scores, vector, context = step_cycles(grid, unit, machine)
    cache = max(
        grid.steps / grid.rounds * grid.key_value_bytes / machine.l2.bytes_per_cycle,
        grid.key_value_bytes / machine.l2.sm_bytes_per_cycle,
    )
    moved = grid.memory_bytes(machine.cores, memory.cache_bytes) / memory.bytes_per_cycle
    whole = memory.latency_cycles + machine.l2.latency_cycles + cache + moved / grid.rounds
    whole += scores + vector + context
    # A round's place is free only when its context is done, behind the next one's scores.
    each = max(scores + context, vector, cache, whole / max(1, grid.slots - 1))
    return int(max(grid.rounds * each, moved) + whole)
