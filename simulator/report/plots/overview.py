"""One figure for the whole run: time, roofline, energy, timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.report.plots.bars import draw_time_by_operator, time_chart
from simulator.report.plots.components import draw_components
from simulator.report.plots.roofline import draw_roofline
from simulator.report.plots.style import MUTED, new_figure, styled
from simulator.report.plots.timeline import draw_timeline
from simulator.report.plots.window import choose_window
from simulator.report.result import Result
from simulator.report.units import estimate, percent, seconds, si

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT, TITLE = 13.6, 8.4, 0.75
"""Inches."""


@styled
def plot_overview(result: Result) -> Figure:
    """Two by two: time by operator, roofline; energy by component, timeline."""
    figure = new_figure(WIDTH, HEIGHT)
    _headline(figure, result)
    half, row = WIDTH / 2, (HEIGHT - TITLE) / 2
    draw_time_by_operator(figure, result, time_chart(result), (0.15, row, half - 0.3, row))
    draw_roofline(figure, result, (half + 0.1, row, half - 0.2, row))
    energy = (0.15, 0.1, half - 0.75, row - 0.2)
    draw_components(figure, result.energy_by_component, result.energy_j, "J", "Energy", energy)
    timeline = (half + 0.1, 0.1, half - 0.3, row - 0.2)
    draw_timeline(figure, result, choose_window(result), timeline)
    return figure


def _headline(figure: Figure, result: Result) -> None:
    parts = [seconds(result.seconds)]
    if result.tokens_per_s is not None:
        parts.append(f"{si(result.tokens_per_s, '')} tokens/s")
    parts += [
        f"{percent(result.utilisation)} of peak MACs",
        estimate(result.energy_j, "J"),
        estimate(result.area_mm2, "mm²", prefix=False),
    ]
    machine = result.machine.get("name", "machine")
    figure.text(0.011, 1 - 0.24 / HEIGHT, f"{result.name} · {machine}", va="center", size=14)
    figure.text(0.011, 1 - 0.52 / HEIGHT, "   ·   ".join(parts), va="center", color=MUTED, size=10)
