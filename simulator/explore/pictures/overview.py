"""Times of each phase and energies by component, case by case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.explore.outcome import Outcome
from simulator.explore.pictures.bars import (
    MARGIN_INCHES,
    ROW_INCHES,
    TOP_INCHES,
    draw_stacks,
    legend_of,
    name_rows,
)
from simulator.explore.pictures.times import draw_times, panel_inches
from simulator.report.plots.component_groups import group_colours, grouped, stack_order
from simulator.report.plots.style import label_inches, new_figure, place, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENERGY_INCHES = 3.8
GAP_INCHES = 0.25


@styled
def plot_overview(outcome: Outcome) -> Figure:
    """Cases down; a panel of times per phase, relative to the baseline, and one of energy."""
    names = [case.name for case in outcome.cases]
    labels = label_inches(names)
    phases = outcome.phases
    panel = panel_inches(outcome)
    times = len(phases) * (panel + GAP_INCHES)
    width = labels + times + ENERGY_INCHES + 4 * MARGIN_INCHES
    rows = ROW_INCHES * (len(names) + 1)
    energies = [grouped(case.energy_by_component) for case in outcome.cases]
    colours = group_colours(sorted({n for parts in energies for n in parts}, key=stack_order))
    legend = legend_of(colours, width)
    bottom = legend.bottom_inches
    figure = new_figure(width, TOP_INCHES + rows + bottom)
    left = MARGIN_INCHES + labels
    for number, phase in enumerate(phases):
        ax = place(figure, left, bottom, panel, rows)
        draw_times(ax, outcome, phase)
        name_rows(ax, names, shown=number == 0)
        left += panel + GAP_INCHES
    ax = place(figure, left, bottom, ENERGY_INCHES, rows)
    values = [{name: joules.value for name, joules in parts.items()} for parts in energies]
    unit = draw_stacks(ax, values, colours, "J")
    ax.set_xlabel(f"energy of all phases ({unit})")
    ax.set_title("energy by component")
    name_rows(ax, names, shown=not phases)
    legend.draw(figure)
    return figure
