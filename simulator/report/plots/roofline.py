"""The roofline of the machine, with the operators on it.

S. Williams, A. Waterman, D. Patterson: "Roofline: an insightful visual
performance model for multicore architectures", CACM 52(4), 2009.

Units in a memory that computes have a roof of their own, over the bytes that they read in its
banks: few of these pass the memory's bus, over which all others' are counted.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from simulator.cost.operations import OPERATIONS_PER_MAC
from simulator.report.aggregate import OperatorGroup, operator_groups, phase_groups
from simulator.report.machine_facts import (
    bandwidth_bytes_per_second,
    clock_hz,
    peak_macs_per_second,
)
from simulator.report.plots.points import (
    LABEL_SCALE,
    LabelBox,
    Point,
    artist_boxes,
    clear_share,
    draw_points,
    line_boxes,
    log_steps,
    name_points,
    name_series,
)
from simulator.report.plots.style import INK, MUTED, new_figure, place, styled
from simulator.report.result import MEMORY_UNITS, Result
from simulator.report.units import si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

IN_MEMORY = ", on the units in the memory (per byte read in its banks)"
BANKS_FLAT = 8
"""The roof of units in the memory goes on to so many times its ridge."""
BANKS: dict[str, Any] = {"color": MUTED, "linewidth": 1.4, "linestyle": (0, (5, 1.5, 1, 1.5))}


@styled
def plot_roofline(result: Result) -> Figure:
    """Attained operations per second over operations per byte of memory traffic."""
    figure = new_figure(7.6, 5.1)
    draw_roofline(figure, result, (0.1, 0.1, 7.3, 4.9))
    return figure


def roofline_points(result: Result) -> list[Point]:
    """Operators with MACs and memory traffic, summed over layers.

    Those on units in the memory stand over the bytes that they read in its banks.
    """
    points = []
    for group in operator_groups(result):
        moved = _banks_bytes(result, group) or group.dram_bytes
        if group.macs and moved and group.active_cycles:
            operations = OPERATIONS_PER_MAC * group.macs
            performance = operations / group.active_cycles * clock_hz(result)
            where = IN_MEMORY if _banks_bytes(result, group) else ""
            intensity = operations / moved
            points.append(
                Point(group.phase + where, group.name, intensity, performance, group.share)
            )
    return points


def _banks_bytes(result: Result, group: OperatorGroup) -> float:
    """Bytes that units in the memory read from its banks for an operator; 0 for all others."""
    units = result.machine.get("memory_units")
    if group.unit != MEMORY_UNITS or not units:
        return 0.0
    return group.macs * float(units["bytes_per_mac"])


def draw_roofline(figure: Figure, result: Result, box: tuple[float, float, float, float]) -> Axes:
    """Draw roofs and points into `box` (inches: left, bottom, width, height)."""
    left, bottom, width, height = box
    ax = place(figure, left + 0.6, bottom + 0.7, width - 0.7, height - 1.05)
    points = roofline_points(result)
    ax.set_xscale("log")
    ax.set_yscale("log")
    banks = _banks_roof(result, points)
    _draw_roofs(ax, result, points, banks)
    series = [group.label + where for where in ("", IN_MEMORY) for group in phase_groups(result)]
    draw_points(ax, points, series)
    name_series(figure, ax, left + 0.6, bottom + 0.02)
    taken = _name_roofs(ax, result, points, banks) + _roof_boxes(ax, result)
    name_points(ax, points, taken, _ridge_boxes(ax, result))
    ax.grid(True)
    ax.set_xlabel("operations per byte of memory traffic (1 MAC = 2 operations)")
    ax.set_ylabel("operations per second")
    ax.yaxis.set_major_formatter(lambda value, _: si(value, "", 1))
    ax.xaxis.set_major_formatter(lambda value, _: si(value, "", 1))
    ax.set_title("Roofline (marker area grows with share of time)")
    return ax


def _banks_roof(result: Result, points: list[Point]) -> tuple[float, float] | None:
    """Ridge and peak of units in the memory, in OP/B and OP/s, where operators run on them."""
    if not any(point.phase.endswith(IN_MEMORY) for point in points):
        return None
    units = result.machine["memory_units"]
    peak = OPERATIONS_PER_MAC * float(units["macs_per_cycle"]) * clock_hz(result)
    return OPERATIONS_PER_MAC / float(units["bytes_per_mac"]), peak


def _draw_roofs(
    ax: Axes, result: Result, points: list[Point], banks: tuple[float, float] | None
) -> None:
    """The roofs themselves, and the limits of the axes."""
    peak = OPERATIONS_PER_MAC * peak_macs_per_second(result)
    bandwidth = bandwidth_bytes_per_second(result)
    ridge = peak / bandwidth
    low = min([p.intensity for p in points] + [ridge / 10]) / (5 if banks else 3)
    high = max([p.intensity for p in points] + [ridge]) * 10
    floor = min([p.value for p in points] + [low * bandwidth]) / 2.5
    ax.set_xlim(low, high)
    ax.set_ylim(floor, peak * 2.6)
    ax.plot([low, ridge, high], [low * bandwidth, peak, peak], color=INK, linewidth=1.4, zorder=2)
    ax.plot([ridge, ridge], [floor, peak], color=MUTED, linewidth=0.7, linestyle=(0, (4, 3)))
    for unit_peak, _ in _lower_roofs(result, peak):
        ax.plot([unit_peak / bandwidth, high], [unit_peak] * 2, color=MUTED, linewidth=1.0)
    if banks:
        turn, top = banks
        ax.plot([low, turn, BANKS_FLAT * turn], [low / turn * top, top, top], **BANKS)


def _name_roofs(
    ax: Axes, result: Result, points: list[Point], banks: tuple[float, float] | None
) -> list[LabelBox]:
    """Label the roofs; returns the places (inches) that the labels take."""
    peak = OPERATIONS_PER_MAC * peak_macs_per_second(result)
    bandwidth = bandwidth_bytes_per_second(result)
    ridge, (low, high), floor = peak / bandwidth, ax.get_xlim(), ax.get_ylim()[0]
    near: dict[str, Any] = {"textcoords": "offset points"}
    small: dict[str, Any] = {**near, "fontsize": 7.5, "color": MUTED}
    labels = [
        ax.annotate(f"peak {si(peak, 'OP/s')}", (high, peak), (-4, 3), ha="right", **near),
        ax.annotate(_owner_of_peak(result, peak), (high, peak), (-4, -10), ha="right", **small),
        ax.annotate(
            f"ridge {ridge:,.0f} OP/B", (ridge, floor), (-3, 5), ha="right", rotation=90, **small
        ),
    ]
    for unit_peak, name in _lower_roofs(result, peak):
        labels.append(ax.annotate(name, (high, unit_peak), (-4, 6), ha="right", **small))
    lines = [(f"memory {si(bandwidth, 'B/s')}", bandwidth, ridge, near, 1.0)]
    if banks:
        turn, top = banks
        text = f"units in the memory {si(top, 'OP/s')}"
        labels.append(ax.annotate(text, (turn, top), (0, 4), ha="left", **small))
        lines.append((f"banks {si(top / turn, 'B/s')}", top / turn, turn, small, LABEL_SCALE))
    for text, slope, end, style, size in lines:
        line = [(low, low * slope), (end, end * slope)]
        (x0, y0), (x1, y1) = ax.transData.transform(line)
        share = clear_share(ax, line, text, points, artist_boxes(ax, labels), size)
        x = low * (end / low) ** share
        turned: dict[str, Any] = {"ha": "center", "rotation_mode": "anchor"}
        angle = math.degrees(math.atan2(y1 - y0, x1 - x0))
        labels.append(ax.annotate(text, (x, x * slope), (-4, 4), rotation=angle, **turned, **style))
    return artist_boxes(ax, labels)


def _owner_of_peak(result: Result, peak: float) -> str:
    """The unit that has the machine's peak, where there are several kinds."""
    kinds = _unit_peaks(result)
    return next((f"of {name}" for own, name in kinds if len(kinds) > 1 and own >= 0.99 * peak), "")


def _unit_peaks(result: Result) -> list[tuple[float, str]]:
    """Operations per second at peak of each kind of matrix unit, all in the machine."""
    scale, cores = OPERATIONS_PER_MAC * clock_hz(result), int(result.machine.get("cores", 1))
    return [
        (
            float(unit["macs_per_cycle"]) * scale * (1 if unit.get("shared") else cores),
            str(unit.get("name") or unit.get("kind", "")),
        )
        for unit in result.machine.get("matrix_units", ())
        if isinstance(unit, dict) and unit.get("macs_per_cycle")
    ]


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
    return [
        (own, f"{name} {si(own, 'OP/s')}") for own, name in _unit_peaks(result) if own < 0.99 * peak
    ]
