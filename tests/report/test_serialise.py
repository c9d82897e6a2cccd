import json
from dataclasses import replace
from typing import Any

import pytest

from simulator.config import CyclelabError
from simulator.report.result import Estimate, Result
from simulator.report.serialise import to_json


def reject_constant(name: str) -> Any:
    raise AssertionError(f"{name} is not JSON")


def test_round_trip_is_exact(result: Result) -> None:
    document = json.loads(to_json(result), parse_constant=reject_constant)
    assert document == result.to_dict()
    assert Result.from_dict(document) == result


def test_text_is_deterministic(result: Result) -> None:
    text = to_json(result)
    assert to_json(Result.from_dict(json.loads(text))) == text


def test_promised_keys(result: Result) -> None:
    document = result.to_dict()
    assert document["cycles"] == result.cycles
    assert document["seconds"] == result.seconds
    for name in ("area_mm2", "energy_j", "power_w"):
        assert set(document[name]) == {"value", "low", "high"}
    wanted = {"name", "kind", "unit", "start", "cycles", "compute_cycles", "stall_cycles", "bytes"}
    for row, op in zip(document["operators"], result.operators, strict=True):
        assert wanted | {"energy_j"} <= set(row)
        assert row["start"] == row["start_cycle"] == op.start_cycle


def test_not_a_number_is_an_error_with_its_place(result: Result) -> None:
    broken = replace(result, energy_j=Estimate(1.0, float("nan"), 2.0))
    with pytest.raises(CyclelabError, match=r"result\.energy_j\.low is not a finite number"):
        to_json(broken)


@pytest.mark.parametrize("document", [{}, {"schema_version": 99}, [], "text", None])
def test_other_documents_are_refused(document: Any) -> None:
    with pytest.raises(CyclelabError, match="not a cyclelab result"):
        Result.from_dict(document)


def test_missing_and_misshapen_parts_are_named(result: Result) -> None:
    document = result.to_dict()
    without = {key: value for key, value in document.items() if key != "energy_j"}
    with pytest.raises(CyclelabError, match="'energy_j' is missing"):
        Result.from_dict(without)
    with pytest.raises(CyclelabError, match="not a valid cyclelab result"):
        Result.from_dict(document | {"operators": [1, 2]})
