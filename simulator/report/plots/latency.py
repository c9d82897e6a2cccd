"""How long reads took: how many took how long, and within what time which share was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.report.dram.result import PERCENTILES, TraceRun
from simulator.report.plots.style import (
    BLUE,
    GREEN,
    MUTED,
    ORANGE,
    VERMILION,
    new_figure,
    place,
    styled,
)
from simulator.report.units import si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHARES = dict(zip(PERCENTILES, (GREEN, ORANGE, VERMILION), strict=True))


@styled
def plot_latency(run: TraceRun) -> Figure:
    """Reads per latency, both on logarithmic axes, above the share that is done by then."""
    figure = new_figure(8.8, 4.9)
    upper = place(figure, 0.75, 2.75, 6.6, 1.75)
    lower = place(figure, 0.75, 0.55, 6.6, 1.75, sharex=upper)
    upper.set_title(f"Read latency of {run.trace.name} on {run.device.name}")
    if not run.total.reads:
        upper.text(0.5, 0.5, "no reads", transform=upper.transAxes, ha="center", color=MUTED)
        return figure
    edges, counts = latency_bins(run)
    _draw_histogram(upper, edges, counts)
    _draw_shares(lower, edges, counts)
    _mark_percentiles(upper, lower, run)
    upper.set_xscale("log")
    upper.set_xlim(edges[0] / 1.05, edges[-1] * 1.15)
    upper.tick_params(axis="x", which="both", labelbottom=False)
    _label_times(lower)
    return figure


def latency_bins(run: TraceRun) -> tuple[np.ndarray, np.ndarray]:
    """Edges in ns and reads of the bins between, from the first that is not empty to the last."""
    result = run.total
    filled = np.flatnonzero(result.latency_counts)
    first, last = int(filled[0]), int(filled[-1])
    tops = result.latency_cycles[first : last + 1].astype(float)
    below = result.latency_cycles[first - 1] if first else 0.0
    edges = np.concatenate([[below], tops])
    edges = np.maximum(edges, 0.5 * float(result.latency_cycles[1]))
    return edges * run.nanoseconds(1), result.latency_counts[first : last + 1]


def _draw_histogram(ax: Axes, edges: np.ndarray, counts: np.ndarray) -> None:
    from matplotlib.ticker import NullFormatter

    ax.stairs(np.maximum(counts, 0.5), edges, fill=True, color=BLUE, baseline=0.5)
    ax.set_yscale("log")
    ax.set_ylim(0.5, max(12.0, 2.0 * float(counts.max())))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylabel("reads")
    ax.yaxis.set_major_formatter(lambda value, _: si(value, "", 1))
    ax.grid(axis="y")


def _draw_shares(ax: Axes, edges: np.ndarray, counts: np.ndarray) -> None:
    """The share of reads that took no longer."""
    done = np.cumsum(counts) / counts.sum()
    ax.plot(edges, [0.0, *done], color=BLUE)
    ax.set_ylim(0, 1.05)
    ax.set_ylabel("answered")
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.grid(axis="both")


def _mark_percentiles(upper: Axes, lower: Axes, run: TraceRun) -> None:
    """Lines through both panels, with their values beside them."""
    result = run.total
    marks = [
        (f"p{share}", result.latency_percentile(share / 100), colour, "-")
        for share, colour in SHARES.items()
    ]
    marks.insert(0, ("mean", result.latency_mean_cycles, MUTED, ":"))
    marks.append(("longest", result.latency_max_cycles, MUTED, "--"))
    for name, cycles, colour, style in marks:
        at = run.nanoseconds(cycles)
        for ax in (upper, lower):
            ax.axvline(
                at, color=colour, linewidth=1.1, linestyle=style, label=f"{name} {at:,.0f} ns"
            )
    upper.legend(loc="upper left", bbox_to_anchor=(1.0, 1.04), handlelength=1.6)


def _label_times(ax: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("latency, from entering the queue to the last of the data (ns)")
