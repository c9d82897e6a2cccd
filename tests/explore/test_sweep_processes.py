"""Sweeps as processes: killed, two at once, points that hang, fail or end their process."""

from __future__ import annotations

import csv
import os
import signal
from pathlib import Path
from typing import Any

import pytest

import simulator as sim
from simulator.explore.sweep import pool
from tests.explore.sweeps import (
    HAUNTED,
    MANY,
    POINTS,
    SMALL,
    THREE,
    command,
    content,
    small,
    stored,
    wait_for,
    written,
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    sim.sweep(written(folder, MANY), folder / "s.sqlite", workers=1)
    return content(folder / "s.sqlite")


def test_a_killed_run_goes_on_where_it_was(
    tmp_path: Path, undisturbed: list[tuple[Any, ...]]
) -> None:
    path, store = written(tmp_path, MANY), tmp_path / "s.sqlite"
    child = command(path, "--store", str(store), "--workers", "1")
    wait_for(store, 3)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    before = [row for row in content(store) if row[2] is not None]
    assert 3 <= len(before) < POINTS
    sim.sweep(path, store, workers=1)
    after = content(store)
    assert after == undisturbed
    assert set(before) <= set(after)
    assert stored(store) == POINTS


def test_two_processes_share_a_store(tmp_path: Path, undisturbed: list[tuple[Any, ...]]) -> None:
    path, store = written(tmp_path, MANY), tmp_path / "s.sqlite"
    children = [command(path, "--store", str(store), "--workers", "1") for _ in range(2)]
    for child in children:
        out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
        assert "24 points: 24 done" in out
    assert content(store) == undisturbed
    assert stored(store) == POINTS


def test_ctrl_c_says_what_is_stored(tmp_path: Path) -> None:
    path, store = written(tmp_path, MANY), tmp_path / "s.sqlite"
    child = command(path, "--store", str(store), "--workers", "1", start_new_session=True)
    wait_for(store, 2)
    os.killpg(child.pid, signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert f"of 24 points are stored in {store}; run again to go on" in err
    assert "Traceback" not in err
    assert 2 <= stored(store) < POINTS


def test_points_that_hang_or_crash_are_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "START", HAUNTED)
    path = written(tmp_path, small(axes=THREE))
    found = sim.sweep(path, tmp_path / "s.sqlite", workers=1, time_limit_s=4.0)
    states = {(p.axes["n"], p.state) for p in found.points}
    assert states == {(16, "done"), (32, "timed out"), (64, "crashed")}
    by_state = {point.state: point for point in found.points}
    assert by_state["timed out"].error == "took longer than 4 s"
    assert by_state["crashed"].error == "its process ended (killed by signal 9)"
    assert "1 done, 1 timed out, 1 crashed" in found.summary()
    monkeypatch.undo()
    again = sim.sweep(path, tmp_path / "s.sqlite", workers=1)
    assert again.states == {"done": 3}


def test_a_point_that_cannot_run_is_recorded(tmp_path: Path) -> None:
    axes = "  capacity: {key: machine.memory.capacity_bytes, values: [100, 16000000000]}\n"
    found = sim.sweep(written(tmp_path, small(axes=axes)), tmp_path / "s.sqlite", workers=1)
    assert [point.state for point in found.points] == ["failed", "done"]
    assert "does not fit the memory" in str(found.points[0].error)
    assert "failed: capacity 100: " in found.summary()
    assert [point.axes["capacity"] for point in found.pareto] == [16_000_000_000]


def test_the_command_writes_points_and_front(tmp_path: Path) -> None:
    path, out = written(tmp_path), tmp_path / "out"
    options = ("--store", str(tmp_path / "s.sqlite"), "--output", str(out), "--no-plots")
    child = command(path, *options)
    text, err = child.communicate(timeout=120)
    assert child.returncode == 0, err
    assert "6 points, 0 of them stored already" in text
    assert "Pareto front of 1: least time, least energy" in text
    assert {each.name for each in out.iterdir()} == {
        "points.csv",
        "pareto.csv",
        "sensitivity.csv",
        "report.html",
    }
    with (out / "points.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["n"], row["bandwidth"], row["state"]) for row in rows[:2]] == [
        ("16", "8000000000", "done"),
        ("16", "16000000000", "done"),
    ]
    assert float(rows[0]["seconds"]) > float(rows[1]["seconds"]) > 0


def test_a_sweep_shows_itself_in_notebooks(tmp_path: Path) -> None:
    found = sim.sweep(written(tmp_path), tmp_path / "s.sqlite", workers=1)
    assert repr(found) == "<SweepResult 'small': 6 of 6 points done, 1 on the front>"
    html = found._repr_html_()
    assert html.count("<table") == 3 and "Pareto front" in html
    assert len(found.to_dataframe()) == 6
    assert SMALL.count("n:") and found.best["seconds"].axes["n"] == 16
    assert found.plot().axes[0].get_xlabel() == "time, µs (less is better)"
