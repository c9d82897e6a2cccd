"""What a sweep found, as people look at it: points, the best, the front."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.explore.sweep.front import best, front
from simulator.explore.sweep.point import DONE, Point, row
from simulator.explore.sweep.store import Store, StoredSweep
from simulator.report.tables import frame

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class SweepResult:
    """All points of a sweep. store: the file that they were read from."""

    sweep: StoredSweep
    store: Path
    version: str
    points: list[Point] = field(compare=False)

    @classmethod
    def read(cls, store: Store, name: str | None = None) -> SweepResult:
        """Of the sweep of a name in a store, or of the one that ran last."""
        sweep = store.sweep(name)
        return cls(sweep, store.path, store.version, store.points(sweep=sweep.name))

    @property
    def pareto(self) -> list[Point]:
        """The front: feasible points that no other is better than in all objectives."""
        return front(self.points, self.sweep.objectives)

    @property
    def best(self) -> dict[str, Point]:
        """The feasible point that is best in each objective, of those on the front."""
        front, objectives = self.pareto, self.sweep.objectives
        found = {name: best(front, name, objectives) for name in objectives}
        return {name: point for name, point in found.items() if point is not None}

    @property
    def states(self) -> dict[str, int]:
        """How many points there are of each state, `done` first."""
        found = {DONE: 0}
        for point in self.points:
            found[point.state] = found.get(point.state, 0) + 1
        return found

    def to_dataframe(self) -> pd.DataFrame:
        """A row per point, as in `points.csv`; raises CyclelabError without pandas."""
        return frame([row(point) for point in self.points])

    def plot(self) -> Figure:
        """The front over the first two objectives, with names."""
        from simulator.explore.pictures.front import plot_front

        return plot_front(self)

    def summary(self) -> str:
        """What `cyclelab sweep` prints."""
        from simulator.explore.sweep.table import text

        return text(self)

    def __repr__(self) -> str:
        return (
            f"<SweepResult {self.sweep.name!r}: {self.states[DONE]:,} of "
            f"{len(self.points):,} points done, {len(self.pareto):,} on the front>"
        )

    def _repr_html_(self) -> str:
        from simulator.explore.sweep.table import fragment

        return fragment(self)
