"""Runs a sweep: checks all points, computes those that the store lacks."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from simulator.explore.sweep.claims import Runner
from simulator.explore.sweep.point import CRASHED, TIMED_OUT
from simulator.explore.sweep.points import DEFAULT_LIMIT, Levels, Sweep, refused
from simulator.explore.sweep.pool import LostError, Pool
from simulator.explore.sweep.store import Store
from simulator.explore.sweep.worker import CHECK, RUN, Checked, Ran, check

CHECKED_HERE = 256
"""Points that are checked without worker processes, which take longer to start."""
CHUNK = 100
"""Points that a worker checks at once."""
AHEAD = 2
"""Points that are claimed for each worker before they are run."""

Watch = Callable[[str, int, int], None]
"""Called with `checking` or `running`, how many points are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. workers: processes; None: one for each core. time_limit_s: of a point.
    limit: the most points that are taken on."""

    workers: int | None = None
    time_limit_s: float | None = None
    limit: int = DEFAULT_LIMIT

    def processes(self, points: int) -> int:
        """How many workers so many points are given."""
        return max(1, min(self.workers or _cores(), points))


def _cores() -> int:
    """Cores that this process may use, where the system says so; else all."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


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


def plan(sweep: Sweep, options: Options, watch: Watch | None = None) -> Plan:
    """Resolve and validate every point.

    Raises ConfigError, with file and line, if there are too many, none, or wrong ones.
    """
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
    with Pool(sweep, options.processes(len(chunks))) as pool:
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


def execute(plan: Plan, store: Store, options: Options, watch: Watch | None = None) -> None:
    """Compute what the store lacks; returns when every point has something in it.

    Other processes may do the same at once. Whatever stops it, what was computed so far is
    stored.
    """
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
    with Pool(plan.sweep, options.processes(len(todo)), options.time_limit_s) as pool:
        _Loop(pool, runner, todo, watch).run()


class _Loop:
    """Hands points to workers until all are in the store, this process's or another's."""

    def __init__(
        self, pool: Pool, runner: Runner, todo: dict[bytes, Levels], watch: Watch | None
    ) -> None:
        self.pool = pool
        self.runner = runner
        self.todo = todo
        self.watch = watch
        self.waiting = deque(todo)
        self.claimed: deque[bytes] = deque()
        self.elsewhere: list[bytes] = []
        self.done = 0

    def run(self) -> None:
        """Until every point is done."""
        while self.done < len(self.todo):
            self._start()
            for key, answer in self.pool.answers():
                self.runner.record(key, _ran(answer))
                self._note(1)
                self._start()
            self.runner.beat()
            if self.elsewhere and not self.waiting and not self.claimed:
                others, self.elsewhere = self.elsewhere, []
                self._claim(others)

    def _start(self) -> None:
        while self.pool.idle and (self.claimed or self.waiting):
            if self.claimed:
                key = self.claimed.popleft()
                self.pool.start(key, RUN, self.todo[key])
            else:
                count = min(len(self.waiting), AHEAD * self.pool.count)
                self._claim([self.waiting.popleft() for _ in range(count)])

    def _claim(self, keys: list[bytes]) -> None:
        mine, done = self.runner.claim(keys)
        self.claimed += mine
        own = set(mine)
        self.elsewhere += [key for key in keys if key not in own and key not in done]
        self._note(len(done))

    def _note(self, count: int) -> None:
        self.done += count
        if self.watch is not None and count:
            self.watch("running", self.done, len(self.todo))


def _ran(answer: Ran | LostError) -> Ran:
    if isinstance(answer, LostError):
        return Ran(TIMED_OUT if answer.timed_out else CRASHED, error=str(answer))
    return answer


def default_store(sweep: Sweep) -> Path:
    """Where results go if nobody says: below the working directory."""
    return Path("results") / "sweeps" / f"{sweep.spec.name}.sqlite"
