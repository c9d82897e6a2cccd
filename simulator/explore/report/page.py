"""`report.html` of a sweep: one self-contained page that works offline, light or dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import yaml

from simulator.explore.analysis.sensitivity import Effect, Sensitivity
from simulator.explore.pictures.shown import label_text
from simulator.explore.report.swept import command_lines, swept
from simulator.explore.sweep.figures import title_and_unit
from simulator.explore.sweep.outcome import SweepResult
from simulator.explore.sweep.point import DONE, OPEN, Point
from simulator.explore.sweep.table import (
    counts,
    factor_text,
    figure,
    goal_words,
    heading,
    is_number,
    shown_figures,
)
from simulator.report.markup import Cell, number, table
from simulator.report.page_assets import cards, details, page
from simulator.report.page_figures import inline_svg
from simulator.report.units import ratio

MOST_ROWS = 500
"""Points that the page has a table of; of more, points.csv."""
MOST_ERRORS = 50
MOST_LABELS = 24
"""Of an axis that are listed."""
STYLE = """
figure.picture svg { width: auto; max-width: 100%; min-width: 0; margin: 0 auto; }
td.wide { white-space: normal; vertical-align: top; overflow-wrap: anywhere; }
td.wide:first-child { white-space: nowrap; }
table.plain thead { display: none; }
"""
CAPTIONS = {
    "front": "Points over the first two objectives. Names are the labels of axes that differ "
    "on the front.",
    "heat_map": "The first objective over the two axes that change it most, a panel for each "
    "label of a third. A cell has the best point of those that share its labels, one that keeps "
    "all constraints if any does.",
    "parallel": "A line per point, through its labels and figures. Lines of one label lie in the "
    "order of the first objective; an arrow says which way is better.",
    "sensitivity": "What each label multiplies the objectives by, against the mean of its axis, "
    "all else equal.",
    "relative": "The objectives over the baseline's.",
}


def sweep_page(found: SweepResult, pictures: Mapping[str, str]) -> str:
    """The page's text. pictures: name (`front`, …) → SVG document."""
    sections = [
        _header(found),
        _swept(found),
        _front(found),
        *(_picture(name, CAPTIONS[name], pictures[name]) for name in pictures),
        _sensitivity(found),
        _failures(found),
        _points(found),
        _reproduce(found),
        _footer(found),
    ]
    return page(f"{found.sweep.title} · cyclelab", sections, STYLE)


def _header(found: SweepResult) -> str:
    notes = "".join(f"<p>{escape(note)}</p>" for note in found.sweep.notes)
    boxes = [
        (goal_words(name, found.sweep.objectives[name]), _value(name, point), _title(point))
        for name, point in found.best.items()
    ]
    nothing = "" if boxes else "<p>No point was run that keeps all constraints.</p>"
    return (
        f"<h1>{escape(found.sweep.title)}</h1>\n"
        f'<p class="muted">{escape(counts(found))}</p>\n{notes}{cards(boxes)}{nothing}\n'
    )


def _title(point: Point) -> str:
    return ", ".join(f"{name} {label_text(label)}" for name, label in point.axes.items())


def _value(name: str, point: Point) -> str:
    unit = title_and_unit(name)[1]
    text = figure(name, point.figures[name])
    return text if text.endswith(unit) else f"{text} {unit}"


def _swept(found: SweepResult) -> str:
    rows = [(Cell(name), Cell(text)) for name, text in swept(found.sweep)]
    axes = [
        (Cell(name), Cell(keys), Cell(", ".join(labels)))
        for name, keys, labels in axis_lines(found)
    ]
    return (
        f'<h2>What was swept</h2><div class="scroll">'
        f"{_wide(table(('axis', 'sets', 'labels'), axes, left=3))}</div>"
        f'<div class="scroll">{_wide(table(("", ""), rows, "plain", left=2))}</div>'
    )


def axis_lines(found: SweepResult) -> list[tuple[str, str, list[str]]]:
    """Axes, the keys that they set, and their labels."""
    written = found.sweep.written.get("axes", {})
    return [
        (name, ", ".join(_keys(name, written.get(name))), _listed(labels))
        for name, labels in found.sweep.axes.items()
    ]


def _listed(labels: Sequence[Any]) -> list[str]:
    more = len(labels) - MOST_LABELS
    shown = [label_text(label) for label in labels[:MOST_LABELS]]
    return [*shown, f"… {len(labels):,} in all"] if more > 0 else shown


def _keys(name: str, axis: object) -> list[str]:
    """Of an axis as it was written."""
    if not isinstance(axis, Mapping):
        return [name] if isinstance(axis, list | tuple) else []
    if "cases" in axis:
        return list(dict.fromkeys(key for case in axis["cases"] for key in case["set"]))
    return list(axis.get("keys") or [axis.get("key") or name])


def _wide(markup: str) -> str:
    """Cells may break lines."""
    return markup.replace("<td>", '<td class="wide">')


