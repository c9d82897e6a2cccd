"""Pictures of sweeps: what they show of points, at sizes from a few to thousands."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

import simulator as sim
from simulator.config import CyclelabError
from simulator.explore.pictures.parallel import MANY
from simulator.explore.sweep.outcome import SweepResult
from simulator.pictures import ALBUMS
from simulator.report.plots.style import image
from tests.explore.points import Figures, result

KINDS = list(ALBUMS["simulator.explore.sweep.outcome.SweepResult"].pictures)
AXES: dict[str, list[Any]] = {"rows": [16, 32, 64], "kind": ["a", "b"], "batch": [1, 8]}


def figures(labels: dict[str, Any]) -> dict[str, float] | str:
    """Time falls with rows, energy rises with them; kind matters a little, batch not."""
    if labels == {"rows": 64, "kind": "b", "batch": 8}:
        return "does not fit"
    slower = 1.0 if labels["kind"] == "a" else 1.5
    return {"seconds": slower / labels["rows"], "energy_j": 3e-3 * labels["rows"] * slower}


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("levels", [3, 25])
def test_every_kind_is_drawn_at_every_size(kind: str, levels: int) -> None:
    """Of 12 and of 10,000 points; no file is larger than a megabyte."""
    if levels == 3:
        found = result(AXES, figures)
    else:
        many = {"rows": list(range(1, 26)), "columns": list(range(1, 21)), "batch": list(range(20))}
        found = result(many, lambda own: _of_many(own))
    svg = image(sim.plot(found, kind), "svg")
    assert b"Made up" in svg
    assert len(svg) < 1_000_000


def _of_many(own: dict[str, Any]) -> dict[str, float]:
    work = 1 + own["batch"]
    return {"seconds": work / (own["rows"] * own["columns"]), "energy_j": own["rows"] + work / 7}


def test_names_on_the_front_are_of_axes_that_differ_there() -> None:
    """The front has kind a and batch 1 and 8, of equal figures, which lie on each other."""
    (ax,) = sim.plot(result(AXES, figures), "front").axes
    assert sorted(texts(ax)) == ["16 · 1, 16 · 8", "32 · 1, 32 · 8", "64 · 1, 64 · 8"]
    assert ax.get_xlabel() == "time, ms (less is better)"
    other = sim.plot(
        result(AXES, figures), "front", objectives={"seconds": "min", "energy_j": "max"}
    )
    assert other.axes[0].get_ylabel() == "energy, mJ (more is better)"


def test_of_a_crowded_front_a_few_points_along_it_have_names() -> None:
    """40 rows, each faster and hungrier than the one before: all on the front."""
    many: dict[str, list[Any]] = {"rows": list(range(1, 41))}
    found = result(many, lambda own: {"seconds": 1 / own["rows"], "energy_j": own["rows"]})
    (ax,) = sim.plot(found, "front").axes
    assert sorted(map(int, texts(ax))) == [1, 9, 17, 24, 32, 40]


def test_a_heat_map_has_a_panel_per_label_of_the_third_axis() -> None:
    *panels, _ = sim.plot(result(AXES, figures), "heat_map").axes
    assert [ax.get_title(loc="left") for ax in panels] == ["batch 1", "batch 8"]
    assert [tick.get_text() for tick in panels[0].get_xticklabels()] == ["16", "32", "64"]
    # 1/16 s is 62.5 ms; 1.5/64 s is 23.4.
    assert texts(panels[0]) == ["62.5", "31.2", "15.6", "93.8", "46.9", "23.4"]
    assert texts(panels[1])[-1] == "×"


def test_a_cell_has_the_best_feasible_of_what_it_stands_for() -> None:
    found = result(AXES, figures, constraints=("energy_j <= 0.1",))
    points = [_marked(point) for point in found.points]
    own = SweepResult(found.sweep, found.store, found.version, points)
    (ax, _) = sim.plot(own, "heat_map", figure="energy_j", x="rows", y="batch", panels=None).axes
    # 3 mJ for each row, kind a; 64 rows break the constraint, with kind b too.
    assert texts(ax) == ["48.0", "96.0", "192"] * 2
    words = [text.get_text() for text in ax.figure.texts]
    assert "best over kind · white corner: breaks a constraint" in " ".join(words)


def _marked(point: Any) -> Any:
    from dataclasses import replace

    return replace(point, feasible=point.figures.get("energy_j", 1.0) <= 0.1)


def test_a_heat_map_needs_two_axes() -> None:
    with pytest.raises(CyclelabError, match="made: a heat map needs two axes of several labels"):
        sim.plot(result({"rows": [1, 2], "kind": ["a"]}, _one), "heat_map")


def _one(own: dict[str, Any]) -> dict[str, float]:
    return {"seconds": float(own["rows"]), "energy_j": 1.0}


def test_lines_of_many_points_are_one_image() -> None:
    many: dict[str, list[Any]] = {"rows": list(range(1, 101)), "columns": list(range(1, 7))}
    found = result(many, lambda own: {"seconds": own["rows"] * 1.0, "energy_j": own["columns"]})
    assert len(found.points) > MANY
    (ax,) = sim.plot(found, "parallel").axes
    drawn = [each for each in ax.collections if isinstance(each, LineCollection)]
    assert [each.get_rasterized() for each in drawn] == [False, True, False]


def test_bars_name_their_baseline() -> None:
    figure = sim.plot(result(AXES, figures, baseline={"kind": "a"}), "relative")
    assert "baseline: kind a" in " ".join(text.get_text() for text in figure.texts)
    first, second = figure.axes
    # 1.5 for kind b wherever it ran.
    assert texts(first) == texts(second)
    assert set(texts(first)) == {"1.00×", "1.50×"}


def test_effects_of_labels_are_drawn_about_1() -> None:
    _, kind, batch = sim.plot(result(AXES, figures), "sensitivity").axes
    _, seconds, _ = kind.get_lines()
    assert list(seconds.get_ydata()) == pytest.approx([1.5**-0.5, 1.5**0.5])  # type: ignore[arg-type]
    assert texts(batch) == ["1.00×", "1.00×"]


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("fronts", {}, "no picture 'fronts' of a sweep; .*did you mean 'front'"),
        ("front", {"colour": 1}, "unknown option 'colour' of 'front'; known: objectives"),
        ("heat_map", {"x": "row"}, "made: there is no axis 'row'; .*did you mean 'rows'"),
        ("heat_map", {"figure": "second"}, "unknown measure 'second'; .*did you mean 'seconds'"),
        ("relative", {"baseline": {"kind": "c"}}, "the axis 'kind': there is no label 'c'"),
        ("relative", {"baseline": {"kind": "a"}, "by": "kind"}, "by: there is no other axis"),
    ],
)
def test_what_is_not_there_is_a_message(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(CyclelabError, match=message):
        sim.plot(result(AXES, figures), kind, **options)


def test_without_points_that_ran_there_is_a_message() -> None:
    nothing: Figures = lambda own: "failed"  # noqa: E731
    for kind in KINDS:
        with pytest.raises(CyclelabError, match="made"):
            sim.plot(result(AXES, nothing), kind)
