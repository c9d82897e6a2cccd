"""`sim.compare`: the same cases as the command's, shown in a notebook, and its mistakes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from matplotlib.figure import Figure

import simulator as sim
from simulator.config import CyclelabError
from simulator.explore.outcome import Outcome
from simulator.explore.table import tables
from tests.explore.comparisons import SMALL, written


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return sim.compare(written(tmp_path_factory.mktemp("small")))


def test_a_mapping_is_the_same_comparison(outcome: Outcome) -> None:
    assert sim.compare(yaml.safe_load(SMALL)).cases == outcome.cases


def test_machines_on_an_experiment(tmp_path: Path) -> None:
    experiment = yaml.safe_load(SMALL)["experiment"] | {"name": "gemm"}
    file = tmp_path / "gemm.yaml"
    file.write_text(yaml.safe_dump(experiment), "utf-8")
    names = ["npu_w8a8", "npu_w4a8"]
    found = sim.compare(*names, experiment=file, equal="area", set={"workload.gemms.0.m": 8})
    assert [case.name for case in found.cases] == names
    assert found.cases[0].phases[0].macs == 8 * 512 * 512
    assert found.cases[1].units.relative == pytest.approx(1, abs=0.05)


def test_a_row_per_case_and_phase(outcome: Outcome) -> None:
    frame = outcome.to_dataframe()
    assert list(frame["case"]) == ["unpacked", "narrow", "tables"]
    assert list(frame["cycles"]) == [case.phases[0].cycles for case in outcome.cases]


def test_a_notebook_shows_every_cell(outcome: Outcome) -> None:
    shown = re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", outcome._repr_html_())
    expected = [cell for head, rows in tables(outcome) for row in (head, *rows) for cell in row]
    assert shown == expected
    assert "A note." in outcome._repr_html_() and "narrow" in repr(outcome)


@pytest.mark.parametrize("kind", ["overview", "area", "efficiency"])
def test_pictures(outcome: Outcome, kind: str) -> None:
    assert isinstance(sim.plot(outcome, kind), Figure)


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        ((), {}, "found nothing, expected names of machines"),
        ((3,), {}, "found 3, expected names of machines"),
        (({"name": "x"},), {}, "comparison: missing key"),
        (({"name": "x"},), {"experiment": "e"}, "a comparison has one of its own"),
        (("npu_w8a8",), {}, "found one machine"),
        (("npu_w8a8", "npu_w4a"), {}, "did you mean the machine 'npu_w4a8'"),
        (("npu_w8a8", "npu_w4a8"), {"equal": "aera"}, "equal: found 'aera'.*'area'"),
        (("npu_w8a8", "npu_w4a8"), {"set": {"machine.corse": 2}}, "did you mean 'core'"),
    ],
)
def test_mistakes(names: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(CyclelabError, match=message):
        sim.compare(*names, **options)
