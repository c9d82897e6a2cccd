"""`cyclelab sweep`: lists, dry runs, shipped sweeps, mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.cli import main
from simulator.config import list_presets
from simulator.explore.sweep.options import Options
from simulator.explore.sweep.points import Sweep
from simulator.explore.sweep.run import plan_all
from simulator.explore.sweep.spec import load_sweep
from tests.explore.sweeps import SMALL, small, written


def test_without_a_name_sweeps_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list_presets(
        "sweeps"
    )


@pytest.mark.parametrize("name", list_presets("sweeps"))
def test_shipped_sweeps_are_right(name: str) -> None:
    sweep = Sweep(load_sweep(name))
    planned = plan_all(sweep, Options())
    assert 10 < len(planned.points) < 100
    assert len(planned.keys) == len(planned.points)


def test_a_dry_run_says_what_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, SMALL + "when: [n < 64]\n")
    assert main(["sweep", path, "--dry-run"]) == 0
    assert capsys.readouterr().out == (
        "Small\n"
        "  n          16, 32, 64\n"
        "  bandwidth  8000000000, 16000000000\n"
        "4 points (2 left out by conditions)\n"
    )
    assert list(tmp_path.iterdir()) == [tmp_path / "small.yaml"]


def test_a_dry_run_of_a_search_says_how_many_it_tries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, SMALL + "search: {method: nsga2, trials: 1000, seed: 3}\n")
    assert main(["sweep", path, "--dry-run"]) == 0
    assert capsys.readouterr().out.endswith("1,000 trials by nsga2, seed 3, among 6 points\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--limit", "5"], "6 points (3 × 2), more than 5: give axes fewer values, let a search"),
        (["--limit", "no"], "--limit: found 'no', expected a whole number"),
        (["--workers", "0"], "--workers: found '0', expected a whole number"),
        (["--time-limit", "-1"], "--time-limit: found '-1', expected seconds, more than 0"),
        (["--set", "workload.gemms.0.n=8"], "is what the axis 'n' changes"),
    ],
)
def test_a_mistake_is_one_line(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", written(tmp_path), "--dry-run", *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_all_points_are_checked_before_any_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, store = written(tmp_path, small(n="[16, 0, -5]")), tmp_path / "s.sqlite"
    assert main(["sweep", path, "--store", str(store)]) == 2
    error = capsys.readouterr().err
    assert f"{path}:12: workload.gemms.0.n: found 0, expected" in error
    assert "(2 points, first: n 0, bandwidth 8000000000)" in error
    assert "found -5" in error
    assert not store.exists()


def test_conditions_that_leave_nothing_are_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, SMALL + "when: [n > 64]\n")
    assert main(["sweep", path]) == 2
    assert "leaves out every point" in capsys.readouterr().err
