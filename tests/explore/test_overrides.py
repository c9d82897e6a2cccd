"""`--set` in comparisons: what it may not replace, and that results say what it did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulator.cli import main
from simulator.config import ConfigError
from simulator.explore.compare import compare
from simulator.explore.machines import default_experiment, machines_on
from simulator.explore.rows import document
from simulator.explore.sizing import experiments_of
from simulator.explore.spec import load_comparison
from simulator.explore.table import text
from tests.explore.comparisons import SMALL, written

WHOLE = ["machine=a100", " machine = a100", "machine.extends=a100", "machine={extends: a100}"]
NARROW_LINE = next(
    number for number, line in enumerate(SMALL.splitlines(), 1) if "npu_w4a8}" in line
)


@pytest.mark.parametrize("setting", WHOLE)
def test_machines_that_are_named_stay(setting: str, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--experiment", "llama2_7b_w4a8"]):
        assert main(["compare", "npu_w8a8", "npu_w4a8", "--set", setting, *more]) == 2
        error = capsys.readouterr().err
        assert "all cases would have this one machine, but npu_w8a8, npu_w4a8 are named" in error
        assert error.startswith("error: --set machine") and "machine.cores=2" in error


@pytest.mark.parametrize("setting", WHOLE)
def test_machines_that_cases_set_stay(tmp_path: Path, setting: str) -> None:
    spec = load_comparison(written(tmp_path))
    place = rf"small\.yaml:{NARROW_LINE}"
    with pytest.raises(ConfigError, match=rf"case 'narrow' sets machine \(.*{place}\)"):
        experiments_of(spec, [setting])


def test_what_cases_change_of_a_machine_would_be_lost(tmp_path: Path) -> None:
    changes = {"machine: npu_w4a8}": "machine.cores: 2}", "machine: npu_w4a8_lut, ": ""}
    spec = load_comparison(written(tmp_path, **changes))
    with pytest.raises(ConfigError, match=r"case 'narrow' sets machine\.cores"):
        experiments_of(spec, ["machine=npu_w4a8"])


def test_a_machine_that_no_case_chooses_can_be_set(tmp_path: Path) -> None:
    changes = {
        "machine: npu_w4a8}": "workload.precision.weights: int8}",
        "machine: npu_w4a8_lut, ": "",
    }
    spec = load_comparison(written(tmp_path, **changes, bipolar4="int8"))
    built = experiments_of(spec, ["machine=gemmini_16x16", "workload.precision.weights=int8"])
    assert {each.spec.machine.name for each in built.values()} == {"gemmini_16x16"}


def test_settings_within_machines_can_be_set() -> None:
    names = ["npu_w8a8", "npu_w4a8"]
    assert default_experiment(names, ["machine.cores=2"]) == "llama2_7b_w4a8"
    built = experiments_of(machines_on("llama2_7b_w4a8", names), ["machine.cores=2"])
    assert [each.spec.machine.cores for each in built.values()] == [2, 2]


def test_results_say_what_was_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path)
    settings = ["machine.cores=2", "workload.gemms.0.m=64"]
    outcome = compare(load_comparison(file), settings)
    assert "\nwith --set machine.cores=2, workload.gemms.0.m=64\n" in text(outcome)
    assert document(outcome)["settings"] == settings
    assert main(["compare", file, "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["settings"] == [] and not any("--set" in note for note in data["notes"])
