"""Loop nests over tiles, with their first, last and edge iterations peeled off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from simulator.mapping.program import Item, Loop


@dataclass(frozen=True, slots=True)
class Dimension:
    """A loop over `total` in tiles of `tile`, dealt out to `ways` cores in turn."""

    name: str
    total: int
    tile: int
    ways: int = 1

    @property
    def tiles(self) -> int:
        """Tiles in all."""
        return -(-self.total // self.tile)

    @property
    def rounds(self) -> int:
        """Iterations of the loop: each gives one tile to every core that gets one."""
        return -(-self.tiles // self.ways)

    def size(self, index: int) -> int:
        """Size of tile `index`: full, the remainder at the edge, 0 beyond it."""
        return max(0, min(self.tile, self.total - index * self.tile))

    def size_classes(self) -> list[tuple[int, int]]:
        """`(size, rounds)` of full and edge tiles on the busiest core."""
        edge = self.total - (self.tiles - 1) * self.tile
        if self.ways > 1 or edge == self.tile:
            return [(self.tile, self.rounds)]
        return [(self.tile, self.rounds - 1), (edge, 1)] if self.rounds > 1 else [(edge, 1)]


class Position(NamedTuple):
    """Where one core is in one dimension: tile size (0 = no tile), first or last of its own."""

    size: int
    first: bool
    last: bool


CorePositions = tuple[Position, ...]
"""One core's position in every dimension, outermost first."""

Leaf = Callable[[tuple[CorePositions, ...]], tuple[Item, ...]]
"""Positions of every core to the commands of that iteration."""


class Nest:
    """Expands dimensions into `Loop`s whose bodies come from a leaf function.

    Equal bodies must be the same objects (the leaf memoises), so that equal
    neighbours merge into one loop.
    """

    def __init__(self, dimensions: tuple[Dimension, ...], cores: int, leaf: Leaf) -> None:
        self.dimensions = dimensions
        self.cores = cores
        self.leaf = leaf
        self._runs = [self._runs_of(dimension) for dimension in dimensions]
        self._loops: dict[tuple[int, tuple[int, ...]], Loop] = {}

    def items(self) -> tuple[Item, ...]:
        """The whole nest in program order."""
        return self._expand(0, ((),) * self.cores)

    def _expand(self, level: int, prefix: tuple[CorePositions, ...]) -> tuple[Item, ...]:
        if level == len(self.dimensions):
            return self.leaf(prefix)
        runs: list[tuple[int, tuple[Item, ...]]] = []
        for count, positions in self._runs[level]:
            deeper = [(*own, here) for own, here in zip(prefix, positions, strict=True)]
            body = self._expand(level + 1, tuple(deeper))
            if runs and _same(runs[-1][1], body):
                runs[-1] = (runs[-1][0] + count, body)
            else:
                runs.append((count, body))
        items: list[Item] = []
        for count, body in runs:
            items.extend(body if count == 1 else (self._loop(count, body),))
        return tuple(items)

    def _loop(self, count: int, body: tuple[Item, ...]) -> Loop:
        key = (count, tuple(id(item) for item in body))
        if key not in self._loops:
            self._loops[key] = Loop(count, body)
        return self._loops[key]

    def _runs_of(self, dim: Dimension) -> list[tuple[int, tuple[Position, ...]]]:
        """Rounds of a dimension, run-length coded by what they look like to the cores."""
        rounds = dim.rounds
        special = sorted({0, max(0, rounds - 2), rounds - 1})
        runs: list[tuple[int, tuple[Position, ...]]] = []
        position = 0
        for index in special:
            if index > position:
                runs.append((index - position, self._positions(dim, position)))
            runs.append((1, self._positions(dim, index)))
            position = index + 1
        return runs

    def _positions(self, dim: Dimension, round_index: int) -> tuple[Position, ...]:
        first, tile = round_index == 0, round_index * dim.ways
        if dim.ways == 1:
            return (Position(dim.size(tile), first, tile + 1 >= dim.tiles),) * self.cores
        return tuple(
            [
                Position(dim.size(own), first, own + dim.ways >= dim.tiles)
                for own in range(tile, tile + self.cores)
            ]
        )


def _same(left: tuple[Item, ...], right: tuple[Item, ...]) -> bool:
    return len(left) == len(right) and all(a is b for a, b in zip(left, right, strict=True))
