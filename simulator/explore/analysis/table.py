"""Points as tables: rows with the same columns, DataFrames whose columns have one type each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simulator.config import CyclelabError
from simulator.explore.analysis.relative import Baseline
from simulator.explore.analysis.sensitivity import Sensitivity
from simulator.explore.sweep.point import Point
from simulator.report.tables import Row

if TYPE_CHECKING:
    import pandas as pd

RATIO = "_ratio"
"""End of the names of columns that are divided by the baseline's."""
SPEEDUP = "speedup"
"""The baseline's seconds over a point's own."""


def point_rows(
    points: Sequence[Point], baseline: Baseline | None = None, ratios: Sequence[str] = ()
) -> list[Row]:
    """A row per point: axes, state, figures; None where a point has no such figure.

    ratios: figures that are also given over the baseline's.
    """
    names = list(dict.fromkeys(name for point in points for name in point.figures))
    relative = _ratios(points, baseline, ratios)
    return [
        {
            **point.axes,
            "state": point.state,
            "feasible": point.feasible,
            "error": point.error,
            "simulation_s": point.seconds,
            **{name: point.figures.get(name) for name in names},
            **{name: values.get(point.number) for name, values in relative.items()},
        }
        for point in points
    ]


def _ratios(
    points: Sequence[Point], baseline: Baseline | None, figures: Sequence[str]
) -> dict[str, dict[int, float]]:
    """By column, then by number of the point."""
    if baseline is None:
        return {}
    found = {f"{name}{RATIO}": baseline.ratios(points, name) for name in figures}
    seconds = baseline.ratios(points, "seconds")
    return {SPEEDUP: {number: 1 / value for number, value in seconds.items() if value}} | found


def points_frame(
    points: Sequence[Point],
    axes: Mapping[str, Sequence[Any]],
    baseline: Baseline | None = None,
    ratios: Sequence[str] = (),
) -> pd.DataFrame:
    """`point_rows` as a DataFrame that goes into Parquet as it is.

    Figures are float64, missing ones NaN; axes of numbers are numbers, others ordered
    categories in the order of the sweep; `state` and `error` are texts. Raises CyclelabError
    without pandas.
    """
    pandas = _pandas()
    rows = point_rows(points, baseline, ratios)
    own = ("state", "feasible", "error", "simulation_s")
    found = {name: _axis(pandas, [row[name] for row in rows], axes[name]) for name in axes}
    for name in rows[0] if rows else own:
        if name in axes:
            continue
        values = [row[name] for row in rows]
        kind = {"state": "string", "error": "string", "feasible": "bool"}.get(name, "float64")
        found[name] = pandas.array(values, dtype=kind)
    frame: pd.DataFrame = pandas.DataFrame(found)
    return frame


def _axis(pandas: Any, values: list[Any], labels: Sequence[Any]) -> Any:
    kinds = {type(label) for label in labels}
    if kinds == {bool}:
        return pandas.array(values, dtype="bool")
    if kinds == {int}:
        return pandas.array(values, dtype="int64")
    if kinds <= {int, float}:
        return pandas.array(values, dtype="float64")
    texts = list(dict.fromkeys(map(str, labels)))
    return pandas.Categorical(list(map(str, values)), categories=texts, ordered=True)


def sensitivity_rows(found: Sequence[Sensitivity]) -> list[Row]:
    """A row per figure, axis and label."""
    return [
        {
            "figure": each.figure,
            "axis": each.axis,
            "slices": each.slices,
            "factor": each.factor,
            "largest_factor": each.largest_factor,
            "span": each.span,
            "label": str(effect.label),
            "label_factor": effect.factor,
            "label_slices": effect.slices,
            "label_best": effect.best,
        }
        for each in found
        for effect in each.effects
    ]


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise CyclelabError(
            "a DataFrame needs pandas, which is not installed: pip install 'cyclelab[analysis]'"
        ) from None
    return pandas
