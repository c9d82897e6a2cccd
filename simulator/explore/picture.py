"""A comparison as a picture: times of each phase, and energies by component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.explore.outcome import Outcome
from simulator.report.plots.style import (
    BLUE,
    GREY,
    INCH_PER_CHARACTER,
    MUTED,
    SEQUENCE,
    label_inches,
    new_figure,
    place,
    scaled_unit,
    styled,
)
from simulator.report.result import Estimate
from simulator.report.units import ratio, significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_INCHES = 0.24
PANEL_INCHES = 2.6
ENERGY_INCHES = 3.8
GAP_INCHES = 0.25
TOP_INCHES, BOTTOM_INCHES = 0.4, 0.85
HEADROOM = 1.22
"""Of the longest bar, so that its number has room."""
MAX_COMPONENTS = 6
LABEL_GAP = 0.015
"""Of the longest bar, between a bar and its number."""
SMALL_POINTS = 7.5
OTHERS = "others"
NAMES = {"static": "idle (leakage, DRAM)", "memory": "main memory", "l2": "L2 cache"}


@styled
def plot_comparison(outcome: Outcome) -> Figure:
    """Cases down; a panel of times per phase, relative to the baseline, and one of energy."""
    names = [case.name for case in outcome.cases]
    labels = label_inches(names)
    phases = outcome.phases
    width = 0.2 + labels + len(phases) * (PANEL_INCHES + GAP_INCHES) + ENERGY_INCHES + 0.2
    rows = ROW_INCHES * (len(names) + 1)
    figure = new_figure(width, TOP_INCHES + rows + BOTTOM_INCHES)
    left = 0.1 + labels
    for number, phase in enumerate(phases):
        ax = place(figure, left, BOTTOM_INCHES, PANEL_INCHES, rows)
        _draw_times(ax, outcome, phase)
        _name_rows(ax, names, shown=number == 0)
        left += PANEL_INCHES + GAP_INCHES
    ax = place(figure, left, BOTTOM_INCHES, ENERGY_INCHES, rows)
    _name_rows(ax, names, shown=False)
    _legend(figure, _draw_energies(ax, outcome), width - 0.1)
    return figure


def _name_rows(ax: Axes, names: list[str], shown: bool) -> None:
    ax.set_yticks(range(len(names)), names if shown else [""] * len(names))
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")


def _draw_times(ax: Axes, outcome: Outcome, label: str) -> None:
    ratios: dict[int, float] = {}
    baselines = set()
    for row, case in enumerate(outcome.cases):
        for phase in case.phases:
            if phase.phase == label:
                ratios[row] = phase.seconds_ratio
        if case.baseline == case.name:
            baselines.add(row)
    colours = [GREY if row in baselines else BLUE for row in ratios]
    ax.barh(list(ratios), list(ratios.values()), color=colours, height=0.72)
    limit = max(ratios.values()) * HEADROOM
    ax.axvline(1.0, color=MUTED, linewidth=0.8)
    for row, value in ratios.items():
        _number(ax, value + limit * LABEL_GAP, row, ratio(value))
    ax.set_xlim(0, limit)
    ax.set_xlabel("time, baseline = 1")
    ax.set_title(label)


def _number(ax: Axes, x: float, row: int, text: str) -> None:
    """A number behind its bar, on paper of its own where a line passes."""
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
    ax.text(x, row, text, va="center", fontsize=SMALL_POINTS, bbox=paper)


def _draw_energies(ax: Axes, outcome: Outcome) -> dict[str, str]:
    """Stacked bars; returns the colours of components."""
    energies = [_by_component(case.energy_by_component) for case in outcome.cases]
    totals: dict[str, float] = {}
    for parts in energies:
        for name, joules in parts.items():
            totals[name] = totals.get(name, 0.0) + joules
    ranked = sorted(totals, key=lambda name: -totals[name])
    shown = ranked[:MAX_COMPONENTS]
    if len(ranked) > MAX_COMPONENTS:
        shown.append(OTHERS)
    colours = dict(zip(shown, SEQUENCE, strict=False))
    longest = max(sum(parts.values()) for parts in energies)
    factor, unit = scaled_unit(longest, "J")
    for row, parts in enumerate(energies):
        end = 0.0
        for name in shown:
            joules = parts.get(name, 0.0)
            if name == OTHERS:
                joules = sum(value for part, value in parts.items() if part not in shown)
            ax.barh(row, joules * factor, left=end, color=colours[name], height=0.72)
            end += joules * factor
        _number(ax, end + longest * factor * LABEL_GAP, row, significant(end))
    ax.set_xlim(0, longest * factor * HEADROOM)
    ax.set_xlabel(f"energy of all phases ({unit})")
    ax.set_title("energy by component")
    return colours


def _by_component(parts: dict[str, Estimate]) -> dict[str, float]:
    """Joules by the first two names of a path: `core.matrix_unit`, `memory`."""
    summed: dict[str, float] = {}
    for path, estimate in parts.items():
        first, _, rest = path.partition(".")
        name = first if first in NAMES else rest.partition(".")[0].replace("_", " ")
        name = NAMES.get(name, name)
        summed[name] = summed.get(name, 0.0) + estimate.value
    return summed


def _legend(figure: Figure, colours: dict[str, str], right: float) -> None:
    """One line below the axes, at the right edge."""
    from matplotlib.patches import Patch

    handles = [Patch(color=colour, label=name) for name, colour in colours.items()]
    full_width, _ = figure.get_size_inches()
    needed = sum(len(name) * INCH_PER_CHARACTER + 0.4 for name in colours)
    figure.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(right / full_width, 0.0),
        ncols=len(handles) if needed < full_width else -(-len(handles) // 2),
        handlelength=0.9,
        handleheight=0.9,
        columnspacing=1.2,
    )
