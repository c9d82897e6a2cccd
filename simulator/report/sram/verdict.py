"""What bounds a product on one array, and what would help, in sentences earned from its cycles."""

from __future__ import annotations

from dataclasses import replace

from simulator.hardware.sram_pim.layouts import combined_entries
from simulator.hardware.sram_pim.lut_gemv import LutGemv, best_basis_weights
from simulator.report.sram.result import SramRun
from simulator.report.units import count, percent

WORTH_SAYING = 0.02
"""Share of the cycles below which nothing is said."""
WELL_USED = 0.9
"""Share of the array's outputs from which on nothing is said of the others."""


def verdict(run: SramRun) -> str:
    """The phase that takes most and why, then what would change it."""
    found = [_limit(run), _given(run), _sharing(run), _passes(run), _room(run), _outputs(run)]
    return " ".join(sentence for sentence in found if sentence)


def _limit(run: SramRun) -> str:
    name = max(run.shares, key=lambda phase: run.shares[phase])
    layout, k, tile = run.layout, run.chosen.basis_weights, run.tile
    serial = run.spec.layout == "bit_serial"
    share = percent(run.shares[name])
    if name == "lookup":
        bits = layout.accumulator_bits(tile.k)
        why = (
            f"each of {layout.input_bits} planes of a group adds an entry to a sum of {bits} "
            "bits, bit by bit"
            if serial
            else f"each of {layout.input_bits} planes of a group reads an entry"
        )
        return f"Looking up takes most, {share} of the cycles: {why}."
    if name == "build":
        additions = "an addition" if combined_entries(k) == 1 else "additions"
        rows = _rows(run.chosen.blocks.batch)
        many = f"{count(combined_entries(k))} {additions} of {layout.entry_cycles(k)} cycles"
        if layout.entry_cycles(k) == 1:
            many = f"{count(combined_entries(k))} {additions}"
        return f"Making tables takes most, {share} of the cycles: {many}, shared by {rows}."
    if name == "load":
        why = "a row for each bit of each weight" if serial else "a row for each weight"
        shared = _rows(run.chosen.blocks.batch)
        return f"Loading weights takes most, {share} of the cycles: {why}, shared by {shared}."
    return f"Reading out takes most, {share} of the cycles: few inputs are summed up per output."


def _given(run: SramRun) -> str:
    """The best k, if another one is given."""
    fewer = 1 - run.best.phases.total / run.cycles
    if fewer < WORTH_SAYING:
        return ""
    return f"k = {run.best.basis_weights} would take {percent(fewer)} fewer cycles."


def _sharing(run: SramRun) -> str:
    """What as large a batch as fits would save."""
    chosen, tile = run.chosen, run.tile
    largest = chosen.largest_batch
    if largest <= tile.m:
        return ""
    full = LutGemv(run.layout, chosen.basis_weights).phases(replace(tile, m=largest))
    fewer = 1 - full.total / replace(tile, m=largest).macs / run.cycles_per_mac
    if fewer < WORTH_SAYING:
        return ""
    return (
        f"A batch of {largest}, the largest that fits, would share the tables: {percent(fewer)} "
        "fewer cycles per multiply-accumulate."
    )


def _passes(run: SramRun) -> str:
    """Why a batch does not go at once."""
    blocks = run.chosen.blocks
    if blocks.passes == 1:
        return ""
    return (
        f"The batch goes in {count(blocks.passes)} passes of at most {blocks.batch}, each of which "
        "loads all weights and makes all tables."
    )


def _room(run: SramRun) -> str:
    """What twice as many rows, for larger tables or batches, would save."""
    layout, tile = run.layout, run.tile
    parallel = run.spec.layout == "bit_parallel"
    taller = replace(layout, rows=2 * layout.rows, batch_sums=2 * layout.batch_sums)
    k = best_basis_weights(taller, tile)
    gemv = LutGemv(taller, k)
    fewer = 1 - gemv.phases(tile).total / run.best.phases.total
    what = "Twice the rows, and sums beside them," if parallel else "Twice the rows"
    if fewer < WORTH_SAYING:
        return f"{what} would not help."
    passes = gemv.blocks(tile).passes
    in_passes = f" in {count(passes)} pass{'es' if passes > 1 else ''}" if tile.m > 1 else ""
    return f"{what} would save {percent(fewer)} of the best cycles: k = {k}{in_passes}."


def _outputs(run: SramRun) -> str:
    """Columns that hold nothing."""
    chosen, tile = run.chosen, run.tile
    blocks = chosen.blocks.column_blocks
    if tile.n >= WELL_USED * blocks * chosen.outputs:
        return ""
    if blocks == 1:
        return f"The array has room for {count(chosen.outputs)} outputs and holds {count(tile.n)}."
    used = percent(tile.n / (blocks * chosen.outputs))
    return f"The last of {count(blocks)} blocks of columns is not full: {used} of them are used."


def _rows(number: int) -> str:
    return f"{count(number)} row{'s' if number > 1 else ''} of inputs"
