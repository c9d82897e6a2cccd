"""A comparison as tables: for the terminal, as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from html import escape

from simulator.explore.notes import notes
from simulator.explore.outcome import CaseOutcome, Outcome, PhaseOutcome, sure
from simulator.report.efficiency import HEAD, efficiency_cells
from simulator.report.markup import Cell, table
from simulator.report.result import Estimate
from simulator.report.units import (
    NOTHING,
    SPACE,
    columns,
    estimate,
    percent,
    ratio,
    seconds,
    si,
    significant,
)

WIDTH = 100
NAME_WIDTH, LEAST_NAME_WIDTH = 30, 12
GAP = 2
Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


def text(outcome: Outcome) -> str:
    """Title, machines, two tables per phase, what they mean; at most WIDTH columns."""
    lines = [*textwrap.wrap(outcome.spec.title, WIDTH)]
    for head, rows in tables(outcome):
        first, *others = _fitted(head, rows)
        lines += ["", *columns(first, others, left=set(range(_left(head))))]
    for note in notes(outcome):
        lines += ["", *textwrap.wrap(note, WIDTH)]
    return "\n".join(lines) + "\n"


def markdown(outcome: Outcome) -> str:
    """The tables alone."""
    return "\n".join(_markdown(head, rows) for head, rows in tables(outcome))


def fragment(outcome: Outcome) -> str:
    """Title, tables and what they mean as HTML, without style sheet: notebooks bring their own."""
    parts = [f"<p><b>{escape(outcome.spec.title)}</b></p>"]
    for head, rows in tables(outcome):
        parts.append(table(head, [list(map(Cell, row)) for row in rows], left=_left(head)))
    parts += [f"<p>{escape(note)}</p>" for note in notes(outcome)]
    return "<div>" + "\n".join(parts) + "</div>"


def tables(outcome: Outcome) -> list[Table]:
    """Heads and rows: of the machines, then for each phase what it takes and achieves."""
    found = [_machines(outcome)]
    for phase in outcome.phases:
        found += [_phase(outcome, phase), _efficiency(outcome, phase)]
    return found


def _machines(outcome: Outcome) -> Table:
    equal = outcome.spec.equal
    head = ["machine", "main units", "MACs/cycle", "units, mm²", "all, mm²", "surely"]
    if equal == "power":
        head.append("units, W")
    rows: list[tuple[str, ...]] = []
    for case in outcome.cases:
        units = case.units
        row = [
            case.name,
            units.sized,
            f"{units.macs_per_cycle:,.0f}",
            significant(units.area_mm2.value),
            significant(case.area_mm2.value),
            _surely(case, case.area_difference_mm2),
        ]
        if equal == "power":
            row.append(significant(units.power_w.value))
        if units.relative is not None:
            row.append(f"{units.relative:.3f}")
        rows.append(tuple(row))
    return tuple(head if equal == "none" else [*head, f"{equal}, relative"]), rows


def _phase(outcome: Outcome, label: str) -> Table:
    head = (label, "time", "ratio", "tokens/s", "of peak", "energy", "ratio", "surely")
    return head, [_cells(case, phase) for case, phase in outcome.having(label)]


def _cells(case: CaseOutcome, phase: PhaseOutcome) -> tuple[str, ...]:
    rate = phase.tokens_per_s
    return (
        case.name,
        seconds(phase.seconds),
        ratio(phase.seconds_ratio),
        NOTHING if rate is None else si(rate, ""),
        percent(phase.of_peak),
        estimate(phase.energy_j, "J"),
        ratio(phase.energy_ratio),
        _surely(case, phase.difference_j),
    )


def _surely(case: CaseOutcome, difference: Estimate | None) -> str:
    if case.is_baseline or difference is None:
        return NOTHING
    return sure(difference) or "open"


def _efficiency(outcome: Outcome, label: str) -> Table:
    pairs = outcome.having(label)
    rows = [(case.name, *efficiency_cells(phase.efficiency)) for case, phase in pairs]
    return (label, *HEAD), rows


def _left(head: Sequence[str]) -> int:
    """How many of the first columns hold words."""
    return 2 if head[1] == "main units" else 1


def _fitted(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Head and rows of at most WIDTH columns: heads on two lines, then names cut, if need be."""
    lines = [tuple(head), *map(tuple, rows)]
    longest = min(NAME_WIDTH, max(len(row[0]) for row in lines))
    if _room(lines) < longest:
        lines[:1] = _two_lines(head)
    room = min(NAME_WIDTH, max(_room(lines), LEAST_NAME_WIDTH))
    return [(_clip(row[0], room), *row[1:]) for row in lines]


def _room(lines: Sequence[tuple[str, ...]]) -> int:
    """What the columns besides the first leave of WIDTH."""
    others = list(zip(*lines, strict=True))[1:]
    return WIDTH - sum(max(map(len, column)) + GAP for column in others)


def _two_lines(head: Sequence[str]) -> list[tuple[str, ...]]:
    """`units, mm²` as `units,` over `mm²`; one line if none can be divided."""
    parts = [cell.rpartition(", ") for cell in head]
    if not any(comma for _, comma, _ in parts):
        return [tuple(head)]
    return [tuple(comma and f"{above}," for above, comma, _ in parts), tuple(p[2] for p in parts)]


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    left = _left(head)
    rule = ["---"] * left + ["--:"] * (len(head) - left)
    lines = [head, rule, *rows]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in lines]
    text = "\n".join("| " + " | ".join(row) + " |" for row in cells) + "\n"
    return text.replace(SPACE, " ")


def _clip(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 1] + "…"
