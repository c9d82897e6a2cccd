"""HTML tables of a Result, shared by the report page and notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from simulator.report.aggregate import OperatorGroup, phase_groups
from simulator.report.machine_facts import bandwidth_bytes_per_second
from simulator.report.result import Estimate, Result
from simulator.report.units import count, estimate, percent, seconds, si
from simulator.report.words import cause_label


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell: text (escaped when written), sort key, tooltip, or ready markup."""

    text: str
    key: float | str | None = None
    title: str = ""
    markup: str = ""


def number(text: str, value: float, title: str = "") -> Cell:
    """A cell that sorts by its value."""
    return Cell(text, value, title)


def quantity(value: Estimate, unit: str, prefix: bool = True) -> Cell:
    """An estimate with its bounds."""
    return Cell(estimate(value, unit, prefix), value.value)


def table(
    header: Sequence[str], rows: Iterable[Sequence[Cell]], css_class: str = "", left: int = 1
) -> str:
    """An HTML table; the first `left` columns are text, the others numbers."""
    head = "".join(f"<th{_align(i, left)}>{escape(name)}</th>" for i, name in enumerate(header))
    body = "\n".join(
        "<tr>" + "".join(_cell(cell, _align(i, left)) for i, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    attribute = f' class="{css_class}"' if css_class else ""
    return (
        f"<table{attribute}>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    )


def _align(column: int, left: int) -> str:
    return "" if column < left else ' class="n"'


def _cell(cell: Cell, align: str) -> str:
    key = "" if cell.key is None else f' data-v="{escape(str(cell.key))}"'
    title = f' title="{escape(cell.title)}"' if cell.title else ""
    return f"<td{align}{key}{title}>{cell.markup or escape(cell.text)}</td>"


def phase_table(result: Result) -> str:
    """One row per phase group."""
    header: tuple[str, ...] = (
        "phase",
        "tokens",
        "cycles",
        "time",
        "tokens/s",
        "of peak MACs",
        "DRAM read",
    )
    header += ("DRAM written", "of bandwidth", "energy")
    rows = []
    for group in phase_groups(result):
        rate = group.tokens_per_s
        busy = group.dram_bytes / max(bandwidth_bytes_per_second(result) * group.seconds, 1e-30)
        rows.append(
            (
                Cell(group.label),
                number(count(group.tokens), group.tokens),
                number(count(group.cycles), group.cycles),
                number(seconds(group.seconds), group.seconds),
                number("–" if rate is None else si(rate, ""), rate or 0.0),
                number(percent(group.utilisation), group.utilisation),
                number(si(group.dram_read_bytes, "B"), group.dram_read_bytes),
                number(si(group.dram_write_bytes, "B"), group.dram_write_bytes),
                number(percent(busy), busy),
                quantity(group.energy_j, "J"),
            )
        )
    return table(header, rows)


def operator_table(groups: Sequence[OperatorGroup], css_class: str = "") -> str:
    """One row per operator and phase group, with a bar of where its time goes."""
    header: tuple[str, ...] = ("phase", "operator", "kind", "unit", "×", "cycles", "share of time")
    header += ("where the time goes", "of peak MACs", "bound", "DRAM", "energy")
    widest = max((g.share for g in groups), default=1.0) or 1.0
    return table(header, [_operator_cells(g, widest) for g in groups], css_class, left=4)


def _operator_cells(group: OperatorGroup, widest: float) -> tuple[Cell, ...]:
    return (
        Cell(group.phase),
        Cell(group.name),
        Cell(group.kind),
        Cell(group.unit),
        number(count(group.count), group.count),
        number(count(group.exclusive_cycles), group.exclusive_cycles),
        number(percent(group.share), group.share),
        Cell("", group.share, _split_text(group), _split_bar(group, widest)),
        number(percent(group.utilisation) if group.macs else "–", group.utilisation),
        Cell(group.bound, group.bound),
        number(si(group.dram_bytes, "B") if group.dram_bytes else "–", group.dram_bytes),
        number(si(group.energy_j.value, "J"), group.energy_j.value, estimate(group.energy_j, "J")),
    )


def _split_text(group: OperatorGroup) -> str:
    total = max(group.exclusive_cycles, 1)
    parts = (f"{cause_label(c)} {percent(n / total)}" for c, n in group.time_cycles.items())
    return ", ".join(parts)


def _split_bar(group: OperatorGroup, widest: float) -> str:
    """A stacked bar; its width is the operator's share against the widest."""
    total = max(group.exclusive_cycles, 1)
    parts = "".join(
        f'<i class="c-{escape(cause)}" style="width:{100 * cycles / total:.2f}%"></i>'
        for cause, cycles in group.time_cycles.items()
    )
    return f'<span class="bar" style="width:{100 * group.share / widest:.2f}%">{parts}</span>'


def component_table(parts: dict[str, Estimate], unit: str, prefix: bool) -> str:
    """Components, largest first, with shares and bounds."""
    total = sum(part.value for part in parts.values()) or 1.0
    ranked = sorted(parts.items(), key=lambda item: -item[1].value)
    rows = [
        (
            Cell(name),
            number(percent(part.value / total), part.value),
            quantity(part, unit, prefix),
        )
        for name, part in ranked
    ]
    return table(("component", "share", "value (low–high)"), rows)
