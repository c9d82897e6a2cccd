"""Blocks of fused attention: what fits, and how long it should take."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, repeat
from typing import Any, NamedTuple

from simulator.hardware.matrix_unit import MatrixUnit, Tile
from simulator.hardware.vector_unit.spec import VectorUnitSpec
from simulator.hardware.vector_unit.work import VectorWork, vector_cycles
from simulator.mapping.tiling import (
    TIME_TOLERANCE,
    Budget,
    candidate_sizes,
    gang_interval,
    gang_latency,
    tile_bytes,
)
from simulator.workload.bits import Bits
from simulator.workload.operators import AttentionShape

REMEMBERED_BLOCKINGS, REMEMBERED_UNITS = 1024, 16
MAX_STEPS = 4096
"""Block pairs per head beyond which a blocking is only tried if none has fewer than half."""


@dataclass(frozen=True, slots=True)
class AttentionProblem:
    """`shape.count` key/value heads of equal lengths; storage bits per element.

    query_bits, key_bits, value_bits, store_bits: 0 when the tensor is on chip.
    converted_bits: of keys and values in the unit's format, 0 when stored in it.
    probability_bits: of the softmax result as it feeds the matrix unit.
    epilogue: vector functions with their elements per element of the output.
    softmax_function: the vector function that makes probabilities of scores.
    """

    shape: AttentionShape
    query_bits: Bits
    key_bits: Bits
    value_bits: Bits
    converted_bits: int
    probability_bits: Bits
    accumulator_bits: int
    store_bits: Bits
    staging_bits: Bits
    epilogue: tuple[tuple[str, float], ...] = ()
    softmax_function: str = "softmax"


@dataclass(frozen=True, slots=True)
class Step:
    """One block pair: `rows` query rows against `keys` visible keys.

    held_keys: keys and values fetched for the block and held until it is freed.
    load_*/free_*: whether the block is fetched before and given up after.
    """

    rows: int
    keys: int
    held_keys: int
    first_of_row: bool
    last_of_row: bool
    load_key_value: bool
    free_key_value: bool


@dataclass(frozen=True, slots=True)
class AttentionTiling:
    """query_tokens x keys blocks; `heads` key/value heads side by side on as many units.

    keep: a head's keys and values stay on chip while its query blocks pass.
    """

    query_tokens: int
    keys: int
    heads: int
    keep: bool
    key_value_slots: int
    scratchpad_bytes: int
    accumulator_bytes: int
    traffic_bytes: int
    estimated_cycles: int

    def steps(self, shape: AttentionShape) -> Iterator[Step]:
        """Block pairs of one head in order, fully masked ones left out."""
        for count, step in self.runs(shape):
            yield from repeat(step, count)

    def runs(self, shape: AttentionShape) -> Iterator[tuple[int, Step]]:
        """The same, equal neighbours counted."""
        blocks = -(-shape.query_tokens // self.query_tokens)
        before = shape.context_tokens - shape.query_tokens
        loaded = 0
        for block in range(blocks):
            tokens = min(self.query_tokens, shape.query_tokens - block * self.query_tokens)
            seen = shape.context_tokens
            if shape.causal:
                seen = before + block * self.query_tokens + tokens
            columns = -(-seen // self.keys)
            cuts = sorted({0, 1, min(loaded, columns), columns - 1, columns})
            for column, end in pairwise(cuts):
                visible = min(self.keys, seen - column * self.keys)
                whole = min(self.keys, shape.context_tokens - column * self.keys)
                yield (
                    end - column,
                    Step(
                        rows=tokens * shape.query_heads,
                        keys=visible,
                        held_keys=whole if self.keep else visible,
                        first_of_row=column == 0,
                        last_of_row=end == columns,
                        load_key_value=not self.keep or column >= loaded,
                        free_key_value=not self.keep or block == blocks - 1,
                    ),
                )
            loaded = columns


def tile_attention(
    problem: AttentionProblem,
    unit: MatrixUnit[Any],
    budget: Budget,
    vector_unit: VectorUnitSpec,
    fixed: tuple[int | None, int | None] = (None, None),
) -> tuple[AttentionTiling | None, tuple[int, int]]:
    """The best blocking, and the least scratchpad and accumulator bytes any blocking needs.

    fixed: query tokens and keys per block where the user chose them.
    """
    shape, vector_unit = problem.shape, _one_of_equal(vector_unit)
    fitting: list[AttentionTiling] = []
    least = (1 << 62, 1 << 62)
    grain = unit.granularity
    query_grain = max(1, grain.k // shape.query_heads)
    for tokens in _sizes(shape.query_tokens, query_grain, fixed[0]):
        for keys in _sizes(shape.context_tokens, max(grain.n, grain.k), fixed[1]):
            for heads in _side_by_side(unit, shape, budget.cores):
                for keep in (True, False):
                    tiling = _footprint(problem, budget, tokens, keys, heads, keep)
                    least = (
                        min(least[0], tiling.scratchpad_bytes),
                        min(least[1], tiling.accumulator_bytes),
                    )
                    if _fits(tiling, budget):
                        fitting.append(tiling)
    if not fitting:
        return None, least
    most = max(MAX_STEPS, 2 * min(_pairs(shape, tiling) for tiling in fitting))
    timed = [
        _timed(problem, unit, budget, tiling, vector_unit)
        for tiling in fitting
        if _pairs(shape, tiling) <= most
    ]
    limit = TIME_TOLERANCE * min(tiling.estimated_cycles for tiling in timed)
    good = [tiling for tiling in timed if tiling.estimated_cycles <= limit]
    return min(good, key=lambda t: (t.traffic_bytes, -t.query_tokens * t.keys)), least


def _sizes(total: int, grain: int, choice: int | None) -> list[int]:
    return candidate_sizes(total, grain) if choice is None else [min(total, choice)]


def _side_by_side(unit: MatrixUnit[Any], shape: AttentionShape, cores: int) -> list[int]:
    """One head at a time on all units, or as many as there are units, or the next fewer that
    divide the heads: 7 of 28 heads on 8 units."""
    for heads in range(unit.spec.count, 1, -1):
        if shape.count % (heads * cores) == 0:
            return [1, heads]
    return [1]


def _fits(tiling: AttentionTiling, budget: Budget) -> bool:
    if budget.accumulator_bytes is not None and tiling.accumulator_bytes > budget.accumulator_bytes:
        return False
    return tiling.scratchpad_bytes <= budget.scratchpad_bytes


def _pairs(shape: AttentionShape, tiling: AttentionTiling) -> int:
    """Block pairs per head, masked ones included."""
    blocks = -(-shape.query_tokens // tiling.query_tokens)
    return blocks * -(-shape.context_tokens // tiling.keys)


def _footprint(
    problem: AttentionProblem, budget: Budget, tokens: int, keys: int, heads: int, keep: bool
) -> AttentionTiling:
    shape = problem.shape
    rows, depth = tokens * shape.query_heads * heads, shape.head_dim
    blocks = -(-shape.query_tokens // tokens)
    columns = -(-shape.context_tokens // keys)
    keep = keep and blocks > 1
    steps = blocks * columns * -(-shape.count // heads)
    buffers = min(budget.buffers, steps)
    groups = min(budget.buffers, -(-shape.count // heads))
    slots = columns * groups if keep else buffers
    key_value = tile_bytes(keys * depth * heads, problem.key_bits + problem.value_bits)
    key_value += 2 * tile_bytes(keys * depth * heads, problem.converted_bits)
    scratchpad = slots * key_value
    scratchpad += buffers * tile_bytes(rows * depth, problem.query_bits + problem.staging_bits)
    scratchpad += buffers * tile_bytes(rows * keys, problem.probability_bits)
    psums = min(budget.accumulator_buffers, steps) * (
        tile_bytes(rows * keys, problem.accumulator_bits)
        + tile_bytes(rows * depth, problem.accumulator_bits)
    )
    if budget.accumulator_bytes is None:
        scratchpad, psums = scratchpad + psums, 0
    return AttentionTiling(tokens, keys, heads, keep, slots, scratchpad, psums, 0, 0)


def _timed(
    problem: AttentionProblem,
    unit: MatrixUnit[Any],
    budget: Budget,
    tiling: AttentionTiling,
    vector_unit: VectorUnitSpec,
) -> AttentionTiling:
    """Fill in traffic and estimated cycles of the busiest core."""
    shape, depth = problem.shape, problem.shape.head_dim
    compute, vector, steps, loads, key_bytes = _head_work(problem, unit, tiling, vector_unit)
    groups = -(-shape.count // tiling.heads)
    rows = shape.query_heads * tiling.heads * shape.query_tokens
    moved = key_bytes + tile_bytes(rows * depth, problem.query_bits + problem.store_bits)
    rounds = -(-groups // budget.cores)
    used = min(budget.cores, groups)
    memory = moved * used / budget.bytes_per_cycle
    first = key_bytes / max(loads, 1) * used / budget.bytes_per_cycle if key_bytes else 0.0
    latency = budget.latency_cycles if key_bytes else 0
    chain = (latency + first) * loads / tiling.key_value_slots
    period = max(compute, vector, memory, chain)
    block = Tile(shape.query_heads * tiling.query_tokens, tiling.keys, depth)
    fill = latency + first + gang_latency(unit, block)
    return AttentionTiling(
        tiling.query_tokens,
        tiling.keys,
        tiling.heads,
        tiling.keep,
        tiling.key_value_slots,
        tiling.scratchpad_bytes,
        tiling.accumulator_bytes,
        moved * groups,
        int(rounds * period + fill + (compute + vector) / max(steps, 1)),
    )


@lru_cache(maxsize=REMEMBERED_UNITS)
def _one_of_equal(vector_unit: VectorUnitSpec) -> VectorUnitSpec:
    """The same one for equal ones, which are found sooner so."""
    return vector_unit


class _HeadWork(NamedTuple):
    """Of one group of heads: cycles of the units, block pairs, loads of keys and values."""

    compute: int
    vector: int
    steps: int
    loads: int
    key_bytes: int


@lru_cache(maxsize=REMEMBERED_BLOCKINGS)
def _head_work(
    problem: AttentionProblem,
    unit: MatrixUnit[Any],
    tiling: AttentionTiling,
    vector_unit: VectorUnitSpec,
) -> _HeadWork:
    """What a blocking comes to however fast the memory is."""
    shape = problem.shape
    compute = vector = key_bytes = steps = loads = 0
    depth, converted = shape.head_dim, problem.converted_bits
    for count, step in tiling.runs(shape):
        for product in (Tile(step.rows, step.keys, depth), Tile(step.rows, depth, step.keys)):
            compute += count * step_cycles(unit, product, tiling.heads)
        work = softmax_work(problem, step, tiling.heads)
        if step.last_of_row:
            work += output_work(step.rows * tiling.heads * depth, problem.epilogue)
        if step.load_key_value and converted:
            work.append(VectorWork("dequantise", 2 * step.held_keys * depth * tiling.heads))
        vector += count * vector_cycles(vector_unit, work)
        steps += count
        if step.load_key_value:
            loads += count
            elements = step.held_keys * depth * tiling.heads
            key_bytes += count * tile_bytes(elements, problem.key_bits + problem.value_bits)
    return _HeadWork(compute, vector, steps, loads, key_bytes)


def softmax_work(problem: AttentionProblem, step: Step, heads: int) -> list[VectorWork]:
    """Softmax of a block pair; after the first of a row it also rescales the sums so far."""
    rows = step.rows * heads
    work = [VectorWork(problem.softmax_function, rows * step.keys, rows)]
    if not step.first_of_row:
        work.append(VectorWork("multiply", rows * problem.shape.head_dim))
    return work


def output_work(outputs: int, epilogue: tuple[tuple[str, float], ...]) -> list[VectorWork]:
    """Division by the softmax's sums, then what is fused behind the attention."""
    return [
        VectorWork("multiply", outputs),
        *(VectorWork(function, math.ceil(outputs * share)) for function, share in epilogue),
    ]


def step_cycles(unit: MatrixUnit[Any], tile: Tile, heads: int) -> int:
    """Interval of one product per head: a unit each, or all units on the one head."""
    return gang_interval(unit, tile) if heads == 1 else unit.timing(tile).interval_cycles
