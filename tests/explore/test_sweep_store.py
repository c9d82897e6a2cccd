"""Stores: what is kept, what is computed again, what one says of versions and strange files."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

import simulator as sim
from simulator.config import CyclelabError
from simulator.explore.sweep.claims import Runner
from simulator.explore.sweep.jobs import Ran, Unlike
from simulator.explore.sweep.options import Options
from simulator.explore.sweep.point import CRASHED, TIMED_OUT
from simulator.explore.sweep.points import key_of
from simulator.explore.sweep.run import execute, plan
from simulator.explore.sweep.store import Store
from simulator.explore.sweep.worker import simulate
from tests.explore.sweeps import SMALL, made, small


def run(folder: Path, text: str = SMALL, *settings: str) -> sim.Store:
    sweep = made(text, *settings)
    options = Options()
    store = Store(folder / "s.sqlite", create=True)
    execute(plan(sweep, options), store, options)
    return store


def test_figures_are_those_of_a_run(tmp_path: Path, asked: list[Any]) -> None:
    store = run(tmp_path)
    point = store.points({"n": 32, "bandwidth": 16_000_000_000})[0]
    experiment = made(SMALL).experiment((1, 1))
    assert experiment is not None
    result = sim.run(experiment)
    assert point.figures["cycles"] == result.cycles
    assert point.figures["energy_j"] == result.energy_j.value
    assert point.figures["gemm.cycles"] == result.cycles
    assert point.state == "done" and point.seconds


def test_only_what_is_missing_is_computed(tmp_path: Path, asked: list[Any]) -> None:
    run(tmp_path)
    assert len(asked) == 6
    run(tmp_path)
    assert len(asked) == 6
    store = run(tmp_path, small(n="[16, 48, 64, 80]"))
    assert len(asked) == 6 + 4
    assert len(store.points()) == 8
    assert len(store.sweeps()) == 2
    run(tmp_path, SMALL.replace("name: small", "name: renamed").replace("Small", "Other"))
    assert len(asked) == 10
    run(tmp_path, SMALL, "simulation.every_event=true")
    assert len(asked) == 10
    run(tmp_path, SMALL, "workload.gemms.0.m=17")
    assert len(asked) == 16


def test_points_are_filtered_by_axis(tmp_path: Path, asked: list[Any]) -> None:
    store = run(tmp_path)
    assert [p.axes["n"] for p in store.points({"bandwidth": 8_000_000_000})] == [16, 32, 64]
    assert len(store.points({"n": [16, 64]})) == 4
    frame = store.to_dataframe({"n": 16})
    assert list(frame["bandwidth"]) == [8_000_000_000, 16_000_000_000]
    assert (frame["seconds"] > 0).all()
    with pytest.raises(CyclelabError, match="no axis 'm'; it has: n, bandwidth"):
        store.points({"m": 1})
    with pytest.raises(CyclelabError, match="the axis 'n' has no 17; it has: 16, 32, 64"):
        store.points({"n": 17})
    with pytest.raises(CyclelabError, match="no sweep 'smal' in it; did you mean 'small'"):
        store.points(sweep="smal")


def test_constraints_mark_points_but_keep_them(tmp_path: Path, asked: list[Any]) -> None:
    seconds = sorted(point.figures["seconds"] for point in run(tmp_path).points())
    limit = (seconds[2] + seconds[3]) / 2
    store = run(tmp_path, SMALL + f"constraints: [seconds <= {limit!r}]\n")
    points = store.points()
    assert [point.feasible for point in points].count(True) == 3
    assert len(points) == 6
    assert all(point.feasible for point in store.pareto())


def test_points_of_other_versions_are_kept_apart(tmp_path: Path, asked: list[Any]) -> None:
    store = run(tmp_path)
    other = Store(store.path, version="0.0.9+abc")
    assert {point.state for point in other.points()} == {"open"}
    assert list(store.versions().values()) == [6]


def test_another_layout_or_file_is_refused(tmp_path: Path, asked: list[Any]) -> None:
    store = run(tmp_path)
    store.connection.execute("PRAGMA user_version=7")
    store.close()
    with pytest.raises(CyclelabError, match=r"its layout is 7, .* reads 1: .*--store"):
        Store(store.path)
    (tmp_path / "text.sqlite").write_text("no database at all, but long enough to be read" * 9)
    with pytest.raises(CyclelabError, match="cannot be used as a store"):
        Store(tmp_path / "text.sqlite")
    sqlite3.connect(tmp_path / "foreign.sqlite").execute("CREATE TABLE t (x)")
    with pytest.raises(CyclelabError, match="a database of something else"):
        Store(tmp_path / "foreign.sqlite")
    with pytest.raises(CyclelabError, match="no such store"):
        Store(tmp_path / "none.sqlite")


def test_what_the_file_refuses_is_a_message(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite", create=True)
    with pytest.raises(CyclelabError, match=r"s\.sqlite: no such table: nowhere"), store:
        store.connection.execute("SELECT * FROM nowhere")


def test_a_claim_is_respected_while_its_process_lives(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite", create=True) as store:
        first, second = Runner(store), Runner(store)
        assert first.claim([b"a", b"b"]) == ([b"a", b"b"], set())
        assert second.claim([b"b", b"c"]) == ([b"c"], set())
        first.record(b"b", Ran("done", 1.0, {"cycles": 1.0}))
        assert second.claim([b"a", b"b"]) == ([], {b"b"})
        store.connection.execute("UPDATE runners SET pid = 4194305 WHERE name = ?", (first.name,))
        assert second.claim([b"a"]) == ([b"a"], set())


def test_a_result_is_not_replaced(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite", create=True) as store:
        runner = Runner(store, time_limit_s=1.0)
        for ran in (Ran(TIMED_OUT), Ran("done", 1.0, {"cycles": 1.0}), Ran("failed")):
            runner.record(b"a", ran)
        found = store.connection.execute("SELECT state, figures FROM results").fetchall()
        assert found == [("done", '{"cycles": 1.0}')]


@pytest.mark.parametrize(
    ("state", "limit_s", "again"),
    [
        (TIMED_OUT, 1.0, False),
        (TIMED_OUT, 2.0, True),
        (TIMED_OUT, None, True),
        (CRASHED, 1.0, True),
    ],
)
def test_what_is_tried_again(
    tmp_path: Path, state: str, limit_s: float | None, again: bool
) -> None:
    with Store(tmp_path / "s.sqlite", create=True) as store:
        Runner(store, time_limit_s=1.0).record(b"a", Ran(state))
        assert Runner(store, limit_s).known([b"a"]) == (set() if again else {b"a"})


def test_a_point_that_is_another_one_where_it_runs_is_not_run(tmp_path: Path) -> None:
    csv = tmp_path / "g.csv"
    csv.write_text("Layer,M,N,K\nfirst,8,32,16\n")
    axis = small(axes="  machine.memory.latency_s: [1.0e-7]\n")
    sweep = made(axis.replace("gemms: [{name: gemm, m: 16, n: 32, k: 64}]", f"topology: {csv}"))
    experiment = sweep.experiment((0,))
    assert experiment is not None
    key = key_of(experiment)
    assert isinstance(simulate(sweep, (0,), key), Ran)
    csv.write_text("Layer,M,N,K\nfirst,8,16,16\n")
    answer = simulate(sweep, (0,), key)
    assert isinstance(answer, Unlike)
    assert answer.reason == "its configuration, or a file that it names, is another one there"


def test_the_key_changes_with_a_file_that_the_workload_names(tmp_path: Path) -> None:
    csv = tmp_path / "g.csv"
    gemms = "gemms: [{name: gemm, m: 16, n: 32, k: 64}]"
    axis = small(axes="  machine.memory.latency_s: [1.0e-7]\n")
    keys = []
    for n in (16, 32):
        csv.write_text(f"Layer,M,N,K\nfirst,8,{n},16\n")
        sweep = made(axis.replace(gemms, f"topology: {csv}"))
        experiment = sweep.experiment((0,))
        assert experiment is not None
        keys.append(key_of(experiment))
    assert keys[0] != keys[1]
