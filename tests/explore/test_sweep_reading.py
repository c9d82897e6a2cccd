"""A store in place of a sweep: what it has is shown and written, and nothing runs."""

from __future__ import annotations

from pathlib import Path

import pytest

import simulator as sim
from simulator.cli import main
from simulator.explore.sweep.claims import Runner
from simulator.explore.sweep.jobs import Ran
from simulator.explore.sweep.options import Options
from simulator.explore.sweep.run import plan_all
from simulator.explore.sweep.version import model_version
from tests.explore.sweeps import SMALL, made


def filled(folder: Path, version: str | None = None, text: str = SMALL) -> Path:
    """A store of a sweep whose points took a second each, the last of which failed."""
    sweep = made(text)
    planned = plan_all(sweep, Options())
    path = folder / "small.sqlite"
    with sim.Store(path, create=True, version=version) as store:
        points = [(sweep.number(levels), levels, key) for levels, key in planned.points]
        own = store.register_sweep(sweep.digest(), sweep.spec.name, sweep.facts())
        store.add_points(own, points)
        runner = Runner(store)
        for number, _, key in points[:-1]:
            runner.record(key, Ran("done", 1.0, {"seconds": 6.0 - number, "energy_j": 1.0}))
        runner.record(points[-1][2], Ran("failed", 1.0, error="no room"))
        runner.leave()
    return path


def test_what_is_there_is_shown_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = filled(tmp_path), tmp_path / "out"
    assert main(["sweep", str(path), "--output", str(folder), "--no-plots"]) == 0
    printed = capsys.readouterr().out
    assert "6 points: 5 done, 1 failed" in printed and "no room" in printed
    assert f"wrote to {folder}: points.csv, pareto.csv, sensitivity.csv, report.html" in printed
    assert "results of" not in printed
    with sim.Store(path) as store:
        found = store.result()
    assert found.sweep.written["experiment"]["machine"] == "gemmini_16x16"
    assert found.summary() in printed


def test_results_of_an_earlier_version_are_shown_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = filled(tmp_path, version="0.0.9+abc")
    assert main(["sweep", str(path)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"results of 0.0.9+abc; this is {model_version()}\n\n")
    assert "5 done" in printed
    assert main(["sweep", str(path), "--version", model_version()]) == 0
    assert "6 open" in capsys.readouterr().out
    assert main(["sweep", str(path), "--version", "0.0.9"]) == 2
    assert "did you mean '0.0.9+abc'" in capsys.readouterr().err


def test_one_of_several_sweeps_is_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(tmp_path)
    path = filled(tmp_path, text=SMALL.replace("small", "other").replace("Small", "Other"))
    assert main(["sweep", str(path)]) == 0
    assert capsys.readouterr().out.startswith("Other\n")
    assert main(["sweep", str(path), "--name", "small"]) == 0
    assert capsys.readouterr().out.startswith("Small\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["small.sqlite", "--workers", "2", "--dry-run"], "--workers, --dry-run: small.sqlite is"),
        (["small.sqlite", "--name", "smal"], "no sweep 'smal' in it; did you mean 'small'"),
        (["none.sqlite"], "none.sqlite: no such store"),
        (["npu_pe_types", "--name", "x"], "--name: says which sweep of a store to read"),
        (["npu_pe_types", "--version", "x"], "--version: says which sweep of a store to read"),
    ],
)
def test_mistakes_are_one_line(
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    filled(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
