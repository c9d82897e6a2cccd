"""A comparison as tables: for the terminal, as Markdown, as rows of a CSV, as plain data."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from simulator.explore.outcome import CaseOutcome, Outcome, PhaseOutcome
from simulator.report.serialise import plain
from simulator.report.tables import Row
from simulator.report.units import SPACE, columns, estimate, percent, ratio, seconds, si

WIDTH = 100
NAME_WIDTH = 30
Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
SURE = (
    "surely: whether less or more energy than the baseline at all prices within their bounds, the "
    "price of one thing being the same in both; open: it depends on them"
)
TWO_TECHNOLOGIES = "surely: –, since technologies differ"


def text(outcome: Outcome) -> str:
    """Title, machines, a table per phase, what equal means; at most WIDTH columns."""
    lines = [*textwrap.wrap(outcome.spec.title, WIDTH)]
    for head, rows in _tables(outcome):
        short = [(_clip(row[0], NAME_WIDTH), *row[1:]) for row in rows]
        lines += ["", *columns(head, short, left={0, 1} if head[1] == "main units" else {0})]
    for note in _notes(outcome):
        lines += ["", *textwrap.wrap(note, WIDTH)]
    return "\n".join(lines) + "\n"


def markdown(outcome: Outcome) -> str:
    """The tables alone."""
    return "\n".join(_markdown(head, rows) for head, rows in _tables(outcome))


def document(outcome: Outcome) -> dict[str, Any]:
    """The same as plain data, with full precision."""
    spec = outcome.spec
    cases = []
    for case in outcome.cases:
        data: dict[str, Any] = plain(case)
        for phase, found in zip(data["phases"], case.phases, strict=True):
            phase["sure"] = found.sure
        cases.append(data)
    return {
        "name": spec.name,
        "title": spec.title,
        "equal": spec.equal,
        "notes": list(spec.notes),
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
        "units": case.units.title,
        "unit_count": case.units.count,
        "macs_per_cycle": case.units.macs_per_cycle,
        "phase": phase.phase,
        "cycles": phase.cycles,
        "seconds": phase.seconds,
        "seconds_ratio": phase.seconds_ratio,
        "tokens_per_s": phase.tokens_per_s,
        "of_peak": phase.of_peak,
    }
    for name, found in (("energy", phase.energy_j), ("difference", phase.difference_j)):
        for bound in ("value", "low", "high"):
            key = f"{name}_j" if bound == "value" else f"{name}_{bound}_j"
            row[key] = getattr(found, bound) if found is not None else None
    row |= {"energy_ratio": phase.energy_ratio, "sure": phase.sure}
    for name, area in (("units_area", case.units.area_mm2), ("area", case.area_mm2)):
        row |= {f"{name}_mm2": area.value, f"{name}_low_mm2": area.low}
        row |= {f"{name}_high_mm2": area.high}
    return row | {"units_relative": case.units.relative}


def _tables(outcome: Outcome) -> list[Table]:
    return [_machines(outcome), *(_phase(outcome, phase) for phase in outcome.phases)]


def _machines(outcome: Outcome) -> Table:
    equal = outcome.spec.equal
    head: tuple[str, ...] = ("machine", "main units", "MACs/cycle", "units, mm²", "all, mm²")
    head = head if equal == "none" else (*head, f"{equal}, relative")
    rows: list[tuple[str, ...]] = []
    for case in outcome.cases:
        units = case.units
        row = (
            case.name,
            f"{units.count:,} × {units.title.removeprefix(units.kind).strip() or units.kind}",
            f"{units.macs_per_cycle:,.0f}",
            f"{units.area_mm2.value:.3g}",
            f"{case.area_mm2.value:.3g}",
        )
        rows.append(row if units.relative is None else (*row, f"{units.relative:.3f}"))
    return head, rows


def _phase(outcome: Outcome, label: str) -> Table:
    head = (label, "time", "ratio", "tokens/s", "of peak", "energy", "ratio", "surely")
    pairs = [(case, p) for case in outcome.cases for p in case.phases if p.phase == label]
    return head, [_cells(case, phase) for case, phase in pairs]


def _cells(case: CaseOutcome, phase: PhaseOutcome) -> tuple[str, ...]:
    rate = phase.tokens_per_s
    return (
        case.name,
        seconds(phase.seconds),
        ratio(phase.seconds_ratio),
        "–" if rate is None else si(rate, ""),
        percent(phase.of_peak),
        estimate(phase.energy_j, "J"),
        ratio(phase.energy_ratio),
        _surely(case, phase),
    )


def _surely(case: CaseOutcome, phase: PhaseOutcome) -> str:
    if case.baseline == case.name or phase.difference_j is None:
        return "–"
    return phase.sure or "open"


def _notes(outcome: Outcome) -> list[str]:
    spec = outcome.spec
    first = spec.cases[0].name
    per = {case.name: case.baseline for case in outcome.cases if case.baseline != first}
    compared = f"ratios are to {first!r}" + (", where no other is named" if per else "")
    notes = [f"{compared}; {_SIZED[spec.equal]}"]
    notes += [
        f"{', '.join(repr(name) for name in per if per[name] == each)}: ratios to {each!r}"
        for each in dict.fromkeys(per.values())
    ]
    one = all(p.difference_j is not None for case in outcome.cases for p in case.phases)
    return [*notes, SURE if one else TWO_TECHNOLOGIES, *spec.notes]


_SIZED = {
    "none": "machines are as they are given",
    "area": "the main units of each are sized to the area of its, as nearly as whole numbers go",
    "peak": "the main units of each are sized to the peak of its, as nearly as whole numbers go",
}


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    left = 2 if head[1] == "main units" else 1
    rule = ["---"] * left + ["--:"] * (len(head) - left)
    lines = [head, rule, *rows]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in lines]
    text = "\n".join("| " + " | ".join(row) + " |" for row in cells) + "\n"
    return text.replace(SPACE, " ")


def _clip(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 1] + "…"
