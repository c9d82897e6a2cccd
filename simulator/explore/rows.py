"""A comparison as data: rows of a CSV, and a document of plain values."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from simulator.explore.notes import findings
from simulator.explore.outcome import CaseOutcome, Outcome, PhaseOutcome
from simulator.report.efficiency import Efficiency
from simulator.report.serialise import plain
from simulator.report.tables import Row, bounded
from simulator.report.units import SPACE


def document(outcome: Outcome) -> dict[str, Any]:
    """The outcome as plain data, with full precision."""
    spec = outcome.spec
    cases = []
    for case in outcome.cases:
        data: dict[str, Any] = plain(case)
        data["area_sure"] = case.area_sure
        for phase, found in zip(data["phases"], case.phases, strict=True):
            phase["sure"] = found.sure
        cases.append(data)
    return {
        "name": spec.name,
        "title": spec.title,
        "equal": spec.equal,
        "settings": list(outcome.settings),
        "notes": [note.replace(SPACE, " ") for note in (*findings(outcome), *spec.notes)],
        "cases": cases,
    }


def csv_rows(outcome: Outcome) -> list[Row]:
    """A flat row per case and phase."""
    return [_flat(case, phase) for case in outcome.cases for phase in case.phases]


def _flat(case: CaseOutcome, phase: PhaseOutcome) -> Row:
    row: Row = {
        "case": case.name,
        "baseline": case.baseline,
        "machine": case.machine,
        "technology": case.technology,
        "clock_hz": case.clock_hz,
        "units": case.units.title,
        "unit_count": case.units.count,
        "macs_per_cycle": case.units.macs_per_cycle,
        "phase": phase.phase,
        "cycles": phase.cycles,
        "seconds": phase.seconds,
        "seconds_ratio": phase.seconds_ratio,
        "tokens_per_s": phase.tokens_per_s,
        "of_peak": phase.of_peak,
        "macs": phase.macs,
        "macs_ratio": phase.macs_ratio,
        "main_macs": phase.main_macs,
        **bounded("energy_j", phase.energy_j),
        **bounded("difference_j", phase.difference_j),
        "energy_ratio": phase.energy_ratio,
        "sure": phase.sure,
    }
    for field in fields(Efficiency):
        row |= bounded(field.name, getattr(phase.efficiency, field.name))
    row |= bounded("units_area_mm2", case.units.area_mm2) | bounded("area_mm2", case.area_mm2)
    row |= bounded("area_difference_mm2", case.area_difference_mm2) | {"area_sure": case.area_sure}
    row |= bounded("units_power_w", case.units.power_w)
    return row | {"units_relative": case.units.relative}
