"""A sweep as tables: the best points and the front, for the terminal and notebooks; CSV."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from html import escape

from simulator.explore.sweep.expression import parse_condition
from simulator.explore.sweep.figures import title_and_unit
from simulator.explore.sweep.outcome import SweepResult
from simulator.explore.sweep.point import DONE, OPEN, Point, row
from simulator.report.lines import WIDTH
from simulator.report.markup import Cell, table
from simulator.report.tables import Row
from simulator.report.units import NOTHING, columns, si, significant

MOST_ROWS = 20
"""Of the front that are printed."""
MOST_ERRORS = 3
PREFIXED = ("s", "J", "J·s", "W", "B")
"""Units that get a prefix with each number; others stand in the head."""
WORDS = {"min": "least", "max": "most"}

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


def text(found: SweepResult) -> str:
    """How many points there are, the best by each objective, the front, what went wrong."""
    lines = [*textwrap.wrap(found.sweep.title, WIDTH), *textwrap.wrap(counts(found), WIDTH)]
    for title, (head, rows) in tables(found):
        lines += ["", title, *columns(head, rows, left=set(range(_left(found, head))))]
    hidden = len(found.pareto) - MOST_ROWS
    if hidden > 0:
        lines.append(f"… and {hidden:,} more in pareto.csv (--output DIR)")
    for words in errors(found):
        lines += ["", *textwrap.wrap(words, WIDTH)]
    return "\n".join(lines) + "\n"


def fragment(found: SweepResult) -> str:
    """The same as HTML, without style sheet: notebooks bring their own."""
    parts = [f"<p><b>{escape(found.sweep.title)}</b><br>{escape(counts(found))}</p>"]
    for title, (head, rows) in tables(found):
        cells = [[Cell(text) for text in each] for each in rows]
        parts.append(f"<p>{escape(title)}</p>\n{table(head, cells, left=_left(found, head))}")
    parts += [f"<p>{escape(words)}</p>" for words in errors(found)]
    return "<div>" + "\n".join(parts) + "</div>"


def counts(found: SweepResult) -> str:
    """`48 points: 47 done, 1 failed; 30 of them keep area_mm2 <= 50`."""
    states = ", ".join(f"{count:,} {state}" for state, count in found.states.items())
    words = f"{len(found.points):,} points: {states}"
    if found.sweep.constraints:
        able = sum(point.feasible for point in found.points)
        words += f"; {able:,} keep {' and '.join(found.sweep.constraints)}"
    return words


def tables(found: SweepResult) -> list[tuple[str, Table]]:
    """Titles with their tables; none without points to show."""
    front = found.pareto
    if not front:
        return []
    names = _shown(found)
    head = (*found.sweep.axes, *map(_heading, names))
    objectives = found.sweep.objectives
    best = [(_goal(name, objectives[name]), point) for name, point in found.best.items()]
    words = (
        f"Pareto front of {len(front):,}: {', '.join(_goal(*each) for each in objectives.items())}"
    )
    return [
        ("best", (("by", *head), [(by, *_cells(point, names)) for by, point in best])),
        (words, (head, [_cells(point, names) for point in front[:MOST_ROWS]])),
    ]


def _left(found: SweepResult, head: tuple[str, ...]) -> int:
    """Columns of text: `by`, and axes."""
    return len(found.sweep.axes) + (head[0] == "by")


def _shown(found: SweepResult) -> list[str]:
    """Figures of the objectives, then those of the constraints."""
    limited = [name for text in found.sweep.constraints for name in parse_condition(text).names]
    return list(dict.fromkeys([*found.sweep.objectives, *limited]))


def _heading(name: str) -> str:
    title, unit = title_and_unit(name)
    return title if unit in PREFIXED or unit == title else f"{title}, {unit}"


def _goal(name: str, direction: str) -> str:
    return f"{WORDS[direction]} {title_and_unit(name)[0]}"


def _cells(point: Point, names: Iterable[str]) -> tuple[str, ...]:
    labels = tuple(
        f"{label:,}" if _is_number(label) else str(label) for label in point.axes.values()
    )
    return (*labels, *(figure(name, point.figures.get(name)) for name in names))


def _is_number(label: object) -> bool:
    return isinstance(label, int | float) and not isinstance(label, bool)


def figure(name: str, value: float | None) -> str:
    """A figure with its prefix and unit, if it has one that takes a prefix."""
    if value is None:
        return NOTHING
    unit = title_and_unit(name)[1]
    return si(value, unit) if unit in PREFIXED else significant(value)


def errors(found: SweepResult) -> list[str]:
    """Why points have no figures: the first few of each state."""
    words = []
    for state in found.states:
        own = [point for point in found.points if point.state == state]
        if state in (DONE, OPEN):
            continue
        words += [f"{state}: {point.title}: {point.error}" for point in own[:MOST_ERRORS]]
        if len(own) > MOST_ERRORS:
            words.append(f"… and {len(own) - MOST_ERRORS:,} more that {state}")
    return words


def csv_rows(points: Iterable[Point]) -> list[Row]:
    """Rows with the same columns, empty where a point has no such figure."""
    rows = [row(point) for point in points]
    names = list(dict.fromkeys(name for each in rows for name in each))
    return [{name: each.get(name) for name in names} for each in rows]
