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

from simulator.hardware.gpu import GpuSpec
from simulator.hardware.matrix_unit import MatrixUnit, Tile
from simulator.hardware.vector_unit.work import VectorWork, vector_cycles
from simulator.mapping.tiling import TIME_TOLERANCE, gang_interval, tile_bytes
from simulator.workload.operators import AttentionShape

ROWS = (16, 32, 64, 128)
KEYS = (32, 64, 128, 256)
KEY_STAGES = 2


@dataclass(frozen=True, slots=True)
class AttentionGrid:
    """`shape` cut into blocks; storage bits per element as the SMs read them.

    *_on_chip: whether it stays in the L2 cache. converted_bits: of keys and values in
        the unit's format, 0 when they are stored in it.
    epilogue: vector functions with their elements per element of the output.
    tokens, keys: of a step. steps: of all blocks; rounds: that the busiest SM takes.
    split: shares of a block's keys.
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


def shared_bytes(grid: AttentionGrid) -> int:
    """Shared memory of one block: queries, and keys and values of the steps in flight."""
    depth = grid.shape.head_dim
    size = tile_bytes(grid.rows * depth, grid.query_bits) + KEY_STAGES * grid.key_value_bytes
    return size + tile_bytes(2 * grid.keys * depth, grid.converted_bits)


def register_bytes(grid: AttentionGrid) -> int:
    """Registers of one block: scores and probabilities of a step, and the sums so far."""
    sums = grid.accumulator_bits * grid.rows * (grid.keys + grid.shape.head_dim)
    return tile_bytes(1, sums + grid.probability_bits * grid.rows * grid.keys)


def fits(grid: AttentionGrid, machine: GpuSpec) -> bool:
    """Whether an SM holds a block of the grid."""
    core = machine.core
    within = shared_bytes(grid) <= core.shared_memory.capacity_bytes
    return within and register_bytes(grid) <= core.register_file.capacity_bytes


def step_cycles(
    grid: AttentionGrid, unit: MatrixUnit[Any], machine: GpuSpec
) -> tuple[int, int, int]:
    """Cycles of one step on an SM: scores, vector work, context."""
    scores, context = (gang_interval(unit, product) for product in grid.products())
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


def best_cut(
    grid: AttentionGrid,
    unit: MatrixUnit[Any],
    machine: GpuSpec,
    fixed: tuple[int | None, int | None] = (None, None),
) -> AttentionGrid | None:
    """The fastest block size that fits an SM; None if none does."""
    shape = grid.shape
    tokens = {max(1, min(shape.query_tokens, rows // shape.query_heads)) for rows in ROWS}
    keys = {min(size, shape.context_tokens) for size in KEYS}
    found = [
        cut(grid, t, k, machine.cores)
        for t in sorted({fixed[0]} if fixed[0] else tokens)
        for k in sorted({fixed[1]} if fixed[1] else keys)
    ]
    timed = [(estimated_cycles(each, unit, machine), each) for each in found if fits(each, machine)]
    if not timed:
        return None
    limit = TIME_TOLERANCE * min(cycles for cycles, _ in timed)
    return max((g for cycles, g in timed if cycles <= limit), key=lambda g: g.rows * g.keys)


def estimated_cycles(grid: AttentionGrid, unit: MatrixUnit[Any], machine: GpuSpec) -> int:
    """Rounds times the slower of matrix units, vector unit and L2 cache."""
    scores, vector, context = step_cycles(grid, unit, machine)
    cache = max(
        grid.steps / grid.rounds * grid.key_value_bytes / machine.l2.bytes_per_cycle,
        grid.key_value_bytes / machine.l2.sm_bytes_per_cycle,
    )
    each = max(scores + context, vector, cache)
    return int(grid.rounds * each) + scores + vector + context
