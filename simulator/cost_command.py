"""What `cyclelab cost` does: the bill of a unit, or of a machine and its units."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.config import (
    ConfigError,
    CyclelabError,
    Document,
    apply_overrides,
    load_document,
    nearest,
    validate,
)
from simulator.config.resources import SUFFIXES, find, list_presets
from simulator.cost import Estimate, Technology, load_technology
from simulator.cost.area import area
from simulator.cost.energy import static_power_w
from simulator.cost.unit import UnitCost, unit_cost
from simulator.hardware.bill import machine_parts
from simulator.hardware.machines import MACHINES
from simulator.hardware.matrix_unit import MATRIX_UNITS, MatrixUnit
from simulator.report.cost_table import cost_document, machine_table, unit_table
from simulator.terminal import STANDARD_OUTPUT, write_text

DEFAULT_TECHNOLOGY = "45nm"


@dataclass(slots=True)
class Bill:
    """What was priced: units by title, and for a machine its area by component."""

    title: str
    technology: Technology
    units: dict[str, UnitCost]
    clock_hz: float | None = None
    area_by_component: dict[str, Estimate] | None = None
    static_w: Estimate | None = None


def cost(options: argparse.Namespace) -> None:
    """Price WHAT, print its tables or write them as JSON."""
    bill = _bill(options.what, options.set, options.technology)
    if options.json:
        text = json.dumps(_document(bill), indent=2) + "\n"
        if options.json == STANDARD_OUTPUT:
            sys.stdout.write(text)
        else:
            write_text(Path(options.json), text)
            print(f"wrote {options.json}")
        return
    print("\n".join(_lines(bill, sources=options.sources)))


def _bill(what: str, overrides: list[str], technology: str | None) -> Bill:
    if what in MATRIX_UNITS:
        data = Document.from_data({"kind": what}, "unit")
        return _unit_bill(data, overrides, technology)
    if what.lower().endswith(SUFFIXES):
        document = load_document(find("machines", what))
        kind = document.data.get("kind")
        if isinstance(kind, str) and kind in MATRIX_UNITS:
            return _unit_bill(document, overrides, technology)
        if isinstance(kind, str) and kind not in MACHINES:
            known = [*MACHINES, *MATRIX_UNITS]
            raise document.error(
                ("kind",),
                f"unknown kind of machine or unit {kind!r}; known: {', '.join(known)}",
                nearest=nearest(kind, known),
            )
    elif what not in list_presets("machines"):
        known = [*list_presets("machines"), *MATRIX_UNITS]
        hint = nearest(what, known)
        raise CyclelabError(
            f"no machine or unit is called {what!r}; known: {', '.join(known)}"
            + (f"; did you mean {hint!r}?" if hint else "")
        )
    return _machine_bill(what, overrides, technology)


def _unit_bill(document: Document, overrides: list[str], technology: str | None) -> Bill:
    document = apply_overrides(document, overrides)
    kind = document.data.get("kind")
    if not isinstance(kind, str) or kind not in MATRIX_UNITS:
        known = ", ".join(MATRIX_UNITS)
        raise document.error(("kind",), f"found {kind!r}, expected a unit: {known}")
    unit: MatrixUnit[Any] = MATRIX_UNITS[kind](validate(MATRIX_UNITS[kind].spec_type, document))
    prices = _technology(DEFAULT_TECHNOLOGY if technology is None else technology)
    return Bill(unit.title, prices, {unit.title: unit_cost(unit, prices)})


def _technology(name: str) -> Technology:
    try:
        return load_technology(name)
    except ConfigError as error:
        if error.file is not None:
            raise
        raise CyclelabError(f"--technology: {error}") from None


def _machine_bill(what: str, overrides: list[str], technology: str | None) -> Bill:
    from simulator.experiment import gemm_experiment

    chosen = [*overrides, *([] if technology is None else [f"technology={json.dumps(technology)}"])]
    experiment = gemm_experiment((1, 1, 1), what, chosen)
    machine, prices = experiment.spec.machine, experiment.technology
    parts = machine_parts(machine)
    units = {
        f"{unit.spec.count * machine.cores:,} × {unit.title} ({_formats(unit)}), one of which": (
            unit_cost(unit, prices)
        )
        for unit in machine.core.build_matrix_units()
    }
    return Bill(
        machine.name,
        prices,
        units,
        machine.clock.frequency_hz,
        area(parts, prices),
        static_power_w(parts, prices),
    )


def _formats(unit: MatrixUnit[Any]) -> str:
    return ", ".join(f"{inputs} × {weights}" for inputs, weights in unit.format_pairs)


def _lines(bill: Bill, sources: bool) -> list[str]:
    spec = bill.technology.spec
    lines = [*textwrap.wrap(f"{bill.title} · technology {spec.name}: {spec.description}", 100), ""]
    if bill.area_by_component is not None and bill.static_w is not None:
        lines += [*machine_table(bill.area_by_component, bill.static_w), ""]
    for title, unit in bill.units.items():
        lines += [*unit_table(title, unit, bill.clock_hz), ""]
    if sources:
        lines += [f"{key}: {line}" for key, line in bill.technology.source_lines().items()]
    return lines if sources else lines[:-1]


def _document(bill: Bill) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": bill.title,
        "technology": bill.technology.name,
        "units": {title: cost_document(unit) for title, unit in bill.units.items()},
        "sources": bill.technology.source_lines(),
    }
    if bill.static_w is not None:
        found["clock_hz"] = bill.clock_hz
        found["static_power_w"] = bill.static_w.value
    if bill.area_by_component is not None:
        found["area_mm2"] = {
            path: {"value": each.value, "low": each.low, "high": each.high}
            for path, each in bill.area_by_component.items()
        }
    return found
