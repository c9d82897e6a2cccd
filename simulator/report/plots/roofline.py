"""The roofline of the machine, with the operators on it.

S. Williams, A. Waterman, D. Patterson: "Roofline: an insightful visual
performance model for multicore architectures", CACM 52(4), 2009.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from simulator.cost.operations import OPERATIONS_PER_MAC
from simulator.report.aggregate import operator_groups, phase_groups
from simulator.report.machine_facts import (
    bandwidth_bytes_per_second,
    clock_hz,
    peak_macs_per_second,
)
from simulator.report.plots.points import (
    LabelBox,
    Point,
    artist_boxes,
    draw_points,
    line_boxes,
    log_steps,
    name_points,
)
from simulator.report.plots.style import INK, MUTED, new_figure, place, styled
from simulator.report.result import Result
from simulator.report.units import si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
        if group.macs and group.dram_bytes and group.active_cycles:
            operations = OPERATIONS_PER_MAC * group.macs
            performance = operations / group.active_cycles * clock_hz(result)
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
    draw_points(ax, points, [group.label for group in phase_groups(result)])
    legend = [ax.legend(loc="lower right", markerscale=0.8)] if points else []
    taken = _name_roofs(ax, result) + _roof_boxes(ax, result) + artist_boxes(ax, legend)
    name_points(ax, points, taken, _ridge_boxes(ax, result))
    ax.grid(True)
    ax.set_xlabel("operations per byte of memory traffic (1 MAC = 2 operations)")
    ax.set_ylabel("operations per second")
    ax.yaxis.set_major_formatter(lambda value, _: si(value, "", 1))
    ax.xaxis.set_major_formatter(lambda value, _: si(value, "", 1))
    ax.set_title("Roofline (marker area grows with share of time)")
    return ax


def _draw_roofs(ax: Axes, result: Result, points: list[Point]) -> None:
    """The roofs themselves, and the limits of the axes."""
    peak = OPERATIONS_PER_MAC * peak_macs_per_second(result)
    bandwidth = bandwidth_bytes_per_second(result)
    ridge = peak / bandwidth
    low = min([p.intensity for p in points] + [ridge / 10]) / 3
    high = max([p.intensity for p in points] + [ridge]) * 10
    floor = min([p.value for p in points] + [low * bandwidth]) / 2.5
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
        labels.append(ax.annotate(name, (high, unit_peak), (-4, 6), ha="right", **small))
    middle = (low * ridge) ** 0.5
    (x0, y0), (x1, y1) = ax.transData.transform(
        [(low, low * bandwidth), (ridge, ridge * bandwidth)]
    )
    labels.append(
        ax.annotate(
            f"memory {si(bandwidth, 'B/s')}",
            (middle, middle * bandwidth),
            (-4, 4),
            ha="center",
            rotation=math.degrees(math.atan2(y1 - y0, x1 - x0)),
            rotation_mode="anchor",
            **near,
        )
    )
    return artist_boxes(ax, labels)


def _roof_boxes(ax: Axes, result: Result) -> list[LabelBox]:
    """Small boxes (inches) along the roofs, for labels to keep clear of."""
    peak = OPERATIONS_PER_MAC * peak_macs_per_second(result)
    bandwidth = bandwidth_bytes_per_second(result)
    across = log_steps(*ax.get_xlim())
    lines = [(x, min(peak, x * bandwidth)) for x in across]
    for unit_peak, _ in _lower_roofs(result, peak):
        lines += [(x, unit_peak) for x in across if x * bandwidth > unit_peak]
    return line_boxes(ax, lines)


def _ridge_boxes(ax: Axes, result: Result) -> list[LabelBox]:
    """Small boxes (inches) along the line below the ridge."""
    peak = OPERATIONS_PER_MAC * peak_macs_per_second(result)
    ridge = peak / bandwidth_bytes_per_second(result)
    return line_boxes(ax, [(ridge, y) for y in log_steps(ax.get_ylim()[0], peak)])


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
