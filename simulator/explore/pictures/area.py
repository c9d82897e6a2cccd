"""Areas by component, case by case; main units apart from other matrix units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.explore.outcome import CaseOutcome, Outcome
from simulator.explore.pictures.bars import (
    MARGIN_INCHES,
    ROW_INCHES,
    TOP_INCHES,
    draw_stacks,
    legend_of,
    name_rows,
)
from simulator.report.plots.component_groups import (
    ARRAYS,
    COLOURS,
    MATRIX_UNIT,
    group_colours,
    grouped,
    stack_order,
)
from simulator.report.plots.style import label_inches, new_figure, place, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL_INCHES = 5.4
MAIN, OTHERS = "main units", "other matrix units"
OTHERS_COLOUR = "#8fc3e6"
ROUNDING = 1e-9
"""Of the matrix units' area, below which what is left beside the main units is nothing."""


@styled
def plot_area(outcome: Outcome) -> Figure:
    """Cases down; the area of each as a stack of its components, mm²."""
    names = [case.name for case in outcome.cases]
    labels = label_inches(names)
    width = labels + PANEL_INCHES + 3 * MARGIN_INCHES
    rows = ROW_INCHES * (len(names) + 1)
    stacks = [area_stack(case) for case in outcome.cases]
    colours = _colours({name for stack in stacks for name in stack})
    legend = legend_of(colours, width)
    bottom = legend.bottom_inches
    figure = new_figure(width, TOP_INCHES + rows + bottom)
    ax = place(figure, MARGIN_INCHES + labels, bottom, PANEL_INCHES, rows)
    unit = draw_stacks(ax, stacks, colours, "mm²", prefix=False)
    name_rows(ax, names, shown=True)
    ax.set_xlabel(f"area ({unit})")
    ax.set_title("area by component")
    legend.draw(figure)
    return figure


def area_stack(case: CaseOutcome) -> dict[str, float]:
    """mm² by component group, the matrix units as main units and others."""
    parts = {name: area.value for name, area in grouped(case.area_by_component).items()}
    units, arrays = parts.pop(MATRIX_UNIT, 0.0), parts.pop(ARRAYS, 0.0)
    main = case.units.area_mm2.value
    stack = {MAIN: main, OTHERS: units - main}
    if arrays:
        # What arrays have besides themselves, such as tables of patterns, stays with them.
        stack |= {OTHERS: units, ARRAYS: arrays - main}
    found = stack | parts
    return {name: area for name, area in found.items() if area > ROUNDING * main}


def _colours(found: set[str]) -> dict[str, str]:
    """In the order of a stack."""
    units = {MAIN: COLOURS[MATRIX_UNIT], OTHERS: OTHERS_COLOUR}
    others = sorted(found - units.keys(), key=stack_order)
    colours = units | group_colours(others)
    return {name: colour for name, colour in colours.items() if name in found}
