"""The order in which the register-level model takes the blocks of a product."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from simulator.hardware.block_unit.geometry import Geometry
from simulator.hardware.matrix_unit import Tile


class Step(NamedTuple):
    """The blocks that a step multiplies, and the number of its weights among all sent."""

    repeat: int
    row: int
    column: int
    depth: int
    weights: int


def steps_of(geometry: Geometry, tile: Tile, repeats: int) -> tuple[Step, ...]:
    """All steps in order: k innermost, or the rows if a step's weights stay."""
    rows, columns, depths = map(range, geometry.blocks(tile))
    if not geometry.columns_stay:
        order = product(range(repeats), rows, columns, depths)
        return tuple(Step(*each, number) for number, each in enumerate(order))
    found = product(range(repeats), columns, depths, rows)
    return tuple(
        Step(repeat, row, column, depth, number // len(rows))
        for number, (repeat, column, depth, row) in enumerate(found)
    )
