"""How a Result shows itself in a notebook: a headline, phases, main operators."""

from __future__ import annotations

from html import escape

from simulator.report.aggregate import operator_groups
from simulator.report.machine_facts import idle_lines
from simulator.report.markup import Cell, number, phase_table, quantity, table
from simulator.report.result import Result
from simulator.report.units import count, estimate, percent, seconds, si
from simulator.report.words import cause_label

MIN_SHARE = 0.005


def fragment(result: Result) -> str:
    """Tables without style sheet or script: notebooks bring their own."""
    machine = str(result.machine.get("name", "machine"))
    facts = " · ".join(
        (
            f"{count(result.cycles)} cycles",
            seconds(result.seconds),
            f"{percent(result.utilisation)} of peak MACs",
            estimate(result.energy_j, "J"),
            estimate(result.area_mm2, "mm²", prefix=False),
        )
    )
    idle = "".join(f"<br>{escape(line)}" for line in idle_lines(result.machine))
    title = f"<b>{escape(result.name)}</b> · {escape(machine)}"
    head = f"<p>{title}<br>{escape(facts)}{idle}</p>"
    return f"<div>{head}\n{phase_table(result)}\n{_operators(result)}</div>"


def _operators(result: Result) -> str:
    header = ("phase", "operator", "×", "cycles", "share", "MACs used", "bound", "lost to")
    rows = []
    for group in operator_groups(result):
        if group.share < MIN_SHARE:
            continue
        cause, share = group.main_loss
        rows.append(
            (
                Cell(group.phase),
                Cell(group.name),
                number(count(group.count), group.count),
                number(count(group.exclusive_cycles), group.exclusive_cycles),
                number(percent(group.share), group.share),
                number(percent(group.utilisation) if group.macs else "–", group.utilisation),
                Cell(group.bound),
                Cell(f"{cause_label(cause)} {percent(share)}" if cause else "–"),
                number(si(group.dram_bytes, "B"), group.dram_bytes),
                quantity(group.energy_j, "J"),
            )
        )
    return table((*header, "DRAM", "energy"), rows, left=2)
