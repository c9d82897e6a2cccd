"""Fused attention on cores in step: blocks of query rows that walk over keys and values.

A block holds some query tokens of all query heads that share a key/value head, and
walks over the keys that they see, a block of them per step: scores, softmax with a
running maximum, context (Dao, FlashAttention-2, arXiv:2307.08691). Where there are
fewer blocks than cores, each block's keys are split among several, whose results are
combined (flash-decoding). Steps are dealt out evenly: long blocks start first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

from simulator.hardware.matrix_unit import MatrixUnit, Tile
from simulator.hardware.vector_unit.work import VectorWork, vector_cycles
from simulator.mapping.in_step.resources import StepResources
from simulator.mapping.tiling import TIME_TOLERANCE, gang_interval, tile_bytes
from simulator.workload.bits import Bits
from simulator.workload.operators import AttentionShape

ROWS = (16, 32, 64, 128)
KEYS = (32, 64, 128, 256)
MOST_STAGES = 4
"""Key blocks in flight per block of rows."""


@dataclass(frozen=True, slots=True)
class AttentionGrid:
    """`shape` cut into blocks; storage bits per element as the cores read them.

    *_on_chip: whether it stays in the shared cache. converted_bits: of keys and values in
        the unit's format, 0 when they are stored in it.
    epilogue: vector functions with their elements per element of the output.
    softmax_function: the vector function that makes probabilities of scores.
    tokens, keys: of a step. steps: of all blocks; rounds: that the busiest core takes.
    split: shares of a block's keys. slots: blocks of keys and values that a core holds.
    """

    shape: AttentionShape
    query_bits: Bits
    key_bits: Bits
    value_bits: Bits
    queries_on_chip: bool
    cache_on_chip: bool
    converted_bits: int
    probability_bits: Bits
    accumulator_bits: int
    result_bits: Bits
    store_bits: Bits
    epilogue: tuple[tuple[str, float], ...]
    softmax_function: str = "softmax"
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

    def passes(self, cores: int, cache_bytes: float) -> int:
        """How often keys and values come from main memory: once if those in use stay cached.

        Blocks of a head that run at once walk in step and share what they read.
        """
        s = self.shape
        blocks = -(-s.query_tokens // self.tokens) * self.split
        heads = min(s.count, -(-cores // blocks) + 1)
        held = heads * s.context_tokens * s.head_dim * (self.key_bits + self.value_bits) / 8
        return 1 if held <= cache_bytes else -(-blocks // cores)

    @property
    def converted_bytes(self) -> int:
        """Of the keys and values of one step in the unit's format, if they are converted."""
        return tile_bytes(2 * self.keys * self.shape.head_dim, self.converted_bits)

    @property
    def taken_bytes(self) -> int:
        """Of the keys and values of one step, as the unit takes them."""
        return self.converted_bytes or self.key_value_bytes

    def memory_bytes(self, cores: int, cache_bytes: float) -> int:
        """From and to main memory, over all steps."""
        s, passes = self.shape, self.passes(cores, cache_bytes)
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
        work = [VectorWork(self.softmax_function, self.rows * self.keys, self.rows)]
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
    """Of the queries of one block, near the units."""
    return tile_bytes(grid.rows * grid.shape.head_dim, grid.query_bits)


def stage_bytes(grid: AttentionGrid) -> int:
    """Of the keys and values of one step near the units, with their converted copies."""
    return grid.key_value_bytes + grid.converted_bytes


def cut(grid: AttentionGrid, tokens: int, keys: int, cores: int) -> AttentionGrid:
    """The grid with blocks of this size, dealt out to `cores`."""
    shape = grid.shape
    total, longest = steps_of(shape, tokens, keys)
    blocks = shape.count * -(-shape.query_tokens // tokens)
    split = min(longest, -(-cores // blocks)) if blocks < cores else 1
    steps = shape.count * total
    rounds = max(-(-steps // cores), -(-longest // split))
    return replace(grid, tokens=tokens, keys=keys, steps=steps, rounds=rounds, split=split)


class AttentionCosts(ABC):
    """What a core takes for steps of fused attention on one of its matrix units.

    shares_pipes: whether products and vector work are done by the same pipes.
    tolerance: block sizes whose times are this close are equal.
    """

    shares_pipes = False
    tolerance = TIME_TOLERANCE

    def __init__(self, resources: StepResources[Any], unit: MatrixUnit[Any]) -> None:
        self.resources, self.unit = resources, unit

    @abstractmethod
    def slots(self, grid: AttentionGrid) -> int:
        """Steps whose keys and values a core has at once; 0 if a block does not fit it."""

    @abstractmethod
    def near_bytes(self, grid: AttentionGrid, tile: Tile) -> int:
        """Bytes that a product reads from the memory near the units."""

    @abstractmethod
    def near_cycles(self, grid: AttentionGrid, tile: Tile) -> int:
        """Cycles in which they are read."""

    def product_cycles(self, grid: AttentionGrid, tile: Tile) -> int:
        """Until the units can take the next product."""
        return max(self.near_cycles(grid, tile), gang_interval(self.unit, tile))

    def step_cycles(self, grid: AttentionGrid) -> tuple[int, int, int]:
        """Cycles of one step on a core: scores, vector work, context."""
        scores, context = (self.product_cycles(grid, each) for each in grid.products())
        work = [*grid.softmax(), *grid.conversion()]
        return scores, vector_cycles(self.resources.core.vector_unit, work), context


def best_cut(
    grid: AttentionGrid,
    costs: AttentionCosts,
    cache_bytes: float,
    fixed: tuple[int | None, int | None] = (None, None),
) -> AttentionGrid | None:
    """The fastest block size that fits a core, of equals the one with most bytes in flight.

    None if none fits.
    """
    shape = grid.shape
    tokens = {max(1, min(shape.query_tokens, rows // shape.query_heads)) for rows in ROWS}
    keys = {min(size, shape.context_tokens) for size in KEYS}
    found = [
        cut(grid, t, k, costs.resources.machine.cores)
        for t in sorted({fixed[0]} if fixed[0] else tokens)
        for k in sorted({fixed[1]} if fixed[1] else keys)
    ]
    held = [replace(each, slots=costs.slots(each)) for each in found]
    timed = [
        (estimated_cycles(each, costs, cache_bytes), each)
        for each in held
        if each.slots > 1 or each.slots == each.rounds
    ]
    if not timed:
        return None
    limit = costs.tolerance * min(cycles for cycles, _ in timed)
    good = [grid for cycles, grid in timed if cycles <= limit]
    return max(good, key=lambda grid: (grid.slots * grid.keys, grid.rows * grid.keys))


def estimated_cycles(grid: AttentionGrid, costs: AttentionCosts, cache_bytes: float) -> int:
    """Rounds times the slowest of matrix units, vector unit and caches, latencies covered."""
    scores, vector, context = costs.step_cycles(grid)
    resources = costs.resources
    everywhere, one = resources.cache_bytes_per_cycle
    cache = max(
        grid.steps / grid.rounds * grid.key_value_bytes / everywhere, grid.key_value_bytes / one
    )
    moved = grid.memory_bytes(resources.machine.cores, cache_bytes)
    memory = moved / float(resources.bytes_per_cycle)
    latencies = resources.latency_cycles + resources.cache_latency_cycles
    busy = scores + context + vector if costs.shares_pipes else max(scores + context, vector)
    whole = latencies + cache + memory / grid.rounds + scores + vector + context
    # A round's place is free only when its context is done, behind the next one's scores.
    each = max(busy, cache, whole / max(1, grid.slots - 1))
    return int(max(grid.rounds * each, memory) + whole)
