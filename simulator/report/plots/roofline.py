"""The roofline of the machine, with the operators on it.

S. Williams, A. Waterman, D. Patterson: "Roofline: an insightful visual
performance model for multicore architectures", CACM 52(4), 2009.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.report.aggregate import operator_groups, phase_groups
from simulator.report.machine_facts import (
    bandwidth_bytes_per_second,
    clock_hz,
    peak_macs_per_second,
)
from simulator.report.plots.style import (
    INCH_PER_CHARACTER,
    INK,
    MUTED,
    PAPER,
    SEQUENCE,
    new_figure,
    place,
    styled,
)
from simulator.report.result import Result
from simulator.report.units import si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

OPERATIONS_PER_MAC = 2
MARKERS = "oDs^v"
CLUSTER_INCHES = 0.3
MIN_LABELLED_SHARE = 0.005
LABEL_OFFSETS = ((8, 0), (8, -10), (-8, -10), (8, -20), (-8, -20), (-8, 0), (8, -30), (-8, -30))
"""Places for a label around its point, in points; tried in this order."""

LabelBox = tuple[float, float, float, float]
"""Left, bottom, right, top in inches."""


@dataclass(slots=True)
class Point:
    """An operator of a phase: operations per byte, operations per second, share."""

    phase: str
    name: str
    intensity: float
    performance: float
    share: float


@styled
def plot_roofline(result: Result) -> Figure:
    """Attained operations per second over operations per byte of memory traffic."""
    figure = new_figure(7.6, 4.9)
    draw_roofline(figure, result, (0.1, 0.1, 7.3, 4.7))
    return figure


def roofline_points(result: Result) -> list[Point]:
    """Operators with MACs and memory traffic, summed over layers."""
    points = []
    for group in operator_groups(result):
        if group.macs and group.dram_bytes and group.cycles:
            operations = OPERATIONS_PER_MAC * group.macs
            performance = operations / group.cycles * clock_hz(result)
            points.append(
                Point(
                    group.phase, group.name, operations / group.dram_bytes, performance, group.share
                )
            )
    return points


def draw_roofline(figure: Figure, result: Result, box: tuple[float, float, float, float]) -> Axes:
    """Draw roofs and points into `box` (inches: left, bottom, width, height)."""
    left, bottom, width, height = box
    ax = place(figure, left + 0.6, bottom + 0.45, width - 0.7, height - 0.8)
    points = roofline_points(result)
    ax.set_xscale("log")
    ax.set_yscale("log")
    _draw_roofs(ax, result, points)
    order = [group.label for group in phase_groups(result)]
    for number, phase in enumerate(p for p in order if any(q.phase == p for q in points)):
        own = [p for p in points if p.phase == phase]
        ax.scatter(
            [p.intensity for p in own],
            [p.performance for p in own],
            s=[24 + 220 * p.share for p in own],
            c=SEQUENCE[number % len(SEQUENCE)],
            marker=MARKERS[number % len(MARKERS)],
            edgecolors=PAPER,
            linewidths=0.6,
            alpha=0.85,
            label=phase,
            zorder=3,
        )
    _label_points(ax, points, _name_roofs(ax, result) + _roof_boxes(ax, result))
    ax.grid(True)
    ax.set_xlabel("operations per byte of memory traffic (1 MAC = 2 operations)")
    ax.set_ylabel("operations per second")
    ax.yaxis.set_major_formatter(lambda value, _: si(value, "", 1))
    ax.xaxis.set_major_formatter(lambda value, _: si(value, "", 1))
    ax.set_title("Roofline (marker area grows with share of time)")
    if points:
        ax.legend(loc="lower right", markerscale=0.8)
    return ax


def _draw_roofs(ax: Axes, result: Result, points: list[Point]) -> None:
    """The roofs themselves, and the limits of the axes."""
    peak = OPERATIONS_PER_MAC * peak_macs_per_second(result)
    bandwidth = bandwidth_bytes_per_second(result)
    ridge = peak / bandwidth
    low = min([p.intensity for p in points] + [ridge / 10]) / 3
    high = max([p.intensity for p in points] + [ridge]) * 8
    floor = min([p.performance for p in points] + [low * bandwidth]) / 2.5
    ax.set_xlim(low, high)
    ax.set_ylim(floor, peak * 2.6)
    ax.plot([low, ridge, high], [low * bandwidth, peak, peak], color=INK, linewidth=1.4, zorder=2)
    ax.plot([ridge, ridge], [floor, peak], color=MUTED, linewidth=0.7, linestyle=(0, (4, 3)))
    for unit_peak, _ in _lower_roofs(result, peak):
        ax.plot([unit_peak / bandwidth, high], [unit_peak] * 2, color=MUTED, linewidth=1.0)


def _name_roofs(ax: Axes, result: Result) -> list[LabelBox]:
    """Label the roofs; returns the places (inches) that the labels take."""
    peak = OPERATIONS_PER_MAC * peak_macs_per_second(result)
    bandwidth = bandwidth_bytes_per_second(result)
    ridge, (low, high), floor = peak / bandwidth, ax.get_xlim(), ax.get_ylim()[0]
    near: dict[str, Any] = {"textcoords": "offset points"}
    small: dict[str, Any] = {**near, "fontsize": 7.5, "color": MUTED}
    labels = [
        ax.annotate(f"peak {si(peak, 'OP/s')}", (ridge, peak), (-6, 2), ha="right", **near),
        ax.annotate(
            f"ridge {ridge:,.0f} OP/B", (ridge, floor), (-3, 5), ha="right", rotation=90, **small
        ),
    ]
    for unit_peak, name in _lower_roofs(result, peak):
        labels.append(ax.annotate(name, (high, unit_peak), (-4, -9), ha="right", **small))
    middle = (low * ridge) ** 0.5
    (x0, y0), (x1, y1) = ax.transData.transform(
        [(low, low * bandwidth), (ridge, ridge * bandwidth)]
    )
    ax.annotate(
        f"memory {si(bandwidth, 'B/s')}",
        (middle, middle * bandwidth),
        (-4, 4),
        ha="center",
        rotation=math.degrees(math.atan2(y1 - y0, x1 - x0)),
        rotation_mode="anchor",
        **near,
    )
    return [_inches(ax, label.get_window_extent()) for label in labels]


def _inches(ax: Axes, extent: Bbox) -> LabelBox:
    """A box of pixels in inches."""
    inch = float(ax.figure.get_dpi())
    return (extent.x0 / inch, extent.y0 / inch, extent.x1 / inch, extent.y1 / inch)


def _roof_boxes(ax: Axes, result: Result) -> list[LabelBox]:
    """Small boxes (inches) along the roofs, for labels to keep clear of."""
    low, high = ax.get_xlim()
    peak = OPERATIONS_PER_MAC * peak_macs_per_second(result)
    bandwidth = bandwidth_bytes_per_second(result)
    steps = 150
    across = [low * (high / low) ** (i / steps) for i in range(steps + 1)]
    roof = [(x, min(peak, x * bandwidth)) for x in across]
    return [_around(x, y, 0.02) for x, y in ax.transData.transform(roof) / ax.figure.get_dpi()]


def _around(x: float, y: float, radius: float) -> LabelBox:
    return (x - radius, y - radius, x + radius, y + radius)


def _lower_roofs(result: Result, peak: float) -> list[tuple[float, str]]:
    """Peaks of further kinds of matrix unit below the machine's peak."""
    scale = OPERATIONS_PER_MAC * clock_hz(result) * int(result.machine.get("cores", 1))
    roofs = []
    for unit in result.machine.get("matrix_units", ()):
        if isinstance(unit, dict) and unit.get("macs_per_cycle"):
            own = float(unit["macs_per_cycle"]) * scale
            if own < 0.99 * peak:
                name = str(unit.get("name") or unit.get("kind", ""))
                roofs.append((own, f"{name} {si(own, 'OP/s')}"))
    return roofs


