"""A sweep as tables: the best points and the front, for the terminal and notebooks; CSV."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from simulator.explore.sweep.expression import parse_condition
from simulator.explore.sweep.figures import title_and_unit
from simulator.explore.sweep.outcome import SweepResult
from simulator.explore.sweep.point import DONE, OPEN, Point
from simulator.report.lines import WIDTH
from simulator.report.markup import Cell, table
from simulator.report.units import NOTHING, columns, ratio, si, significant

MOST_ROWS = 20
"""Of the front that are printed."""
MOST_ERRORS = 3
PREFIXED = ("s", "J", "J·s", "W", "B")
"""Units that get a prefix with each number; others stand in the head."""
SENSITIVITY = "largest over smallest of points that differ in one axis alone"
WORDS = {"min": "least", "max": "most"}


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a summary. left: how many columns are text. note: below it."""

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    left: int
    note: str = ""


def text(found: SweepResult) -> str:
    """How many points there are, the best by each objective, the front, what axes change,
    what went wrong."""
    lines = [*textwrap.wrap(found.sweep.title, WIDTH), *textwrap.wrap(counts(found), WIDTH)]
    for each in tables(found):
        lines += ["", each.title, *columns(each.head, each.rows, left=set(range(each.left)))]
        lines += [each.note] if each.note else []
    for words in errors(found):
        lines += ["", *textwrap.wrap(words, WIDTH)]
    return "\n".join(lines) + "\n"


def fragment(found: SweepResult) -> str:
    """The same as HTML, without style sheet: notebooks bring their own."""
    parts = [f"<p><b>{escape(found.sweep.title)}</b><br>{escape(counts(found))}</p>"]
    for each in tables(found):
        rows = [[Cell(text) for text in row] for row in each.rows]
        parts.append(f"<p>{escape(each.title)}</p>\n{table(each.head, rows, left=each.left)}")
        parts += [f"<p>{escape(each.note)}</p>"] if each.note else []
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


def tables(found: SweepResult) -> list[Table]:
    """The best points, the front, sensitivities; none without points to show."""
    front = found.pareto
    if not front:
        return []
    names = shown_figures(found)
    head = (*found.sweep.axes, *map(heading, names))
    objectives = found.sweep.objectives
    best = [
        (goal_words(name, objectives[name]), *cells(point, names))
        for name, point in found.best.items()
    ]
    goals = ", ".join(goal_words(*each) for each in objectives.items())
    rows = [cells(point, names) for point in front[:MOST_ROWS]]
    hidden = len(front) - MOST_ROWS
    more = f"… and {hidden:,} more in pareto.csv (--output DIR)" if hidden > 0 else ""
    count = len(found.sweep.axes)
    return [
        Table("best", ("by", *head), best, count + 1),
        Table(f"Pareto front of {len(front):,}: {goals}", head, rows, count, more),
        *_sensitivity(found),
    ]


def _sensitivity(found: SweepResult) -> list[Table]:
    """A row per axis, the most sensitive for the first objective on top."""
    every = found.sensitivity()
    factors = {(each.axis, each.figure): each.factor for each in every}
    axes = list(dict.fromkeys(each.axis for each in every))
    names = list(found.sweep.objectives)
    rows = [(axis, *(factor_text(factors[axis, name]) for name in names)) for axis in axes]
    head = ("axis", *(title_and_unit(name)[0] for name in names))
    return [Table(SENSITIVITY, head, rows, 1)] if rows else []


def factor_text(factor: float | None) -> str:
    """`3.98×`, or a dash."""
    return NOTHING if factor is None else ratio(factor)


def shown_figures(found: SweepResult) -> list[str]:
    """Figures of the objectives, then those of the constraints."""
    limited = [name for text in found.sweep.constraints for name in parse_condition(text).names]
    return list(dict.fromkeys([*found.sweep.objectives, *limited]))


def heading(name: str) -> str:
    """Title of a column, with the unit where numbers have none of their own."""
    title, unit = title_and_unit(name)
    return title if unit in PREFIXED or unit == title else f"{title}, {unit}"


def goal_words(name: str, direction: str) -> str:
    """`least energy`."""
    return f"{WORDS[direction]} {title_and_unit(name)[0]}"


def cells(point: Point, names: Iterable[str]) -> tuple[str, ...]:
    """Labels of a point and some of its figures, as texts."""
    labels = tuple(
        f"{label:,}" if is_number(label) else str(label) for label in point.axes.values()
    )
    return (*labels, *(figure(name, point.figures.get(name)) for name in names))


def is_number(label: object) -> bool:
    """Whether a label is one; `true` is not."""
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
