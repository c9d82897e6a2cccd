"""How busy units are: a bar per unit, a panel per phase group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.report.plots.bars import shown_phases
from simulator.report.plots.style import (
    BLUE,
    INK,
    MUTED,
    label_inches,
    new_figure,
    place,
    styled,
)
from simulator.report.result import MEMORY_UNITS, Result
from simulator.report.units import percent
from simulator.report.utilisation import UnitUse, unit_uses

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, ROW_INCHES, GAP = 9.6, 0.34, 0.3
TEXT_INCHES = 0.75
"""Beside a full bar, for its shares."""
BELOW, ABOVE, MARGIN = 0.8, 0.4, 0.15
PALE = "#a5cdec"


@styled
def plot_utilisation(result: Result) -> Figure:
    """Pale: a unit has work. Blue: what its MACs take at peak. Lines: over cores or channels."""
    phases = shown_phases(result)
    uses = [{use.name: use for use in unit_uses(result, phase)} for phase in phases]
    rows = list(dict.fromkeys(name for each in uses for name in each))
    left = label_inches([_title(name) for name in rows]) + MARGIN
    gap = GAP + TEXT_INCHES
    width = (WIDTH - left - MARGIN + GAP) / max(1, len(phases)) - gap
    height = ROW_INCHES * max(1, len(rows))
    figure = new_figure(WIDTH, BELOW + height + ABOVE)
    for number, (phase, found) in enumerate(zip(phases, uses, strict=True)):
        ax = place(figure, left + number * (width + gap), BELOW, width, height)
        _draw(ax, rows, found)
        ax.set_yticks(range(len(rows)), [_title(row) for row in rows] if number == 0 else [])
        ax.set_title(phase.label)
    _legend(figure, left)
    return figure


def _draw(ax: Axes, rows: list[str], uses: dict[str, UnitUse]) -> None:
    for y, row in enumerate(rows):
        use = uses.get(row)
        if use is None:
            continue
        ax.barh(y, use.busy, color=PALE, height=0.62)
        text = percent(use.busy)
        if use.at_peak is not None:
            ax.barh(y, use.at_peak, color=BLUE, height=0.62)
            text += f" ({percent(use.at_peak)})"
        if use.most > use.least:
            ax.plot([use.least, use.most], [y, y], color=INK, linewidth=0.9)
        ax.text(
            min(1.0, max(use.busy, use.most)) + 0.015,
            y,
            text,
            va="center",
            fontsize=7.5,
            color=MUTED,
        )
    ax.set_xlim(0, 1)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1.0])
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0)


def _legend(figure: Figure, left: float) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries = [
        Patch(color=PALE, label="has work"),
        Patch(color=BLUE, label="MACs at peak"),
        Line2D([], [], color=INK, linewidth=0.9, label="least and most of several"),
    ]
    figure.legend(
        handles=entries,
        loc="lower left",
        bbox_to_anchor=(left / WIDTH, 0.0),
        ncols=3,
        frameon=False,
    )


def _title(name: str) -> str:
    return "units in the memory" if name == MEMORY_UNITS else name.replace("_", " ")
