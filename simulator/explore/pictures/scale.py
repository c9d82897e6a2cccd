"""Axes that are logarithmic where what they show is far apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOG_FROM = 10.0
"""Ratio of largest to smallest from which an axis is logarithmic."""
LOG_TICKS = (1.0, 2.0, 5.0)
TENS_FROM = 1e3
"""Ratio of the ends from which only powers of ten have ticks."""


def far_apart(low: float, high: float) -> bool:
    """Whether a linear axis would hide the smallest of what it shows."""
    return high >= LOG_FROM * low


def set_scale(ax: Axes, axis: Literal["x", "y"], low: float, high: float, far: bool) -> None:
    """The limits of an axis, which is logarithmic for what is `far` apart; plain numbers on it."""
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

    own = ax.xaxis if axis == "x" else ax.yaxis
    ax.set(**{f"{axis}scale": "log" if far else "linear"})
    if far:
        ticks = (1.0,) if high >= TENS_FROM * low else LOG_TICKS
        own.set_major_locator(LogLocator(subs=ticks))
        own.set_minor_locator(NullLocator())
        own.set_minor_formatter(NullFormatter())
    ax.set(**{f"{axis}lim": (low, high)})
    own.set_major_formatter(lambda value, _: f"{value:g}")
