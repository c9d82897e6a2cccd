"""Sweeps on Dask, with a scheduler and workers that are processes: killed, hanging, unlike.

Each process takes a second or two of CPU to start, and a test has up to eight of them.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import simulator as sim
from simulator.cli import main
from simulator.config import CyclelabError
from simulator.explore.sweep.cluster import connection
from simulator.explore.sweep.cluster.workers import ClusterWorkers
from simulator.explore.sweep.version import model_version
from tests.explore.clusters import DaskCluster, running
from tests.explore.sweeps import (
    HAUNTED,
    MANY,
    POINTS,
    THREE,
    command,
    content,
    small,
    stored,
    wait_for,
    written,
)

STARTED_AS = "from simulator.explore.sweep import pool; pool.START = {!r}"
"""Before a Dask worker begins: what its processes execute."""
OTHER_VERSION = """
from simulator.explore.sweep import worker
worker.model_version = lambda: "0.0.9+abc"
worker.main()
"""
FATAL = """
import os
from simulator.explore.sweep import worker
simulate = worker.simulate
def fatal(sweep, levels, key):
    if sweep.labels(levels)["n"] == 64:
        os.kill(os.getppid(), 9)
    return simulate(sweep, levels, key)
worker.simulate = fatal
worker.main()
"""
"""A process that ends the Dask worker that it belongs to, at one point."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    with running(tmp_path_factory.mktemp("dask")) as found:
        found.add()
        found.add()
        yield found


@pytest.mark.slow
def test_results_are_those_of_one_machine_though_a_worker_is_killed(
    cluster: DaskCluster, tmp_path: Path
) -> None:
    path = written(tmp_path, MANY)
    sim.sweep(path, tmp_path / "here.sqlite", workers=1)
    store = tmp_path / "there.sqlite"
    doomed = cluster.add()
    child = command(path, "--store", str(store), "--scheduler", cluster.address)
    wait_for(store, 4)
    doomed.send_signal(signal.SIGKILL)
    out, err = child.communicate(timeout=120)
    assert child.returncode == 0, err
    assert f"on the workers of {cluster.address}\n" in out
    assert "24 points: 24 done" in out
    assert err == ""
    assert content(store) == content(tmp_path / "here.sqlite")
    assert stored(store) == POINTS
    again = sim.sweep(path, store, scheduler=cluster.address)
    assert again.states == {"done": POINTS} and stored(store) == POINTS


def test_a_search_tries_the_points_that_it_tries_here(cluster: DaskCluster, tmp_path: Path) -> None:
    path = written(tmp_path, MANY + "search: {method: tpe, trials: 14, at_once: 3}\n")
    sim.sweep(path, tmp_path / "here.sqlite", workers=1)
    sim.sweep(path, tmp_path / "there.sqlite", scheduler=cluster.address)
    assert content(tmp_path / "there.sqlite") == content(tmp_path / "here.sqlite")


