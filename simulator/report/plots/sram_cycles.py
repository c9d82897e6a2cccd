"""Cycles of a product on an SRAM array by the weights of a table, phase by phase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.hardware.sram_pim.choices import Choice
from simulator.report.plots.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    label_inches,
    new_figure,
    place,
    styled,
)
from simulator.report.sram.result import PHASES, SramRun
from simulator.report.units import PREFIXES, count, significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 8.6, 4.6
BELOW, ABOVE, RIGHT = 1.15, 0.45, 0.2
BAR = 0.66
COLOURS = {"load": ORANGE, "build": BLUE, "lookup": GREEN, "read_out": PURPLE}
HATCH, FAINT = "////", 0.28
SMALL = 7.5


@styled
def plot_sram_cycles(run: SramRun) -> Figure:
    """A bar per k, stacked by phase; hatched where the table does not fit the array.

    Those show what an array with rows for the table beside the best one's sums would take.
    """
    figure = new_figure(WIDTH, HEIGHT)
    tallest = max(choice.phases.total for choice in run.choices)
    scale, unit = _scale(tallest)
    left = label_inches([significant(tallest * scale)]) + 0.45
    ax = place(figure, left, BELOW, WIDTH - left - RIGHT, HEIGHT - BELOW - ABOVE)
    for x, choice in enumerate(run.choices):
        _draw_choice(ax, run, x, choice, scale)
    ax.set_ylim(0, tallest * scale * 1.16)
    ax.set_xlim(-0.6, len(run.choices) - 0.4)
    ax.set_xticks(range(len(run.choices)), [_tick(choice) for choice in run.choices])
    ax.tick_params(axis="x", length=0)
    ax.set_ylabel(f"{unit}cycles", color=MUTED)
    tile = run.tile
    size = f"{count(tile.m)} × {count(tile.k)} × {count(tile.n)}"
    ax.set_title(f"Cycles by weights per table, k: {size} on {run.unit.title}")
    _legend(figure, run)
    return figure


def _scale(largest: int) -> tuple[float, str]:
    """Factor and words of the unit that brings a count to 1 … 999."""
    exponent = max(e for e in PREFIXES if e >= 0 and (e == 0 or largest >= 10**e))
    words = {0: "", 3: "thousand ", 6: "million ", 9: "billion "}
    return 10.0**-exponent, words.get(exponent, f"10^{exponent} ")


def _draw_choice(ax: Axes, run: SramRun, x: int, choice: Choice, scale: float) -> None:
    bottom = 0.0
    for phase, colour in COLOURS.items():
        height = getattr(choice.phases, phase) * scale
        alpha = 1.0 if choice.fits else FAINT
        ax.bar(x, height, BAR, bottom=bottom, color=colour, linewidth=0.0, alpha=alpha)
        bottom += height
    if not choice.fits:
        ax.bar(x, bottom, BAR, fill=False, edgecolor=GREY, hatch=HATCH, linewidth=0.6)
    marked = choice in (run.best, run.chosen)
    mark = "best" if choice is run.best else "given"
    total = significant(choice.phases.total * scale)
    ax.annotate(
        f"{total}, {mark}" if marked else total,
        (x, bottom),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=SMALL,
        fontweight="bold" if marked else "normal",
        color=INK if choice.fits else MUTED,
    )


def _tick(choice: Choice) -> str:
    if not choice.fits:
        return f"{choice.basis_weights}\nneeds\n{count(choice.rows_needed)} rows"
    passes = choice.blocks.passes
    lines = f"{choice.basis_weights}\n{count(choice.rows_needed)} rows"
    return lines + (f"\n{count(passes)} passes" if passes > 1 else "")


def _legend(figure: Figure, run: SramRun) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=COLOURS[phase], label=name) for phase, name in PHASES.items()]
    if not all(choice.fits for choice in run.choices):
        label = "does not fit: on an array with as many rows"
        handles.append(Patch(facecolor="white", edgecolor=GREY, hatch=HATCH, label=label))
    figure.legend(
        handles=handles, loc="lower center", ncols=len(handles), handlelength=1.2, handleheight=0.9
    )
