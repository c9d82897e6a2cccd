"""Every k for a product on one array: what it needs, and what it takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simulator.hardware.matrix_unit import Tile
from simulator.hardware.sram_pim.layouts import Layout
from simulator.hardware.sram_pim.lut_gemv import (
    MOST_BASIS_WEIGHTS,
    Blocks,
    LutGemv,
    Phases,
    best_basis_weights,
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Tables of `basis_weights` weights for a product.

    fits: the array has room for one row of inputs beside the table, which takes
        `least_rows`. If not, the rest is of an array with as many rows as are needed.
    rows_needed: for the rows of inputs of a pass, which are `blocks.batch`.
    largest_batch: of a pass, whatever the product; 0 if the table does not fit.
    """

    basis_weights: int
    fits: bool
    least_rows: int
    rows_needed: int
    largest_batch: int
    outputs: int
    entry_bits: int
    blocks: Blocks
    phases: Phases


def choices_of(layout: Layout, tile: Tile) -> tuple[Choice, ...]:
    """All k that are offered and have an entry that fits a row, in ascending order.

    Those that do not fit have passes as large as those of the best that does.
    Raises CyclelabError, with what would fit, if none does.
    """
    best = best_basis_weights(layout, tile)
    batch = min(tile.m, layout.largest_batch(best, tile.k))
    return tuple(
        _choice(layout, k, tile, batch)
        for k in range(1, MOST_BASIS_WEIGHTS + 1)
        if layout.outputs(k)
    )


def _choice(layout: Layout, k: int, tile: Tile, otherwise: int) -> Choice:
    """otherwise: rows of inputs of a pass, if the table does not fit."""
    largest = layout.largest_batch(k, tile.k)
    batch = min(tile.m, largest) or otherwise
    needed = layout.rows_needed(k, batch, tile.k)
    gemv = LutGemv(layout if largest else replace(layout, rows=needed), k)
    return Choice(
        basis_weights=k,
        fits=largest > 0,
        least_rows=layout.rows_needed(k, 1, tile.k),
        rows_needed=needed,
        largest_batch=largest,
        outputs=gemv.outputs,
        entry_bits=layout.entry_bits(k),
        blocks=replace(gemv.blocks(tile), batch=batch),
        phases=gemv.phases(tile),
    )
