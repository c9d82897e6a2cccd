"""The pictures of a sweep, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simulator.config import CyclelabError
from simulator.explore.pictures.front import plot_front
from simulator.explore.pictures.heat_map import plot_heat_map
from simulator.explore.pictures.parallel import plot_parallel
from simulator.explore.pictures.relative import plot_relative
from simulator.explore.pictures.sensitivity import plot_sensitivity
from simulator.explore.sweep.outcome import SweepResult
from simulator.explore.sweep.reference import unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLOTS: dict[str, Callable[..., Figure]] = {
    "pareto": plot_front,
    "heat_map": plot_heat_map,
    "parallel": plot_parallel,
    "sensitivity": plot_sensitivity,
    "relative": plot_relative,
}


def plot(found: SweepResult, kind: str, **options: Any) -> Figure:
    """A picture by name; raises CyclelabError for an unknown one or an option it has not."""
    if kind not in PLOTS:
        raise CyclelabError(unknown("picture", kind, list(PLOTS)))
    draw = PLOTS[kind]
    known = list(inspect.signature(draw).parameters)[1:]
    for name in options:
        if name not in known:
            raise CyclelabError(f"{kind}: {unknown('option', name, known)}")
    return draw(found, **options)
