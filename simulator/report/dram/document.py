"""A simulated trace as JSON, strictly valid: the same run gives the same bytes."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import numpy as np

from simulator.report.dram.limits import find_limits
from simulator.report.dram.result import PERCENTILES, TraceRun
from simulator.report.dram.verdict import verdict
from simulator.report.serialise import json_text, plain

SCHEMA_VERSION = 1
_NUMBERS = re.compile(r"\[([\d\s.,]+)\]")


def to_document(run: TraceRun) -> dict[str, Any]:
    """The document that `docs/dram.md` describes; times without a unit are in cycles."""
    result = run.total
    limits = find_limits(run)
    document = {
        "schema_version": SCHEMA_VERSION,
        "trace": asdict(run.trace),
        "cycles": result.cycles,
        "time_s": run.seconds,
        "bandwidth_bytes_per_s": run.bandwidth_bytes_per_s,
        "peak_bytes_per_s": run.peak_bytes_per_s,
        "moved_bytes": run.moved_bytes,
        "data_bus_share": run.bus_share,
        "row_open_share": run.row_open_share,
        "reads": result.reads,
        "writes": result.writes,
        "forwarded_reads": result.forwarded_reads,
        "coalesced_writes": result.coalesced_writes,
        "row_hits": result.row_hits,
        "row_misses": result.row_misses,
        "row_conflicts": result.row_conflicts,
        "latency": _latency(run),
        "commands": result.commands,
        "refresh": {
            "commands": run.refreshes,
            "longest_late_cycles": result.refresh_late_cycles,
        },
        "energy_j": run.energy_j,
        "limits": {**asdict(limits), "in_words": verdict(run, limits)},
        "device": {
            "name": run.device.name,
            "description": run.device.description,
            "standard": run.device.standard,
            "clock_ps": run.device.timing.clock_ps,
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


def to_json(run: TraceRun) -> str:
    """`to_document` as text, lists of numbers on one line."""
    text = json_text(to_document(run))
    return _NUMBERS.sub(lambda found: "[" + " ".join(found[1].split()) + "]", text)


def _latency(run: TraceRun) -> dict[str, Any]:
    """Of reads, in cycles; the histogram without its empty bins."""
    result = run.total
    filled = np.flatnonzero(result.latency_counts)
    return {
        "mean_cycles": result.latency_mean_cycles,
        **{f"p{share}": exact(result.latency_percentile(share / 100)) for share in PERCENTILES},
        "max": result.latency_max_cycles,
        "histogram": {
            "up_to_cycles": [exact(cycles) for cycles in result.latency_cycles[filled].tolist()],
            "reads": result.latency_counts[filled].tolist(),
        },
    }


def exact(cycles: float) -> float:
    """Whole cycles as whole numbers."""
    return int(cycles) if cycles == int(cycles) else cycles
