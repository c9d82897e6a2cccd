"""`sim.sweep`: what `cyclelab sweep` does, from Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulator.api import overrides_from
from simulator.explore.sweep.cluster.connection import cluster_of
from simulator.explore.sweep.options import Options, Watch
from simulator.explore.sweep.outcome import SweepResult
from simulator.explore.sweep.points import DEFAULT_LIMIT, Sweep
from simulator.explore.sweep.run import default_store, execute, plan
from simulator.explore.sweep.spec import load_sweep
from simulator.explore.sweep.store import Store


def sweep(
    sweep: str | Path | Mapping[str, Any],
    store: str | Path | None = None,
    set: Mapping[str, Any] | None = None,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    slurm: str | Path | Mapping[str, Any] | None = None,
    time_limit_s: float | None = None,
    limit: int = DEFAULT_LIMIT,
    progress: Watch | None = None,
) -> SweepResult:
    """Run the points of a sweep that its store lacks, and return all of them.

    sweep: a preset name, a path, or the mapping that the YAML would hold.
    store: `results/sweeps/NAME.sqlite` if left out. set: settings of all points.
    workers: processes, one for each core by default. scheduler: the address of a Dask scheduler
    whose workers run the points; or slurm: arguments of dask-jobqueue's SLURMCluster, or a YAML
    file of them, for `workers` workers in jobs. time_limit_s: of a point.
    limit: the most points. progress: called with a task, points done and points in all.
    Raises CyclelabError with a message for a person, before anything runs, if a point is
    wrong; a point that cannot be run is recorded with its error. With `search` in the sweep,
    points are those that it proposes, and each is checked when it is proposed.
    """
    chosen = Sweep(load_sweep(sweep), overrides_from(set))
    options = Options(workers, time_limit_s, limit, cluster_of(scheduler, slurm, workers))
    planned = plan(chosen, options, progress)
    with Store(store or default_store(chosen), create=True) as opened:
        execute(planned, opened, options, progress)
        return SweepResult.read(opened, chosen.spec.name)
