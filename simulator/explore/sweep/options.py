"""How a sweep is run, and the workers that this asks for."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from simulator.explore.sweep.claims import Runner
from simulator.explore.sweep.cluster.connection import Cluster
from simulator.explore.sweep.cluster.workers import ClusterWorkers
from simulator.explore.sweep.jobs import Setup, Workers
from simulator.explore.sweep.points import DEFAULT_LIMIT, Sweep
from simulator.explore.sweep.pool import Pool

Watch = Callable[[str, int, int], None]
"""Called with `checking`, `running` or `searching`, how many points are done, and how many
there are."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. workers: processes of this machine; None: one for each core.

    time_limit_s: of a point. limit: the most points that are taken on. cluster: where points
    are simulated, if not here; they are checked here.
    """

    workers: int | None = None
    time_limit_s: float | None = None
    limit: int = DEFAULT_LIMIT
    cluster: Cluster | None = None

    def processes(self, points: int) -> int:
        """How many workers so many points are given."""
        return max(1, min(self.workers or _cores(), points))


def _cores() -> int:
    """Cores that this process may use, where the system says so; else all."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def workers_for(sweep: Sweep, points: int, runner: Runner, options: Options) -> Workers:
    """Workers, not begun yet, for so many points."""
    if options.cluster is not None:
        version = runner.store.version
        setup = Setup.resolved(sweep)
        return ClusterWorkers(setup, options.cluster, version, options.time_limit_s)
    return Pool(Setup.of(sweep), options.processes(points), options.time_limit_s)
