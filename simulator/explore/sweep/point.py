"""A point of a sweep as it is read from a store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.config import CyclelabError
from simulator.explore.sweep.expression import Condition

DONE, FAILED, TIMED_OUT, CRASHED, OPEN = "done", "failed", "timed out", "crashed", "open"
"""What may have come of a point: figures; a message why it cannot be run; more time than it
was given; the end of its process; nothing yet."""


Row = tuple[int, str | None, float | None, str | None, str | None]
"""Number, state, seconds, error and figures of a point in the store."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point: the labels of its axes, what came of it, and its figures if it is `done`.

    seconds: that the simulation took. feasible: whether it keeps all constraints.
    """

    number: int
    axes: dict[str, Any]
    state: str
    seconds: float | None
    error: str | None
    figures: dict[str, float]
    feasible: bool

    @classmethod
    def read(
        cls,
        axes: Mapping[str, Sequence[Any]],
        constraints: Sequence[Condition],
        rows: Iterable[Row],
    ) -> Iterator[Point]:
        """From rows of the store; axes: labels of all levels."""
        rows = list(rows)
        # All texts as one: names of figures are read once, not once per point.
        read: list[dict[str, float]] = json.loads(f"[{','.join(row[-1] or '{}' for row in rows)}]")
        for (number, state, seconds, error, _), figures in zip(rows, read, strict=True):
            feasible = state == DONE and all(_keeps(each, figures) for each in constraints)
            own = labels(axes, number)
            yield cls(number, own, state or OPEN, seconds, error, figures, feasible)

    @property
    def title(self) -> str:
        """`rows 64, batch 8`."""
        return ", ".join(f"{name} {label}" for name, label in self.axes.items())


def labels(axes: Mapping[str, Sequence[Any]], number: int) -> dict[str, Any]:
    """Labels of the point of a number; the last axis runs fastest."""
    found = []
    for levels in reversed(list(axes.values())):
        number, level = divmod(number, len(levels))
        found.append(levels[level])
    return dict(zip(axes, reversed(found), strict=True))


def _keeps(constraint: Condition, figures: Mapping[str, float]) -> bool:
    """Whether it holds; a figure that a point does not have keeps nothing."""
    if not all(name in figures for name in constraint.names):
        return False
    try:
        return constraint.holds(figures.__getitem__)
    except CyclelabError:
        return False