def _front(found: SweepResult) -> str:
    points = found.pareto
    if not points:
        return ""
    goals = ", ".join(goal_words(*each) for each in found.sweep.objectives.items())
    words = f"{len(points):,} points that none is better than: {goals}."
    return f"<h2>Pareto front</h2><p>{escape(words)}</p>{_point_table(found, points)}"


def _point_table(found: SweepResult, points: Sequence[Point]) -> str:
    """A sortable table; the figures that matter, then those over the baseline's."""
    names, axes = shown_figures(found), found.sweep.axes
    base = found.baseline
    ratios = {
        name: base.ratios(found.points, name) for name in found.sweep.objectives if base is not None
    }
    head = [*axes, *map(heading, names)]
    head += [f"{title_and_unit(name)[0]}, relative" for name in ratios]
    rows = []
    for point in points:
        labels = [_label(point.axes[name]) for name in axes]
        own = [_figure(name, point.figures.get(name)) for name in names]
        relative = [_ratio(values.get(point.number)) for values in ratios.values()]
        rows.append([*labels, *own, *relative])
    note = f'<p class="muted">Relative to {escape(base.words)}.</p>' if base and rows else ""
    markup = table(head, rows, "sortable", left=len(axes))
    return f'<div class="scroll">{markup}</div>{note}'


def _label(label: Any) -> Cell:
    return number(f"{label:,}", label) if is_number(label) else Cell(str(label))


def _figure(name: str, value: float | None) -> Cell:
    text = figure(name, value)
    return Cell(text) if value is None else number(text, value)


def _ratio(value: float | None) -> Cell:
    return Cell("–") if value is None else number(ratio(value), value)


def _picture(name: str, caption: str, svg: str) -> str:
    label = name.replace("_", " ")
    return (
        f'<figure class="picture" aria-label="{label}">{inline_svg(svg)}'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _sensitivity(found: SweepResult) -> str:
    rows = [_sensitivity_row(found, each) for each in found.sensitivity()]
    if not rows:
        return ""
    head = ("figure", "axis", "mean factor", "largest factor", "best label", "compared")
    return (
        "<h2>What each axis changes</h2><p>Points that differ in one axis alone are compared. "
        "The mean factor is the largest figure over the smallest, geometric mean over all such "
        "groups; the best label is the one that is best in most of them.</p>"
        f'<div class="scroll">{table(head, rows, "sortable", left=2)}</div>'
    )


def _sensitivity_row(found: SweepResult, each: Sensitivity) -> list[Cell]:
    best = max(each.effects, key=lambda effect: effect.best)
    directed = each.figure in found.sweep.objectives
    return [
        Cell(title_and_unit(each.figure)[0]),
        Cell(each.axis),
        _factor(each.factor),
        _factor(each.largest_factor),
        Cell(_best_words(best, each.slices) if directed and best.best else "–"),
        Cell(f"{each.slices:,} groups" if each.slices else "never alone", each.slices),
    ]


def _best_words(best: Effect, slices: int) -> str:
    return f"{best.label} ({best.best:,} of {slices:,})"


def _factor(value: float | None) -> Cell:
    return Cell("–") if value is None else number(factor_text(value), value)


def _failures(found: SweepResult) -> str:
    """Points without figures, those with one message together."""
    groups: dict[tuple[str, str], list[Point]] = {}
    for point in found.points:
        if point.state not in (DONE, OPEN):
            groups.setdefault((point.state, point.error or ""), []).append(point)
    waiting = sum(point.state == OPEN for point in found.points)
    words = f"<p>{waiting:,} points were not run yet.</p>" if waiting else ""
    if not groups:
        return words
    rows = [
        (Cell(state), number(f"{len(own):,}", len(own)), Cell(own[0].title), Cell(error))
        for (state, error), own in list(groups.items())[:MOST_ERRORS]
    ]
    more = len(groups) - len(rows)
    words += f"<p>… and {more:,} more messages in points.csv.</p>" if more > 0 else ""
    head = ("state", "points", "first", "message")
    markup = table(head, rows, left=4)
    return f'<h2>Points without figures</h2><div class="scroll">{_wide(markup)}</div>{words}'


def _points(found: SweepResult) -> str:
    done = [point for point in found.points if point.state == DONE]
    if not done:
        return ""
    if len(done) > MOST_ROWS:
        words = f"{len(done):,} points are too many for a page; points.csv has them."
        return f"<h2>All points</h2><p>{words}</p>"
    return details(f"All {len(done):,} points", _point_table(found, done))


def _reproduce(found: SweepResult) -> str:
    lines = "\n".join(command_lines(found))
    parts = [f"<h2>How to run it again</h2><pre>{escape(lines)}</pre>"]
    if found.sweep.written:
        text = yaml.safe_dump(found.sweep.written, sort_keys=False, allow_unicode=True, width=96)
        parts.append(details(f"{found.sweep.name}.yaml", f"<pre>{escape(text)}</pre>"))
    return "".join(parts)


def _footer(found: SweepResult) -> str:
    parts = [f"cyclelab {found.version}", f"sweep {found.sweep.name}", f"store {found.store.name}"]
    return f"<footer>{escape(' · '.join(parts))}</footer>"
