"""What `cyclelab cost` does: the bill of a unit, of a machine and its units, or of a DRAM."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.config import (
    ConfigError,
    CyclelabError,
    Document,
    apply_overrides,
    load_document,
    nearest,
)
from simulator.config.presets import EXTENDS
from simulator.config.resources import SUFFIXES, find, list_presets
from simulator.cost import Technology, technology_from
from simulator.cost.machine import MachineCost, machine_cost
from simulator.cost.unit import UnitCost, unit_cost
from simulator.hardware.machines import MACHINES
from simulator.hardware.matrix_unit import MATRIX_UNITS, MatrixUnit
from simulator.hardware.parts_list import PARTS, PartsListSpec
from simulator.hardware.units import unit_from, unit_kinds, unit_title
from simulator.report.cost_table import cost_document, unit_table
from simulator.report.machine_cost_table import machine_document, machine_lines
from simulator.terminal import STANDARD_OUTPUT, write_text

DEFAULT_TECHNOLOGY = "45nm"
TECHNOLOGY, OPTION = "technology", "--technology"


@dataclass(slots=True)
class Bill:
    """What was priced: units by title, and of a machine its own costs."""

    title: str
    technology: Technology
    units: dict[str, UnitCost] = field(default_factory=dict)
    clock_hz: float | None = None
    machine: MachineCost | None = None


def cost(options: argparse.Namespace) -> None:
    """Price WHAT, print its tables or write them as JSON."""
    if options.what in list_presets("dram"):
        _dram(options)
        return
    twice = next((each for each in options.set if each.strip().startswith(f"{TECHNOLOGY}=")), None)
    if options.technology is not None and (twice or not options.technology.strip()):
        found = f"also --set {twice}" if twice else "no name"
        raise CyclelabError(f"{OPTION}: found {found}, expected the name of one technology")
    bill = _bill(options.what, options.set, options.technology)
    if options.json:
        _write(options.json, _document(bill))
    else:
        print("\n".join(_lines(bill, sources=options.sources)))


def _dram(options: argparse.Namespace) -> None:
    """Energies of a DRAM device, which no technology prices."""
    from simulator.hardware.dram.load import load_device
    from simulator.report.dram.energies import energies_document, energy_lines

    if options.technology is not None:
        raise CyclelabError(
            f"{OPTION}: {options.what} is a DRAM device, which states energies of its own"
        )
    device = load_device(options.what, options.set)
    if options.json:
        _write(options.json, energies_document(device))
    else:
        print("\n".join(energy_lines(device, sources=options.sources)))


def _write(target: str, document: dict[str, Any]) -> None:
    text = json.dumps(document, indent=2) + "\n"
    if target == STANDARD_OUTPUT:
        sys.stdout.write(text)
    else:
        write_text(Path(target), text)
        print(f"wrote {target}")


def _bill(what: str, overrides: list[str], technology: str | None) -> Bill:
    if what in MATRIX_UNITS:
        data = Document.from_data({"kind": what}, "unit")
        return _unit_bill(data, overrides, technology)
    if what.lower().endswith(SUFFIXES):
        document = load_document(find("machines", what))
        kind = document.data.get("kind")
        if isinstance(kind, str) and kind in unit_kinds():
            return _unit_bill(document, overrides, technology)
        if not isinstance(kind, str) and EXTENDS not in document.data:
            raise document.error(
                ("kind",),
                f"found {kind!r} as kind: this is no machine, unit or list of parts; known: "
                f"{', '.join((*MACHINES, *unit_kinds()))}",
            )
        if isinstance(kind, str) and kind not in MACHINES:
            known = [*MACHINES, *unit_kinds()]
            raise document.error(
                ("kind",),
                f"unknown kind of machine or unit {kind!r}; known: {', '.join(known)}",
                nearest=nearest(kind, known),
            )
    elif what not in list_presets("machines"):
        known = [*list_presets("machines"), *MATRIX_UNITS, *list_presets("dram")]
        hint = nearest(what, known)
        raise CyclelabError(
            f"no machine, unit or DRAM device is called {what!r}; known: {', '.join(known)}"
            + (f"; did you mean {hint!r}?" if hint else "")
        )
    return _machine_bill(what, overrides, technology)


def _unit_bill(document: Document, overrides: list[str], technology: str | None) -> Bill:
    of_technology = [each for each in overrides if _is_technology(each)]
    document = apply_overrides(document, [o for o in overrides if o not in of_technology])
    unit = unit_from(document)
    chosen = Document.from_data({TECHNOLOGY: technology or DEFAULT_TECHNOLOGY}, OPTION)
    prices = technology_from(apply_overrides(chosen, of_technology), (TECHNOLOGY,))
    title = unit_title(unit)
    try:
        return Bill(title, prices, {title: unit_cost(unit, prices)})
    except CyclelabError as error:
        raise document.error(
            (PARTS,) if isinstance(unit, PartsListSpec) else (), str(error)
        ) from None


def _is_technology(override: str) -> bool:
    """Whether a setting is one of the technology, or chooses another one."""
    return override.partition("=")[0].strip().partition(".")[0] == TECHNOLOGY


def _machine_bill(what: str, overrides: list[str], technology: str | None) -> Bill:
    from simulator.experiment import gemm_experiment

    chosen = [] if technology is None else [f"{TECHNOLOGY}={json.dumps(technology)}"]
    try:
        experiment = gemm_experiment((1, 1, 1), what, [*chosen, *overrides])
    except ConfigError as error:
        if chosen and error.file == f"--set {chosen[0]}":
            raise CyclelabError(f"{OPTION}: {error.message}") from None
        raise
    machine, prices = experiment.spec.machine, experiment.technology
    units = {
        f"{unit.spec.count * machine.cores:,} × {unit.title} ({_formats(unit)}), one of which": (
            unit_cost(unit, prices)
        )
        for unit in machine.core.build_matrix_units()
    }
    return Bill(
        machine.name, prices, units, machine.clock.frequency_hz, machine_cost(machine, prices)
    )


def _formats(unit: MatrixUnit[Any]) -> str:
    pairs = ", ".join(f"{inputs} × {weights}" for inputs, weights in unit.format_pairs)
    return f"{pairs} and narrower" if unit.narrower else pairs


def _lines(bill: Bill, sources: bool) -> list[str]:
    prices = bill.technology
    lines = [*textwrap.wrap(f"{bill.title} · technology {prices.name}: {prices.description}", 100)]
    if bill.machine is not None:
        lines += ["", *machine_lines(bill.machine)]
    for title, unit in bill.units.items():
        lines += ["", *unit_table(title, unit, bill.clock_hz)]
    if sources:
        lines += ["", *(f"{key}: {line}" for key, line in prices.source_lines().items())]
    return lines


def _document(bill: Bill) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": bill.title,
        "technology": bill.technology.name,
        "units": {title: cost_document(unit) for title, unit in bill.units.items()},
        "sources": bill.technology.source_lines(),
    }
    if bill.machine is not None:
        found |= {"clock_hz": bill.clock_hz, **machine_document(bill.machine)}
    return found
