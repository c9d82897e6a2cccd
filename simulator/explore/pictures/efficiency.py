"""What cases achieve per watt and per mm², a panel for each phase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from simulator.explore.outcome import CaseOutcome, Outcome
from simulator.explore.pictures.point_names import name_points
from simulator.explore.pictures.scale import far_apart, set_scale
from simulator.report.plots.style import (
    MUTED,
    PAPER,
    SEQUENCE,
    new_figure,
    place,
    styled,
)
from simulator.report.result import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_INCHES = (4.6, 3.4)
INCHES_PER_CASE = 0.09
"""That a panel gets higher for each, so that names have room."""
LEFT_INCHES, BOTTOM_INCHES, TOP_INCHES, LEGEND_INCHES, MARGIN_INCHES = 0.75, 0.5, 0.4, 0.3, 0.15
MOST_WITH_BOUNDS = 8
"""Points whose bounds are all shown; of more, only a baseline's, and values fill the panel."""
PAD = 0.12
"""Of the axis, between its ends and what is drawn."""
STRAIGHT = 1.5
"""What it costs a name to lie on bounds, as a share of its distance from the point."""
MARK_POINTS2 = 34
MARK_INCHES = MARK_POINTS2**0.5 / 72
KIND_NAMES = {"lut_tensor_core": "LUT tensor core", "sram_pim": "SRAM-PIM"}
"""Kinds of units whose names are more than their words."""


@styled
def plot_efficiency(outcome: Outcome) -> Figure:
    """TOPS/W over TOPS/mm², with their bounds; a colour per kind of main unit."""
    phases = [label for label in outcome.phases if _points(outcome, label)]
    width, height = PANEL_INCHES
    height += INCHES_PER_CASE * len(outcome.cases)
    pitch = LEFT_INCHES + width + MARGIN_INCHES
    figure = new_figure(
        pitch * max(1, len(phases)),
        LEGEND_INCHES + BOTTOM_INCHES + height + TOP_INCHES,
    )
    kinds = dict.fromkeys(case.units.kind for case in outcome.cases)
    colours = {kind: SEQUENCE[i % len(SEQUENCE)] for i, kind in enumerate(kinds)}
    for number, label in enumerate(phases):
        left, bottom = number * pitch + LEFT_INCHES, LEGEND_INCHES + BOTTOM_INCHES
        ax = place(figure, left, bottom, width, height)
        _draw_panel(ax, _points(outcome, label), colours)
        ax.set_title(label)
    crowded = any(len(_points(outcome, label)) > MOST_WITH_BOUNDS for label in phases)
    _legend(figure, colours, "lines: bounds of the baseline" if crowded else "lines: bounds")
    return figure


Point = tuple[CaseOutcome, Estimate, Estimate]
"""A case with its TOPS/mm² and TOPS/W."""


def _points(outcome: Outcome, label: str) -> list[Point]:
    """Those of a phase that have both; phases without MACs have neither."""
    found = []
    for case, phase in outcome.having(label):
        x, y = phase.efficiency.tops_per_mm2, phase.efficiency.tops_per_w
        if x is not None and y is not None and x.value and y.value:
            found.append((case, x, y))
    return found


def _draw_panel(ax: Axes, points: list[Point], colours: dict[str, str]) -> None:
    crowded = len(points) > MOST_WITH_BOUNDS
    _scale(ax, "x", [x for _, x, _ in points], crowded)
    _scale(ax, "y", [y for _, _, y in points], crowded)
    for case, x, y in points:
        colour = colours[case.units.kind]
        if case.is_baseline or not crowded:
            _draw_bounds(ax, x, y, colour)
        ax.scatter(
            [x.value],
            [y.value],
            s=MARK_POINTS2,
            c=PAPER if case.is_baseline else colour,
            edgecolors=colour if case.is_baseline else PAPER,
            linewidths=1.4 if case.is_baseline else 0.6,
            zorder=3,
        )
    names = [case.name for case, _, _ in points]
    values = [(x.value, y.value) for _, x, y in points]
    name_points(ax, names, values, MARK_INCHES / 2, 0.0 if crowded else STRAIGHT)
    ax.grid(True)
    ax.set_xlabel("TOPS/mm²")
    ax.set_ylabel("TOPS/W")


def _draw_bounds(ax: Axes, x: Estimate, y: Estimate, colour: str) -> None:
    light: dict[str, Any] = {"color": colour, "linewidth": 0.9, "alpha": 0.4, "zorder": 1.5}
    ax.plot([x.low, x.high], [y.value, y.value], **light)
    ax.plot([x.value, x.value], [y.low, y.high], **light)


def _scale(ax: Axes, axis: Literal["x", "y"], estimates: list[Estimate], crowded: bool) -> None:
    """Logarithmic if values are far apart; limits around all bounds, or values in a crowd."""
    low = min(e.value if crowded else e.low for e in estimates)
    high = max(e.value if crowded else e.high for e in estimates)
    far = far_apart(low, high)
    if far:
        ratio = (high / low) ** PAD
        low, high = low / ratio, high * ratio
    else:
        pad = PAD * ((high - low) or high)
        low, high = max(0.0, low - pad), high + pad
    set_scale(ax, axis, low, high, far)


def _legend(figure: Figure, colours: dict[str, str], bounds: str) -> None:
    from matplotlib.lines import Line2D

    def entry(label: str, **look: Any) -> Line2D:
        return Line2D([], [], **{"marker": "o", "linestyle": "", "label": label, **look})

    handles = [entry(_kind_name(kind), color=colour) for kind, colour in colours.items()]
    handles += [
        entry("baseline", color=MUTED, markerfacecolor=PAPER),
        entry(bounds, color=MUTED, marker="", linestyle="-", linewidth=0.9, alpha=0.6),
    ]
    figure.legend(
        handles=handles, loc="lower right", ncols=len(handles), columnspacing=1.2, handlelength=1.2
    )


def _kind_name(kind: str) -> str:
    """As the documentation writes it."""
    return KIND_NAMES.get(kind, kind.replace("_", " "))
