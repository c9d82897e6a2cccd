"""The search for a GEMM's tiling: what fits, how many bytes it moves, how long it should take.

The search goes best first over an admissible lower bound (compute at peak,
memory at full bandwidth). Among tilings within `TIME_TOLERANCE` of the shortest
estimated time it takes the one with the least main-memory traffic.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.matrix_unit import MatrixUnit
from simulator.mapping.extent import Flags, Numbers
from simulator.mapping.gemm_estimate import Candidates, estimated_cycles
from simulator.mapping.gemm_grid import Fixed, grid_of
from simulator.mapping.gemm_use import Use, use_of
from simulator.mapping.ports import Ports
from simulator.mapping.tiling import (
    TIE_TOLERANCE,
    TIME_TOLERANCE,
    Budget,
    GemmProblem,
    GemmTiling,
    Order,
    Parallel,
    Schedule,
)

MAX_EVALUATIONS = 128
"""Candidates timed exactly per search; the bound often stops it earlier."""

MORE_EVALUATIONS = 1024
FAR_FROM_BOUND = 2.0
"""As long as the best takes more than so many times the next bound, more are timed: bounds that
are far off (of ports, say, or of rows that an array waits for) rank candidates badly."""

REMEMBERED_TILINGS = 4096


class _Timed(NamedTuple):
    """Candidates in the order of their bounds, and how long they should take."""

    schedules: NDArray[np.intp]
    rows: NDArray[np.intp]
    traffic: Numbers
    cycles: Numbers


class GemmSearch:
    """All candidate tilings of one problem on one unit, and the best of them.

    fixed: tile sizes m, n and k where they are given. ports: as of `grid_of`.
    """

    def __init__(
        self,
        problem: GemmProblem,
        unit: MatrixUnit[Any],
        budget: Budget,
        fixed: Fixed = (None, None, None),
        orders: tuple[Order, ...] = ("mn", "nm"),
        ports: Ports | None = None,
    ) -> None:
        self.problem, self.unit, self.budget = problem, unit, budget
        self.grid = grid_of(problem, unit, fixed, ports)
        self.schedules = _schedules(orders, problem.count > 1, budget.cores)

    def best(self) -> GemmTiling | None:
        """The best tiling, or None when nothing fits."""
        timed = self._timed()
        if not len(timed.cycles):
            return None
        at = self._preferred(timed)
        schedule, row = int(timed.schedules[at]), int(timed.rows[at])
        use, place = self.use, (schedule, row)
        return GemmTiling(
            tile=self.grid.tile(row),
            schedule=self.schedules[schedule],
            input_slots=int(use.input_slots[place]),
            weight_slots=int(use.weight_slots[place]),
            traffic_bytes=int(use.traffic[place]),
            scratchpad_bytes=int(use.scratchpad[place]),
            accumulator_bytes=int(use.accumulator[place]),
            estimated_cycles=int(timed.cycles[at]),
        )

    def smallest(self) -> tuple[int, int]:
        """Scratchpad and accumulator bytes of the tiles that need the least of each."""
        plain = (Schedule(self.schedules[0].order),)
        use = use_of(self.problem, self.budget, self.grid, plain)
        return int(use.scratchpad.min()), int(use.accumulator.min())

    @cached_property
    def use(self) -> Use:
        """What every candidate needs."""
        return use_of(self.problem, self.budget, self.grid, self.schedules)

    # -- candidates, best bound first ------------------------------------------
    def _timed(self) -> _Timed:
        """Candidates that fit, timed until the next bound says that no better one follows."""
        bounds, schedules, rows, traffic = self._ranked()
        cycles = np.empty(0)
        end = len(bounds)
        while len(cycles) < end:
            part = slice(len(cycles), len(cycles) + MAX_EVALUATIONS)
            cycles = np.append(cycles, self._estimates(schedules[part], rows[part]))
            end = _end(bounds, cycles)
        return _Timed(schedules, rows, traffic[:end], cycles[:end])

    def _ranked(self) -> tuple[Numbers, NDArray[np.intp], NDArray[np.intp], Numbers]:
        """Lower bound, schedule, row and traffic of what fits: ascending, then by traffic.

        No tiling can be faster than the busiest core's compute, or full bandwidth.
        """
        budget = self.budget
        room = budget.scratchpad_bytes, budget.accumulator_bytes
        schedules, rows, traffic, compute = self.use.fitting(room, self._compute_bound)
        bounds = np.floor(np.maximum(compute, traffic / budget.bytes_per_cycle))
        if len(bounds) > MORE_EVALUATIONS:
            last = np.partition(bounds, MORE_EVALUATIONS - 1)[MORE_EVALUATIONS - 1]
            first = np.flatnonzero(bounds <= last)
            bounds, schedules, rows = bounds[first], schedules[first], rows[first]
            traffic = traffic[first]
        order = np.lexsort((traffic, bounds))[:MORE_EVALUATIONS]
        return bounds[order], schedules[order], rows[order], traffic[order]

    def _compute_bound(self) -> Numbers:
        """Cycles of the busiest core if nothing waits for memory."""
        p, use = self.problem, self.use
        peak = float(self.unit.macs_per_cycle * self.unit.spec.count)
        compute = p.macs * use.busiest / (peak * self.grid.efficiency)
        vector = (p.vector_cycles + p.conversion_cycles + p.group_cycles) / use.cores
        return np.asarray(np.maximum(compute, vector))

    def _estimates(self, schedules: NDArray[np.intp], rows: NDArray[np.intp]) -> Numbers:
        """Estimated cycles of some candidates."""
        m, n, k = self.grid.tiles[rows].T
        compute, iterations, latency = self.grid.work(rows, schedules, self.schedules)
        use = self.use.of(schedules, rows)
        candidates = Candidates(m, n, k, compute, iterations, latency, use)
        return estimated_cycles(self.problem, self.budget, candidates)

    def _preferred(self, timed: _Timed) -> int:
        """Of the shortest, the least traffic; of those, the largest tile among the shortest."""
        cycles, traffic = timed.cycles, timed.traffic
        good = np.flatnonzero(_within(TIME_TOLERANCE, cycles))
        good = good[traffic[good] == traffic[good].min()]
        good = good[_within(TIE_TOLERANCE, cycles[good])]
        sizes = self.grid.tiles[timed.rows[good]].prod(axis=1)
        return int(good[np.lexsort((cycles[good], -sizes))[0]])


def _end(bounds: Numbers, cycles: Numbers) -> int:
    """How many candidates are to be timed, as far as the first `cycles` tell: up to the first
    whose bound, beside the shortest time before it, lets the search stop."""
    shortest = np.minimum.accumulate(np.append(np.inf, cycles))[: len(bounds)]
    low = bounds[: len(shortest)]
    enough = (shortest <= FAR_FROM_BOUND * low) & (np.arange(len(low)) >= MAX_EVALUATIONS)
    stops = np.flatnonzero((low > TIME_TOLERANCE * shortest) | enough)
    return int(stops[0]) if len(stops) else len(bounds)


def _within(tolerance: float, cycles: Numbers) -> Flags:
    """Which are as short as the shortest, but for a tolerance; of no time or less, equal ones."""
    shortest = cycles.min()
    return np.asarray(cycles <= max(shortest, tolerance * shortest))


@lru_cache(maxsize=64)
def _schedules(orders: tuple[Order, ...], several: bool, cores: int) -> tuple[Schedule, ...]:
    """All ways to go through the tiles of one product, or of several."""
    return tuple(
        Schedule(order, parallel, ways, keep_inputs, keep_weights)
        for order, (parallel, ways) in product(orders, _parallel(several, cores))
        for keep_inputs, keep_weights in product((False, True), repeat=2)
    )


def _parallel(several: bool, cores: int) -> list[tuple[Parallel, int]]:
    """Ways to deal tiles out to the cores."""
    if cores == 1:
        return [("n", 1)]
    dealt: list[tuple[Parallel, int]] = [("n", cores), ("m", cores)]
    return [("count", cores), *dealt] if several else dealt


@lru_cache(maxsize=REMEMBERED_TILINGS)
def best_tiling(
    problem: GemmProblem,
    unit: MatrixUnit[Any],
    budget: Budget,
    fixed: Fixed,
    orders: tuple[Order, ...],
    ports: Ports,
) -> GemmTiling | tuple[int, int]:
    """The best tiling; where nothing fits, the least bytes of scratchpad and accumulator."""
    search = GemmSearch(problem, unit, budget, fixed, orders, ports)
    return search.best() or search.smallest()
