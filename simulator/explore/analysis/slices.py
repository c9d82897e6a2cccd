"""Points that differ in some axes alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simulator.explore.sweep.point import DONE, Point

Typed = tuple[str, Any]
Key = tuple[Typed, ...]


def typed(label: Any) -> Typed:
    """A label by which to look things up: `1` and `true` are two."""
    return type(label).__name__, label


def key(labels: Mapping[str, Any]) -> Key:
    """Labels of a point to look it up by."""
    return tuple(map(typed, labels.values()))


def slices(points: Iterable[Point], axes: Sequence[str]) -> dict[Key, list[Point]]:
    """Points by their labels on all other axes, in order of appearance."""
    found: dict[Key, list[Point]] = {}
    for point in points:
        others = {name: label for name, label in point.axes.items() if name not in axes}
        found.setdefault(key(others), []).append(point)
    return found


def measured(points: Iterable[Point], figure: str) -> list[Point]:
    """Those that were run and have a figure."""
    return [point for point in points if point.state == DONE and figure in point.figures]
