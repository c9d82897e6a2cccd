"""The tiling search: bytes counted tile by tile, capacities, and the choice itself."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.hardware.matrix_unit import Tile
from simulator.mapping.gemm_search import GemmSearch
from simulator.mapping.gemm_use import whole_bytes
from simulator.mapping.resources import NpuResources
from simulator.mapping.tiling import (
    TIME_TOLERANCE,
    Budget,
    GemmProblem,
    GemmTiling,
    candidate_sizes,
    gang_interval,
    tile_bytes,
)
from tests.mapping.small import machine
from tests.mapping.test_nest import own_tiles

UNIT = NpuResources(machine()).matrix_units[0]  # 4x4, weight stationary, double buffered
ORDERS = ("mn", "nm")


def problem(m: int, n: int, k: int, count: int = 1, **changes: float) -> GemmProblem:
    """An int8 GEMM whose outputs are stored as int8."""
    numbers = {
        "input_bits": 8,
        "weight_bits": 8,
        "converted_weight_bits": 0,
        "accumulator_bits": 32,
        "extra_bits": 0,
        "store_bits": 8,
        "staging_bits": 0,
        "vector_cycles": 0,
    }
    return GemmProblem(count, m, n, k, **{**numbers, **changes})  # type: ignore[arg-type]


def budget(cores: int = 1, scratchpad: int = 1 << 40, bytes_per_cycle: float = 4) -> Budget:
    return Budget(scratchpad, 1 << 40, 2, 2, cores, bytes_per_cycle, 10)


def counted_bytes(p: GemmProblem, tiling: GemmTiling) -> int:
    """Main-memory bytes, by walking every core through its loops.

    A core holds one tile of each operand, and loads it when it is another one
    than before; if the operand is kept, only when it has never had it. Outputs are
    stored once.
    """
    moved = p.count * p.m * p.n * (p.extra_bits + p.store_bits)
    loops = tiling.dimensions(p)
    names = [dim.name for dim in loops]
    for core in range(tiling.schedule.ways):
        held: dict[str, set[tuple[int, ...]]] = {"inputs": set(), "weights": set()}
        for indices in product(*(own_tiles(dim, core) for dim in loops)):
            at = dict(zip(names, indices, strict=True))
            size = {dim.name: dim.size(at[dim.name]) for dim in loops}
            for operand, (x, y), bits in (
                ("inputs", ("m", "k"), p.input_bits),
                ("weights", ("k", "n"), p.weight_bits),
            ):
                tile = (at["count"], at[x], at[y])
                if tile not in held[operand]:
                    moved += size[x] * size[y] * bits
                    if not getattr(tiling.schedule, f"keep_{operand}"):
                        held[operand].clear()
                    held[operand].add(tile)
    assert moved % 8 == 0
    return int(moved) // 8


def compulsory_bytes(p: GemmProblem) -> int:
    bits = p.m * p.k * p.input_bits + p.k * p.n * p.weight_bits
    return int(p.count * (bits + p.m * p.n * (p.extra_bits + p.store_bits))) // 8


sizes = st.integers(1, 14)


@settings(max_examples=200)
@given(
    sizes, sizes, sizes, st.integers(1, 3), st.tuples(sizes, sizes, sizes),
    st.sampled_from(ORDERS), st.integers(1, 3), st.sampled_from([0, 8, 16]), st.integers(0, 99),
)  # fmt: skip
def test_traffic_is_what_the_loops_load(m, n, k, count, tile, order, cores, weight_bits, spare):  # type: ignore[no-untyped-def]
    p = problem(m, n, k, count, weight_bits=weight_bits, extra_bits=16)
    least, _ = GemmSearch(p, UNIT, budget(cores), tile, (order,)).smallest()
    tiling = GemmSearch(p, UNIT, budget(cores, least + spare), tile, (order,)).best()
    assert tiling is not None and tiling.schedule.order == order
    assert tiling.tile == Tile(min(m, tile[0]), min(n, tile[1]), min(k, tile[2]))
    assert tiling.traffic_bytes == counted_bytes(p, tiling)
    assert tiling.traffic_bytes >= compulsory_bytes(p)


def test_traffic_by_hand() -> None:
    # 12 x 12 x 8 in tiles of 4 x 4 x 8: inputs and weights have 96 bytes, outputs 144.
    #   mn: inputs once, weights once per row of tiles (3 x 96): 528 bytes.
    #   nm: the other way round, the same by symmetry.
    # In tiles of 4 x 4 x 4, k changes innermost: inputs and weights three times each: 720.
    # There is room for two tiles of each operand and no more.
    p = problem(12, 12, 8)
    for order in ORDERS:
        whole_k = GemmSearch(p, UNIT, budget(scratchpad=128), (4, 4, 8), (order,)).best()
        split_k = GemmSearch(p, UNIT, budget(scratchpad=64), (4, 4, 4), (order,)).best()
        assert whole_k is not None and whole_k.traffic_bytes == 528
        assert split_k is not None and split_k.traffic_bytes == 720


def test_kept_operands_by_hand() -> None:
    # The same in tiles of 4 x 4 x 4, 16 bytes each, order mn. Two slots for an operand that
    # is not kept. Kept inputs: two tiles of a row and two of the next, 4 slots; kept
    # weights: all 6.
    p = problem(12, 12, 8)
    for scratchpad, kept, traffic in (
        (95, (False, False), 3 * 96 + 3 * 96 + 144),
        (96, (True, False), 96 + 3 * 96 + 144),
        (160, (True, True), 96 + 96 + 144),
    ):
        tiling = GemmSearch(p, UNIT, budget(scratchpad=scratchpad), (4, 4, 4), ("mn",)).best()
        assert tiling is not None
        assert (tiling.schedule.keep_inputs, tiling.schedule.keep_weights) == kept
        assert tiling.traffic_bytes == traffic
        assert tiling.scratchpad_bytes <= scratchpad


def test_footprint_by_hand() -> None:
    # 16 x 16 x 16 in 8 x 8 x 8, double buffered, one byte each: 2 x 64 of inputs and
    # 2 x 64 of weights; accumulators 2 x 64 x 4 bytes.
    tiling = GemmSearch(problem(16, 16, 16), UNIT, budget(scratchpad=256), (8, 8, 8)).best()
    assert tiling is not None
    assert (tiling.scratchpad_bytes, tiling.accumulator_bytes) == (256, 512)
    # A GEMM of one tile has no use for a second buffer.
    tiling = GemmSearch(problem(8, 8, 8), UNIT, budget(), (8, 8, 8)).best()
    assert tiling is not None
    assert (tiling.scratchpad_bytes, tiling.accumulator_bytes) == (128, 256)


@settings(max_examples=60)
@given(
    sizes, sizes, sizes, st.integers(1, 2), st.integers(1, 3),
    st.integers(20, 600), st.integers(16, 2000), st.sampled_from([0.3, 4.0, 1000.0]),
)  # fmt: skip
def test_best_fits_and_is_best(m, n, k, count, cores, scratchpad, psums, bandwidth):  # type: ignore[no-untyped-def]
    """Against every candidate on its own: fits, and within the tolerance of the shortest."""
    p = problem(m, n, k, count)
    room = Budget(scratchpad, psums, 2, 2, cores, bandwidth, 10)
    search = GemmSearch(p, UNIT, room)
    best = search.best()
    candidates = [
        single
        for tile in product(*search.grid.sizes)
        for order in ORDERS
        if (single := GemmSearch(p, UNIT, room, tile, (order,)).best()) is not None
    ]
    if best is None:
        assert not candidates
        least = search.smallest()
        assert least[0] > scratchpad or least[1] > psums or len(search.grid.tiles) > 1
        return
    assert best.scratchpad_bytes <= scratchpad
    assert best.accumulator_bytes <= psums
    shortest = min(candidate.estimated_cycles for candidate in candidates)
    assert best.estimated_cycles <= TIME_TOLERANCE**2 * shortest
    for candidate in candidates:
        if candidate.estimated_cycles <= shortest:
            assert best.traffic_bytes <= candidate.traffic_bytes
        # The estimate is never below what peak compute and full bandwidth need.
        assert candidate.estimated_cycles >= p.macs // (16 * cores)
        assert candidate.estimated_cycles >= int(candidate.traffic_bytes / bandwidth)


@settings(max_examples=60)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), st.sampled_from([1, 16, 512]))
def test_what_can_stay_is_loaded_once(m: int, n: int, k: int, bandwidth: int) -> None:
    """With room for both operands, every word crosses the memory bus once."""
    p = problem(m, n, k)
    best = GemmSearch(p, UNIT, budget(bytes_per_cycle=bandwidth)).best()
    assert best is not None
    assert best.traffic_bytes == compulsory_bytes(p)


def test_smaller_operand_stays_when_both_do_not_fit() -> None:
    # 64 x 4096 inputs, 4096 x 4096 weights: the inputs (256 KiB) fit, the weights
    # (16 MiB) do not; everything can still be loaded once.
    p = problem(64, 4096, 4096)
    best = GemmSearch(p, UNIT, budget(scratchpad=1 << 20)).best()
    assert best is not None
    assert best.traffic_bytes == compulsory_bytes(p)


def test_more_scratchpad_never_means_more_time() -> None:
    # Memory-bound at 0.01 bytes per cycle: time follows the bytes.
    p = problem(256, 512, 384)
    found = []
    for kib in (1, 4, 16, 64, 256, 1024):
        room = budget(scratchpad=kib * 1024, bytes_per_cycle=0.01)
        best = GemmSearch(p, UNIT, room).best()
        assert best is not None
        found.append(best)
    for less, more in pairwise(found):
        assert more.estimated_cycles <= TIME_TOLERANCE * less.estimated_cycles
        assert more.traffic_bytes <= less.traffic_bytes
    assert found[0].traffic_bytes > 3 * found[-1].traffic_bytes
    assert found[-1].traffic_bytes == compulsory_bytes(p)


def test_nothing_fits() -> None:
    # 4 x 4 x 4 is the smallest grain: two buffers of 16 + 16 bytes.
    p = problem(64, 64, 64)
    search = GemmSearch(p, UNIT, budget(scratchpad=39))
    assert search.best() is None
    assert search.smallest()[0] == 2 * (1 * 4 + 4 * 4)
    assert GemmSearch(p, UNIT, budget(scratchpad=40)).best() is not None


def test_sizes_too_large_for_64_bits() -> None:
    """2**31 x 2**31 inputs are 2**62 elements: nothing overflows."""
    side = 2**31 - 1
    p = problem(side, 1, side, input_bits=16)
    best = GemmSearch(p, UNIT, budget(scratchpad=1 << 20)).best()
    assert best is not None
    assert 0 < best.scratchpad_bytes <= 1 << 20
    assert best.traffic_bytes == pytest.approx(2 * side**2, rel=1e-4)


@given(st.integers(1, 10**6), st.integers(1, 300))
def test_candidate_sizes(total: int, granularity: int) -> None:
    found = candidate_sizes(total, granularity)
    assert total in found
    assert all(1 <= size <= total for size in found)
    assert all(size % granularity == 0 for size in found if size < total)
    assert min(found) <= granularity, "the smallest tile is one grain"


@given(st.integers(1, 10**7), st.fractions(0, 32, max_denominator=20_000))
def test_tile_bytes_round_up(elements: int, bits: Fraction) -> None:
    assert tile_bytes(elements, bits) == math.ceil(elements * bits / 8)
    assert whole_bytes(np.array([float(elements)]), bits).tolist() == [tile_bytes(elements, bits)]


def test_estimate_by_hand() -> None:
    # 10 x 10 x 4 tiles of 4 x 4 x 4 and memory to spare, but 10 cycles away. A fold takes
    # max(T = 4, r = 4) = 4 cycles, an output tile 16; its accumulator is free again when
    # the last fold has come out (its load of 4 and wave of 4 + 4 + 4 - 2 take 10 more than
    # its 4) and been stored (10). Two accumulators: one output tile per (16 + 20) / 2
    # cycles. Before the first fold: 10 until its operands are there, behind the last: 10.
    p = problem(40, 40, 16)
    tiling = GemmSearch(p, UNIT, budget(bytes_per_cycle=1e6), (4, 4, 4)).best()
    assert gang_interval(UNIT, Tile(4, 4, 4)) == 4
    assert tiling is not None and tiling.estimated_cycles == 100 * 18 + 10 + 10
