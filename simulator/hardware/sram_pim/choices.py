"""Every k for a product on one array: what it needs, and what it takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simulator.hardware.matrix_unit import Tile
from simulator.hardware.sram_pim.layouts import Layout
from simulator.hardware.sram_pim.lut_gemv import MOST_BASIS_WEIGHTS, Blocks, LutGemv, Phases


@dataclass(frozen=True, slots=True)
class Choice:
    """Tables of `basis_weights` weights for a product.

    fits: the array has room for one row of inputs beside the table, which takes
        `least_rows`. If not, blocks and phases are those of an array with room for all.
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


def choice_of(layout: Layout, basis_weights: int, tile: Tile) -> Choice | None:
    """What tables of so many weights take for `tile`; None if no entry fits a row."""
    k = basis_weights
    if not layout.outputs(k):
        return None
    largest = layout.largest_batch(k, tile.k)
    gemv = LutGemv(layout if largest else roomy(layout, k, tile), k)
    batch = min(tile.m, largest or tile.m)
    return Choice(
        basis_weights=k,
        fits=largest > 0,
        least_rows=layout.rows_needed(k, 1, tile.k),
        rows_needed=layout.rows_needed(k, batch, tile.k),
        largest_batch=largest,
        outputs=gemv.outputs,
        entry_bits=layout.entry_bits(k),
        blocks=replace(gemv.blocks(tile), batch=batch),
        phases=gemv.phases(tile),
    )


def choices_of(layout: Layout, tile: Tile) -> tuple[Choice, ...]:
    """All k that are offered and have an entry that fits a row, in ascending order."""
    found = (choice_of(layout, k, tile) for k in range(1, MOST_BASIS_WEIGHTS + 1))
    return tuple(choice for choice in found if choice is not None)


def roomy(layout: Layout, basis_weights: int, tile: Tile) -> Layout:
    """The same array with rows, or sums beside it, for all of `tile` in one pass."""
    return replace(
        layout,
        rows=max(layout.rows, layout.rows_needed(basis_weights, tile.m, tile.k)),
        batch_sums=max(layout.batch_sums, tile.m),
    )
