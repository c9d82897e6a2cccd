"""The roofline of energy, with the operators on it; `energy_model` has the formula."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from simulator.cost.operations import OPERATIONS_PER_MAC
from simulator.report.aggregate import operator_groups, phase_groups
from simulator.report.plots.energy_model import EnergyModel, energy_model
from simulator.report.plots.points import (
    LabelBox,
    Point,
    artist_boxes,
    draw_points,
    line_boxes,
    log_steps,
    name_points,
    name_series,
)
from simulator.report.plots.style import GREY, INK, MUTED, PAPER, new_figure, place, styled
from simulator.report.result import Result
from simulator.report.units import si, significant

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAND_ALPHA = 0.22
DASHES = (0, (4, 3))
TIME, ENERGY = "time balance", "energy balance"
BALANCES: dict[str, Any] = {TIME: (0, (4, 3)), ENERGY: (0, (1, 1.6))}
"""Names of the balance points and the dashes of their lines."""
RING: dict[str, Any] = {
    "marker": "o",
    "markersize": 5.5,
    "color": INK,
    "markerfacecolor": PAPER,
}
"""Where the bound has come to half of its best."""
Line = list[tuple[float, float]]


@styled
def plot_energy_roofline(result: Result) -> Figure:
    """Operations per joule over operations per byte of memory traffic."""
    figure = new_figure(7.6, 5.5)
    draw_energy_roofline(figure, result, (0.1, 0.1, 7.3, 5.3))
    return figure


def energy_points(result: Result) -> list[Point]:
    """Operators with MACs, memory traffic and energy, summed over layers.

    The energy of an operator has its share of the static power in it, by the time that it
    put off the end.
    """
    phases = {group.label: group.energy_j.value for group in phase_groups(result)}
    points = []
    for group in operator_groups(result):
        joules = group.energy_j.value
        if group.macs and group.dram_bytes and joules:
            operations = OPERATIONS_PER_MAC * group.macs
            intensity, share = operations / group.dram_bytes, joules / phases[group.phase]
            points.append(Point(group.phase, group.name, intensity, operations / joules, share))
    return points


def draw_energy_roofline(
    figure: Figure, result: Result, box: tuple[float, float, float, float]
) -> Axes:
    """Draw the bound with its band, its asymptotes and the points into `box` (inches)."""
    left, bottom, width, height = box
    ax = place(figure, left + 0.6, bottom + 1.1, width - 0.7, height - 1.45)
    model, points = energy_model(result), energy_points(result)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_title("Roofline of energy (marker area grows with share of energy)")
    ax.set_xlabel("operations per byte of memory traffic (1 MAC = 2 operations)")
    ax.set_ylabel("operations per joule (1 T = 1 TOPS/W)")
    ax.xaxis.set_major_formatter(lambda value, _: si(value, "", 1))
    ax.yaxis.set_major_formatter(lambda value, _: si(value, "", 1))
    ax.grid(True)
    lines, uprights = _draw_bound(ax, model, points)
    draw_points(ax, points, [group.label for group in phase_groups(result)])
    taken = line_boxes(ax, lines) + _name_asymptotes(ax, model)
    name_points(ax, points, taken, line_boxes(ax, uprights))
    _legend(figure, model, left + 0.1, bottom + 0.02)
    name_series(figure, ax, left + 0.6, bottom + 0.43)
    return ax


def _draw_bound(ax: Axes, model: EnergyModel, points: list[Point]) -> tuple[Line, Line]:
    """Band, bound, asymptotes and balances, and the axes' limits.

    Returns points along the bound and its asymptotes, and along the lines below balances.
    """
    balances = [x for x, _ in _balances(model).values()]
    low = min([p.intensity for p in points] + [min(balances) / 10]) / 3
    high = max([p.intensity for p in points] + balances) * 10
    ax.set_xlim(low, high)
    across = log_steps(low, high)
    costs = [model.joules_per_operation(x) for x in across]
    if not all(cost.low for cost in costs):
        ax.set_ylim(1e11, 1e13)
        ax.text(0.5, 0.5, "nothing costs energy in this run", transform=ax.transAxes, ha="center")
        return [], []
    bound = [(x, 1 / cost.value) for x, cost in zip(across, costs, strict=True)]
    best = [1 / cost.low for cost in costs]
    worst = [1 / cost.high for cost in costs]
    ax.fill_between(across, worst, best, color=GREY, alpha=BAND_ALPHA, linewidth=0)
    ax.plot(*zip(*bound, strict=True), color=INK, linewidth=1.6, zorder=2)
    asymptotes = _asymptotes(model, low, high)
    for line in asymptotes:
        ax.plot(*zip(*line, strict=True), color=MUTED, linewidth=1.0, linestyle=DASHES)
    floor = min([p.value for p in points] + [worst[0]]) / 1.5
    ax.set_ylim(floor, 2.2 * max(best + [y for line in asymptotes for _, y in line]))
    uprights: list[Line] = []
    for name, (x, top) in _balances(model).items():
        uprights.append([(x, floor), (x, top)])
        ax.plot([x, x], [floor, top], color=INK, linewidth=0.8, linestyle=BALANCES[name])
    if model.half_best:
        ax.plot(model.half_best, model.best / 2, zorder=2.5, **RING)
    return bound + _filled(asymptotes), _filled(uprights)


def _filled(lines: list[Line]) -> Line:
    """Many points along lines of two, which are straight in a doubly logarithmic picture."""
    return [
        point
        for (x0, y0), (x1, y1) in lines
        for point in zip(log_steps(x0, x1), log_steps(y0, y1), strict=True)
    ]


def _asymptotes(model: EnergyModel, low: float, high: float) -> list[Line]:
    """Without static power: I / e_byte up to the balance, 1 / e_op from there on."""
    lines: list[Line] = []
    balance = model.energy_balance
    if model.byte_j.value:
        end = balance or high
        lines.append([(low, low / model.byte_j.value), (end, end / model.byte_j.value)])
    if model.operation_j.value:
        roof = 1 / model.operation_j.value
        lines.append([(balance or low, roof), (high, roof)])
    return lines


def _balances(model: EnergyModel) -> dict[str, tuple[float, float]]:
    """Balance points: intensity, and how far up their line goes (operations per joule)."""
    energy = model.joules_per_operation(model.time_balance).value
    found = {TIME: (model.time_balance, 1 / energy if energy else 1.0)}
    if model.energy_balance:
        found[ENERGY] = (model.energy_balance, 1 / model.operation_j.value)
    return found


def _name_asymptotes(ax: Axes, model: EnergyModel) -> list[LabelBox]:
    """Name the asymptotes; returns the places (inches) that the names take."""
    near: dict[str, Any] = {"textcoords": "offset points"}
    labels = []
    for line in _asymptotes(model, *ax.get_xlim()):
        (x0, y0), (x1, y1) = line
        if y0 == y1:
            text = f"on chip {si(model.operation_j.value, 'J/OP')}"
            labels.append(ax.annotate(text, (x1, y1), (-4, 4), ha="right", **near))
            continue
        middle = (math.sqrt(x0 * x1), math.sqrt(y0 * y1))
        (left, bottom), (right, top) = ax.transData.transform(line)
        along = math.degrees(math.atan2(top - bottom, right - left))
        turned: dict[str, Any] = {"ha": "center", "rotation": along, "rotation_mode": "anchor"}
        text = f"memory {si(model.byte_j.value, 'J/B')}"
        labels.append(ax.annotate(text, middle, (-4, 4), **turned, **near))
    return artist_boxes(ax, labels)


def _legend(figure: Figure, model: EnergyModel, left: float, bottom: float) -> None:
    """What the lines are, in three columns below the axes."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    width, height = figure.get_size_inches()
    best = f": up to {si(model.best, 'OPS/W')}" if model.best else ""
    entries: list[Artist] = [
        Line2D([], [], color=INK, linewidth=1.6, label=f"at mean costs{best}"),
        Patch(color=GREY, alpha=BAND_ALPHA, label="from low to high estimates"),
    ]
    if model.operation_j.value or model.byte_j.value:
        label = f"without static power ({si(model.static_w.value, 'W')})"
        dashed: dict[str, Any] = {"color": MUTED, "linewidth": 1.0, "linestyle": DASHES}
        entries.append(Line2D([], [], label=label, **dashed))
    if model.half_best:
        label = f"half of the best at {_intensity(model.half_best)}"
        entries.append(Line2D([], [], label=label, **{**RING, "linestyle": ""}))
    for name, (x, _) in _balances(model).items():
        dotted: dict[str, Any] = {"color": INK, "linewidth": 0.8, "linestyle": BALANCES[name]}
        entries.append(Line2D([], [], label=f"{name} {_intensity(x)}", **dotted))
    figure.legend(
        handles=entries,
        loc="lower left",
        bbox_to_anchor=(left / width, bottom / height),
        ncols=3,
        columnspacing=1.2,
        borderpad=0,
    )


def _intensity(value: float) -> str:
    return f"{significant(value)} OP/B"
