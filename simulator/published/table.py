"""Findings as a table: for the terminal, and as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from simulator.published.finding import Finding, Study
from simulator.report.units import columns

WIDTH = 100
HEAD = ("case", "quantity", "published", "ours", "difference")
FIGURES = 4


def text(study: Study, findings: Sequence[Finding]) -> str:
    """Title, table, notes; at most WIDTH columns."""
    lines = [study.title, *_filled(f"published in {study.source}"), ""]
    lines += columns(HEAD, [_row(each) for each in findings], left={0, 1})
    lines += _summary(findings)
    notes = [*study.notes, *dict.fromkeys(each.note for each in findings if each.note)]
    for note in notes:
        lines += ["", *_filled(note)]
    return "\n".join(lines) + "\n"


def markdown(findings: Sequence[Finding]) -> str:
    """The table alone."""
    rows = [HEAD, ("---", "---", "--:", "--:", "--:"), *[_row(each) for each in findings]]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def document(study: Study, findings: Sequence[Finding]) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "name": study.name,
        "title": study.title,
        "source": study.source,
        "notes": list(study.notes),
        "groups": _groups(findings),
        "findings": [{**asdict(each), "difference": each.error} for each in findings],
    }


def _summary(findings: Sequence[Finding]) -> list[str]:
    """A line per group: how far ours are off in the median, and at worst."""
    lines = []
    for name, found in _groups(findings).items():
        line = (
            f"{name}: {found['count']} values, off by {100 * found['median']:.1f} % in the median, "
            f"at worst {_signed(found['worst'])} ({found['worst_case']})"
        )
        lines += ["", *_filled(line)]
    return lines


def _groups(findings: Sequence[Finding]) -> dict[str, dict[str, Any]]:
    """By group and quantity: number of findings, median size of errors, the worst and whose."""
    groups: dict[str, dict[str, Any]] = {}
    named = {id(each): f"{each.group}, {each.quantity}" for each in findings if each.group}
    for name in dict.fromkeys(named.values()):
        own = [each for each in findings if named.get(id(each)) == name]
        worst = max(own, key=lambda each: abs(each.error))
        groups[name] = {
            "count": len(own),
            "median": median(abs(each.error) for each in own),
            "worst": worst.error,
            "worst_case": worst.case,
        }
    return groups


def _row(each: Finding) -> tuple[str, ...]:
    published, ours = _number(each.published), _number(each.ours)
    quantity = f"{each.quantity}, {each.unit}"
    return (each.case, quantity, published, ours, _signed(each.error))


def _signed(share: float) -> str:
    """Whole percent, or one decimal below ten."""
    return f"{100 * share:+.{int(abs(share) < 0.0995)}f} %"


def _number(value: float) -> str:
    if abs(value) >= 10**FIGURES:
        return f"{value:,.0f}"
    return f"{value:.{FIGURES}g}"


def _filled(paragraph: str) -> list[str]:
    return textwrap.wrap(paragraph, WIDTH)
