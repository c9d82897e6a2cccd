"""Bar chart of time: by operator and cause, a panel per phase group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.report.aggregate import OperatorGroup, PhaseGroup, operator_groups, phase_groups
from simulator.report.machine_facts import clock_hz
from simulator.report.plots.style import (
    CAUSE_COLOURS,
    GREY,
    MUTED,
    label_inches,
    new_figure,
    place,
    scaled_unit,
    styled,
)
from simulator.report.result import Result
from simulator.report.units import percent, seconds
from simulator.report.words import cause_label, cause_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_ROWS = 12
MIN_SHARE = 0.001
MAX_PHASES = 3
OTHERS = "others"
ROW_INCHES = 0.24
Box = tuple[float, float, float, float]
"""Left, bottom, width, height in inches, labels and titles included."""


@dataclass(frozen=True, slots=True)
class TimeChart:
    """What `draw_time_by_operator` shows: panels, their operators, and common rows."""

    phases: list[PhaseGroup]
    operators: list[OperatorGroup]
    rows: list[str]


@styled
def plot_time_by_operator(result: Result) -> Figure:
    """Where each phase's time goes: operators down, exclusive time across, by cause."""
    chart = time_chart(result)
    height = 1.35 + ROW_INCHES * len(chart.rows)
    figure = new_figure(9.6, height)
    draw_time_by_operator(figure, result, chart, (0.1, 0.0, 9.4, height))
    return figure


def draw_time_by_operator(figure: Figure, result: Result, chart: TimeChart, box: Box) -> list[Axes]:
    """Draw one panel per phase group, with common rows, into `box`."""
    left, bottom, width, height = box
    phases, rows = chart.phases, chart.rows
    gap, names = 0.55, label_inches(rows)
    panel = (width - names - gap * len(phases)) / len(phases)
    axes = []
    causes: set[str] = set()
    for number, phase in enumerate(phases):
        x = left + names + number * (panel + gap)
        ax = place(figure, x, bottom + 0.85, panel, height - 1.2)
        causes |= _draw_phase(ax, clock_hz(result), phase, chart)
        ax.set_yticks(range(len(rows)), rows if number == 0 else [""] * len(rows))
        axes.append(ax)
    _cause_legend(figure, causes, left, bottom)
    return axes


def time_chart(result: Result) -> TimeChart:
    """Phase groups that take most time, and the operators that matter in any of them."""
    phases = shown_phases(result)
    labels = {p.label for p in phases}
    operators = [group for group in operator_groups(result) if group.phase in labels]
    return TimeChart(phases, operators, shown_rows([(g.name, g.share) for g in operators]))


def shown_phases(result: Result) -> list[PhaseGroup]:
    """The phase groups that take most time, in the order of the run."""
    phases = phase_groups(result)
    largest = sorted(phases, key=lambda p: -p.cycles)[:MAX_PHASES]
    return [p for p in phases if p in largest]


def shown_rows(shares: list[tuple[str, float]]) -> list[str]:
    """Names whose largest share matters, in order of appearance; then, for the rest, `OTHERS`."""
    best: dict[str, float] = {}
    for name, share in shares:
        best[name] = max(best.get(name, 0.0), share)
    ranked = sorted(best, key=lambda name: -best[name])[:MAX_ROWS]
    kept = {name for name in ranked if best[name] >= MIN_SHARE or name == ranked[0]}
    rows = [name for name in best if name in kept]
    return rows + [OTHERS] * (len(rows) < len(best))


def _draw_phase(ax: Axes, clock: float, phase: PhaseGroup, chart: TimeChart) -> set[str]:
    """Stacked bars of one phase; returns the causes that occur."""
    rows = chart.rows
    totals = {row: dict[str, int]() for row in rows}
    for group in chart.operators:
        if group.phase == phase.label:
            _add_cycles(totals[group.name if group.name in totals else OTHERS], group)
    longest = max((sum(parts.values()) for parts in totals.values()), default=0)
    factor, unit = scaled_unit(longest / clock, "s")
    scale = factor / clock
    causes = sorted({c for parts in totals.values() for c in parts}, key=cause_order)
    ends = [0.0] * len(rows)
    for cause in causes:
        widths = [totals[row].get(cause, 0) * scale for row in rows]
        colour = CAUSE_COLOURS.get(cause, GREY)
        ax.barh(range(len(rows)), widths, left=ends, color=colour, height=0.72)
        ends = [end + width for end, width in zip(ends, widths, strict=True)]
    limit = max(longest * scale * 1.22, 1e-9)
    for y, (row, end) in enumerate(zip(rows, ends, strict=True)):
        share = sum(totals[row].values()) / max(phase.cycles, 1)
        ax.text(end + limit * 0.012, y, percent(share), va="center", fontsize=7.5, color=MUTED)
    ax.set_xlim(0, limit)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    ax.set_xlabel(f"time ({unit})")
    ax.set_title(f"{phase.label}: {seconds(phase.seconds)}")
    return set(causes)


def _add_cycles(total: dict[str, int], group: OperatorGroup) -> None:
    for cause, cycles in group.time_cycles.items():
        total[cause] = total.get(cause, 0) + cycles


def _cause_legend(figure: Figure, causes: set[str], left: float, bottom: float) -> None:
    from matplotlib.patches import Patch

    width, height = figure.get_size_inches()
    ordered = sorted(causes, key=cause_order)
    figure.legend(
        handles=[Patch(color=CAUSE_COLOURS.get(c, GREY), label=cause_label(c)) for c in ordered],
        loc="lower left",
        bbox_to_anchor=(left / width, (bottom + 0.06) / height),
        ncols=len(ordered),
        handlelength=0.9,
        handleheight=0.9,
        columnspacing=1.2,
        borderpad=0,
    )
