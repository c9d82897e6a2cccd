"""Points of sweeps that were never run, with figures that a test makes up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from simulator.explore.sweep.outcome import SweepResult
from simulator.explore.sweep.point import DONE, Point
from simulator.explore.sweep.store import StoredSweep

Figures = Callable[[dict[str, Any]], Mapping[str, float] | str]
"""Figures of the labels of a point, or the error of one that failed."""


def grid(axes: Mapping[str, Sequence[Any]], figures: Figures) -> list[Point]:
    """All combinations of labels."""
    points = []
    for number, labels in enumerate(product(*axes.values())):
        own = dict(zip(axes, labels, strict=True))
        found = figures(own)
        if isinstance(found, str):
            points.append(Point(number, own, "failed", 0.1, found, {}, False))
        else:
            points.append(Point(number, own, DONE, 0.1, None, dict(found), True))
    return points


def result(
    axes: Mapping[str, Sequence[Any]],
    figures: Figures,
    objectives: Mapping[str, str] | None = None,
    **more: Any,
) -> SweepResult:
    """A sweep with these points. more: of the StoredSweep."""
    sweep = StoredSweep(
        id=1,
        name="made",
        title="Made up",
        axes={name: list(labels) for name, labels in axes.items()},
        constraints=more.pop("constraints", ()),
        objectives=dict(objectives or {"seconds": "min", "energy_j": "min"}),
        **more,
    )
    return SweepResult(sweep, Path("made.sqlite"), "1+abc", grid(axes, figures))
