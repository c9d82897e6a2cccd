"""House style: one palette, one type size, figures without pyplot.

Colours are Okabe and Ito's ("Color Universal Design", 2008), which people with
any colour vision can tell apart.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

from simulator.report.units import PREFIXES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

INK, MUTED, GRID, PAPER = "#1f2933", "#66727e", "#dde3e8", "#fefefe"
"""Colours of text and frames. The HTML page replaces them by its own, light or dark."""

LIGHT = "#fdfdfd"
"""Text on dark bars, in either."""

BLUE, ORANGE, GREEN, VERMILION = "#0072b2", "#e69f00", "#009e73", "#d55e00"
SKY, PURPLE, YELLOW, GREY = "#56b4e9", "#cc79a7", "#f0e442", "#9aa5b1"
BROWN, INDIGO, PALE = "#7b5e3b", "#332288", "#c9d1d8"
SEQUENCE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW, GREY)
MANY = (*SEQUENCE, BROWN, INDIGO, "#882255", "#999933", "#44aa99", "#ddcc77")
"""More colours for timelines: Okabe and Ito's, then some of Paul Tol's muted scheme."""
DARK = frozenset(MANY[i] for i in (0, 2, 5, 8, 9, 10))
"""Those of `MANY` on which text is `LIGHT`."""

CAUSE_COLOURS = {
    "compute": BLUE,
    "overhead": "#8fc3e6",
    "port": PURPLE,
    "memory_read": ORANGE,
    "memory_write": VERMILION,
    "buffer_space": YELLOW,
    "matrix_unit": INDIGO,
    "vector_unit": GREEN,
    "pim": "#44aa99",
    "cache": "#2a9d8f",
    "launch": "#882255",
    "link": "#999933",
    "drain": GREY,
    "dependency": "#c3ccd5",
    "issue": BROWN,
    "other": "#e4e9ed",
}

PALENESS = 0.55


def paler(colour: str) -> str:
    """A colour (`#rrggbb`) mixed with white."""
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + PALENESS * (255 - part)):02x}" for part in parts)


FONT_POINTS = 9.0
INCH_PER_CHARACTER = 0.62 * FONT_POINTS / 72
"""Mean advance of DejaVu Sans, matplotlib's own font, measured over operator names."""

DPI = 110

STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": FONT_POINTS,
    "axes.titlesize": FONT_POINTS + 1,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": FONT_POINTS,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": FONT_POINTS - 1,
    "ytick.labelsize": FONT_POINTS - 0.5,
    "legend.frameon": False,
    "legend.fontsize": FONT_POINTS - 1,
    "text.color": INK,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.dpi": DPI,
    "svg.fonttype": "none",
    "svg.hashsalt": "cyclelab",
}


@contextmanager
def house_style() -> Iterator[None]:
    """matplotlib with the house style, and the user's settings restored afterwards."""
    import matplotlib

    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        yield


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a plot function under `house_style`."""
    from functools import wraps

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with house_style():
            return draw(*args, **kwargs)

    return wrapper


def new_figure(width_inch: float, height_inch: float) -> Figure:
    """An empty figure with an Agg canvas, unknown to pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    class Picture(Figure):
        """Shows itself in a notebook, which knows how to only if pyplot is loaded."""

        def _repr_png_(self) -> bytes:
            return image(self, "png")

    figure = Picture(figsize=(width_inch, height_inch))
    FigureCanvasAgg(figure)
    return figure


def place(
    figure: Figure, left: float, bottom: float, width: float, height: float, **options: Axes | None
) -> Axes:
    """Axes at a place given in inches from the lower left corner.

    Margins are computed instead of solved for (constrained layout draws all text
    several times), from the number of characters of the labels.
    """
    full_width, full_height = figure.get_size_inches()
    box = (left / full_width, bottom / full_height, width / full_width, height / full_height)
    return figure.add_axes(box, **options)  # type: ignore[call-overload,no-any-return]


def label_inches(names: list[str]) -> float:
    """Room that the longest of some tick labels takes, with its padding."""
    return max((len(name) for name in names), default=0) * INCH_PER_CHARACTER + 0.12


def scaled_unit(largest: float, unit: str) -> tuple[float, str]:
    """Factor and name of the unit that brings `largest` to 1 … 999."""
    if largest <= 0:
        return 1.0, unit
    exponents = [e for e in PREFIXES if largest / 10.0**e >= 1]
    exponent = max(exponents, default=min(PREFIXES))
    return 10.0**-exponent, f"{PREFIXES[exponent]}{unit}"


def image(figure: Figure, kind: Literal["png", "svg"]) -> bytes:
    """The figure as a file; equal figures give equal bytes."""
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with house_style():
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=metadata)
    return buffer.getvalue()
