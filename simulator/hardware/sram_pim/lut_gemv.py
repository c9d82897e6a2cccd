"""LUT-GEMV on one array: cycles by phase, what fits, and which k is best.

The table is made of weights and read with bits of activations, lowest plane first; the
plane of sign bits is subtracted. Batches that do not fit go in passes, each of which
loads all weights and makes all tables again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from simulator.config import CyclelabError
from simulator.hardware.matrix_unit import Tile
from simulator.hardware.sram_pim.layouts import Layout, combined_entries

MOST_BASIS_WEIGHTS = 8
"""The largest k that is offered: tables of 256 entries."""


@dataclass(frozen=True, slots=True)
class Phases:
    """Whole cycles of a tile on one array, phase by phase; none overlaps another.

    load: weights are written. build: sums of two weights or more are made. lookup: entries
    are added up, or read and added outside. read_out: sums leave.
    """

    load: int
    build: int
    lookup: int
    read_out: int

    @property
    def total(self) -> int:
        """All cycles."""
        return self.load + self.build + self.lookup + self.read_out


@dataclass(frozen=True, slots=True)
class Blocks:
    """How a tile is cut for an array.

    groups: of k inputs, the last one filled up with weights of 0. batch: rows of inputs that
    share a table, at most. passes: of such rows. column_blocks: of `outputs` columns.
    """

    groups: int
    batch: int
    passes: int
    column_blocks: int


@dataclass(frozen=True, slots=True)
class LutGemv:
    """Products on one array with tables of `basis_weights` weights."""

    layout: Layout
    basis_weights: int

    @property
    def outputs(self) -> int:
        """Columns of the weight matrix that the array holds at once."""
        return self.layout.outputs(self.basis_weights)

    @property
    def combined_entries(self) -> int:
        """Entries that are made by an addition each."""
        return combined_entries(self.basis_weights)

    def blocks(self, tile: Tile) -> Blocks:
        """How `tile` is cut; raises CyclelabError if not even one row of inputs fits."""
        batch = self.layout.largest_batch(self.basis_weights, tile.k)
        if batch < 1:
            check_fit(self.layout, self.basis_weights, 1, tile.k)
        return Blocks(
            groups=-(-tile.k // self.basis_weights),
            batch=batch,
            passes=-(-tile.m // batch),
            column_blocks=-(-tile.n // self.outputs),
        )

    def phases(self, tile: Tile) -> Phases:
        """Cycles of `tile`: of every block of columns, in every pass.

        With G groups and B rows of inputs: load G·k·w (or G·k), build G·(2^k - k - 1)·add,
        lookup G·B·Σ(acc - i) (or G·B·a) and read-out, as the layout has them.
        """
        layout, k, cut = self.layout, self.basis_weights, self.blocks(tile)
        tables = cut.column_blocks * cut.passes * cut.groups
        return Phases(
            load=tables * layout.load_cycles(k),
            build=tables * self.combined_entries * layout.entry_cycles(k),
            lookup=cut.column_blocks * tile.m * cut.groups * layout.lookup_cycles(tile.k),
            read_out=tile.m * sum(blocks * cycles for blocks, cycles in self.read_out(tile)),
        )

    def read_out(self, tile: Tile) -> tuple[tuple[int, int], ...]:
        """Blocks of columns, and cycles in which sums of one row of inputs leave each of them.

        The last block may have fewer outputs than the others, and take fewer cycles.
        """
        whole, rest = divmod(tile.n, self.outputs)
        found = Counter({self.layout.read_out_cycles(self.outputs, tile.k): whole})
        if rest:
            found[self.layout.read_out_cycles(rest, tile.k)] += 1
        return tuple((blocks, cycles) for cycles, blocks in found.items() if blocks)


def largest_basis_weights(layout: Layout, batch: int, depth: int) -> int:
    """The largest k whose table fits beside a batch; 0 if none does."""
    return max((k for k in _choices() if layout.largest_batch(k, depth) >= batch), default=0)


def check_fit(layout: Layout, basis_weights: int, batch: int, depth: int) -> None:
    """Raise CyclelabError, with what would fit, if a table and a batch do not fit together."""
    k = basis_weights
    if layout.largest_batch(k, depth) >= batch:
        return
    if not layout.outputs(k):
        raise CyclelabError(
            f"sram_pim: entries of {layout.entry_bits(k)} bits (basis_weights {k}) do not fit "
            f"rows of {layout.columns} columns"
        )
    needed = layout.rows_needed(k, batch, depth)
    found = f"sram_pim: basis_weights {k} and a batch of {batch}, of {depth} inputs each, need"
    if needed > layout.rows:
        found += f" {needed} rows, the array has {layout.rows}"
    else:
        found += f" {batch} sums per output, the feeding module has {layout.batch_sums}"
    smaller, narrower = layout.largest_batch(k, depth), largest_basis_weights(layout, batch, depth)
    fits = [f"a batch of at most {smaller}"] if smaller else []
    fits += [f"basis_weights of at most {narrower} for that batch"] if narrower else []
    if not fits:
        alone = largest_basis_weights(layout, 1, depth)
        fits = [f"basis_weights of at most {alone} and a batch of 1"] if alone else []
    raise CyclelabError(f"{found}; what fits: {' or '.join(fits) or 'nothing, use more rows'}")


def best_basis_weights(layout: Layout, tile: Tile, in_one_pass: bool = False) -> int:
    """The k with the fewest cycles for `tile`, the smallest of equal ones.

    in_one_pass: only of those whose table fits beside all rows of inputs. Without it, a
    large table in several passes may win over a small one in a single pass.
    Raises CyclelabError, with what would fit, if no k fits.
    """
    batch = tile.m if in_one_pass else 1
    fitting = [k for k in _choices() if layout.largest_batch(k, tile.k) >= batch]
    if not fitting:
        check_fit(layout, 1, batch, tile.k)
    return min(fitting, key=lambda k: LutGemv(layout, k).phases(tile).total)


def peak_macs_per_cycle(layout: Layout, basis_weights: int | None) -> Fraction:
    """Multiply-accumulates per cycle that no tile exceeds, before sums are read out.

    With full batches, all columns and one group: more groups make wider sums, smaller
    batches and nothing faster. basis_weights: None for the best k.
    """
    choices = _choices() if basis_weights is None else (basis_weights,)
    return max(rate for k in choices for rate in _rates(layout, k))


def _rates(layout: Layout, k: int) -> Iterator[Fraction]:
    """Rates of one group of k weights or fewer, of 0 if it does not fit."""
    gemv = LutGemv(layout, k)
    for depth in range(1, k + 1):
        batch = layout.largest_batch(k, depth)
        tile = Tile(m=max(1, batch), n=max(1, gemv.outputs), k=depth)
        if batch:
            phases = gemv.phases(tile)
            yield Fraction(tile.macs, phases.total - phases.read_out)
        else:
            yield Fraction(0)


def _choices() -> range:
    return range(1, MOST_BASIS_WEIGHTS + 1)
