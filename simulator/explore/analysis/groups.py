"""Rows of a comparison with a baseline: which points each stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simulator.explore.analysis.relative import Baseline, Ratio
from simulator.explore.analysis.slices import key, typed
from simulator.explore.sweep.front import values_of
from simulator.explore.sweep.outcome import SweepResult
from simulator.explore.sweep.point import DONE, Point

MOST_ROWS = 30


@dataclass(frozen=True, slots=True)
class Group:
    """Points that are one row. labels: what they have in common, by axis.

    ratios: of each figure to the baseline; None where there is none.
    """

    labels: dict[str, Any]
    is_baseline: bool
    ratios: tuple[Ratio | None, ...]


def rows_of(
    found: SweepResult, baseline: Baseline, figures: Sequence[str], by: str | None
) -> list[Group]:
    """Where the baseline has labels of all axes, it and the front, in the order of the first
    objective; else all labels of its axes, for each label of `by` apart if that is an axis.
    """
    ratios = [baseline.ratios(found.points, figure) for figure in figures]
    if baseline.labels.keys() == found.sweep.axes.keys():
        groups = _front(found, baseline)
    else:
        groups = _by_label(found, [*([by] if by else []), *baseline.labels])
    return [
        Group(
            labels,
            all(baseline.is_own(point) for point in points),
            tuple(Ratio.over([own[p.number] for p in points if p.number in own]) for own in ratios),
        )
        for labels, points in groups
    ]


def _front(found: SweepResult, baseline: Baseline) -> list[tuple[dict[str, Any], list[Point]]]:
    objectives = found.sweep.objectives
    ordered = sorted(found.pareto, key=lambda point: values_of(point, objectives))
    own = [point for point in found.points if baseline.is_own(point) and point.state == DONE]
    others = [point for point in ordered if not baseline.is_own(point)]
    return [(point.axes, [point]) for point in [*own, *others]]


def _by_label(found: SweepResult, axes: Sequence[str]) -> list[tuple[dict[str, Any], list[Point]]]:
    groups: dict[Any, list[Point]] = {}
    for point in found.points:
        if point.state == DONE:
            groups.setdefault(key({name: point.axes[name] for name in axes}), []).append(point)
    places = [[typed(label) for label in found.sweep.axes[name]] for name in axes]
    ordered = sorted(
        groups, key=lambda own: [known.index(each) for known, each in zip(places, own, strict=True)]
    )
    return [({name: groups[own][0].axes[name] for name in axes}, groups[own]) for own in ordered]


def telling_axis(found: SweepResult, baseline: Baseline, figures: Sequence[str]) -> str | None:
    """The axis beside the baseline's on which ratios depend most, if its rows are few enough."""
    if baseline.labels.keys() == found.sweep.axes.keys():
        return None
    spreads: dict[str, float] = {}
    for name, labels in found.sweep.axes.items():
        if name in baseline.labels or len(labels) < 2:
            continue
        rows = rows_of(found, baseline, figures, name)
        if len(rows) <= MOST_ROWS:
            spreads[name] = _spread(rows, list(baseline.labels))
    return max(spreads, key=lambda name: spreads[name], default=None)


def _spread(rows: Sequence[Group], axes: Sequence[str]) -> float:
    """Largest ratio of the means of rows that differ in the axis they are told apart by."""
    means: dict[Any, list[float]] = {}
    for row in rows:
        for figure, ratio in enumerate(row.ratios):
            if ratio is not None:
                own = (figure, *key({name: row.labels[name] for name in axes}))
                means.setdefault(own, []).append(ratio.mean)
    return max((max(values) / min(values) for values in means.values()), default=1.0)
