"""How a GEMM on a CPU is cut: into tiles of columns that stream through the shared cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from simulator.mapping.in_step.problem import StepGemm
from simulator.mapping.tiling import tile_bytes

CPU_TOLERANCE = 1.03
"""Tiles whose times are this close are equal, and the largest of them is taken: prefetchers run
on from one tile into the next, so that the way of a tile's first lines, which is what makes
small ones look better, is hardly there."""
MOST_IN_FLIGHT = 8
"""Tiles that the shared cache holds at once, besides those that cores work on."""


@dataclass(frozen=True, slots=True)
class ColumnTile:
    """One tile: rows x columns outputs, and bytes that come from main memory for it.

    first: of its rows, whose inputs no core has yet.
    """

    rows: int
    columns: int
    first: bool
    input_bytes: int
    weight_bytes: int


@dataclass(frozen=True, slots=True)
class ColumnTiling:
    """All rows in blocks of `rows`, and for each all columns in tiles of `columns`.

    columns: of all `count` products together, one after the other.
    keep_weights: later blocks of rows find all weights in the cache.
    slots: tiles in flight. estimated_cycles: of the whole problem.
    """

    rows: int
    columns: int
    keep_weights: bool
    slots: int
    estimated_cycles: int

    def tiles(self, problem: StepGemm) -> list[tuple[ColumnTile, int]]:
        """Tiles in order, equal neighbours counted."""
        return [(tile, len(list(same))) for tile, same in groupby(self._each(problem))]

    def _each(self, p: StepGemm) -> Iterator[ColumnTile]:
        total = p.count * p.n
        for first in range(0, p.m, self.rows):
            rows = min(self.rows, p.m - first)
            inputs = 0 if p.inputs_on_chip else tile_bytes(p.count * rows * p.k, p.input_bits)
            cached = p.weights_on_chip or (first > 0 and self.keep_weights)
            for start in range(0, total, self.columns):
                columns = min(self.columns, total - start)
                weights = 0 if cached else tile_bytes(columns * p.k, p.weight_bits)
                # What products of other columns read comes with them, the last byte with the last.
                share = -(-tile_bytes(columns * rows * p.k, p.input_bits) // p.n)
                wanted = inputs if p.count == 1 else min(inputs, share)
                yield ColumnTile(rows, columns, start == 0 or p.count > 1, wanted, weights)
                inputs -= wanted


def row_block(problem: StepGemm, budget_bytes: int) -> int:
    """Rows whose inputs half of the budget holds, or all of them if they are there anyway."""
    p = problem
    if p.inputs_on_chip:
        return p.m
    per_row = max(1, tile_bytes(p.count * p.k, p.input_bits))
    return max(1, min(p.m, budget_bytes // 2 // per_row))


def column_sizes(problem: StepGemm, budget_bytes: int, least: int) -> list[int]:
    """Tiles of columns worth trying: halves of halves, `least` at the end.

    Two of them fit half of the budget; empty if not even two of the least do.
    """
    p = problem
    total = p.count * p.n
    sizes = {min(total, least)}
    parts = 1
    while total // parts > least:
        sizes.add(-(-total // parts // least) * least)
        parts *= 2
    fitting = [size for size in sizes if 2 * weight_tile_bytes(p, size) <= budget_bytes // 2]
    return sorted(fitting, reverse=True)


def weight_tile_bytes(problem: StepGemm, columns: int) -> int:
    """Weights of so many columns, all of k."""
    return tile_bytes(columns * problem.k, problem.weight_bits)


def slots(problem: StepGemm, columns: int, budget_bytes: int) -> int:
    """Tiles of columns that half of the budget holds."""
    size = max(1, weight_tile_bytes(problem, columns))
    return max(2, min(MOST_IN_FLIGHT, budget_bytes // 2 // size))
