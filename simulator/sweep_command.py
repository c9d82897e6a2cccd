"""What `cyclelab sweep` does: points of an experiment, run, stored and put in order."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from simulator.config import CyclelabError, find, list_presets, load_document
from simulator.explore.sweep.claims import Runner
from simulator.explore.sweep.cluster.connection import cluster_of
from simulator.explore.sweep.layout import is_store
from simulator.explore.sweep.options import Options
from simulator.explore.sweep.outcome import SweepResult
from simulator.explore.sweep.point import OPEN
from simulator.explore.sweep.points import DEFAULT_LIMIT, Sweep
from simulator.explore.sweep.reference import unknown
from simulator.explore.sweep.run import Plan, default_store, execute, plan
from simulator.explore.sweep.search.run import SearchPlan
from simulator.explore.sweep.spec import load_sweep
from simulator.explore.sweep.store import Store
from simulator.explore.sweep.version import model_version
from simulator.terminal import check_writable, say_written, whole_number

ONLY_RUNNING = (
    *("store", "workers", "scheduler", "slurm"),
    *("limit", "time_limit", "dry_run", "set"),
)
"""Options that mean nothing where a store is read."""
ONLY_READING = ("name", "version")


def sweep(options: argparse.Namespace) -> None:
    """Check all points, run those that the store lacks, print the best; or show what a store
    has already; or list all sweeps."""
    if options.sweep is None:
        _list()
        return
    if is_store(options.sweep):
        _read(options)
        return
    for name in ONLY_READING:
        if getattr(options, name):
            raise CyclelabError(f"--{name}: says which sweep of a store to read; found no store")
    chosen = Sweep(load_sweep(options.sweep), options.set)
    how = _options(options)
    bar = _Bar()
    try:
        planned = plan(chosen, how, bar.update)
    finally:
        bar.close()
    path = Path(options.store) if options.store else default_store(chosen)
    if options.dry_run:
        print("\n".join(_announced(planned, None)))
        return
    check_writable(options.output)
    with Store(path, create=True) as store:
        lines = [*_announced(planned, store), *([how.cluster.where] if how.cluster else [])]
        print("\n".join(lines), flush=True)
        _run(planned, store, how)
        result = SweepResult.read(store, chosen.spec.name)
    sys.stdout.write("\n" + result.summary())
    print(f"\nstored in {path}")
    _write(result, options)


def _read(options: argparse.Namespace) -> None:
    """Show what a store has of a sweep, and run nothing."""
    given = [f"--{name.replace('_', '-')}" for name in ONLY_RUNNING if getattr(options, name)]
    if given:
        raise CyclelabError(
            f"{', '.join(given)}: {options.sweep} is a store, of which nothing is run"
        )
    check_writable(options.output)
    version = _version(options.sweep, options.name, options.version)
    with Store(options.sweep, version=version) as store:
        result = store.result(options.name)
    if version != model_version():
        print(f"results of {version}; this is {model_version()}\n")
    sys.stdout.write(result.summary())
    _write(result, options)


def _version(path: str, name: str | None, wanted: str | None) -> str:
    """The version that is wanted; else this one if the store has results of it, else the
    last that has. Raises CyclelabError for one that it has not."""
    with Store(path) as store:
        own = store.version
        versions = [each for each, count in store.versions().items() if count]
    if wanted is not None:
        if wanted not in (own, *versions):
            raise CyclelabError(f"--version: {unknown('version', wanted, [*versions, own])}")
        return wanted
    for version in [own, *reversed(versions)]:
        with Store(path, version=version) as store:
            if any(point.state != OPEN for point in store.points(sweep=name)):
                return version
    return own


def _write(result: SweepResult, options: argparse.Namespace) -> None:
    if options.output:
        say_written(result.write(options.output, plots=not options.no_plots))


def _options(options: argparse.Namespace) -> Options:
    workers = whole_number(options.workers, "--workers") if options.workers else None
    limit = whole_number(options.limit, "--limit") if options.limit else DEFAULT_LIMIT
    cluster = None if options.dry_run else cluster_of(options.scheduler, options.slurm, workers)
    return Options(workers, _seconds(options.time_limit), limit, cluster)


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise CyclelabError(f"--time-limit: found {text[:40]!r}, expected seconds, more than 0")
    return value


def _list() -> None:
    names = list_presets("sweeps")
    width = max(map(len, names), default=0)
    for name in names:
        title = load_document(find("sweeps", name)).data.get("title", "")
        print(f"{name:<{width}}  {title}".rstrip())


def _announced(planned: Plan | SearchPlan, store: Store | None) -> list[str]:
    """The axes, how many points there are, how many of them are stored."""
    chosen = planned.sweep
    width = max(len(axis.name) for axis in chosen.axes)
    lines = [chosen.spec.title or chosen.spec.name]
    for axis in chosen.axes:
        labels = ", ".join(str(level.label) for level in axis.levels[:8])
        more = f", … {len(axis.levels):,} in all" if len(axis.levels) > 8 else ""
        lines.append(f"  {axis.name:<{width}}  {labels}{more}")
    words = _how_many(planned)
    if store is not None:
        words += f", {_stored(planned, store):,} of them stored already"
        lines += _other_versions(store)
    return [*lines, words]


def _how_many(planned: Plan | SearchPlan) -> str:
    if isinstance(planned, SearchPlan):
        spec = planned.sweep.spec.search
        return (
            f"{planned.trials:,} trials by {spec.method}, seed {spec.seed}, among "
            f"{planned.sweep.size:,} points"
        )
    words = f"{len(planned.points):,} points"
    if planned.left_out:
        words += f" ({planned.left_out:,} left out by conditions)"
    same = len(planned.points) - len(planned.keys)
    return words + (f", {same:,} of them the same as others" if same else "")


def _stored(planned: Plan | SearchPlan, store: Store) -> int:
    if isinstance(planned, SearchPlan):
        return store.stored(planned.sweep.digest())
    runner = Runner(store)
    try:
        known = runner.known(planned.keys)
    finally:
        runner.leave()
    return sum(key in known for _, key in planned.points)


def _other_versions(store: Store) -> list[str]:
    """What to know where a store has results of other versions."""
    return [
        f"  the store also has {count:,} results of {name}; this is {store.version}, whose "
        f"results are kept apart (Store(path, version={name!r}) reads the others)"
        for name, count in store.versions().items()
        if name != store.version and count
    ]


def _run(planned: Plan | SearchPlan, store: Store, how: Options) -> None:
    bar = _Bar()
    try:
        execute(planned, store, how, bar.update)
    except KeyboardInterrupt:
        bar.close()
        stored = f"{_stored(planned, store):,}"
        if isinstance(planned, Plan):
            stored += f" of {len(planned.points):,}"
        print(f"{stored} points are stored in {store.path}; run again to go on", file=sys.stderr)
        raise
    finally:
        bar.close()


class _Bar:
    """Points done, their rate and the time that is left, where a person is watching."""

    def __init__(self) -> None:
        self.bar: object | None = None
        self.task = ""

    def update(self, task: str, done: int, total: int) -> None:
        """Show that so many points are done."""
        if not sys.stderr.isatty():
            return
        from tqdm import tqdm

        if self.bar is None or task != self.task:
            self.close()
            self.bar = tqdm(total=total, unit=" points", desc=task, leave=False)
            self.task = task
        assert isinstance(self.bar, tqdm)
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        """Take it away."""
        from tqdm import tqdm

        if isinstance(self.bar, tqdm):
            self.bar.close()
        self.bar = None
