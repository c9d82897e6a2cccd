"""A serving run over time: requests, KV cache, how long iterations take, throughput."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.report.plots.style import (
    BLUE,
    GREEN,
    GREY,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    new_figure,
    place,
    styled,
)
from simulator.report.serving.result import IterationRecord, ServingResult
from simulator.report.units import si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, PANEL_INCHES, GAP = 8.8, 1.35, 0.42
LEFT, RIGHT, BELOW, ABOVE = 0.95, 1.45, 0.55, 0.45
BINS = 60
"""Intervals that throughput is averaged over."""
KIND_COLOURS = {"decode": BLUE, "prefill": ORANGE, "mixed": PURPLE}


@styled
def plot_serving(result: ServingResult) -> Figure:
    """From above, over time: requests, KV cache, how long an iteration takes, tokens/s."""
    panels = (_draw_requests, _draw_cache, _draw_iterations, _draw_throughput)
    height = BELOW + len(panels) * (PANEL_INCHES + GAP) - GAP + ABOVE
    figure = new_figure(WIDTH, height)
    axes: list[Axes] = []
    for number, draw in enumerate(panels):
        bottom = BELOW + (len(panels) - 1 - number) * (PANEL_INCHES + GAP)
        first = axes[0] if axes else None
        ax = place(figure, LEFT, bottom, WIDTH - LEFT - RIGHT, PANEL_INCHES, sharex=first)
        draw(ax, result)
        ax.grid(axis="y")
        ax.tick_params(axis="x", labelbottom=number == len(panels) - 1)
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
        axes.append(ax)
    axes[0].set_title(result.name)
    axes[0].set_xlim(0.0, result.seconds or 1.0)
    axes[-1].set_xlabel("time")
    axes[-1].xaxis.set_major_formatter(lambda value, _: si(value, "s", 2))
    return figure


def _draw_requests(ax: Axes, result: ServingResult) -> None:
    _draw_steps(ax, result, lambda each: each.running, color=BLUE, label="served")
    waiting = any(each.waiting for each in result.iterations)
    if waiting and result.configuration["serving"]["arrivals"] != "at_once":
        _draw_steps(ax, result, lambda each: each.waiting, color=ORANGE, label="waiting")
    ax.set_ylim(0, 1.12 * max((each.running for each in result.iterations), default=1))
    ax.set_ylabel("requests")


def _draw_cache(ax: Axes, result: ServingResult) -> None:
    _draw_steps(ax, result, lambda each: each.kv_share, fill=True, color=SKY, label="held")
    most = max((each.kv_share for each in result.iterations), default=0.0)
    ax.set_ylim(0, max(0.05, 1.15 * most))
    ax.set_ylabel("KV cache")
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")


def _draw_steps(
    ax: Axes, result: ServingResult, value: Callable[[IterationRecord], float], **options: Any
) -> None:
    """A value of each iteration while it runs; 0 while nothing does."""
    edges, values = [0.0], []
    for each in result.iterations:
        if each.start_s > edges[-1]:
            edges.append(each.start_s)
            values.append(0.0)
        edges.append(each.end_s)
        values.append(value(each))
    baseline = 0.0 if options.get("fill") else None
    ax.stairs(values, edges, baseline=baseline, **options)


def _draw_iterations(ax: Axes, result: ServingResult) -> None:
    """A dot for each; pale if it was not simulated."""
    for kind, colour in KIND_COLOURS.items():
        chosen = [each for each in result.iterations if each.kind == kind]
        for simulated, alpha in ((False, 0.25), (True, 1.0)):
            some = [each for each in chosen if each.simulated == simulated]
            if some:
                times = [each.end_s - each.start_s for each in some]
                label = kind if simulated else None
                ax.plot(
                    [each.start_s for each in some],
                    times,
                    ".",
                    color=colour,
                    alpha=alpha,
                    markersize=3.5,
                    markeredgewidth=0,
                    label=label,
                )
    if not all(each.simulated for each in result.iterations):
        ax.plot([], [], ".", color=GREY, alpha=0.5, label="pale: by likeness")
    longest = max((each.end_s - each.start_s for each in result.iterations), default=0.0)
    ax.set_ylim(0, 1.12 * longest or 1.0)
    ax.set_ylabel("an iteration")
    ax.yaxis.set_major_formatter(lambda value, _: si(value, "s", 2))


def _draw_throughput(ax: Axes, result: ServingResult) -> None:
    edges = np.linspace(0.0, result.seconds, min(BINS, max(1, len(result.iterations))) + 1)
    done = np.cumsum([0, *(each.generated for each in result.iterations)])
    # Tokens grow evenly within iterations, and not between them.
    moments = np.array([[each.start_s, each.end_s] for each in result.iterations]).ravel()
    tokens = np.interp(edges, moments, np.array([done[:-1], done[1:]]).T.ravel())
    ax.stairs(np.diff(tokens) / np.diff(edges), edges, color=GREEN, baseline=None, label="tokens/s")
    ax.axhline(result.tokens_per_s, color=MUTED, linestyle=":", label="on average")
    ax.set_ylim(0, 1.12 * ax.dataLim.y1 or 1.0)
    ax.set_ylabel("tokens/s")
    ax.yaxis.set_major_formatter(lambda value, _: si(value, "", 2))
