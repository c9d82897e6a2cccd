"""Ratios to a baseline: of one point, of each point's own; means, rows, columns."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.config import CyclelabError
from simulator.explore.analysis.groups import rows_of, telling_axis
from simulator.explore.analysis.relative import Baseline
from tests.explore.points import grid, result

AXES: dict[str, list[Any]] = {"pe": ["MAC", "LUT"], "bits": [8, 4, 2]}


def figures(labels: dict[str, Any]) -> dict[str, float] | str:
    """A LUT takes a sixteenth of a second for each bit, a MAC one; 8 bits fail on it."""
    if labels == {"pe": "LUT", "bits": 8}:
        return "does not fit"
    seconds = labels["bits"] / 16 if labels["pe"] == "LUT" else 1.0
    return {"seconds": seconds, "energy_j": 2.0 if labels["pe"] == "LUT" else 4.0}


def test_each_point_has_its_own_baseline() -> None:
    points = grid(AXES, figures)
    base = Baseline.of({"pe": "MAC"}, AXES)
    assert base.ratios(points, "seconds") == {0: 1, 1: 1, 2: 1, 4: 4 / 16, 5: 2 / 16}
    assert base.words == "pe MAC"


def test_one_point_is_the_baseline_of_all() -> None:
    base = Baseline.of({"pe": "LUT", "bits": "2"}, AXES)  # a label as its text
    assert base.labels == {"pe": "LUT", "bits": 2}
    assert base.ratios(grid(AXES, figures), "seconds") == {0: 8, 1: 8, 2: 8, 4: 2, 5: 1}


def test_without_a_baseline_that_ran_there_are_no_ratios() -> None:
    assert Baseline.of({"pe": "LUT", "bits": 8}, AXES).ratios(grid(AXES, figures), "seconds") == {}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"pee": "MAC"}, "no axis 'pee'; there are: pe, bits; did you mean 'pe'"),
        ({"pe": "LUTS"}, "the axis 'pe': there is no label 'LUTS'; .*did you mean 'LUT'"),
    ],
)
def test_unknown_labels_are_a_message(labels: dict[str, Any], message: str) -> None:
    with pytest.raises(CyclelabError, match=message):
        Baseline.of(labels, AXES)


def test_rows_are_geometric_means_with_extremes() -> None:
    """LUT: 4/16 and 2/16, so 1/√32 with 8 bits missing; energy is halved everywhere."""
    found = result(AXES, figures)
    base = Baseline.of({"pe": "MAC"}, AXES)
    mac, lut = rows_of(found, base, ["seconds", "energy_j"], None)
    assert mac.is_baseline and not lut.is_baseline
    seconds, energy = lut.ratios
    assert seconds is not None and energy is not None
    assert (seconds.mean, seconds.low, seconds.high) == pytest.approx((32**-0.5, 1 / 8, 1 / 4))
    assert (energy.low, energy.high) == (0.5, 0.5)
    assert telling_axis(found, base, ["seconds", "energy_j"]) == "bits"
    apart = rows_of(found, base, ["seconds"], "bits")
    assert [list(row.labels.values()) for row in apart] == [
        [8, "MAC"],
        [4, "MAC"],
        [4, "LUT"],
        [2, "MAC"],
        [2, "LUT"],
    ]


def test_of_one_point_rows_are_the_front() -> None:
    found = result(AXES, figures)
    base = Baseline.of({"pe": "MAC", "bits": 8}, AXES)
    rows = rows_of(found, base, ["seconds"], None)
    assert [list(row.labels.values()) for row in rows] == [["MAC", 8], ["LUT", 2]]
    assert telling_axis(found, base, ["seconds"]) is None


def test_without_a_named_baseline_it_is_the_first_point_that_ran() -> None:
    found = result({"pe": ["LUT", "MAC"], "bits": [8, 4]}, figures)
    assert found.baseline == Baseline({"pe": "LUT", "bits": 4})
    named = result(AXES, figures, baseline={"pe": "MAC"})
    assert named.baseline == Baseline({"pe": "MAC"})
