"""What cases achieve per watt and per mm², a panel for each phase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from simulator.explore.outcome import CaseOutcome, Outcome
from simulator.explore.pictures.labels import Box, nearest_place, place_names
from simulator.report.plots.style import (
    INK,
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
LOG_FROM = 10.0
"""Ratio of largest to smallest from which an axis is logarithmic."""
LOG_TICKS = (1.0, 2.0, 5.0)
MOST_WITH_BOUNDS = 8
"""Points whose bounds are all shown; of more, only a baseline's, and values fill the panel."""
PAD = 0.12
"""Of the axis, between its ends and what is drawn."""
NAME_POINTS = 7.5
STRAIGHT = 1.5
"""What it costs a name to lie on bounds, as a share of its distance from the point."""
LEADER_INCHES = 0.13
"""Distance of a name from its point from which a line joins them."""
MARK_POINTS2 = 34


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
    _write_names(ax, points, 0.0 if crowded else STRAIGHT)
    ax.grid(True)
    ax.set_xlabel("TOPS/mm²")
    ax.set_ylabel("TOPS/W")


def _draw_bounds(ax: Axes, x: Estimate, y: Estimate, colour: str) -> None:
    light: dict[str, Any] = {"color": colour, "linewidth": 0.9, "alpha": 0.4, "zorder": 1.5}
    ax.plot([x.low, x.high], [y.value, y.value], **light)
    ax.plot([x.value, x.value], [y.low, y.high], **light)


def _scale(ax: Axes, axis: Literal["x", "y"], estimates: list[Estimate], crowded: bool) -> None:
    """Logarithmic if values are far apart; limits around all bounds, or values in a crowd."""
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

    low = min(e.value if crowded else e.low for e in estimates)
    high = max(e.value if crowded else e.high for e in estimates)
    far = high >= LOG_FROM * low
    own = ax.xaxis if axis == "x" else ax.yaxis
    ax.set(**{f"{axis}scale": "log" if far else "linear"})
    if far:
        ratio = (high / low) ** PAD
        low, high = low / ratio, high * ratio
        own.set_major_locator(LogLocator(subs=LOG_TICKS))
        own.set_minor_locator(NullLocator())
        own.set_minor_formatter(NullFormatter())
    else:
        pad = PAD * ((high - low) or high)
        low, high = max(0.0, low - pad), high + pad
    ax.set(**{f"{axis}lim": (low, high)})
    own.set_major_formatter(lambda value, _: f"{value:g}")


def _write_names(ax: Axes, points: list[Point], straight: float) -> None:
    inch = float(ax.figure.get_dpi())
    pixels = ax.transData.transform([(x.value, y.value) for _, x, y in points])
    places = [(float(x) / inch, float(y) / inch) for x, y in pixels]
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.85}
    texts = [
        ax.text(0, 0, case.name, fontsize=NAME_POINTS, color=INK, bbox=paper, zorder=2.5)
        for case, _, _ in points
    ]
    sizes = [(e.width / inch, e.height / inch) for e in (t.get_window_extent() for t in texts)]
    frame = ax.get_window_extent()
    limits = (frame.x0 / inch, frame.y0 / inch, frame.x1 / inch, frame.y1 / inch)
    for text, at, box in zip(
        texts, places, place_names(places, sizes, limits, straight), strict=True
    ):
        if box is None:
            text.remove()
            continue
        text.set_position(_data(ax, (box[0], (box[1] + box[3]) / 2)))
        text.set_verticalalignment("center")
        _lead(ax, at, box)


def _lead(ax: Axes, point: tuple[float, float], box: Box) -> None:
    """A line from a point to its name, if that is not beside it."""
    end = nearest_place(box, point)
    if (end[0] - point[0]) ** 2 + (end[1] - point[1]) ** 2 < LEADER_INCHES**2:
        return
    xs, ys = zip(_data(ax, point), _data(ax, end), strict=True)
    ax.plot(xs, ys, color=MUTED, linewidth=0.5, zorder=2)


def _data(ax: Axes, place: tuple[float, float]) -> tuple[float, float]:
    """A place in inches as values of the axes."""
    inch = float(ax.figure.get_dpi())
    x, y = ax.transData.inverted().transform((place[0] * inch, place[1] * inch))
    return float(x), float(y)


def _legend(figure: Figure, colours: dict[str, str], bounds: str) -> None:
    from matplotlib.lines import Line2D

    def entry(label: str, **look: Any) -> Line2D:
        return Line2D([], [], **{"marker": "o", "linestyle": "", "label": label, **look})

    handles = [entry(kind.replace("_", " "), color=colour) for kind, colour in colours.items()]
    handles += [
        entry("baseline", color=MUTED, markerfacecolor=PAPER),
        entry(bounds, color=MUTED, marker="", linestyle="-", linewidth=0.9, alpha=0.6),
    ]
    figure.legend(
        handles=handles, loc="lower right", ncols=len(handles), columnspacing=1.2, handlelength=1.2
    )
