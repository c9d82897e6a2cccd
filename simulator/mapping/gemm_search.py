"""The search for a GEMM's tiling: what fits, how many bytes it moves, how long it should take.

The search goes best first over an admissible lower bound (compute at peak,
memory at full bandwidth). Among tilings within `TIME_TOLERANCE` of the shortest
estimated time it takes the one with the least main-memory traffic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.matrix_unit import MatrixUnit, Tile
from simulator.mapping.extent import Extent, Numbers, loaded_extent
from simulator.mapping.nest import Dimension
from simulator.mapping.tiling import (
    RUNNING_SUM_BITS,
    TIME_TOLERANCE,
    Budget,
    GemmProblem,
    GemmTiling,
    Order,
    Parallel,
    Schedule,
    candidate_sizes,
    gang_interval,
    gang_latency,
    loops,
    preferred,
    tile_bytes,
)

MAX_EVALUATIONS = 128
"""Candidates timed exactly per search; the bound often stops it earlier."""

MORE_EVALUATIONS = 1024
FAR_FROM_BOUND = 2.0
"""As long as the best takes more than so many times the next bound, more are timed: bounds that
are far off (of ports, say, or of rows that an array waits for) rank candidates badly."""


@dataclass(frozen=True, slots=True)
class _Use:
    """What each tile of the grid needs under one schedule.

    cores: that get any tiles.
    input_loads, weight_loads: tiles that a core loads, on average over those used.
    input_share, weight_share: share of its iterations in which it loads any.
    distinct: whether keeping what the schedule keeps makes a difference.
    """

    schedule: Schedule
    cores: Numbers
    input_loads: Numbers
    weight_loads: Numbers
    input_share: Numbers
    weight_share: Numbers
    input_slots: Numbers
    weight_slots: Numbers
    scratchpad: Numbers
    accumulator: Numbers
    traffic: Numbers
    distinct: NDArray[np.bool_]


class GemmSearch:
    """All candidate tilings of one problem on one unit, and the best of them.

    fixed: tile sizes m, n and k where they are given.
    port_cycles: cycles that the on-chip ports need for a tile's operands and sums.
    """

    def __init__(
        self,
        problem: GemmProblem,
        unit: MatrixUnit[Any],
        budget: Budget,
        fixed: tuple[int | None, int | None, int | None] = (None, None, None),
        orders: tuple[Order, ...] = ("mn", "nm"),
        port_cycles: Callable[[Tile], int] = lambda tile: 0,
    ) -> None:
        self.problem = problem
        self.unit = unit
        self.budget = budget
        self.orders = orders
        self.port_cycles = port_cycles
        self._known: dict[tuple[Tile, Parallel, int], tuple[int, int, int]] = {}
        best = unit.granularity
        totals = (problem.m, problem.n, problem.k)
        steps = (best.m, best.n, problem.group or best.k)
        self.sizes = [
            [min(total, choice)] if choice else candidate_sizes(total, step)
            for total, step, choice in zip(totals, steps, fixed, strict=True)
        ]

    @cached_property
    def grid(self) -> Numbers:
        """Candidate tiles, one `(m, n, k)` per row."""
        return np.array(list(product(*self.sizes)), dtype=np.float64)

    def best(self) -> GemmTiling | None:
        """The best tiling, or None when nothing fits."""
        uses = [self._use(schedule) for schedule in self._schedules()]
        candidates = np.concatenate([self._candidates(i, use) for i, use in enumerate(uses)])
        candidates = candidates[np.lexsort((candidates[:, 1], candidates[:, 0]))]
        timed: list[GemmTiling] = []
        shortest = float("inf")
        for low, _, number, row in candidates[:MORE_EVALUATIONS]:
            near = shortest <= FAR_FROM_BOUND * low
            if low > TIME_TOLERANCE * shortest or (near and len(timed) >= MAX_EVALUATIONS):
                break
            timed.append(self._tiling(uses[int(number)], int(row)))
            shortest = min(shortest, timed[-1].estimated_cycles)
        return preferred(timed)

    def smallest(self) -> tuple[int, int]:
        """Scratchpad and accumulator bytes of the tiles that need the least of each."""
        use = self._use(Schedule(self.orders[0]))
        return int(use.scratchpad.min()), int(use.accumulator.min())

    def _schedules(self) -> Iterator[Schedule]:
        for order, (parallel, ways) in product(self.orders, self._parallel()):
            for keep_inputs, keep_weights in product((False, True), repeat=2):
                yield Schedule(order, parallel, ways, keep_inputs, keep_weights)

    def _parallel(self) -> list[tuple[Parallel, int]]:
        """Ways to deal tiles out to the cores."""
        cores = self.budget.cores
        if cores == 1:
            return [("n", 1)]
        dealt: list[tuple[Parallel, int]] = [("n", cores), ("m", cores)]
        return [("count", cores), *dealt] if self.problem.count > 1 else dealt

    def _candidates(self, number: int, use: _Use) -> Numbers:
        """Rows `(lower bound, traffic, number of the use, row of the grid)` of what fits."""
        fits = use.distinct & (use.scratchpad <= self.budget.scratchpad_bytes)
        if self.budget.accumulator_bytes is not None:
            fits &= use.accumulator <= self.budget.accumulator_bytes
        rows = np.flatnonzero(fits)
        bound = self._lower_bound(use)[rows]
        return np.stack([bound, use.traffic[rows], np.full_like(bound, number), rows], axis=1)

    # -- bytes -----------------------------------------------------------------
    def _use(self, schedule: Schedule) -> _Use:
        """Slots, footprint and main-memory bytes of every tile of the grid."""
        p, b = self.problem, self.budget
        m, n, k = self.grid.T
        ways_m, ways_n = schedule.ways_of("m"), schedule.ways_of("n")
        rows, columns = Extent(p.m, m, ways_m), Extent(p.n, n, ways_n)
        tiles_k = -(-p.k // k)
        counts = -(-p.count // schedule.ways_of("count"))
        distinct = np.ones(len(m), np.bool_)

        def operand(own: Extent, other: Extent, inside: bool, keep: bool) -> list[Any]:
            """How much is loaded, in which share of the iterations, into how many slots."""
            loaded = loaded_extent(own, other, tiles_k > 1, inside)
            once = own.total * np.minimum(other.ways, other.tiles)
            share = np.where(keep | (loaded == once), 1 / other.rounds, 1)
            if not keep:
                return [loaded, share, np.minimum(own.tiles * tiles_k * p.count, b.buffers)]
            np.logical_and(distinct, loaded > once, out=distinct)
            # All of the operand if its loop is inside; otherwise a row of tiles, and the next.
            groups = own.rounds * min(b.buffers, counts) if inside else own.rounds * counts
            return [once, share, tiles_k * (groups if inside else np.minimum(b.buffers, groups))]

        m_inside = schedule.order == "nm"
        inputs, input_share, input_slots = operand(rows, columns, m_inside, schedule.keep_inputs)
        weights, weight_share, weight_slots = operand(
            columns, rows, not m_inside, schedule.keep_weights
        )
        used = self._cores_used(schedule)
        bits = inputs * p.k * p.input_bits + weights * p.k * p.weight_bits
        bits += p.m * p.n * (p.extra_bits + p.store_bits)
        scratchpad, psums = self._footprint(input_slots, weight_slots)
        return _Use(
            schedule=schedule,
            cores=used,
            input_loads=p.count * inputs / m * tiles_k / used,
            weight_loads=p.count * weights / n * tiles_k / used,
            input_share=input_share,
            weight_share=weight_share,
            input_slots=input_slots,
            weight_slots=weight_slots,
            scratchpad=scratchpad,
            accumulator=psums,
            traffic=np.ceil(p.count * bits / 8),
            distinct=distinct,
        )

    def _cores_used(self, schedule: Schedule) -> Numbers:
        """Cores that get any tiles."""
        p = self.problem
        m, n, _ = self.grid.T
        dealt = {"count": np.full_like(m, p.count), "m": -(-p.m // m), "n": -(-p.n // n)}
        return np.asarray(np.minimum(schedule.ways, dealt[schedule.parallel]))

    def _footprint(self, input_slots: Numbers, weight_slots: Numbers) -> tuple[Numbers, Numbers]:
        """Scratchpad and accumulator bytes that each tile of the grid needs."""
        p, b = self.problem, self.budget
        m, n, k = self.grid.T
        outputs = -(-p.m // m) * -(-p.n // n) * p.count
        output_slots = np.minimum(outputs, b.buffers)
        raw_slots = weight_slots
        if p.converted_weight_bits:
            raw_slots = np.minimum(-(-p.n // n) * -(-p.k // k) * p.count, b.buffers)

        def held(elements: Numbers, bits: float, slots: Numbers) -> Numbers:
            return np.asarray(np.ceil(elements * bits / 8) * slots)

        scratchpad = held(m * k, p.input_bits, input_slots)
        scratchpad += held(k * n, p.weight_bits, raw_slots)
        scratchpad += held(k * n, p.converted_weight_bits, weight_slots)
        scratchpad += held(m * n, p.extra_bits, output_slots)
        scratchpad += held(m * n, p.staging_bits, output_slots)
        drained = outputs * -(-p.k // k) if p.group else outputs
        psum_slots = np.minimum(drained, b.accumulator_buffers)
        psums = held(m * n * p.groups(k), p.accumulator_bits, psum_slots)
        if p.group:
            psums += held(m * n, RUNNING_SUM_BITS, np.ones_like(m))
        if b.accumulator_bytes is None:
            return scratchpad + psums, np.zeros_like(psums)
        return scratchpad, psums

    # -- time ------------------------------------------------------------------
    def _lower_bound(self, use: _Use) -> Numbers:
        """No tiling can be faster: the busiest core's compute, or full bandwidth."""
        p, b = self.problem, self.budget
        peak = float(self.unit.macs_per_cycle * self.unit.spec.count)
        compute = p.macs * self._busiest_share(use.schedule) / (peak * self._efficiency)
        vector = (p.vector_cycles + p.conversion_cycles + p.group_cycles) / use.cores
        memory = use.traffic / b.bytes_per_cycle
        return np.asarray(np.floor(np.maximum(np.maximum(compute, vector), memory)))

    def _busiest_share(self, schedule: Schedule) -> Numbers:
        """Share of the work that the core with the most of it gets."""
        totals = {"m": self.problem.m, "n": self.problem.n, "count": self.problem.count}
        m, n, _ = self.grid.T
        total = totals[schedule.parallel]
        tile = {"m": m, "n": n, "count": np.ones_like(m)}[schedule.parallel]
        rounds = -(-total // (tile * schedule.ways))
        return np.asarray(np.minimum(rounds * tile, total) / total)

    @cached_property
    def _efficiency(self) -> Numbers:
        """Share of the peak that a tile's worst dimension allows, the others at their best."""
        tiles = self.grid.astype(np.int64)
        largest = Tile(*(max(sizes) for sizes in self.sizes))
        best = np.ones(len(tiles))
        for axis, (name, sizes) in enumerate(zip("mnk", self.sizes, strict=True)):
            shares = {}
            for size in sizes:
                tile = replace(self._whole_folds(largest), **{name: size})
                peak = float(self.unit.macs_per_cycle * self.unit.spec.count)
                cycles = gang_interval(self.unit, tile, self.problem.group)
                shares[size] = min(1.0, tile.macs / (peak * cycles))
            best = np.minimum(best, [shares[int(size)] for size in tiles[:, axis]])
        return best

    def _whole_folds(self, tile: Tile) -> Tile:
        """The tile rounded up to fill every unit of the gang."""
        grain, count = self.unit.granularity, self.unit.spec.count
        sizes = zip((tile.m, tile.n, tile.k), (grain.m, grain.n * count, grain.k), strict=True)
        return Tile(*(-(-size // step) * step for size, step in sizes))

    def _tiling(self, use: _Use, row: int) -> GemmTiling:
        m, n, k = (int(size) for size in self.grid[row])
        return GemmTiling(
            tile=Tile(m, n, k),
            schedule=use.schedule,
            input_slots=int(use.input_slots[row]),
            weight_slots=int(use.weight_slots[row]),
            traffic_bytes=int(use.traffic[row]),
            scratchpad_bytes=int(use.scratchpad[row]),
            accumulator_bytes=int(use.accumulator[row]),
            estimated_cycles=self._estimate(Tile(m, n, k), use, row),
        )

    def _estimate(self, tile: Tile, use: _Use, row: int) -> int:
        """Time of the busiest core: the slowest resource, plus fill and drain."""
        p, b = self.problem, self.budget
        dims = loops(p, tile, use.schedule)
        used = float(use.cores[row])
        compute, iterations, latency = self._work(tile, use.schedule, dims)

        def transfer(elements: int, bits: float) -> float:
            return tile_bytes(elements, bits) * used / b.bytes_per_cycle

        inputs = transfer(tile.m * tile.k, p.input_bits)
        weights = transfer(tile.k * tile.n, p.weight_bits)
        stored = transfer(tile.m * tile.n, p.store_bits)
        interval = compute / iterations
        finish = latency - interval
        outputs = math.prod(dim.tiles for dim in dims if dim.name != "k") / used
        epilogue = p.vector_cycles / used / outputs
        conversion = p.conversion_cycles / (p.count * p.k * p.n) * tile.k * tile.n
        converted = float(use.weight_loads[row]) * conversion
        leaving = (b.latency_cycles + stored) * bool(stored)
        # An accumulator is filled, and then read out by the epilogue or stored; what the
        # epilogue made is stored.
        scaling = p.group_cycles / used
        filled = iterations if p.group else outputs
        accumulating = compute + filled * finish + scaling + outputs * (epilogue or leaving)
        staging = outputs * (epilogue + leaving) if epilogue else 0.0
        moving = self._moving(tile, use, row, compute, iterations)
        if (epilogue or p.group) and converted:
            # The vector unit works in order: weights wait behind what drains before them.
            exposed = min(filled, float(use.weight_loads[row]))
            moving += exposed * (finish + (scaling + outputs * epilogue) / filled + conversion)
        steady = max(
            moving,
            float(use.traffic[row]) / b.bytes_per_cycle,
            outputs * epilogue + converted + scaling,
            accumulating / b.accumulator_buffers,
            staging / b.buffers,
        )
        fill = b.latency_cycles + inputs + weights + conversion + finish
        return int(steady + fill + epilogue + stored)

    def _moving(self, tile: Tile, use: _Use, row: int, compute: int, iterations: int) -> float:
        """Cycles of compute and loads side by side.

        What is not loaded again comes in bursts: inputs in the first round of the loop
        over n, weights in the first round of the loop over m. In each kind of iteration
        the units, the memory or the wait for a free slot and its new tile is slowest.
        """
        p, b = self.problem, self.budget
        rate = b.bytes_per_cycle / float(use.cores[row])
        inputs = tile.m * tile.k * p.input_bits / 8 / rate
        weights = tile.k * tile.n * p.weight_bits / 8 / rate
        loaded = float(use.input_loads[row]) * inputs + float(use.weight_loads[row]) * weights
        stored = (float(use.traffic[row]) / b.bytes_per_cycle - loaded) / iterations
        interval = compute / iterations
        cycles = 0.0
        for share_n, input_time, input_slots in _phases(
            inputs, use.input_loads[row], use.input_share[row], use.input_slots[row]
        ):
            for share_m, weight_time, weight_slots in _phases(
                weights, use.weight_loads[row], use.weight_share[row], use.weight_slots[row]
            ):
                transfer = input_time + weight_time
                wait = (b.latency_cycles + transfer + interval) / min(input_slots, weight_slots)
                period = max(interval, transfer + stored, wait)
                cycles += iterations * share_n * share_m * period
        return float(cycles)

    def _work(
        self, tile: Tile, schedule: Schedule, dims: tuple[Dimension, ...]
    ) -> tuple[int, int, int]:
        """Cycles of the units or their ports, iterations, and the latency of one tile.

        Schedules that differ only in order and in what they keep do the same work.
        """
        key = (tile, schedule.parallel, schedule.ways)
        if key not in self._known:
            compute, iterations = self._compute(dims)
            group = self.problem.group
            through_ports = self.port_cycles(tile) / gang_interval(self.unit, tile, group)
            compute = math.ceil(compute * max(1.0, through_ports))
            self._known[key] = compute, iterations, gang_latency(self.unit, tile, group)
        return self._known[key]

    def _compute(self, dims: tuple[Dimension, ...]) -> tuple[int, int]:
        """Cycles and iterations that the matrix units of the busiest core are busy."""
        compute = iterations = 0
        for sizes in product(*(dim.size_classes() for dim in dims)):
            named = {dim.name: size for dim, (size, _) in zip(dims, sizes, strict=True)}
            times = math.prod(repeat for _, repeat in sizes)
            edge = Tile(named["m"], named["n"], named["k"])
            compute += times * gang_interval(self.unit, edge, self.problem.group)
            iterations += times
        return compute, iterations


def _phases(
    time: float, loads: float, share: float, slots: float
) -> tuple[tuple[float, float, float], ...]:
    """Shares of the iterations in which an operand's tiles are loaded, and in which not.

    With each goes the time of a load, and the slots that loads wait for: none if all
    tiles have a place of their own.
    """
    waited_for = slots if time and loads > slots else math.inf
    return ((share, time, waited_for), (1 - share, 0.0, math.inf))
