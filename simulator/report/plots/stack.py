"""A stacked bar of component groups, with their shares, and its legend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from simulator.report.plots.component_groups import group_colours
from simulator.report.plots.style import DARK, INCH_PER_CHARACTER, LIGHT, PAPER
from simulator.report.units import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHARE_POINTS = 7.5
SHARE_INCHES = 0.4
"""Room for a share inside a bar."""
SEAM_POINTS = 0.6
"""Width of the line between two parts."""
LEGEND_SCALE = 0.85


def draw_stack(
    ax: Axes, parts: Mapping[str, float], y: float = 0.0, height: float = 0.8, inches: float = 0.0
) -> None:
    """Stack the parts (group → amount) from 0 to the right, in their order.

    inches: how long a bar of all parts is; their shares are written where they fit.
    """
    total = sum(parts.values())
    colours = group_colours(list(parts))
    end = 0.0
    for group, amount in parts.items():
        ax.barh(
            y,
            amount,
            left=end,
            height=height,
            color=colours[group],
            edgecolor=PAPER,
            linewidth=SEAM_POINTS,
        )
        if total and amount / total * inches >= SHARE_INCHES:
            ink = LIGHT if colours[group] in DARK else "black"
            ax.text(
                end + amount / 2,
                y,
                percent(amount / total),
                ha="center",
                va="center",
                fontsize=SHARE_POINTS,
                color=ink,
            )
        end += amount


def stack_legend(
    figure: Figure, labels: Mapping[str, str], left: float, bottom: float, width: float
) -> None:
    """Group → what it is called beside its colour; in as few rows as `width` (inches) takes."""
    from matplotlib.patches import Patch

    colours = group_colours(list(labels))
    full_width, full_height = figure.get_size_inches()
    figure.legend(
        handles=[Patch(color=colours[group], label=text) for group, text in labels.items()],
        loc="lower left",
        bbox_to_anchor=(left / full_width, bottom / full_height),
        ncols=-(-len(labels) // legend_rows(labels, width)) if labels else 1,
        handlelength=0.9,
        handleheight=0.9,
        columnspacing=1.2,
        borderpad=0,
    )


def legend_rows(labels: Mapping[str, str], width: float) -> int:
    """Rows that a legend of these labels takes in `width` inches."""
    needed = sum(len(text) * INCH_PER_CHARACTER * LEGEND_SCALE + 0.35 for text in labels.values())
    return max(1, -int(-needed // width))
