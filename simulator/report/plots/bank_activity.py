"""What each bank of a DRAM did over time: bandwidth, data bus, activations, refreshes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.report.dram.activity import Activity, bank_activity
from simulator.report.dram.result import TraceRun
from simulator.report.plots.style import (
    BLUE,
    GREY,
    GRID,
    MUTED,
    ORANGE,
    PAPER,
    VERMILION,
    label_inches,
    new_figure,
    place,
    scaled_unit,
    styled,
)
from simulator.report.units import percent, si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

WIDTH = 11.0
BANDWIDTH_INCHES = 1.25
ROW_INCHES, LEAST_INCHES, MOST_INCHES = 0.11, 1.4, 3.6
GAP, BELOW, ABOVE, RIGHT = 0.42, 0.55, 0.35, 0.95
BAR_INCHES = 0.12
DARK_BLUE, DARK_RED = "#003a5d", "#7a2e00"
REFRESH_ALPHA = 0.85


@styled
def plot_bank_activity(run: TraceRun) -> Figure:
    """Time runs to the right; below the bandwidth, a row per bank and a colour per share.

    The second panel shows how much of its data bus each bank takes, the third how often
    rows are activated; grey is the time in which banks are refreshed.
    """
    activity = bank_activity(run)
    rows = len(activity.bus)
    panel = min(max(ROW_INCHES * rows, LEAST_INCHES), MOST_INCHES)
    height = BELOW + 2 * panel + BANDWIDTH_INCHES + 2 * GAP + ABOVE
    figure = new_figure(WIDTH, height)
    left = label_inches([name for name, _ in activity.groups]) + 0.35
    width = WIDTH - left - RIGHT
    factor, unit = scaled_unit(run.seconds, "s")
    top = place(figure, left, BELOW + 2 * (panel + GAP), width, BANDWIDTH_INCHES)
    _draw_bandwidth(top, run, activity, factor)
    maps = (
        (
            BELOW + panel + GAP,
            activity.bus,
            _colours(BLUE, DARK_BLUE),
            f"Data bus taken by each {_noun(activity)}",
            lambda value, _: percent(value),
        ),
        (
            BELOW,
            activity.activations,
            _colours(ORANGE, VERMILION, DARK_RED),
            f"Activations of each {_noun(activity)} per second",
            lambda value, _: si(value, "", 2),
        ),
    )
    panels = [top]
    for bottom, values, colours, title, written in maps:
        ax = place(figure, left, bottom, width, panel, sharex=top)
        panels.append(ax)
        image = _draw_map(ax, activity, values, colours, factor)
        ax.set_title(title)
        bar = place(figure, left + width + 0.15, bottom, BAR_INCHES, panel)
        figure.colorbar(image, cax=bar, format=written).outline.set_visible(False)
        bar.tick_params(length=2)
    panels[-1].set_xlabel(f"time ({unit})")
    for upper in panels[:-1]:
        upper.tick_params(axis="x", labelbottom=False)
    _legend_of_refresh(figure, activity)
    return figure


def _noun(activity: Activity) -> str:
    return activity.level.replace("_", " ")


def _draw_bandwidth(ax: Axes, run: TraceRun, activity: Activity, factor: float) -> None:
    """Reads and writes on top of each other, and the peak."""
    scale, unit = scaled_unit(run.peak_bytes_per_s, "B/s")
    edges = activity.edges_s * factor
    both = activity.read + activity.write
    parts = (
        ("reads", activity.read, np.zeros_like(both), BLUE),
        ("writes", both, activity.read, ORANGE),
    )
    for name, upper, lower, colour in parts:
        if (upper > lower).any():
            ax.stairs(
                upper * scale, edges, baseline=lower * scale, fill=True, color=colour, label=name
            )
    peak = run.peak_bytes_per_s * scale
    ax.axhline(peak, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), label="peak")
    ax.set_xlim(0, run.seconds * factor)
    ax.set_ylim(0, 1.12 * peak)
    ax.set_ylabel(unit)
    ax.grid(axis="y")
    used = percent(run.bandwidth_bytes_per_s / run.peak_bytes_per_s)
    ax.set_title(
        f"{run.trace.name} on {run.device.name}: "
        f"{si(run.bandwidth_bytes_per_s, 'B/s')}, {used} of peak"
    )
    ax.legend(
        loc="upper left",
        bbox_to_anchor=(1.0, 1.04),
        handlelength=1.2,
        handleheight=0.9,
        borderpad=0.3,
    )


def _colours(*stops: str) -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("cyclelab", [PAPER, *stops])


def _draw_map(
    ax: Axes, activity: Activity, values: np.ndarray, colours: Colormap, factor: float
) -> QuadMesh:
    """A colour per row and bin, with refreshes over it and lines between groups."""
    rows = len(values)
    edges = activity.edges_s * factor
    image = ax.pcolormesh(
        edges,
        np.arange(rows + 1),
        values,
        cmap=colours,
        vmin=0,
        vmax=float(values.max()) or 1.0,
        rasterized=True,
    )
    _draw_refreshes(ax, activity, edges)
    at, ticks, names = 0, [], []
    for name, size in activity.groups:
        ticks.append(at + size / 2)
        names.append(name)
        at += size
        if at < rows and size > 1:
            ax.axhline(at, color=GRID, linewidth=0.7)
    for border in activity.borders:
        ax.axhline(border, color=MUTED, linewidth=0.9)
    ax.set_yticks(ticks, names)
    ax.set_ylim(rows, 0)
    ax.tick_params(axis="y", length=0)
    return image


def _draw_refreshes(ax: Axes, activity: Activity, edges: np.ndarray) -> None:
    from matplotlib.colors import ListedColormap, to_rgb

    if not activity.refreshing.any():
        return
    shades = [(*to_rgb(GREY), REFRESH_ALPHA * step / 255) for step in range(256)]
    ax.pcolormesh(
        edges,
        np.arange(len(activity.refreshing) + 1),
        activity.refreshing,
        cmap=ListedColormap(shades),
        vmin=0,
        vmax=1,
        rasterized=True,
    )


def _legend_of_refresh(figure: Figure, activity: Activity) -> None:
    from matplotlib.patches import Patch

    if not activity.refreshing.any():
        return
    lengths = np.diff(activity.edges_s)
    share = percent(float(np.average(activity.refreshing.mean(axis=0), weights=lengths)))
    figure.legend(
        handles=[Patch(color=GREY, label=f"being refreshed, {share} of the time")],
        loc="lower right",
        bbox_to_anchor=(1 - RIGHT / WIDTH, 0.0),
        handlelength=0.9,
        handleheight=0.9,
    )