def _label_points(ax: Axes, points: list[Point], obstacles: list[LabelBox]) -> None:
    """Name the largest point of each cluster, where its name covers nothing else."""
    inches = ax.figure.get_dpi()
    places = {id(p): ax.transData.transform((p.intensity, p.performance)) / inches for p in points}
    limits = _inches(ax, ax.get_window_extent())
    taken = obstacles + [_around(x, y, 0.05) for x, y in places.values()]
    left = sorted(points, key=lambda p: -p.share)
    while left and left[0].share >= MIN_LABELLED_SHARE:
        head = left[0]
        x, y = places[id(head)]
        near = [
            p
            for p in left
            if p.phase == head.phase
            and abs(places[id(p)][0] - x) < CLUSTER_INCHES
            and abs(places[id(p)][1] - y) < CLUSTER_INCHES
        ]
        left = [p for p in left if p not in near]
        text = head.name if len(near) == 1 else f"{head.name} + {len(near) - 1} more"
        width = len(text) * INCH_PER_CHARACTER * 0.85
        for dx, dy in LABEL_OFFSETS:
            x0 = x + dx / 72 - (width if dx < 0 else 0)
            box = (x0, y + dy / 72 - 0.06, x0 + width, y + dy / 72 + 0.06)
            inside = box[0] > limits[0] and box[2] < limits[2] and box[1] > limits[1]
            if inside and not any(_overlap(box, other) for other in taken):
                ax.annotate(
                    text,
                    (head.intensity, head.performance),
                    (dx, dy),
                    textcoords="offset points",
                    ha="left" if dx > 0 else "right",
                    va="center",
                    fontsize=7.5,
                )
                taken.append(box)
                break


def _overlap(a: LabelBox, b: LabelBox) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
