"""A product on an array as JSON, strictly valid: the same run gives the same bytes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from simulator.hardware.sram_pim.choices import Choice
from simulator.report.serialise import json_text, plain
from simulator.report.sram.result import SramRun
from simulator.report.sram.verdict import verdict
from simulator.report.tables import Row

SCHEMA_VERSION = 1


def to_document(run: SramRun) -> dict[str, Any]:
    """The document that `docs/sram_pim.md` describes; phases are in cycles of the array."""
    tile, chosen = run.tile, run.chosen
    document = {
        "schema_version": SCHEMA_VERSION,
        "product": {"batch": tile.m, "k": tile.k, "n": tile.n, "macs": tile.macs},
        "basis_weights": chosen.basis_weights,
        "best_basis_weights": run.best.basis_weights,
        "cycles": run.cycles,
        "cycles_per_mac": run.cycles_per_mac,
        "phases": asdict(run.phases),
        "shares": run.shares,
        "blocks": asdict(chosen.blocks),
        "choices": choice_rows(run),
        "rows": row_rows(run),
        "verdict": verdict(run).replace("\N{NO-BREAK SPACE}", " "),
        "reuse": None if run.reuse is None else asdict(run.reuse) | {"rate": run.reuse.rate},
        "conversion": None if run.conversion is None else asdict(run.conversion),
        "values": None if run.values is None else asdict(run.values),
        "array": {"name": run.name, "configuration_hash": run.configuration_hash},
        "configuration": run.configuration,
        "version": run.version,
        "sources": run.sources,
    }
    made = plain(document)
    assert isinstance(made, dict)
    return made


def to_json(run: SramRun) -> str:
    """`to_document` as text."""
    return json_text(to_document(run))


def choice_rows(run: SramRun) -> list[Row]:
    """A row per k; of those that do not fit, of an array with room for it."""
    return [_choice_row(run, choice) for choice in run.choices]


def _choice_row(run: SramRun, choice: Choice) -> Row:
    return {
        "basis_weights": choice.basis_weights,
        "fits": choice.fits,
        "least_rows": choice.least_rows,
        "rows_needed": choice.rows_needed,
        "largest_batch": choice.largest_batch,
        "passes": choice.blocks.passes,
        "column_blocks": choice.blocks.column_blocks,
        "outputs": choice.outputs,
        "entry_bits": choice.entry_bits,
        **{f"{phase}_cycles": cycles for phase, cycles in asdict(choice.phases).items()},
        "cycles": choice.phases.total,
        "cycles_per_mac": choice.phases.total / run.tile.macs,
    }


def row_rows(run: SramRun) -> list[Row]:
    """A row for each thing that rows of the array hold, from the first to the last."""
    return [asdict(span) for span in run.spans]
