"""How fast sweeps are: points per second of CPU, a store of a million points, a search.

python benchmarks/sweeps.py points [COUNT]   # one decoder layer per point, 1 and 2 workers
python benchmarks/sweeps.py arrays [COUNT]   # the same layer, each point with an array of its own
python benchmarks/sweeps.py commands [COUNT] # the same layer on a memory at command level
python benchmarks/sweeps.py store [COUNT]    # opening, and filtering by one and two axes
python benchmarks/sweeps.py cluster [COUNT]  # small points, by worker processes and by Dask
python benchmarks/sweeps.py search [COUNT]   # proposals of TPE and NSGA-II, figures for nothing
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from simulator.config import Document
from simulator.explore.sweep.axis import Axis, Level
from simulator.explore.sweep.cluster.connection import SchedulerCluster
from simulator.explore.sweep.jobs import Setup
from simulator.explore.sweep.options import Options
from simulator.explore.sweep.points import Sweep, key_of
from simulator.explore.sweep.pool import Pool
from simulator.explore.sweep.run import execute, plan_all
from simulator.explore.sweep.search.proposals import Proposals
from simulator.explore.sweep.search.spec import SearchSpec
from simulator.explore.sweep.store import Store
from simulator.explore.sweep.version import model_version
from simulator.report.measures import MEASURES

LEVELS = 100


LAYER = {
    "model": "llama-2-7b",
    "layers": 1,
    "context_tokens": 512,
    "decode_steps": 1,
    "precision": {"weights": "int8", "activations": "int8", "kv_cache": "int8"},
}
"""One decoded token in one layer of Llama-2-7B."""


def made(machine: str, axes: dict[str, Any]) -> Sweep:
    """A sweep of the layer on a machine."""
    document = {
        "name": "layer",
        "experiment": {"machine": machine, "workload": LAYER},
        "axes": axes,
        "objectives": {"seconds": "min", "energy_j": "min"},
    }
    return Sweep(Document.from_data(document, "layer"))


def layer_sweep(count: int) -> Sweep:
    """Bandwidths × latencies of an ideal memory: no two points have a tiling in common."""
    side = max(2, round(count / 20))
    bandwidths = {"log_range": {"from": 50e9, "to": 2000e9, "points": side}}
    latencies = {"range": {"from": 1e-7, "to": 20e-7, "step": 1e-7}}
    return made(
        "npu_w8a8",
        {
            "bandwidth": {"key": "machine.memory.bandwidth_bytes_per_s", **bandwidths},
            "latency": {"key": "machine.memory.latency_s", **latencies},
        },
    )


def array_sweep(count: int) -> Sweep:
    """Rows × columns of the array: no two points have a unit in common."""
    side = max(1, round(count / 10))
    unit = "machine.core.matrix_units.0"
    sides = {"range": {"from": 16, "to": 160, "step": 16}}
    return made(
        "npu_w8a8",
        {
            "rows": {"key": f"{unit}.rows", "values": [64 + 8 * index for index in range(side)]},
            "columns": {"key": f"{unit}.columns", **sides},
        },
    )


def command_sweep(count: int) -> Sweep:
    """Path latencies × slots of an HBM2 whose commands are simulated."""
    side = max(1, round(count / 5))
    memory = "machine.memory"
    latencies = [1e-7 + 1e-8 * index for index in range(side)]
    return made(
        "npu_w8a8",
        {
            "memory": {"cases": [{"name": "hbm2", "set": {memory: HBM2}}]},
            "latency": {"key": f"{memory}.path_latency_s", "values": latencies},
            "slots": {"key": f"{memory}.queue_depth", "values": [16, 32, 64, 128, 256]},
        },
    )


HBM2 = {
    "kind": "dram",
    "device": "hbm2-1760",
    "channels": 16,
    "interleave_bytes": 32,
    "path_latency_s": 470e-9,
    "queue_depth": 64,
    "arbitration_bytes": 4096,
}


def cpu_s() -> float:
    """CPU seconds of this process and of children that ended."""
    use = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in use)


def start_s(sweep: Sweep, workers: int) -> tuple[float, float]:
    """CPU seconds of workers, and seconds, until all are ready to be given points."""
    before, start = cpu_s(), time.perf_counter()
    with Pool(Setup.of(sweep), workers) as pool:
        while pool.idle < workers:
            list(pool.answers())
        wall = time.perf_counter() - start
    return cpu_s() - before, wall


def points(sweep: Sweep) -> None:
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
            ready_s, waited = start_s(sweep, workers)
            with Store(Path(folder) / f"{workers}.sqlite", create=True) as store:
                planned = plan_all(sweep, options)
                before, start = cpu_s(), time.perf_counter()
                execute(planned, store, options)
                wall, used = time.perf_counter() - start, cpu_s() - before
                inside = sum(point.seconds or 0.0 for point in store.points())
                number = len(planned.points)
                assert all(point.state == "done" for point in store.points())
            rest_ms = 1e3 * max(0.0, (wall - waited) * workers - inside) / number
            print(
                f"{workers} workers: started in {waited:.2f} s with {ready_s:.2f} s of CPU; "
                f"{number} points in {wall:.1f} s, {number / wall:.1f} per s, "
                f"{number / (wall - waited):.1f} without the start; "
                f"CPU {used:.1f} s, {number / used:.1f} points per s of CPU, "
                f"{number / (used - ready_s):.1f} without the start; in simulations "
                f"{inside:.1f} s of wall clock, rest per point and worker {rest_ms:.1f} ms"
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


def small_sweep(count: int) -> Sweep:
    """Columns of a GEMM that takes milliseconds to simulate."""
    axis = {"key": "workload.gemms.0.n", "range": {"from": 1, "to": count, "step": 1}}
    document = {
        "name": "small",
        "experiment": {
            "machine": "gemmini_16x16",
            "workload": {
                "gemms": [{"name": "gemm", "m": 16, "n": 16, "k": 64}],
                "precision": {"weights": "int8", "activations": "int8"},
            },
        },
        "axes": {"n": axis},
        "objectives": {"seconds": "min", "energy_j": "min"},
    }
    return Sweep(Document.from_data(document, "small"))


def cluster(count: int) -> None:
    """CPU of this process, which is what limits how many workers it can keep busy, and of all."""
    sweep = small_sweep(count)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for where in ("processes", "Dask"):
            begun = cpu_s()
            with ExitStack() as stack:
                store = stack.enter_context(Store(folder / f"{where}.sqlite", create=True))
                found = SchedulerCluster(_dask(folder, stack)) if where == "Dask" else None
                options = Options(2, cluster=found)
                planned = plan_all(sweep, options)
                before = time.process_time()
                execute(planned, store, options)
                mine = time.process_time() - before
            print(
                f"{where}: {count} points, this process {1e3 * mine / count:.1f} ms of CPU per "
                f"point, all {cpu_s() - begun:.1f} s of CPU with start-up"
            )


def _dask(folder: Path, stack: ExitStack) -> str:
    """A scheduler and two workers with a thread each; the file that says where they are."""
    file = folder / "scheduler.json"
    common = ("--no-dashboard", "--scheduler-file", str(file))
    for kind, options in (
        ("scheduler", ("--host", "127.0.0.1", "--port", "0")),
        ("worker", ("--nworkers", "2", "--nthreads", "1", "--local-directory", str(folder))),
    ):
        program = f"from distributed.cli.dask_{kind} import main; main()"
        process = subprocess.Popen(
            [sys.executable, "-c", program, *common, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        while not file.is_file():
            time.sleep(0.05)
    return str(file)


def search(count: int) -> None:
    """Proposals for three axes of 1,000 values, each told when seven others are under way."""
    axes = [
        Axis(name, (name,), name, tuple(Level(value, ()) for value in range(1000)))
        for name in "abc"
    ]
    for method in ("tpe", "nsga2"):
        spec = SearchSpec(method=method, trials=count)
        proposals = Proposals(spec, axes, {"x": "min", "y": "max"}, [])
        under_way: deque[Any] = deque()
        start = time.process_time()
        for _ in range(count):
            if len(under_way) == spec.at_once:
                trial, (a, b, c) = under_way.popleft()
                proposals.tell(trial, {"x": float(a + b), "y": float(a * c)})
            under_way.append(proposals.ask())
        used = time.process_time() - start
        print(f"{method}: {count} proposals, {1e3 * used / count:.1f} ms of CPU each")


WHAT: dict[str, tuple[Callable[[int], None], int]] = {
    "points": (lambda count: points(layer_sweep(count)), 500),
    "arrays": (lambda count: points(array_sweep(count)), 100),
    "commands": (lambda count: points(command_sweep(count)), 50),
    "store": (store, 1_000_000),
    "cluster": (cluster, 500),
    "search": (search, 500),
}
"""What is measured, and of how many."""

if __name__ == "__main__":
    what, *rest = sys.argv[1:] or ["points"]
    measure, default = WHAT[what]
    measure(int(rest[0]) if rest else default)
