"""A LUT-GEMV on one SRAM array: from names to what it takes."""

from __future__ import annotations

import numpy as np

from simulator import __version__
from simulator.config import CyclelabError, checked_size
from simulator.hardware.matrix_unit import Tile
from simulator.hardware.sram_pim import SramPim
from simulator.hardware.sram_pim.load import ArraySetup
from simulator.hardware.sram_pim.parts import ARRAY
from simulator.hardware.sram_pim.reuse import ActivationSpec
from simulator.hardware.sram_pim.savings import MOST_PASSES, reuse_table, saved_by_group
from simulator.hardware.sram_pim.spec import ArraySpec
from simulator.numerics import random_values
from simulator.report.sram.result import ReuseCheck, SramRun, ValueCheck

SEED = 1
MOST_MACS = 1 << 53
"""Of a product: up to here every JSON reader has whole numbers."""
MOST_STEPPED_CYCLES = 2_000_000
"""That are executed one by one: a minute or two."""
MOST_DRAWN = 1 << 24
"""Activations that are drawn for `reuse`."""


def run_lut_gemv(
    setup: ArraySetup, k: int, n: int, batch: int = 1, values: bool = False, seed: int = SEED
) -> SramRun:
    """`batch` rows of `k` inputs times weights [k, n] on an array.

    values: also executes the row program, on operands that `seed` draws uniformly. Raises
    CyclelabError for sizes that are none, for a table that does not fit, with what would,
    and for what is too long to be executed.
    """
    k, n, batch = checked_size(k, "k"), checked_size(n, "n"), checked_size(batch, "batch")
    unit, tile = SramPim(setup.spec), Tile(m=batch, n=n, k=k)
    if tile.macs > MOST_MACS:
        raise CyclelabError(
            f"k, n and batch: a product of {tile.macs:,} MACs, expected {MOST_MACS:,} at most"
        )
    try:
        unit.phases(tile)
    except CyclelabError as error:
        key = "rows" if setup.spec.basis_weights is None else "basis_weights"
        raise setup.document.error((key,), str(error)) from None
    return SramRun(
        name=setup.name,
        unit=unit,
        tile=tile,
        reuse=check_reuse(setup.spec, unit, tile),
        values=check_values(unit, tile, seed) if values else None,
        configuration=setup.resolved(),
        configuration_hash=setup.configuration_hash(),
        sources=setup.sources(),
        version=__version__,
    )


def check_reuse(spec: ArraySpec, unit: SramPim, tile: Tile) -> ReuseCheck | None:
    """Draw activations and count the look-ups that a memory of patterns spares the array.

    Of every table, in every pass, the memory is empty at first; blocks of columns see the
    same activations. None without `reuse`; CyclelabError for more inputs than are drawn.
    """
    if spec.reuse is None:
        return None
    kind, layout, gemv = spec.activations or ActivationSpec(), spec.array_layout, unit.gemv(tile)
    blocks, k = gemv.blocks(tile), gemv.basis_weights
    drawn = min(tile.m, MOST_PASSES * blocks.batch) * tile.k
    if drawn > MOST_DRAWN:
        raise CyclelabError(
            f"reuse: {drawn:,} activations, and at most {MOST_DRAWN:,} are drawn: use fewer "
            "inputs or rows of inputs"
        )
    saved, rate = saved_by_group(layout, k, spec.reuse, kind, (tile.m, tile.k), tile.k)
    lookups = blocks.groups * tile.m * layout.input_bits
    gaussian = kind.distribution == "gaussian"
    usual = 2.0 ** (layout.input_bits - 3)
    return ReuseCheck(
        distribution=kind.distribution,
        sigma=(usual if kind.sigma is None else kind.sigma) if gaussian else None,
        seed=kind.seed,
        memory_bytes=reuse_table(layout, k, spec.reuse).capacity_bytes or 0,
        lookups=lookups,
        hits=round(rate * lookups),
        saved_cycles=blocks.column_blocks * int(saved.sum()),
    )


def check_values(unit: SramPim, tile: Tile, seed: int = SEED) -> ValueCheck:
    """Step a product of random operands, uniform over their formats, access by access."""
    cycles = unit.phases(tile).total
    if cycles > MOST_STEPPED_CYCLES:
        raise CyclelabError(
            f"values: this product takes {cycles:,} cycles, and at most {MOST_STEPPED_CYCLES:,} "
            "are executed one by one: use fewer inputs, outputs or rows of inputs"
        )
    generator, spec = np.random.default_rng(seed), unit.spec
    inputs = random_values(generator, (tile.m, tile.k), spec.input_format)
    weights = random_values(generator, (tile.k, tile.n), spec.weight_format)
    run = unit.registers(inputs, weights)
    exact = inputs.astype(np.int64) @ weights.astype(np.int64)
    done = {
        action.verb: count for action, count in run.actions.counts.items() if action.path == ARRAY
    }
    return ValueCheck(
        seed=seed,
        sums=exact.size,
        equal=bool(np.array_equal(run.values, exact)),
        cycles=run.cycles,
        reads=done.get("read", 0),
        writes=done.get("write", 0),
        computes=done.get("compute", 0),
    )
