"""Tilings of a GEMM: what fits, how many bytes it moves, how long it should take.

The search goes best first over an admissible lower bound (compute at peak,
memory at full bandwidth). Among tilings within `TIME_TOLERANCE` of the shortest
estimated time it takes the one with the least main-memory traffic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.matrix_unit import MatrixUnit, Tile
from simulator.mapping.nest import Dimension

Order = Literal["mn", "nm"]
Parallel = Literal["count", "m", "n"]

Numbers = NDArray[np.float64]
"""Whole numbers, exact up to 2**53; sizes of any GEMM that is allowed do not overflow."""

MAX_EVALUATIONS = 128
"""Candidates timed exactly per search; the bound often stops it earlier."""

TIME_TOLERANCE = 1.01
"""Tilings this close in estimated time are ranked by traffic: less energy, less contention."""


@dataclass(frozen=True, slots=True)
class GemmProblem:
    """`count` products `[m, k] · [k, n]`, each with operands of its own.

    *_bits: storage bits per element; 0 for an operand or output that is on chip.
    converted_weight_bits: of the copy in the unit's format, 0 when none is made.
    extra_bits: per output element, of further inputs that the epilogue loads.
    store_bits: per GEMM output element, of what goes to main memory.
    staging_bits: per GEMM output element, of the epilogue's result on chip.
    vector_cycles: of the whole epilogue and conversion, on one vector unit.
    """

    count: int
    m: int
    n: int
    k: int
    input_bits: float
    weight_bits: float
    converted_weight_bits: float
    accumulator_bits: int
    extra_bits: float
    store_bits: float
    staging_bits: float
    vector_cycles: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the problem."""
        return self.count * self.m * self.n * self.k


@dataclass(frozen=True, slots=True)
class Budget:
    """What a GEMM may use.

    scratchpad_bytes, accumulator_bytes: free capacity; accumulator None when
        partial sums live in the scratchpad.
    buffers: tiles of one operand held at once.
    cores, bytes_per_cycle, latency_cycles: of the machine and its memory.
    """

    scratchpad_bytes: int
    accumulator_bytes: int | None
    buffers: int
    accumulator_buffers: int
    cores: int
    bytes_per_cycle: float
    latency_cycles: int


@dataclass(frozen=True, slots=True)
class GemmTiling:
    """A tiling with its footprint and estimates (cycles of the core clock)."""

    tile: Tile
    order: Order
    parallel: Parallel
    ways: int
    traffic_bytes: int
    scratchpad_bytes: int
    accumulator_bytes: int
    estimated_cycles: int

    def dimensions(self, problem: GemmProblem) -> tuple[Dimension, ...]:
        """Loops from the outermost: count, then m and n in order, then k."""

        def dimension(name: str, total: int, tile: int) -> Dimension:
            return Dimension(name, total, tile, self.ways if name == self.parallel else 1)

        middle = {
            "m": dimension("m", problem.m, self.tile.m),
            "n": dimension("n", problem.n, self.tile.n),
        }
        return (
            dimension("count", problem.count, 1),
            *(middle[name] for name in self.order),
            dimension("k", problem.k, self.tile.k),
        )


