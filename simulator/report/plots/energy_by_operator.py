"""Energy by operator and component group, a panel per phase group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.report.aggregate import OperatorGroup, PhaseGroup, operator_groups
from simulator.report.plots.bars import OTHERS, ROW_INCHES, shown_phases, shown_rows
from simulator.report.plots.component_groups import component_group, stack_order
from simulator.report.plots.stack import draw_stack, legend_rows, stack_legend
from simulator.report.plots.style import MUTED, label_inches, new_figure, place, scaled_unit, styled
from simulator.report.result import Result
from simulator.report.units import estimate, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, EDGE, GAP = 9.6, 0.1, 0.55
BELOW, STRIP, TITLE, LEGEND_ROW = 0.5, 0.26, 0.35, 0.2
"""Inches: axis and its label, the stack of the phase, its title, a row of the legend."""


@styled
def plot_energy_by_operator(result: Result) -> Figure:
    """Where each phase's energy goes: operators down, energy across, by component group.

    Above them the phase as a whole, as shares.
    """
    phases = shown_phases(result)
    operators = operator_groups(result)
    totals = {phase.label: phase.energy_j.value or 1.0 for phase in phases}
    shown = [g for g in operators if g.phase in totals]
    rows = shown_rows([(g.name, g.energy_j.value / totals[g.phase]) for g in shown])
    groups = sorted(_sum(shown), key=stack_order)
    labels = {group: group for group in groups}
    room = WIDTH - 2 * EDGE
    bottom = 0.06 + LEGEND_ROW * legend_rows(labels, room) + BELOW
    bars = ROW_INCHES * len(rows) + 0.1
    figure = new_figure(WIDTH, bottom + bars + 0.08 + STRIP + TITLE)
    names = label_inches(rows)
    panel = (room - names - GAP * len(phases)) / len(phases)
    for number, phase in enumerate(phases):
        left = EDGE + names + number * (panel + GAP)
        own = [g for g in shown if g.phase == phase.label]
        strip = place(figure, left, bottom + bars + 0.08, panel, STRIP)
        _draw_phase(strip, phase, own, groups, panel)
        ax = place(figure, left, bottom, panel, bars)
        _draw_operators(ax, phase, own, rows, groups)
        ax.set_yticks(range(len(rows)), rows if number == 0 else [""] * len(rows))
    stack_legend(figure, labels, EDGE, 0.04, room)
    return figure


def _draw_phase(
    ax: Axes, phase: PhaseGroup, operators: list[OperatorGroup], groups: list[str], inches: float
) -> None:
    """All of a phase's operators as one stack that fills the panel."""
    parts = _stacked(operators, groups)
    draw_stack(ax, parts, height=1.0, inches=inches)
    ax.set_xlim(0, sum(parts.values()) or 1.0)
    ax.set_ylim(-0.5, 0.5)
    ax.axis("off")
    ax.set_title(f"{phase.label}: {estimate(phase.energy_j, 'J')}")


def _draw_operators(
    ax: Axes,
    phase: PhaseGroup,
    operators: list[OperatorGroup],
    rows: list[str],
    groups: list[str],
) -> None:
    """A stack per row, with its share of the phase's energy."""
    members = {
        row: [g for g in operators if (g.name if g.name in rows else OTHERS) == row] for row in rows
    }
    stacks = {row: _stacked(members[row], groups) for row in rows}
    longest = max((sum(parts.values()) for parts in stacks.values()), default=0.0)
    factor, unit = scaled_unit(longest, "J")
    limit = longest * factor * 1.22 or 1.0
    for y, parts in enumerate(stacks.values()):
        joules = sum(parts.values())
        draw_stack(ax, {group: part * factor for group, part in parts.items()}, y, 0.72)
        share = percent(joules / phase.energy_j.value) if phase.energy_j.value else ""
        x = joules * factor + limit * 0.012
        ax.text(x, y, share, va="center", fontsize=7.5, color=MUTED)
    ax.set_xlim(0, limit)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    ax.set_xlabel(f"energy ({unit})")


def _stacked(operators: list[OperatorGroup], groups: list[str]) -> dict[str, float]:
    """Joules by group, all groups in their order."""
    found = _sum(operators)
    return {group: found.get(group, 0.0) for group in groups}


def _sum(operators: list[OperatorGroup]) -> dict[str, float]:
    total: dict[str, float] = {}
    for operator in operators:
        for path, joules in operator.energy_parts_j.items():
            group = component_group(path)
            total[group] = total.get(group, 0.0) + joules
    return total
