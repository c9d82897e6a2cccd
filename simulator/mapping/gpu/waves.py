"""Thread blocks of a grid in the order in which they run, cut into waves.

Blocks are numbered along strips of `strip` columns, row after row in a strip, so that a
wave covers a compact piece of the result (threadblock swizzling in CUTLASS). A wave is
what all SMs hold at once; blocks of equal work start and end together, so that those of a
wave find what one of them has fetched, if the cache holds the slabs in flight.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.mapping.gpu.cache import PanelCache
from simulator.mapping.gpu.problem import Block
from simulator.mapping.in_step.problem import StepGemm


@dataclass(frozen=True, slots=True)
class Wave:
    """Blocks that run at once.

    sizes: outputs (m, n) of its blocks, and how many there are of each; most_per_sm:
        blocks on the busiest SM.
    rows, columns: of the operands' panels that blocks read from the cache, over all
        blocks; missing_rows, missing_columns: that come from main memory.
    """

    sizes: tuple[tuple[tuple[int, int], int], ...]
    most_per_sm: int
    rows: int
    columns: int
    missing_rows: int
    missing_columns: int

    @property
    def largest(self) -> tuple[int, int]:
        """Outputs (m, n) of the largest block."""
        return max((size for size, _ in self.sizes), key=lambda size: size[0] * size[1])

    @property
    def most_outputs(self) -> int:
        """Elements of the result that the busiest SM makes, at most."""
        m, n = self.largest
        return self.most_per_sm * m * n

    @property
    def outputs(self) -> int:
        """Elements of the result."""
        return sum(m * n * count for (m, n), count in self.sizes)


@dataclass(frozen=True, slots=True)
class Grid:
    """A problem cut into blocks, dealt out to `sms` that hold `per_sm` each."""

    problem: StepGemm
    block: Block
    sms: int
    per_sm: int
    strip: int

    @property
    def shape(self) -> tuple[int, int]:
        """Blocks along m and n."""
        return -(-self.problem.m // self.block.m), -(-self.problem.n // self.block.n)

    @property
    def blocks(self) -> int:
        """Blocks of the whole grid."""
        rows, columns = self.shape
        return self.problem.count * self.block.split * rows * columns

    @property
    def depth(self) -> int:
        """Of k in each block: all of it, or a share of whole groups."""
        share, group = -(-self.problem.k // self.block.split), self.problem.group
        return -(-share // group) * group if group and self.block.split > 1 else share

    @property
    def wave_blocks(self) -> int:
        """Blocks of a full wave."""
        return self.sms * self.per_sm

    @property
    def waves(self) -> int:
        """Waves of the whole grid."""
        return -(-self.blocks // self.wave_blocks)

    @property
    def waves_in_flight(self) -> int:
        """Two where an SM holds several blocks: one starts while another ends."""
        return 2 if self.per_sm > 1 else 1

    def wave_shape(self) -> tuple[int, int]:
        """Rows and columns of blocks that a full wave covers, about."""
        rows, columns = self.shape
        blocks = min(self.wave_blocks, rows * columns)
        wide = min(self.strip, columns)
        tall = -(-blocks // wide)
        return (tall, wide) if tall <= rows else (rows, min(columns, -(-blocks // rows)))

    def order(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Product (or share of k), row and column of every block, in order."""
        rows, columns = self.shape
        row, column = np.divmod(np.arange(rows * columns), columns)
        ranked = np.lexsort((column, row, column // self.strip))
        products = self.problem.count * self.block.split
        return (
            np.repeat(np.arange(products), rows * columns),
            np.tile(row[ranked], products),
            np.tile(column[ranked], products),
        )


def waves_of(grid: Grid, cache_bytes: float) -> Iterator[Wave]:
    """All waves in order. cache_bytes: of the L2 cache that operands and results have."""
    problem, block = grid.problem, grid.block
    cache = PanelCache(cache_bytes)
    product, row, column = grid.order()
    tall = np.minimum(block.m, problem.m - row * block.m)
    wide = np.minimum(block.n, problem.n - column * block.n)
    row_bytes = float(grid.depth * problem.input_bits / 8)
    column_bytes = float(grid.depth * problem.weight_bits / 8)
    result_bytes = float(problem.result_bits / 8)
    in_flight = min(1.0, block.stages * block.k / grid.depth)
    for start in range(0, grid.blocks, grid.wave_blocks):
        now = slice(start, min(start + grid.wave_blocks, grid.blocks))
        high, broad = tall[now].tolist(), wide[now].tolist()
        where = product[now].tolist()
        heights = dict(zip(zip(where, row[now].tolist(), strict=True), high, strict=True))
        widths = dict(zip(zip(where, column[now].tolist(), strict=True), broad, strict=True))
        panels: list[tuple[object, float]] = []
        if not problem.inputs_on_chip:
            panels += [(("m", *name), size * row_bytes) for name, size in heights.items()]
        if not problem.weights_on_chip:
            panels += [(("n", *name), size * column_bytes) for name, size in widths.items()]
        sizes = Counter(zip(high, broad, strict=True))
        written = sum(m * n * count for (m, n), count in sizes.items()) * result_bytes
        missing = cache.wave(panels, written)
        shared = in_flight * sum(size for _, size in panels) <= cache_bytes
        yield Wave(
            sizes=tuple(sorted(sizes.items())),
            most_per_sm=-(-(now.stop - start) // grid.sms),
            rows=sum(high),
            columns=sum(broad),
            missing_rows=_missing(heights, missing, "m") if shared else _all(high, problem, "m"),
            missing_columns=_missing(widths, missing, "n") if shared else _all(broad, problem, "n"),
        )


def _missing(sizes: dict[Any, int], missing: set[object], side: str) -> int:
    """Rows or columns of the panels that have to be fetched."""
    return sum(size for name, size in sizes.items() if (side, *name) in missing)


def _all(sizes: list[int], problem: StepGemm, side: str) -> int:
    """Rows or columns that blocks fetch if every one fetches its own."""
    on_chip = problem.inputs_on_chip if side == "m" else problem.weights_on_chip
    return 0 if on_chip else sum(sizes)
