"""What a sweep found, as people look at it: points, the best, the front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.explore.analysis.relative import Baseline
from simulator.explore.analysis.sensitivity import Sensitivity, sensitivities
from simulator.explore.analysis.table import points_frame
from simulator.explore.sweep.figures import check_figure
from simulator.explore.sweep.front import best, front
from simulator.explore.sweep.point import DONE, Point
from simulator.explore.sweep.store import Store, StoredSweep

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

    @cached_property
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

    @property
    def baseline(self) -> Baseline | None:
        """What points are compared with if nothing else is said: what the sweep names, else
        the first point that was run."""
        labels: Mapping[str, Any] = self.sweep.baseline
        if not labels:
            labels = next((point.axes for point in self.points if point.state == DONE), {})
        return Baseline.of(labels, self.sweep.axes) if labels else None

    def sensitivity(self, figures: Sequence[str] | None = None) -> list[Sensitivity]:
        """How much each axis changes figures, the objectives if left out, all else equal.

        Of each figure, the most sensitive axis first. Raises CyclelabError for unknown ones.
        """
        if figures is None:
            return self._of_objectives
        for name in figures:
            check_figure(name)
        chosen = {name: self.sweep.objectives.get(name, "min") for name in figures}
        return sensitivities(self.points, self.sweep.axes, chosen)

    @cached_property
    def _of_objectives(self) -> list[Sensitivity]:
        return sensitivities(self.points, self.sweep.axes, self.sweep.objectives)

    def to_dataframe(
        self, baseline: Mapping[str, Any] | None = None, ratios: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """A row per point, as in `points.csv`, each column of one type.

        baseline: labels of one point, or of some axes, by which `speedup` and figures named
        in `ratios` (the objectives if left out) are divided; without it there are no such
        columns. Raises CyclelabError without pandas.
        """
        axes = self.sweep.axes
        if baseline is None:
            return points_frame(self.points, axes)
        chosen = list(self.sweep.objectives) if ratios is None else ratios
        return points_frame(self.points, axes, Baseline.of(baseline, axes), chosen)

    def plot(self, kind: str = "front", **options: Any) -> Figure:
        """A picture, as `sim.plot` draws it."""
        from simulator.pictures import plot

        return plot(self, kind, **options)

    def write(self, directory: str | Path, *, plots: bool = True) -> list[Path]:
        """Write tables, pictures and `report.html`, as `cyclelab sweep --output` does."""
        from simulator.explore.report.files import write_sweep

        return write_sweep(self, directory, plots)

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
