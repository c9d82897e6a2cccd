"""How fast sweeps are: points per second of CPU, a store of a million points, what they say.

python benchmarks/sweeps.py points [COUNT]   # one decoder layer per point, 1 and 2 workers
python benchmarks/sweeps.py store [COUNT]    # opening, and filtering by one and two axes
python benchmarks/sweeps.py report [COUNT]   # front, sensitivities, pictures and page
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from simulator.config import Document
from simulator.explore.report.page import CAPTIONS
from simulator.explore.sweep.outcome import SweepResult
from simulator.explore.sweep.point import DONE, Point
from simulator.explore.sweep.points import Sweep, key_of
from simulator.explore.sweep.run import Options, execute, plan
from simulator.explore.sweep.store import Store, StoredSweep
from simulator.explore.sweep.version import model_version
from simulator.report.measures import MEASURES

LEVELS = 100


def layer_sweep(count: int) -> Sweep:
    """Bandwidths × latencies for one decoded token in one layer of Llama-2-7B."""
    side = max(2, round(count / 20))
    document = {
        "name": "layer",
        "experiment": {
            "machine": "npu_w8a8",
            "workload": {
                "model": "llama-2-7b",
                "layers": 1,
                "context_tokens": 512,
                "decode_steps": 1,
                "precision": {"weights": "int8", "activations": "int8", "kv_cache": "int8"},
            },
        },
        "axes": {
            "bandwidth": {
                "key": "machine.memory.bandwidth_bytes_per_s",
                "log_range": {"from": 50e9, "to": 2000e9, "points": side},
            },
            "latency": {
                "key": "machine.memory.latency_s",
                "range": {"from": 1e-7, "to": 20e-7, "step": 1e-7},
            },
        },
        "objectives": {"seconds": "min", "energy_j": "min"},
    }
    return Sweep(Document.from_data(document, "layer"))


def cpu_s() -> float:
    """CPU seconds of this process and of children that ended."""
    use = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in use)


def points(count: int) -> None:
    sweep = layer_sweep(count)
    levels = list(sweep.points())[:200]
    start = time.process_time()
    for each in levels:
        experiment = sweep.experiment(each)
        assert experiment is not None
        key_of(experiment)
    check_ms = 1e3 * (time.process_time() - start) / len(levels)
    print(f"resolve, check and key: {check_ms:.2f} ms of CPU per point")
    with tempfile.TemporaryDirectory() as folder:
        for workers in (1, 2):
            options = Options(workers)
            with Store(Path(folder) / f"{workers}.sqlite", create=True) as store:
                planned = plan(sweep, options)
                before, start = cpu_s(), time.perf_counter()
                execute(planned, store, options)
                wall, used = time.perf_counter() - start, cpu_s() - before
                inside = sum(point.seconds or 0.0 for point in store.points())
                number = len(planned.points)
            print(
                f"{workers} workers: {number} points in {wall:.1f} s, {number / wall:.1f} per s; "
                f"CPU {used:.1f} s with start-up, {number / used:.1f} points per s of CPU; "
                f"in simulations {inside:.1f} s of wall clock, rest per point and worker "
                f"{1e3 * (wall * workers - inside) / number:.1f} ms"
            )


def store(count: int) -> None:
    side = max(1, round(count / LEVELS**2))
    axes = {"a": list(range(side)), "b": list(range(LEVELS)), "c": list(range(LEVELS))}
    figures = json.dumps(dict.fromkeys(MEASURES, 1.25e-3))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.sqlite"
        number = side * LEVELS**2
        keys = [each.to_bytes(16, "big") for each in range(number)]
        with Store(path, create=True) as opened:
            facts = {"title": "", "axes": axes, "constraints": [], "objectives": {"cycles": "min"}}
            listed = (
                (n, (n // LEVELS**2, n // LEVELS % LEVELS, n % LEVELS), key)
                for n, key in enumerate(keys)
            )
            opened.register("digest", "s", facts, list(listed))
            version = opened.version_id()
            with opened.writing() as connection:
                connection.executemany(
                    "INSERT INTO results (version, key, state, seconds, figures) "
                    "VALUES (?, ?, 'done', 0.05, ?)",
                    ((version, key, figures) for key in keys),
                )
        print(f"{number:,} points, {path.stat().st_size / 1e6:.0f} MB")
        model_version()
        start = time.perf_counter()
        opened = Store(path)
        opened.sweep()
        print(f"open: {time.perf_counter() - start:.3f} s")
        for where in ({"a": 7}, {"c": 7}, {"a": 7, "b": 3}):
            start, used = time.perf_counter(), time.process_time()
            found = opened.points(where)
            wall, used = time.perf_counter() - start, time.process_time() - used
            print(f"{where}: {len(found):,} points in {wall:.3f} s, CPU {used:.3f} s")


def made_up(count: int) -> SweepResult:
    """A sweep of rows, columns and kinds of arrays whose figures follow from their labels."""
    side = max(2, round((count / 4) ** 0.5))
    axes: dict[str, list[Any]] = {
        "rows": list(range(8, 8 * side + 8, 8)),
        "columns": list(range(8, 8 * side + 8, 8)),
        "kind": [1, 2, 3, 4],
    }
    goals = {"seconds": "min", "energy_j": "min", "area_mm2": "min"}
    sweep = StoredSweep(1, "made", "Made up", axes, (), goals)
    found = []
    for number, (rows, columns, kind) in enumerate(product(*axes.values())):
        area = rows * columns * (1 + kind / 7)
        figures = {"seconds": 1 / (area * kind), "energy_j": area**0.5 * kind, "area_mm2": area}
        labels = {"rows": rows, "columns": columns, "kind": kind}
        found.append(Point(number, labels, DONE, 0.1, None, figures, True))
    return SweepResult(sweep, Path("made.sqlite"), "made", found)


def report(count: int) -> None:
    found = made_up(count)
    print(f"{len(found.points):,} points")

    def timed(what: str, of: Callable[[], Any]) -> None:
        start = time.process_time()
        of()
        print(f"{what}: CPU {time.process_time() - start:.2f} s")

    timed("front", lambda: found.pareto)
    timed("sensitivities of 3 objectives", found.sensitivity)
    for kind in CAPTIONS:
        timed(kind, partial(found.plot, kind))
    with tempfile.TemporaryDirectory() as folder:
        timed("all files", lambda: found.write(folder))


COUNTS = {points: 500, store: 1_000_000, report: 10_000}

if __name__ == "__main__":
    what, *rest = sys.argv[1:] or ["points"]
    run = {each.__name__: each for each in COUNTS}[what]
    run(int(rest[0]) if rest else COUNTS[run])