def tile_bytes(elements: int, bits: float) -> int:
    """Bytes of a tile, rounded up."""
    return -int(-elements * bits // 8)


def candidate_sizes(total: int, granularity: int) -> list[int]:
    """Tile sizes worth trying: even shares of `total`, in multiples of the granularity.

    Ascending; the smallest is the granularity itself, so that what fits at all is found.
    """
    sizes = {total, min(total, granularity)}
    parts = 1
    while True:
        for share in (parts, parts + parts // 2):
            if share:
                size = -(-total // share)
                sizes.add(min(total, -(-size // granularity) * granularity))
        if total // parts <= granularity:
            return sorted(sizes)
        parts *= 2


class GemmSearch:
    """All candidate tilings of one problem on one unit, and the best of them."""

    def __init__(
        self,
        problem: GemmProblem,
        unit: MatrixUnit[Any],
        budget: Budget,
        fixed: tuple[int | None, int | None, int | None] = (None, None, None),
        orders: tuple[Order, ...] = ("mn", "nm"),
    ) -> None:
        self.problem = problem
        self.unit = unit
        self.budget = budget
        self.orders = orders
        best = unit.granularity
        totals = (problem.m, problem.n, problem.k)
        steps = (best.m, best.n, best.k)
        self.sizes = [
            [min(total, choice)] if choice else candidate_sizes(total, step)
            for total, step, choice in zip(totals, steps, fixed, strict=True)
        ]

    @cached_property
    def grid(self) -> Numbers:
        """Candidate tiles, one `(m, n, k)` per row."""
        return np.array(list(product(*self.sizes)), dtype=np.float64)

    def footprint(self) -> tuple[Numbers, Numbers]:
        """Scratchpad and accumulator bytes that each tile of the grid needs."""
        p, b = self.problem, self.budget
        m, n, k = self.grid.T
        tiles_m, tiles_n, tiles_k = -(-p.m // m), -(-p.n // n), -(-p.k // k)

        def held(elements: Numbers, bits: float, tiles: Numbers) -> Numbers:
            return np.ceil(elements * bits / 8) * np.minimum(tiles * p.count, b.buffers)

        scratchpad = held(m * k, p.input_bits, tiles_m * tiles_k)
        scratchpad += held(k * n, p.weight_bits, tiles_n * tiles_k)
        scratchpad += held(k * n, p.converted_weight_bits, tiles_n * tiles_k)
        scratchpad += held(m * n, p.extra_bits, tiles_m * tiles_n)
        scratchpad += held(m * n, p.staging_bits, tiles_m * tiles_n)
        psums = np.ceil(m * n * p.accumulator_bits / 8)
        psums *= np.minimum(tiles_m * tiles_n * p.count, b.accumulator_buffers)
        if b.accumulator_bytes is None:
            return scratchpad + psums, np.zeros_like(psums)
        return scratchpad, psums

    def best(self) -> GemmTiling | None:
        """The best tiling, or None when nothing fits."""
        scratchpad, psums = self.footprint()
        fits = scratchpad <= self.budget.scratchpad_bytes
        if self.budget.accumulator_bytes is not None:
            fits &= psums <= self.budget.accumulator_bytes
        rows = np.flatnonzero(fits)
        if not rows.size:
            return None
        bounds: list[tuple[int, int, int, Order, Parallel, int]] = []
        for order in self.orders:
            for parallel, ways in self._parallel():
                traffic = self._traffic(rows, order, parallel, ways)
                bound = self._lower_bound(rows, traffic, parallel, ways)
                bounds.extend(
                    (int(bound[i]), int(traffic[i]), int(row), order, parallel, ways)
                    for i, row in enumerate(rows)
                )
        bounds.sort(key=lambda item: item[:2])
        timed: list[GemmTiling] = []
        shortest = float("inf")
        for low, traffic_bytes, row, order, parallel, ways in bounds[:MAX_EVALUATIONS]:
            if low > TIME_TOLERANCE * shortest:
                break
            m, n, k = (int(size) for size in self.grid[row])
            cycles = self._estimate(Tile(m, n, k), order, parallel, ways, traffic_bytes)
            shortest = min(shortest, cycles)
            timed.append(
                GemmTiling(
                    Tile(m, n, k), order, parallel, ways, traffic_bytes,
                    int(scratchpad[row]), int(psums[row]), cycles,
                )
            )  # fmt: skip
        good = [tiling for tiling in timed if tiling.estimated_cycles <= TIME_TOLERANCE * shortest]
        return min(good, key=lambda tiling: (tiling.traffic_bytes, tiling.estimated_cycles))

    def smallest(self) -> tuple[int, int]:
        """Scratchpad and accumulator bytes of the tiles that need the least of each."""
        scratchpad, psums = self.footprint()
        return int(scratchpad.min()), int(psums.min())

    def _parallel(self) -> Iterator[tuple[Parallel, int]]:
        """Ways to deal tiles out to the cores."""
        cores = self.budget.cores
        if cores == 1:
            yield "n", 1
            return
        if self.problem.count > 1:
            yield "count", cores
        yield "n", cores
        yield "m", cores

    def _traffic(
        self, rows: NDArray[np.int64], order: Order, parallel: Parallel, ways: int
    ) -> Numbers:
        """Main-memory bytes: an operand is loaded anew whenever its tile changes."""
        p = self.problem
        m, n, k = self.grid[rows].T
        split_k = -(-p.k // k) > 1
        dealt = (ways if parallel == "m" else 1, ways if parallel == "n" else 1)
        inputs = _fetched((p.m, m, dealt[0]), (p.n, n, dealt[1]), split_k, order == "nm")
        weights = _fetched((p.n, n, dealt[1]), (p.m, m, dealt[0]), split_k, order == "mn")
        bits = inputs * p.k * p.input_bits + weights * p.k * p.weight_bits
        bits += p.m * p.n * (p.extra_bits + p.store_bits)
        return np.asarray(np.ceil(p.count * bits / 8))

    def _lower_bound(
        self, rows: NDArray[np.int64], traffic: Numbers, parallel: Parallel, ways: int
    ) -> Numbers:
        """No tiling can be faster: peak compute of the cores used, or full bandwidth."""
        p, b = self.problem, self.budget
        m, n, _ = self.grid[rows].T
        dealt = {"count": np.full_like(m, p.count), "m": -(-p.m // m), "n": -(-p.n // n)}[parallel]
        used = np.minimum(ways, dealt)
        compute = p.macs / (self.unit.macs_per_cycle * self.unit.spec.count * used)
        memory = traffic / b.bytes_per_cycle
        return np.asarray(np.floor(np.maximum(np.maximum(compute, p.vector_cycles / used), memory)))

    def _estimate(
        self, tile: Tile, order: Order, parallel: Parallel, ways: int, traffic_bytes: int
    ) -> int:
        """Time of the busiest core: the slowest resource, plus fill and drain."""
        p, b = self.problem, self.budget
        plan = GemmTiling(tile, order, parallel, ways, 0, 0, 0, 0)
        dims = plan.dimensions(p)
        compute = iterations = 0
        for sizes in product(*(_size_classes(dim) for dim in dims)):
            named = {dim.name: size for dim, (size, _) in zip(dims, sizes, strict=True)}
            times = 1
            for _, repeat in sizes:
                times *= repeat
            edge = Tile(named["m"], named["n"], named["k"])
            compute += times * gang_interval(self.unit, edge)
            iterations += times
        used = min(ways, max(d.tiles for d in dims if d.name == parallel)) if ways > 1 else 1
        load = tile_bytes(tile.m * tile.k, p.input_bits) + tile_bytes(
            tile.k * tile.n, p.weight_bits
        )
        transfer = load * used / b.bytes_per_cycle
        slot_period = (b.latency_cycles + transfer + compute / iterations) / b.buffers
        steady = max(
            compute,
            p.vector_cycles / used,
            traffic_bytes / b.bytes_per_cycle,
            iterations * slot_period if load else 0,
        )
        first = gang_latency(self.unit, tile)
        store = tile_bytes(tile.m * tile.n, p.store_bits) / b.bytes_per_cycle
        share = p.vector_cycles * tile.m * tile.n / (p.count * p.m * p.n)
        return int(
            steady + b.latency_cycles + transfer + first - compute / iterations + share + store
        )


_Extent = tuple[int, Numbers, int]
"""A dimension: total, candidate tile sizes, cores it is dealt out to."""


def _fetched(own: _Extent, other: _Extent, split_k: NDArray[np.bool_], is_inside: bool) -> Numbers:
    """How often, times their extent `own`, an operand's tiles are loaded, over all cores.

    other: the dimension that the operand does not have. While a core walks it, the
    operand stays if it is one tile; it changes all the time if k is split, and if
    the core has several tiles of `own` whose loop is inside.
    """
    total, tile, ways = own
    tiles, tiles_other = -(-total // tile), -(-other[0] // other[1])
    if ways == 1:
        changes = split_k | (is_inside & (tiles > 1))
        return total * np.where(changes, tiles_other, np.minimum(other[2], tiles_other))
    # From one to two rounds, some cores have one tile, which is never the ragged one.
    single = np.where(tiles <= ways, total, np.maximum(0, 2 * ways - tiles) * tile)
    kept = np.where(split_k, 0, single if is_inside else total)
    return (total - kept) * tiles_other + kept


def _size_classes(dim: Dimension) -> list[tuple[int, int]]:
    """`(size, rounds)` of a dimension's full and edge tiles on the busiest core."""
    edge = dim.total - (dim.tiles - 1) * dim.tile
    if dim.ways > 1 or edge == dim.tile:
        return [(dim.tile, dim.rounds)]
    return [(dim.tile, dim.rounds - 1), (edge, 1)] if dim.rounds > 1 else [(edge, 1)]


def gang_interval(unit: MatrixUnit[Any], tile: Tile) -> int:
    """Cycles until a gang of `spec.count` identical units can take the next such tile."""
    return max(unit.timing(share).interval_cycles for share in unit.split(tile, unit.spec.count))


def gang_latency(unit: MatrixUnit[Any], tile: Tile) -> int:
    """Cycles from the first load of a tile to the gang's last output."""
    return max(unit.timing(share).cycles for share in unit.split(tile, unit.spec.count))
