"""A channel whose banks compute, command by command: the bus, and both kinds of row buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.hardware.dram.pim.gemv import pim_of
from simulator.report.pim.result import PimRun
from simulator.report.pim.spans import Issued, Window, window_of
from simulator.report.plots.style import (
    BLUE,
    GREEN,
    GREY,
    GRID,
    INDIGO,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    label_inches,
    new_figure,
    place,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 11.0
BUS_INCHES, BANKS_INCHES = 2.0, 1.75
GAP, BELOW, ABOVE, RIGHT = 0.42, 0.85, 0.35, 0.25
TICK_HEIGHT = 0.8
LINES = (
    ("refresh", ("REFab", "REFpb", "PREA"), GREY),
    ("GWRITE", ("GWRITE",), PURPLE),
    ("PIM_HEADER", ("PIM_HEADER",), INDIGO),
    ("PIM_MODE", ("PIM_MODE",), INDIGO),
    ("G_ACT", ("G_ACT",), ORANGE),
    ("COMP, READRES", ("COMP", "READRES", "COMPS_READRES"), GREEN),
    ("PIM_PRECHARGE", ("PIM_PRECHARGE",), VERMILION),
    ("RD, WR", ("RD", "WR", "RDA", "WRA"), BLUE),
    ("ACT, PRE", ("ACT", "PRE"), SKY),
)
"""Lines of the command bus, from the top: what the controller serves first is above.

Of commands that announce tiles or change modes, those that a device has."""


@styled
def plot_pim_timeline(run: PimRun) -> Figure:
    """Time runs to the right: the command bus, rows of the banks, rows of their units.

    Green is where the units multiply, grey where banks are refreshed.
    """
    window = window_of(run)
    height = BELOW + BUS_INCHES + 2 * (BANKS_INCHES + GAP) + ABOVE
    figure = new_figure(WIDTH, height)
    left = label_inches([name for name, _, _ in LINES]) + 0.2
    width = WIDTH - left - RIGHT
    bottom = BELOW + 2 * (BANKS_INCHES + GAP)
    top = place(figure, left, bottom, width, BUS_INCHES)
    _draw_bus(top, run, window)
    own = pim_of(run.device).row_buffers == 2
    top.set_title(f"Command bus: {run.device.name}, a GEMV of {_size(run)}{_part(run, window)}")
    banks = place(figure, left, BELOW + BANKS_INCHES + GAP, width, BANKS_INCHES, sharex=top)
    _draw_rows(banks, run, window, units=False)
    banks.set_title("Rows open for reads and writes, bank by bank")
    units = place(figure, left, BELOW, width, BANKS_INCHES, sharex=top)
    _draw_rows(units, run, window, units=True)
    where = "in row buffers of their own" if own else "in the same row buffers"
    units.set_title(f"Rows open for the units, {where}")
    units.set_xlabel("cycle")
    top.set_xlim(0, window.end_cycles)
    for ax in (top, banks):
        ax.tick_params(axis="x", labelbottom=False)
    _legend(figure)
    return figure


def _size(run: PimRun) -> str:
    return f"{run.layout.outputs:,} × {run.layout.inputs:,}"


def _part(run: PimRun, window: Window) -> str:
    """Which part of the run is shown, if not all of it."""
    if window.complete:
        return ""
    shown, end, cycles = len(window.commands), window.end_cycles, run.result.cycles
    return f": the first {shown:,} commands, {end:,.0f} of {cycles:,.0f} cycles"


def _lines(run: PimRun) -> list[tuple[str, tuple[str, ...], str]]:
    """Lines of the command bus of a device."""
    some = ("PIM_HEADER", "PIM_MODE")
    return [line for line in LINES if line[0] not in some or line[0] in run.device.commands]


def _draw_bus(ax: Axes, run: PimRun, window: Window) -> None:
    """A tick per command, in the line of its kind."""
    lines = _lines(run)
    for line, (_, names, colour) in enumerate(lines):
        cycles = [each.cycle for each in window.commands if each.name in names]
        ax.vlines(
            cycles, line - TICK_HEIGHT / 2, line + TICK_HEIGHT / 2, colors=colour, linewidth=0.7
        )
        if line:
            ax.axhline(line - 0.5, color=GRID, linewidth=0.7)
    ax.set_yticks(range(len(lines)), [name for name, _, _ in lines])
    ax.set_ylim(len(lines) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)


def _draw_rows(ax: Axes, run: PimRun, window: Window, *, units: bool) -> None:
    """A bar per open row; what happens in it lies over it."""
    colour = ORANGE if units else SKY
    for bank in range(run.device.banks):
        spans = [
            (row.start, row.end - row.start)
            for row in window.rows
            if row.bank == bank and row.units == units
        ]
        ax.broken_barh(spans, (bank, 0.92), facecolors=colour, alpha=0.55, linewidth=0)
    for start, end, banks in window.refreshes:
        ax.broken_barh([(start, end - start)], (banks[0], len(banks)), facecolors=GREY, linewidth=0)
    if units:
        spans = [(start, end - start) for start, end in window.computing]
        ax.broken_barh(spans, (0, run.device.banks), facecolors=GREEN, alpha=0.8, linewidth=0)
    else:
        vectors = pim_of(run.device).input == "row"
        _draw_accesses(ax, [each for each in window.commands if vectors or each.name != "GWRITE"])
    ax.set_ylim(run.device.banks, 0)
    ax.locator_params(axis="y", integer=True)
    ax.set_ylabel("bank", color=MUTED)


def _draw_accesses(ax: Axes, commands: list[Issued]) -> None:
    for names, colour in ((("RD", "RDA"), BLUE), (("WR", "WRA"), VERMILION), (("GWRITE",), PURPLE)):
        chosen = [each for each in commands if each.name in names]
        cycles = [each.cycle for each in chosen]
        banks = [each.banks[0] + 0.46 for each in chosen]
        ax.scatter(cycles, banks, s=2.2, marker="|", color=colour, linewidths=0.8)


def _legend(figure: Figure) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(color=SKY, alpha=0.55, label="row open"),
        Patch(color=BLUE, label="read"),
        Patch(color=PURPLE, label="vector loaded"),
        Patch(color=ORANGE, alpha=0.55, label="row open for the units"),
        Patch(color=GREEN, alpha=0.8, label="units multiply"),
        Patch(color=GREY, label="refresh"),
    ]
    figure.legend(
        handles=handles, loc="lower center", ncols=len(handles), handlelength=0.9, handleheight=0.9
    )
