"""Cases down, a bar each: rows and their names, numbers behind bars, stacks, legends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.report.plots.style import FONT_POINTS, INCH_PER_CHARACTER, PAPER, scaled_unit
from simulator.report.units import si, significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_INCHES = 0.24
TOP_INCHES, BOTTOM_INCHES = 0.4, 0.85
MARGIN_INCHES = 0.1
BAR_HEIGHT = 0.72
HEADROOM = 1.22
"""Of the longest bar, so that its number has room."""
LABEL_GAP = 0.015
"""Of the longest bar, between a bar and its number."""
SMALL_POINTS = 7.5
SMALL_SHARE = 0.02
"""Of the longest bar, below which a bar has no edges, and a number with a unit of its own."""
HANDLE_INCHES = 0.4
"""What a legend takes besides its words, per entry."""
LINE_INCHES = 0.18
"""Height of a line of a legend."""


def name_rows(ax: Axes, names: Sequence[str], shown: bool) -> None:
    """One row per case, the first on top; names only where they are `shown`."""
    ax.set_yticks(range(len(names)), names if shown else [""] * len(names))
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")


def write_number(ax: Axes, x: float, row: int, text: str) -> None:
    """A number behind its bar, on paper of its own where a line passes."""
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
    ax.text(x, row, text, va="center", fontsize=SMALL_POINTS, bbox=paper)


def number_inches(text: str) -> float:
    """Room that a number behind a bar takes."""
    return len(text) * INCH_PER_CHARACTER * SMALL_POINTS / FONT_POINTS


def draw_stacks(
    ax: Axes,
    stacks: Sequence[Mapping[str, float]],
    colours: Mapping[str, str],
    unit: str,
    prefix: bool = True,
) -> str:
    """A stacked bar per row with its sum behind it; parts in the order of `colours`.

    Returns the unit of the axis, with a prefix that brings the longest bar to 1 … 999.
    """
    longest = max(sum(parts.values()) for parts in stacks)
    factor, scaled = scaled_unit(longest, unit) if prefix else (1.0, unit)
    for row, parts in enumerate(stacks):
        total, end = sum(parts.values()), 0.0
        small = total < SMALL_SHARE * longest
        for name, colour in colours.items():
            width = parts.get(name, 0.0) * factor
            ax.barh(
                row,
                width,
                left=end,
                color=colour,
                height=BAR_HEIGHT,
                edgecolor=PAPER,
                linewidth=0.0 if small else 0.4,
            )
            end += width
        text = si(total, unit) if small and prefix else significant(end)
        write_number(ax, end + longest * factor * LABEL_GAP, row, text)
    ax.set_xlim(0, longest * factor * HEADROOM)
    return scaled


@dataclass(frozen=True, slots=True)
class Legend:
    """Names of colours below axes, in as many lines as they take.

    entries: colours by name; what has one colour in different machines is one entry.
    """

    entries: Mapping[str, str]
    columns: int

    @property
    def bottom_inches(self) -> float:
        """Room below the axes, with their own labels."""
        lines = -(-len(self.entries) // self.columns)
        return BOTTOM_INCHES + (lines - 1) * LINE_INCHES

    def draw(self, figure: Figure) -> None:
        """At the lower right corner."""
        from matplotlib.patches import Patch

        width, _ = figure.get_size_inches()
        figure.legend(
            handles=[Patch(color=colour, label=name) for name, colour in self.entries.items()],
            loc="lower right",
            bbox_to_anchor=(1 - MARGIN_INCHES / width, 0.0),
            ncols=self.columns,
            handlelength=0.9,
            handleheight=0.9,
            columnspacing=1.2,
        )


def legend_of(colours: Mapping[str, str], width_inches: float) -> Legend:
    """The legend of some colours by name, in a figure of some width."""
    names: dict[str, list[str]] = {}
    for name, colour in colours.items():
        names.setdefault(colour, []).append(name)
    entries = {", ".join(own): colour for colour, own in names.items()}
    columns = len(entries)
    while columns > 1 and _columns_inches(list(entries), columns) > width_inches:
        columns -= 1
    lines = -(-len(entries) // columns)
    return Legend(entries, -(-len(entries) // lines))


def _columns_inches(names: Sequence[str], columns: int) -> float:
    """Width of names that matplotlib fills into columns, one column after the other."""
    lines = -(-len(names) // columns)
    own = [names[i : i + lines] for i in range(0, len(names), lines)]
    return sum(max(map(len, each)) * INCH_PER_CHARACTER + HANDLE_INCHES for each in own)
