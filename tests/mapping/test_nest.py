"""A nest visits every tile of every core once, in loop order, and says where it is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.mapping.nest import CorePositions, Dimension, Nest, Position
from simulator.mapping.program import Command, Item, Loop
from tests.mapping.token_game import executed

Visit = tuple[int, CorePositions]
"""A core and where it is in each dimension."""


class Recorder:
    """A leaf with one command per core that has a tile; remembers what each means."""

    def __init__(self) -> None:
        self.commands: dict[Visit, Command] = {}
        self.meaning: dict[int, Visit] = {}

    def leaf(self, positions: tuple[CorePositions, ...]) -> tuple[Item, ...]:
        items = []
        for core, place in enumerate(positions):
            if all(position.size for position in place):
                visit = (core, place)
                command = self.commands.setdefault(visit, Command(0, 0, f"core {core}"))
                self.meaning[id(command)] = visit
                items.append(command)
        return tuple(items)


def visits(dimensions: tuple[Dimension, ...], cores: int) -> list[Visit]:
    recorder = Recorder()
    items = Nest(dimensions, cores, recorder.leaf).items()
    return [recorder.meaning[id(command)] for command in executed(items)]


def own_tiles(dim: Dimension, core: int) -> list[int]:
    """Tiles dealt out to a core, one by one like cards; all of them if not dealt."""
    tiles = list(range(-(-dim.total // dim.tile)))
    return tiles[core :: dim.ways] if dim.ways > 1 else tiles


def expected(dimensions: tuple[Dimension, ...], cores: int) -> Iterator[Visit]:
    rounds = [range(max(len(own_tiles(dim, c)) for c in range(cores))) for dim in dimensions]
    for turn in product(*rounds):
        for core in range(cores):
            place = []
            for dim, number in zip(dimensions, turn, strict=True):
                own = own_tiles(dim, core)
                if number < len(own):
                    size = min(dim.tile, dim.total - own[number] * dim.tile)
                    place.append(Position(size, number == 0, number == len(own) - 1))
            if len(place) == len(dimensions):
                yield core, tuple(place)


@st.composite
def nests(draw: st.DrawFn) -> tuple[tuple[Dimension, ...], int]:
    cores = draw(st.integers(1, 4))
    count = draw(st.integers(1, 4))
    longest = (40, 20, 8, 5)[count - 1]
    dealt = draw(st.integers(0, count))  # the dimension dealt out to the cores, if any
    dimensions = tuple(
        Dimension(
            f"d{index}",
            draw(st.integers(1, longest)),
            draw(st.integers(1, longest + 1)),
            cores if index == dealt else 1,
        )
        for index in range(count)
    )
    return dimensions, cores


@given(nests())
def test_every_tile_once_in_order(nest: tuple[tuple[Dimension, ...], int]) -> None:
    dimensions, cores = nest
    found = visits(dimensions, cores)
    assert found == list(expected(dimensions, cores))
    if any(dim.ways > 1 for dim in dimensions) or cores == 1:
        # Dealt out, all cores together cover the index space once.
        volume = 0
        for _, place in found:
            tile = 1
            for position in place:
                tile *= position.size
            volume += tile
        whole = 1
        for dim in dimensions:
            whole *= dim.total
        assert volume == whole


def test_ten_in_threes() -> None:
    # 10 = 3 + 3 + 3 + 1.
    sizes = [place[0] for _, place in visits((Dimension("m", 10, 3),), 1)]
    assert sizes == [
        Position(3, True, False),
        Position(3, False, False),
        Position(3, False, False),
        Position(1, False, True),
    ]


def test_two_cores_share_five_tiles() -> None:
    # Core 0 gets tiles 0, 2, 4 (the short one), core 1 tiles 1 and 3.
    found = visits((Dimension("n", 9, 2, ways=2),), 2)
    assert [(core, place[0].size) for core, place in found] == [(0, 2), (1, 2)] * 2 + [(0, 1)]
    assert [(core, place[0].last) for core, place in found if place[0].last] == [
        (1, True),
        (0, True),
    ]


@pytest.mark.parametrize("total", [100, 10**6, 10**9])
def test_size_does_not_grow_with_the_rounds(total: int) -> None:
    """First, middle, second to last and last rounds: at most four bodies per dimension."""
    recorder = Recorder()
    dimensions = (Dimension("m", total, 8), Dimension("k", total, 8))
    items = Nest(dimensions, 1, recorder.leaf).items()
    assert len(recorder.commands) <= 16
    assert count_executed(items) == (-(-total // 8)) ** 2


def count_executed(items: tuple[Item, ...]) -> int:
    return sum(
        item.count * count_executed(item.body) if isinstance(item, Loop) else 1 for item in items
    )
