"""Candidate tiles of a GEMM, and the cycles that a gang of matrix units needs for them.

Nothing here depends on the memory or on capacities, so that searches of one GEMM on
machines that differ in these share what was found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.matrix_unit import MatrixUnit, Tile
from simulator.mapping.extent import Numbers
from simulator.mapping.nest import Dimension
from simulator.mapping.ports import Ports
from simulator.mapping.tiling import (
    GemmProblem,
    Parallel,
    Schedule,
    candidate_sizes,
    gang_interval,
    gang_latency,
)

Fixed = tuple[int | None, int | None, int | None]
"""Tile sizes m, n and k where they are given."""
REMEMBERED_GRIDS = 256


class _Shape(NamedTuple):
    """What a grid needs to know of a problem."""

    products: int
    m: int
    n: int
    k: int
    group: int


def grid_of(
    problem: GemmProblem, unit: MatrixUnit[Any], fixed: Fixed, ports: Ports | None
) -> TileGrid:
    """The grid of a problem on a unit; the same one for all that ask for equal ones.

    ports: through which operands and sums pass; None: they never limit.
    """
    shape = _Shape(problem.count, problem.m, problem.n, problem.k, problem.group)
    return _grid(shape, unit, fixed, ports)


class TileGrid:
    """Candidate tiles of one GEMM on one unit.

    sizes: of m, n and k, ascending. tiles: `[tile, (m, n, k)]`, all combinations.
    """

    def __init__(
        self, shape: _Shape, unit: MatrixUnit[Any], fixed: Fixed, ports: Ports | None
    ) -> None:
        self.shape, self.unit, self.ports = shape, unit, ports
        best = unit.granularity
        totals = (shape.m, shape.n, shape.k)
        steps = (best.m, best.n, shape.group or best.k)
        self.sizes = [
            [min(total, choice)] if choice else candidate_sizes(total, step)
            for total, step, choice in zip(totals, steps, fixed, strict=True)
        ]
        self.tiles: Numbers = np.array(list(product(*self.sizes)), dtype=np.float64)
        self._known: dict[tuple[Parallel, int], Numbers] = {}
        self._classes: dict[tuple[str, int, int], list[tuple[int, int]]] = {}

    def tile(self, row: int) -> Tile:
        """One of the tiles."""
        m, n, k = (int(size) for size in self.tiles[row])
        return Tile(m, n, k)

    @cached_property
    def efficiency(self) -> Numbers:
        """Share of the peak that a tile's worst dimension allows, the others at their best."""
        best = np.ones(len(self.tiles))
        peak = float(self.unit.macs_per_cycle * self.unit.spec.count)
        largest = self._whole_folds(Tile(*(max(sizes) for sizes in self.sizes)))
        for axis, (name, sizes) in enumerate(zip("mnk", self.sizes, strict=True)):
            shares = []
            for size in sizes:
                tile = replace(largest, **{name: size})
                cycles = gang_interval(self.unit, tile, self.shape.group)
                shares.append(min(1.0, tile.macs / (peak * cycles)))
            at = np.searchsorted(sizes, self.tiles[:, axis])
            best = np.minimum(best, np.array(shares)[at])
        return best

    def _whole_folds(self, tile: Tile) -> Tile:
        """The tile rounded up to fill every unit of the gang."""
        grain, count = self.unit.granularity, self.unit.spec.count
        sizes = zip((tile.m, tile.n, tile.k), (grain.m, grain.n * count, grain.k), strict=True)
        return Tile(*(-(-size // step) * step for size, step in sizes))

    def work(
        self, rows: NDArray[np.intp], chosen: NDArray[np.intp], schedules: Sequence[Schedule]
    ) -> Numbers:
        """What some tiles, each under the chosen schedule, cost the busiest core: `[3, tile]`.

        Cycles of the units or their ports, iterations, and the latency of one tile.
        """
        found = np.empty((3, len(rows)))
        ways: dict[tuple[Parallel, int], list[int]] = {}
        for index, schedule in enumerate(schedules):
            ways.setdefault((schedule.parallel, schedule.ways), []).append(index)
        for dealt, indices in ways.items():
            own = slice(None) if len(ways) == 1 else np.isin(chosen, indices)
            found[:, own] = self._work(rows[own], schedules[indices[0]], dealt)
        return found

    def _work(
        self, rows: NDArray[np.intp], schedule: Schedule, dealt: tuple[Parallel, int]
    ) -> Numbers:
        """Of tiles dealt out in one way; in what order, and what is kept, makes no difference."""
        if dealt not in self._known:
            self._known[dealt] = np.full((3, len(self.tiles)), np.nan)
        known = self._known[dealt]
        for row in rows[np.isnan(known[0, rows])].tolist():
            known[:, row] = self._work_of_tile(self.tile(row), schedule)
        return known[:, rows]

    def _work_of_tile(self, tile: Tile, schedule: Schedule) -> tuple[int, int, int]:
        unit, group = self.unit, self.shape.group
        compute, iterations = self._compute(tile, schedule)
        if self.ports is not None:
            cycles = self.ports.tile_cycles(unit, tile, group)
            compute = math.ceil(compute * max(1.0, cycles / gang_interval(unit, tile, group)))
        return compute, iterations, gang_latency(unit, tile, group)

    def _compute(self, tile: Tile, schedule: Schedule) -> tuple[int, int]:
        """Cycles and iterations that the matrix units of the busiest core are busy."""
        compute = iterations = 0
        classes = [
            self._size_classes(name, size, schedule.ways_of(name))
            for name, size in (("m", tile.m), ("n", tile.n), ("k", tile.k))
        ]
        repeats = -(-self.shape.products // schedule.ways_of("count"))
        for (m, rounds_m), (n, rounds_n), (k, rounds_k) in product(*classes):
            times = repeats * rounds_m * rounds_n * rounds_k
            compute += times * gang_interval(self.unit, Tile(m, n, k), self.shape.group)
            iterations += times
        return compute, iterations

    def _size_classes(self, name: str, size: int, ways: int) -> list[tuple[int, int]]:
        """Sizes and rounds of full and edge tiles of one dimension on the busiest core."""
        key = (name, size, ways)
        if key not in self._classes:
            cut = Dimension(name, getattr(self.shape, name), size, ways)
            self._classes[key] = cut.size_classes()
        return self._classes[key]


_grid = lru_cache(maxsize=REMEMBERED_GRIDS)(TileGrid)
