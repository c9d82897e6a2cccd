"""`sim.plot`, and which pictures there are of what."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple

from simulator.config import CyclelabError, nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Album(NamedTuple):
    """What people call a result, and its pictures: by kind, the function that draws each."""

    what: str
    pictures: Mapping[str, str]


_RUN = (
    "overview",
    "time_by_operator",
    "energy_by_operator",
    "energy_by_component",
    "area_by_component",
    "roofline",
    "energy_roofline",
    "timeline",
    "utilisation",
)
_REPORT, _EXPLORE = "simulator.report.plots", "simulator.explore.pictures"

ALBUMS: Mapping[str, Album] = {
    "simulator.report.result.Result": Album(
        "a run", {kind: f"{_REPORT}.plot_{kind}" for kind in _RUN}
    ),
    "simulator.report.serving.result.ServingResult": Album(
        "a serving run", {"serving": f"{_REPORT}.serving.plot_serving"}
    ),
    "simulator.report.pim.result.PimRun": Album(
        "a GEMV", {"timeline": f"{_REPORT}.pim_timeline.plot_pim_timeline"}
    ),
    "simulator.report.sram.result.SramRun": Album(
        "a LUT-GEMV",
        {
            "rows": f"{_REPORT}.sram_rows.plot_sram_rows",
            "cycles": f"{_REPORT}.sram_cycles.plot_sram_cycles",
        },
    ),
    "simulator.explore.outcome.Outcome": Album(
        "a comparison",
        {kind: f"{_EXPLORE}.plot_{kind}" for kind in ("overview", "area", "efficiency")},
    ),
    "simulator.explore.sweep.outcome.SweepResult": Album(
        "a sweep",
        {
            kind: f"{_EXPLORE}.{kind}.plot_{kind}"
            for kind in ("front", "heat_map", "parallel", "sensitivity", "relative")
        },
    ),
}
"""By the result's class, which is not imported. The first picture is its `overview`, too."""


def plot(result: object, kind: str = "overview", **options: Any) -> Figure:
    """A matplotlib figure of whatever came out: of a run, a comparison, a sweep …

    kind: one of the pictures that `ALBUMS` has of it; the first of them is its overview.
    options: of the function that draws it, such as `start_cycle` of a timeline. Raises
    CyclelabError for a kind or an option that there is not, with those that there are.
    """
    own = type(result)
    album = ALBUMS.get(f"{own.__module__}.{own.__name__}")
    if album is None:
        whats = ", ".join(each.what for each in ALBUMS.values())
        raise CyclelabError(f"plot: found {own.__name__}, expected what came out of {whats}")
    what, pictures = album
    if kind == "overview":
        kind = next(iter(pictures))
    if kind not in pictures:
        hint = nearest(kind, pictures)
        raise CyclelabError(
            f"there is no picture {kind!r} of {what}; known: {', '.join(pictures)}"
            + (f"; did you mean {hint!r}?" if hint else "")
        )
    module, _, function = pictures[kind].rpartition(".")
    draws = getattr(import_module(module), function)
    _, *known = signature(draws).parameters
    for name in options:
        if name not in known:
            raise CyclelabError(
                f"plot: unknown option {name!r} of {kind!r}; "
                + (f"known: {', '.join(known)}" if known else "it has none")
            )
    figure: Figure = draws(result, **options)
    return figure
