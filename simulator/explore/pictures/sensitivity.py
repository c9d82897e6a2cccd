"""How much each axis of a sweep changes each objective: by label, and in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simulator.config import CyclelabError
from simulator.explore.analysis.sensitivity import Sensitivity
from simulator.explore.pictures.scale import set_scale
from simulator.explore.pictures.shown import GOALS, label_text
from simulator.explore.sweep.figures import title_and_unit
from simulator.explore.sweep.outcome import SweepResult
from simulator.report.plots.style import (
    INCH_PER_CHARACTER,
    MUTED,
    PAPER,
    SEQUENCE,
    new_figure,
    place,
    styled,
)
from simulator.report.units import ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_INCHES = (1.75, 2.4)
LABEL_INCHES = 0.34
"""Of a panel's width, for each label."""
MOST_INCHES = 6.0
LYING_INCHES = 3.0
"""Width that a panel may take so that its labels lie side by side."""
ROW_INCHES = 10.0
"""Of panels beside each other."""
LEFT_INCHES, BOTTOM_INCHES, TOP_INCHES, GAP_INCHES, LEGEND_INCHES = 0.7, 0.45, 0.85, 0.15, 0.4
MARKERS = "oDs^v"
FACTOR_POINTS = 34.0
"""Distance of factors above a panel."""
MOST_MARKS = 20
"""Labels of a numeric axis from which lines have no marks."""
PAD = 1.08
LEAST_RANGE = 1.15
"""Ratio of the ends, so that next to nothing does not fill a panel."""


@styled
def plot_sensitivity(found: SweepResult, figures: Sequence[str] | None = None) -> Figure:
    """A panel for each axis: what each of its labels multiplies figures by, all else equal.

    figures: the objectives by default; a line each. Raises CyclelabError where no axis
    varies alone.
    """
    every = found.sensitivity(figures)
    names = list(dict.fromkeys(each.figure for each in every))
    able = {(s.axis, s.figure): s for s in every if _has_effects(s)}
    axes = list(dict.fromkeys(s.axis for s in every if (s.axis, s.figure) in able))
    if not axes:
        raise CyclelabError(f"{found.sweep.name}: no axis varies alone, so none has an effect")
    widths = [_width(found.sweep.axes[axis]) for axis in axes]
    lines = _lines(widths)
    below = max(_tick_inches(found.sweep.axes[axis]) for axis in axes)
    pitch = PANEL_INCHES[1] + 0.3 + BOTTOM_INCHES + below
    width = LEFT_INCHES + max(sum(widths[i] + GAP_INCHES for i in line) for line in lines)
    figure = new_figure(max(width, 5.0), TOP_INCHES - 0.1 + LEGEND_INCHES + pitch * len(lines))
    low, high = _limits(able.values())
    for number, line in enumerate(lines):
        left = LEFT_INCHES
        bottom = LEGEND_INCHES + pitch * (len(lines) - 1 - number) + BOTTOM_INCHES + below
        for index in line:
            ax = place(figure, left, bottom, widths[index], PANEL_INCHES[1])
            set_scale(ax, "y", low, high, far=True)
            own = {name: able.get((axes[index], name)) for name in names}
            _draw_panel(ax, axes[index], own)
            if left == LEFT_INCHES:
                ax.set_ylabel("× mean of the axis")
            else:
                ax.set_yticklabels([])
            left += widths[index] + GAP_INCHES
    _caption(figure, found, names)
    return figure


def _has_effects(found: Sensitivity) -> bool:
    return any(effect.factor is not None for effect in found.effects)


def _width(labels: Sequence[Any]) -> float:
    side_by_side = 1.02 * _longest_inches(labels) * len(labels)
    lying = side_by_side if side_by_side <= LYING_INCHES else 0.0
    return min(max(PANEL_INCHES[0], lying, LABEL_INCHES * len(labels)), MOST_INCHES)


def _longest_inches(labels: Sequence[Any]) -> float:
    return max(len(label_text(label)) for label in labels) * INCH_PER_CHARACTER


def _lines(widths: Sequence[float]) -> list[list[int]]:
    """Panels by number, as many beside each other as there is room for."""
    lines: list[list[int]] = [[]]
    for index, width in enumerate(widths):
        taken = sum(widths[i] + GAP_INCHES for i in lines[-1])
        if lines[-1] and taken + width > ROW_INCHES:
            lines.append([])
        lines[-1].append(index)
    return lines


def _tick_inches(labels: Sequence[Any]) -> float:
    return 0.0 if _lie(labels) else 0.9 * _longest_inches(labels)


def _lie(labels: Sequence[Any]) -> bool:
    """Whether labels fit side by side."""
    return _longest_inches(labels) < _width(labels) / len(labels)


def _limits(found: Any) -> tuple[float, float]:
    factors = [e.factor for s in found for e in s.effects if e.factor is not None]
    low, high = min(factors) / PAD, max(factors) * PAD
    return min(low, LEAST_RANGE**-0.5), max(high, LEAST_RANGE**0.5)


def _draw_panel(ax: Axes, axis: str, own: Mapping[str, Sensitivity | None]) -> None:
    labels: Sequence[Any] = ()
    ax.axhline(1.0, color=MUTED, linewidth=0.8)
    for number, each in enumerate(own.values()):
        text = "–" if each is None or each.factor is None else ratio(each.factor)
        _write_factor(ax, number, text)
        if each is None:
            continue
        labels = [effect.label for effect in each.effects]
        places = [i for i, effect in enumerate(each.effects) if effect.factor is not None]
        factors = [e.factor for e in each.effects if e.factor is not None]
        ax.plot(
            places,
            factors,
            color=SEQUENCE[number % len(SEQUENCE)],
            marker=MARKERS[number % len(MARKERS)] if len(labels) <= MOST_MARKS else "",
            markersize=5,
            markeredgecolor=PAPER,
            markeredgewidth=0.5,
            linewidth=1.2,
        )
    stride = max(1, -(-len(labels) // MOST_MARKS))
    ax.set_xticks(
        range(0, len(labels), stride),
        [label_text(label) for label in labels[::stride]],
        rotation=0 if _lie(labels) else 90,
    )
    ax.set_xlim(-0.4, len(labels) - 0.6)
    ax.grid(axis="y")
    ax.set_title(axis, fontsize=9, pad=17)


def _write_factor(ax: Axes, number: int, text: str) -> None:
    """Above the panel, in the colour of the figure's line."""
    ax.annotate(
        text,
        (0, 1),
        (number * FACTOR_POINTS, 4),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=8,
        color=SEQUENCE[number % len(SEQUENCE)],
        annotation_clip=False,
    )


def _caption(figure: Figure, found: SweepResult, names: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    width, height = figure.get_size_inches()
    left = LEFT_INCHES / width
    figure.text(left, 1 - 0.12 / height, found.sweep.title, va="top", weight="bold")
    words = "above each panel: largest over smallest of points that differ in this axis alone"
    figure.text(left, 1 - 0.3 / height, words, va="top", fontsize=8, color=MUTED)
    handles = []
    for number, name in enumerate(names):
        goal = GOALS.get(found.sweep.objectives.get(name, ""), "")
        handles.append(
            Line2D(
                [],
                [],
                marker=MARKERS[number % len(MARKERS)],
                markersize=5,
                color=SEQUENCE[number % len(SEQUENCE)],
                linewidth=1.2,
                label=title_and_unit(name)[0] + (f" ({goal})" if goal else ""),
            )
        )
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(left, 0.05 / height),
        ncols=len(handles),
        borderpad=0,
        columnspacing=1.2,
    )
