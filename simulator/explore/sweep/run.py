"""Runs a sweep: checks all points and computes those that the store lacks; or searches."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from simulator.explore.sweep.claims import Runner
from simulator.explore.sweep.jobs import CHECK, Checked, LostError, Setup
from simulator.explore.sweep.options import Options, Watch, workers_for
from simulator.explore.sweep.points import Levels, Sweep, refused
from simulator.explore.sweep.pool import Pool
from simulator.explore.sweep.search.run import SearchPlan, search
from simulator.explore.sweep.search.spec import EXHAUSTIVE
from simulator.explore.sweep.store import Store
from simulator.explore.sweep.work import Work
from simulator.explore.sweep.worker import check

CHECKED_HERE = 256
"""Points that are checked without worker processes, which take longer to start."""
CHUNK = 100
"""Points that a worker checks at once."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The points of a sweep that are to be in the store. left_out: by conditions."""

    sweep: Sweep
    points: tuple[tuple[Levels, bytes], ...]
    left_out: int

    @property
    def keys(self) -> list[bytes]:
        """Keys of the points, each once."""
        return list(dict.fromkeys(key for _, key in self.points))


def plan(sweep: Sweep, options: Options, watch: Watch | None = None) -> Plan | SearchPlan:
    """Resolve and validate every point, or see whether they can be searched.

    Raises ConfigError, with file and line, if there are too many, none, or wrong ones.
    """
    if sweep.spec.search.method != EXHAUSTIVE:
        return SearchPlan(sweep)
    return plan_all(sweep, options, watch)


def plan_all(sweep: Sweep, options: Options, watch: Watch | None = None) -> Plan:
    """Resolve and validate every point; raises as `plan` does."""
    sweep.check_size(options.limit)
    points = list(sweep.points())
    if points:
        _checked(sweep, check(sweep, points[:1]))
    if len(points) <= CHECKED_HERE:
        found = _checked(sweep, check(sweep, points))
    else:
        found = _checked(sweep, _check_by_workers(sweep, points, options, watch))
    if not found:
        raise sweep.document.error(("when",), "leaves out every point")
    return Plan(sweep, tuple(sorted(found)), sweep.size - len(found))


def _checked(sweep: Sweep, checked: Iterable[Checked]) -> list[tuple[Levels, bytes]]:
    found: list[tuple[Levels, bytes]] = []
    wrong: dict[str, list[Levels]] = {}
    for each in checked:
        if each.error is not None:
            wrong.setdefault(each.error, []).append(each.levels)
        elif each.key is not None:
            found.append((each.levels, each.key))
    if wrong:
        raise refused(sweep, wrong)
    return found


def _check_by_workers(
    sweep: Sweep, points: Sequence[Levels], options: Options, watch: Watch | None
) -> list[Checked]:
    chunks = deque(points[start : start + CHUNK] for start in range(0, len(points), CHUNK))
    found: list[Checked] = []
    with Pool(Setup.of(sweep), options.processes(len(chunks))) as pool:
        while len(found) < len(points):
            while chunks and pool.idle:
                pool.start(None, CHECK, chunks.popleft())
            for _, answer in pool.answers():
                if isinstance(answer, LostError):
                    raise answer
                found += answer
                if watch is not None:
                    watch("checking", len(found), len(points))
    return found


def execute(
    plan: Plan | SearchPlan, store: Store, options: Options, watch: Watch | None = None
) -> None:
    """Compute what the store lacks; returns when every point has something in it.

    Other processes may do the same at once. Whatever stops it, what was computed so far is
    stored.
    """
    if isinstance(plan, SearchPlan):
        search(plan, store, options, watch)
        return
    sweep = plan.sweep
    points = [(sweep.number(levels), levels, key) for levels, key in plan.points]
    runner = Runner(store, options.time_limit_s)
    store.register(sweep.digest(), sweep.spec.name, sweep.facts(), points)
    try:
        _compute(plan, runner, options, watch)
    finally:
        runner.leave()


def _compute(plan: Plan, runner: Runner, options: Options, watch: Watch | None) -> None:
    todo = {key: levels for levels, key in plan.points}
    for key in runner.known(plan.keys):
        del todo[key]
    if not todo:
        return
    with workers_for(plan.sweep, len(todo), runner, options) as workers:
        work = Work(plan.sweep, workers, runner)
        work.add((key, levels) for key, levels in todo.items())
        while work.open:
            if work.step() and watch is not None:
                watch("running", len(todo) - len(work.open), len(todo))


def default_store(sweep: Sweep) -> Path:
    """Where results go if nobody says: below the working directory."""
    return Path("results") / "sweeps" / f"{sweep.spec.name}.sqlite"
