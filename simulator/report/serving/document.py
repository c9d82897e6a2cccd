"""A serving run as JSON, strictly valid: the same run gives the same bytes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from simulator.report.serialise import json_text, plain
from simulator.report.serving.result import ServingResult, kinds_of
from simulator.report.serving.tables import iteration_rows, request_rows

SCHEMA_VERSION = 1


def to_document(result: ServingResult) -> dict[str, Any]:
    """The document that `docs/serving.md` describes."""
    likeness = result.likeness
    spreads = {
        "time_to_first_token_s": result.time_to_first_token,
        "time_per_output_token_s": result.time_per_output_token,
        "latency_s": result.latency,
    }
    document = {
        "schema_version": SCHEMA_VERSION,
        "name": result.name,
        "machine": result.machine,
        "memory_peak_macs_per_cycle": result.memory_peak_macs_per_cycle,
        "workload": result.workload,
        "seconds": result.seconds,
        "busy_seconds": result.busy_seconds,
        "stage_busy_s": result.stage_busy_s,
        "generated": result.generated,
        "tokens_per_s": result.tokens_per_s,
        "offered_requests": result.offered_requests,
        "finished_requests": len(result.finished),
        "preemptions": result.preemptions,
        "mean_batch": result.mean_batch,
        "iterations_by_kind": kinds_of(result.iterations),
        "utilisations": result.utilisations,
        "energy_j": result.energy_j,
        "energy_per_token_j": result.energy_per_token_j,
        **{name: None if s is None else asdict(s) for name, s in spreads.items()},
        "likeness": {
            "steps": likeness.kind,
            "simulated_iterations": sum(each.simulated for each in result.iterations),
            "checked_iterations": len(likeness.errors),
            "mean_error": likeness.mean_error,
            "largest_error": likeness.largest_error,
            "layers": likeness.layers,
            "layers_error": likeness.layers_error,
        },
        "iterations": iteration_rows(result),
        "requests": request_rows(result),
        "technology": result.technology,
        "sources": result.sources,
        "configuration": result.configuration,
        "configuration_hash": result.configuration_hash,
        "version": result.version,
    }
    made = plain(document)
    assert isinstance(made, dict)
    return made


def to_json(result: ServingResult) -> str:
    """`to_document` as text."""
    return json_text(to_document(result))