def test_ctrl_c_takes_points_back(cluster: DaskCluster, tmp_path: Path) -> None:
    path, store = written(tmp_path, MANY), tmp_path / "s.sqlite"
    arguments = (path, "--store", str(store), "--scheduler", cluster.address)
    child = command(*arguments, start_new_session=True)
    wait_for(store, 2)
    os.killpg(child.pid, signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert f"of 24 points are stored in {store}; run again to go on" in err
    assert "Traceback" not in err
    assert _sum_of_points(cluster) == 0


def _sum_of_points(cluster: DaskCluster) -> int:
    """Points that workers are at, or are to be at."""
    from distributed import Client

    with Client(cluster.address, set_as_default=False) as client:
        return sum(len(keys) for keys in client.processing().values())


@pytest.mark.slow
def test_points_that_hang_crash_or_fail_are_recorded(tmp_path: Path) -> None:
    path, store = written(tmp_path, small(axes=THREE)), tmp_path / "s.sqlite"
    with running(tmp_path) as cluster:
        cluster.add(STARTED_AS.format(HAUNTED))
        found = sim.sweep(path, store, scheduler=cluster.address, time_limit_s=4.0)
    assert [(p.axes["n"], p.state) for p in found.points] == [
        (16, "done"),
        (32, "timed out"),
        (64, "crashed"),
    ]
    assert found.points[1].error == "took longer than 4 s"
    assert found.points[2].error == "its process ended (killed by signal 9)"


@pytest.mark.slow
def test_a_point_that_ends_workers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One point at a time: what waits on a worker that ends is counted against, too, by Dask."""
    monkeypatch.setattr(ClusterWorkers, "idle", property(lambda self: not self.jobs))
    path, store = written(tmp_path, small(axes=THREE)), tmp_path / "s.sqlite"
    with running(tmp_path, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1") as cluster:
        for _ in range(3):
            cluster.add(STARTED_AS.format(FATAL))
        cluster.wait_for_workers()
        found = sim.sweep(path, store, scheduler=cluster.address)
    assert found.states == {"done": 2, "crashed": 1}
    (lost,) = (point for point in found.points if point.state == "crashed")
    assert lost.axes == {"n": 64}
    assert str(lost.error).startswith("its worker ended, 2 times over (the last was tcp://")


def test_workers_of_another_version_are_told(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    with running(tmp_path) as cluster:
        cluster.add(STARTED_AS.format(OTHER_VERSION))
        with pytest.raises(CyclelabError) as caught:
            sim.sweep(written(tmp_path), store, scheduler=cluster.address)
        assert "has version 0.0.9+abc of the model" in str(caught.value)
        assert f"here it is {model_version()}" in str(caught.value)
    assert stored(store) == 0


@pytest.mark.slow
def test_a_scheduler_without_workers_or_that_goes_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, store = written(tmp_path, MANY), tmp_path / "s.sqlite"
    monkeypatch.setattr(connection.Cluster, "patience_s", 0.5)
    with running(tmp_path) as cluster:
        with pytest.raises(CyclelabError, match=f"start some: dask worker {cluster.address}"):
            sim.sweep(path, store, scheduler=cluster.address)
        cluster.add()
        child = command(path, "--store", str(store), "--scheduler", cluster.address)
        wait_for(store, 2)
        cluster.process.kill()
        _, err = child.communicate(timeout=120)
    assert child.returncode == 2
    assert "is gone; what came of points so far is stored: run again" in err
    assert "Traceback" not in err
    assert 2 <= stored(store) < POINTS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scheduler", "tcp://127.0.0.1:1"], "no Dask scheduler answers at tcp://127.0.0.1:1: "),
        (["--scheduler", "gopher://here"], "no Dask scheduler answers at gopher://here: "),
        (["--scheduler", "tcp://x:1", "--workers", "2"], "--workers counts processes of this mac"),
        (["--slurm", "missing.yaml", "--workers", "2"], "missing.yaml: no such file"),
        (["--slurm", "jobs.yaml"], "say with --workers how many workers are asked for"),
        (["--slurm", "jobs.yaml", "--workers", "2"], "jobs.yaml:2: memry: unknown key 'memry'"),
    ],
)
def test_a_mistake_is_one_line(
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(connection, "CONNECT_S", 0.3)
    Path("jobs.yaml").write_text("cores: 1\nmemry: 1GB\n")
    assert main(["sweep", written(tmp_path), *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_without_dask_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(CyclelabError, match=r"pip install 'cyclelab\[cluster\]'"):
        connection.SchedulerCluster("tcp://127.0.0.1:1")


SBATCH = """#!/bin/bash
# A batch system of one machine: the job runs at once, its number is its process.
script=$(cat "${!#}")
setsid bash -c "$script" > /dev/null 2>&1 &
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/bash
echo "$@" >> "$CANCELLED"
for job in "$@"; do kill -9 -- "-$job"; done
"""


def test_jobs_are_asked_for_and_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With stand-ins for sbatch and scancel: what dask-jobqueue makes of the file."""
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        script = tmp_path / name
        script.write_text(text)
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CANCELLED", str(tmp_path / "cancelled"))
    monkeypatch.setenv("PYTHONPATH", str(Path(sim.__file__).parent.parent))
    jobs: dict[str, Any] = {
        "cores": 1,
        "memory": "1GB",
        "walltime": "00:10:00",
        "local_directory": str(tmp_path / "local"),
        "scheduler_options": {"host": "127.0.0.1", "dashboard_address": ":0"},
    }
    found = sim.sweep(written(tmp_path), tmp_path / "s.sqlite", slurm=jobs, workers=1)
    assert found.states == {"done": 6}
    limit = time.monotonic() + 20
    while not (tmp_path / "cancelled").is_file():
        assert time.monotonic() < limit
        time.sleep(0.1)
