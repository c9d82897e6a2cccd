"""Energy and area by component: stacks of all groups, then a bar per component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.report.plots.bars import OTHERS, ROW_INCHES, Box
from simulator.report.plots.component_groups import WIRES, component_group, group_colours, grouped
from simulator.report.plots.stack import draw_stack, legend_rows, stack_legend
from simulator.report.plots.style import (
    GREY,
    INK,
    MUTED,
    label_inches,
    new_figure,
    place,
    scaled_unit,
    styled,
)
from simulator.report.result import ZERO, Estimate, Result
from simulator.report.units import percent, significant
from simulator.report.words import short_paths

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_COMPONENTS = 10
NAME_CHARACTERS = 28
SMALL_POINTS = 7.5
WIDTH, EDGE = 7.6, 0.15
LEGEND_ROW_INCHES, STACKS_INCHES = 0.2, 0.86
STACKS, HEIGHTS = (2.0, 1.0, 0.0), (0.62, 0.88, 0.62)
"""Where the stacks of the low estimate, the value and the high one lie; how high they are."""


@styled
def plot_energy_by_component(result: Result) -> Figure:
    """Energy of each component with its uncertainty, largest first, below the stack of all."""
    return _component_figure(result.energy_by_component, result.energy_j, "J", "Energy")


@styled
def plot_area_by_component(result: Result) -> Figure:
    """Area of each component with its uncertainty, largest first, below the stack of all."""
    return _component_figure(result.area_by_component, result.area_mm2, "mm²", "Area")


def _component_figure(parts: dict[str, Estimate], total: Estimate, unit: str, title: str) -> Figure:
    groups = grouped(parts)
    whole = total.value or 1.0
    labels = {name: f"{name} {percent(part.value / whole)}" for name, part in groups.items()}
    room = WIDTH - 2 * EDGE
    legend = LEGEND_ROW_INCHES * legend_rows(labels, room)
    bars = 0.8 + ROW_INCHES * 1.1 * min(max(len(parts), 1), MAX_COMPONENTS + 1)
    figure = new_figure(WIDTH, bars + legend + STACKS_INCHES + 0.45)
    _draw_stacks(figure, groups, total, unit, title, bars + legend + 0.1)
    stack_legend(figure, labels, EDGE, bars, room)
    ax = draw_components(figure, parts, total, unit, title, (0.1, 0.1, WIDTH - 0.3, bars + 0.15))
    ax.set_title("")
    return figure


def _draw_stacks(
    figure: Figure,
    groups: dict[str, Estimate],
    total: Estimate,
    unit: str,
    title: str,
    bottom: float,
) -> Axes:
    """Shares of all groups at the low estimate, the value and the high one, in full bars.

    The errors go the same way, so that a bar is one possible outcome. Bars as long as the
    estimates would leave no room to see the groups: the high one is often five times the value.
    """
    factor, scaled = _scale(total, unit)
    amounts = {
        "low": (total.low, {name: part.low for name, part in groups.items()}),
        "value": (total.value, {name: part.value for name, part in groups.items()}),
        "high": (total.high, {name: part.high for name, part in groups.items()}),
    }
    rows = [f"{name}: {significant(n * factor)} {scaled}" for name, (n, _) in amounts.items()]
    left = EDGE + label_inches(rows)
    ax = place(figure, left, bottom, WIDTH - EDGE - left, STACKS_INCHES)
    for y, (whole, parts), height in zip(STACKS, amounts.values(), HEIGHTS, strict=True):
        shares = {name: part / whole if whole else 0.0 for name, part in parts.items()}
        draw_stack(ax, shares, y, height, WIDTH - EDGE - left)
    ax.set_xlim(0, 1)
    ax.set_ylim(STACKS[-1] - HEIGHTS[-1] / 2, STACKS[0] + HEIGHTS[0] / 2)
    ax.set_yticks(STACKS, rows)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_visible(False)
    ax.spines[:].set_visible(False)
    ax.set_title(f"{title}: {_total_text(total, factor, scaled)}")
    return ax


def draw_components(
    figure: Figure,
    parts: dict[str, Estimate],
    total: Estimate,
    unit: str,
    title: str,
    box: Box,
) -> Axes:
    """Horizontal bars with error bars from low to high, into `box`; coloured by group."""
    left, bottom, width, height = box
    ranked = sorted(parts.items(), key=lambda item: -item[1].value)
    colours = group_colours(list(grouped(parts)))
    fill = [colours[component_group(path)] for path, _ in ranked[:MAX_COMPONENTS]]
    if len(ranked) > MAX_COMPONENTS:
        rest = sum((part for _, part in ranked[MAX_COMPONENTS:]), ZERO)
        ranked = [*ranked[:MAX_COMPONENTS], (OTHERS, rest)]
        fill.append(GREY)
    names = _names([path for path, _ in ranked])
    room = label_inches(names)
    ax = place(figure, left + room, bottom + 0.45, width - room, height - 0.8)
    factor, scaled = _scale(total, unit)
    values = [part.value * factor for _, part in ranked]
    low = [(part.value - part.low) * factor for _, part in ranked]
    high = [(part.high - part.value) * factor for _, part in ranked]
    y = range(len(ranked))
    ax.barh(y, values, color=fill, height=0.68)
    ax.errorbar(values, y, xerr=[low, high], fmt="none", ecolor=INK, elinewidth=0.8, capsize=2)
    limit = max((v + h for v, h in zip(values, high, strict=True)), default=0) * 1.14 or 1.0
    for row, (value, above) in enumerate(zip(values, high, strict=True)):
        share = percent(value / (total.value * factor)) if total.value else ""
        x = value + above + limit * 0.012
        ax.text(x, row, share, va="center", fontsize=SMALL_POINTS, color=MUTED)
    ax.set_xlim(0, limit)
    ax.set_ylim(len(ranked) - 0.4, -0.6)
    ax.set_yticks(y, names)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    ax.set_xlabel(f"{title.lower()} ({scaled}), error bars from low to high estimate")
    ax.set_title(f"{title}: {_total_text(total, factor, scaled)}")
    return ax


def _names(paths: list[str]) -> list[str]:
    """Short paths; those of wires, which end as the paths of what they lead to, are whole."""
    others = [path for path in paths if not path.startswith(WIRES)]
    short = dict(zip(others, short_paths(others, NAME_CHARACTERS), strict=True))
    return [short.get(path, path) for path in paths]


def _scale(total: Estimate, unit: str) -> tuple[float, str]:
    """Factor and unit that the total is written in; areas stay in mm²."""
    return (1.0, unit) if unit == "mm²" else scaled_unit(total.value, unit)


def _total_text(total: Estimate, factor: float, unit: str) -> str:
    value, low, high = (significant(part * factor) for part in (total.value, total.low, total.high))
    return f"{value} {unit} ({low}–{high})"
