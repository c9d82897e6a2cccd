"""Searches: what is proposed does not depend on workers, on their speed, or on interruptions."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import pytest

import simulator as sim
from simulator.config import CyclelabError
from simulator.explore.sweep import options
from simulator.explore.sweep.expression import parse_condition
from simulator.explore.sweep.jobs import Ran, Setup
from simulator.explore.sweep.point import Point
from simulator.explore.sweep.search import run as searching
from tests.explore.sweeps import SMALL, made, small, written

WIDE = small(
    axes="""  n: {key: workload.gemms.0.n, range: {from: 1, to: 1000, step: 1}}
  m: {key: workload.gemms.0.m, range: {from: 1, to: 1000, step: 1}}
  k: {key: workload.gemms.0.k, range: {from: 1, to: 1000, step: 1}}
  layout: {key: machine.core.vector_unit.lanes, values: [4, 64, 16]}
""",
    objectives="{seconds: min, energy_j: min}",
)


def searched(method: str, trials: int, more: str = "", **keys: int) -> str:
    """The wide sweep with a search."""
    chosen = ", ".join(f"{key}: {value}" for key, value in keys.items())
    section = f"search: {{method: {method}, trials: {trials}{', ' if chosen else ''}{chosen}}}\n"
    return WIDE + section + more


class Ordered:
    """Workers that answer in an order of their own, with figures that a pencil gives."""

    seed = 0
    count = 4
    asked: list[Any]

    def __init__(self, setup: Setup, workers: int, time_limit_s: float | None = None) -> None:
        self.sweep = made(WIDE)
        self.random = random.Random(self.seed)
        self.open: list[tuple[Any, Ran]] = []

    def __enter__(self) -> Ordered:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def idle(self) -> int:
        return self.count - len(self.open)

    def start(self, job: Any, task: str, given: Any) -> None:
        at = self.sweep.labels(given[0])
        self.asked.append(at)
        figures = {
            "seconds": abs(at["n"] - 700) / 1000 + abs(at["m"] - 200) / 1000,
            "energy_j": abs(at["k"] - 400) / 1000 + abs(at["m"] - 300) / 1000,
            "area_mm2": at["n"] / 10,
        }
        self.open.append((job, Ran("done", 0.1, figures)))

    def answers(self) -> list[Any]:
        self.random.shuffle(self.open)
        return [self.open.pop()] if self.open else []


@pytest.fixture
def ordered(monkeypatch: pytest.MonkeyPatch) -> type[Ordered]:
    monkeypatch.setattr(options, "Pool", Ordered)
    Ordered.asked, Ordered.seed, Ordered.count = [], 0, 4
    return Ordered


def found(folder: Path, text: str, store: str = "s.sqlite") -> list[Point]:
    return sim.sweep(written(folder, text), folder / store).points


@pytest.mark.parametrize("method", ["tpe", "nsga2", "random"])
def test_points_do_not_depend_on_workers_or_interruptions(
    method: str, tmp_path: Path, ordered: type[Ordered]
) -> None:
    text = searched(method, 60, population=10) if method == "nsga2" else searched(method, 60)
    whole = found(tmp_path, text)
    asked = len(ordered.asked)
    ordered.seed, ordered.count = 1, 1
    assert found(tmp_path, text.replace("trials: 60", "trials: 25"), "parts.sqlite") != whole
    assert found(tmp_path, text, "parts.sqlite") == whole
    assert len(ordered.asked) == 2 * asked
    assert found(tmp_path, text, "parts.sqlite") == whole
    assert len(ordered.asked) == 2 * asked
    other = found(tmp_path, text.replace("method", "seed: 7, method"), "other.sqlite")
    assert {point.number for point in other} != {point.number for point in whole}


def hypervolume(points: list[Point]) -> float:
    """Share of the square (0, 0) to (2, 2) that the points dominate."""
    pairs = sorted((p.figures["seconds"], p.figures["energy_j"]) for p in points if p.feasible)
    area, height = 0.0, 2.0
    for x, y in pairs:
        if y < height:
            area += (2.0 - x) * (height - y)
            height = y
    return area / 4


@pytest.mark.parametrize("method", ["tpe", "nsga2"])
def test_a_search_finds_more_than_chance(
    method: str, tmp_path: Path, ordered: type[Ordered]
) -> None:
    """Seconds and energy are 0 at n 700, m 200 and k 400, m 300; m trades one for the other."""
    keys = {"population": 20} if method == "nsga2" else {}
    chance = hypervolume(found(tmp_path, searched("random", 150), "r.sqlite"))
    chosen = hypervolume(found(tmp_path, searched(method, 150, **keys)))
    assert 1 - chosen < 0.9 * (1 - chance)


def test_conditions_and_constraints_are_kept(tmp_path: Path, ordered: type[Ordered]) -> None:
    more = 'when: ["n + m > 500", "layout != 64"]\nconstraints: ["area_mm2 <= 20"]\n'
    points = found(tmp_path, searched("tpe", 60, more))
    assert len(points) > 50
    assert all(p.axes["n"] + p.axes["m"] > 500 and p.axes["layout"] != 64 for p in points)
    # A fifth of all n are feasible: a search that learns that has more.
    assert sum(p.feasible for p in points) > 20


def test_conditions_that_leave_nothing_are_said(tmp_path: Path, ordered: type[Ordered]) -> None:
    with pytest.raises(CyclelabError, match=r"when: leaves out 1,000 proposals in a row"):
        found(tmp_path, searched("random", 5, 'when: ["n + m + k < 2"]\n'))


def test_points_that_are_mistakes_are_recorded_unless_all_are(
    tmp_path: Path, ordered: type[Ordered]
) -> None:
    lanes = "values: [4, 64, 16]"
    some = searched("random", 30).replace(lanes, "values: [4, -1]")
    points = found(tmp_path, some)
    failed = [p for p in points if p.state == "failed"]
    assert failed and all(p.axes["layout"] == -1 for p in failed)
    assert "found -1, expected" in str(failed[0].error)
    assert all(p.state == "done" for p in points if p.axes["layout"] == 4)
    with pytest.raises(CyclelabError, match=r"found -1, expected .*\(\d+ points, first: n "):
        found(tmp_path, searched("random", 30).replace(lanes, "values: [-1, -2]"), "all.sqlite")


def test_figures_are_those_of_a_sweep(tmp_path: Path, asked: list[Any]) -> None:
    every = found(tmp_path, SMALL, "every.sqlite")
    points = found(tmp_path, SMALL + "search: {method: tpe, trials: 40}\n")
    known = {point.number: (point.axes, point.figures, point.feasible) for point in every}
    assert all((p.axes, p.figures, p.feasible) == known[p.number] for p in points)
    assert len(points) >= 5 and len(asked) == 6 + len(points)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{method: tpe}", "search: missing key 'trials'"),
        ("{method: tpa, trials: 5}", "search.method: found 'tpa'"),
        ("{trials: 5}", "trials has no meaning without a method: tpe, nsga2 or random"),
        ("{method: tpe, trials: 5, population: 9}", "population has no meaning for tpe"),
        ("{method: tpe, trails: 5}", "unknown key 'trails'; did you mean 'trials'"),
    ],
)
def test_a_wrong_section_is_said(section: str, message: str) -> None:
    with pytest.raises(CyclelabError, match=message):
        made(SMALL + f"search: {section}\n")


def test_without_optuna_what_to_install_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(CyclelabError, match=r"pip install 'cyclelab\[search\]'"):
        found(tmp_path, searched("tpe", 3))


def test_more_points_than_numbers_are_refused() -> None:
    axes = "".join(
        f"  workload.x{i}: {{range: {{from: 1, to: 10000, step: 1}}}}\n" for i in range(5)
    )
    sweep = made(small(axes=axes) + "search: {method: random, trials: 1}\n")
    with pytest.raises(CyclelabError, match="more than 2"):
        searching.SearchPlan(sweep)


@pytest.mark.parametrize(
    ("text", "missed"),
    [
        ("x <= 5", 0.0),
        ("x <= 4", 0.2),  # by 1 of 5
        ("x > 10", 0.5),
        ("x < 5", 1e-9),
        ("x <= 4 or y >= 4", 0.2),
        ("x <= 4 and y >= 4", 0.2),
        ("x <= 5 and y >= 4", 0.5),
        ("x in [1, 2]", 1.0),
        ("x == 'a'", 1.0),
        ("x > 0 - 5", 0.0),
        ("x < 0 - 5", 1.0),  # at most
    ],
)
def test_how_far_a_condition_is_missed(text: str, missed: float) -> None:
    assert parse_condition(text).missed_by({"x": 5, "y": 2}.__getitem__) == pytest.approx(missed)
