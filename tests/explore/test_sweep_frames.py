"""Tables of points: every column has one type, which a file of columns can hold."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.explore.analysis.table import point_rows, sensitivity_rows
from simulator.report.tables import csv_text
from tests.explore.points import result

AXES: dict[str, list[Any]] = {
    "rows": [16, 32],
    "rate": [1, 2.5],
    "double": [False, True],
    "kind": ["b", "a"],
    "mixed": [1, "auto"],
}


def figures(labels: dict[str, Any]) -> dict[str, float] | str:
    if labels["rows"] == 32 and labels["kind"] == "a":
        return "too large"
    more = {"tokens_per_second": 3.0} if labels["double"] else {}
    return {"seconds": labels["rate"] / labels["rows"], "energy_j": 1.0, **more}


def test_columns_have_one_type_each() -> None:
    found = result(AXES, figures)
    frame = found.to_dataframe({"rows": 16})
    assert not [name for name in frame if frame[name].dtype == object]
    kinds = {name: str(frame[name].dtype) for name in frame}
    assert kinds == {
        "rows": "int64",
        "rate": "float64",
        "double": "bool",
        "kind": "category",
        "mixed": "category",
        "state": "string",
        "feasible": "bool",
        "error": "string",
        "simulation_s": "float64",
        "seconds": "float64",
        "energy_j": "float64",
        "tokens_per_second": "float64",
        "speedup": "float64",
        "seconds_ratio": "float64",
        "energy_j_ratio": "float64",
    }
    # In the order of the sweep, not of the alphabet.
    assert list(frame["kind"].cat.categories) == ["b", "a"] and frame["kind"].cat.ordered
    failed = frame[frame["error"].notna()]
    assert len(failed) == 8 and failed["seconds"].isna().all()
    # Two and a half times the rate on twice the rows, against half the rows.
    chosen = frame[(frame["rows"] == 32) & (frame["kind"] == "b")]
    assert (chosen["speedup"] == 2.0).all() and (chosen["seconds_ratio"] == 0.5).all()


def test_without_points_there_are_columns() -> None:
    found = result({"rows": []}, figures)
    assert list(found.to_dataframe()) == ["rows", "state", "feasible", "error", "simulation_s"]


def test_rows_of_csv_have_the_same_columns() -> None:
    rows = point_rows(result(AXES, figures).points)
    assert len({tuple(row) for row in rows}) == 1
    head, first, *_ = csv_text(rows).splitlines()
    assert head.startswith("rows,rate,double,kind,mixed,state,feasible,error,simulation_s,seconds")
    assert first.startswith("16,1,False,b,1,done,True,,0.1,0.0625,1.0,")


def test_sensitivities_have_a_row_per_label() -> None:
    rows = sensitivity_rows(result(AXES, figures).sensitivity(["seconds"]))
    assert [row["label"] for row in rows if row["axis"] == "rate"] == ["1", "2.5"]
    (rate,) = {row["factor"] for row in rows if row["axis"] == "rate"}
    assert rate == pytest.approx(2.5)
