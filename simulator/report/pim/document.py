"""A GEMV on units as JSON, strictly valid: the same run gives the same bytes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from simulator.hardware.dram.pim.gemv import pim_of
from simulator.report.dram.document import exact
from simulator.report.pim.result import PimRun
from simulator.report.serialise import json_text, plain

SCHEMA_VERSION = 1


def to_document(run: PimRun) -> dict[str, Any]:
    """The document that `docs/pim.md` describes; times without a unit are in cycles."""
    layout, result, device = run.layout, run.result, run.device
    document = {
        "schema_version": SCHEMA_VERSION,
        "gemv": {
            "outputs": layout.outputs,
            "inputs": layout.inputs,
            "segment": layout.segment_inputs,
            "matrix_bytes": run.matrix_bytes,
            "rows": layout.rows,
            "runs": [asdict(each) for each in layout.runs()],
        },
        "cycles": exact(result.cycles),
        "time_s": run.seconds,
        "tiles": result.tiles,
        "cycles_per_tile": result.cycles_per_tile,
        "cycles_per_tile_without_refresh": run.expected_tile_cycles,
        "multiplying_share": result.multiplying_share,
        "time_shares": run.shares,
        "over_the_bus_cycles": exact(run.bus_cycles),
        "speedup_over_bus": run.speedup_over_bus,
        "reads_beside": result.reads if run.reads_beside else None,
        "read_share": result.read_share if run.reads_beside else None,
        "commands": result.commands,
        "refresh_late_cycles": result.refresh_late_cycles,
        "energy_j": run.energy_j,
        "values": None if run.values is None else asdict(run.values),
        "device": {
            "name": device.name,
            "description": device.description,
            "clock_ps": device.timing.clock_ps,
            "timing": pim_of(device).timing,
            "configuration_hash": run.configuration_hash,
        },
        "controller": run.configuration["controller"],
        "configuration": run.configuration,
        "version": run.version,
        "sources": run.sources,
    }
    made = plain(document)
    assert isinstance(made, dict)
    return made


def to_json(run: PimRun) -> str:
    """`to_document` as text."""
    return json_text(to_document(run))
