"""An experiment's technology: settings of it, and configurations that are run again."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import simulator as sim
from simulator.cli import main
from simulator.experiment import load_experiment

GEMM = """
name: gemm
machine: gemmini_16x16
workload:
  gemms: [{name: gemm, m: 64, n: 64, k: 64}]
  precision: {weights: int8, activations: int8}
"""


def written(folder: Path, text: str, name: str = "e.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    "technology",
    [
        "technology: ../own.yaml",
        "technology: {extends: ../own.yaml, supply_v: 0.7}",
        "technology: 22nm",
        "",
    ],
)
def test_a_configuration_can_be_run_again(tmp_path: Path, technology: str) -> None:
    """From another folder, where a file of the same name is another technology."""
    written(tmp_path, "extends: 16nm\nname: own\nswitching_activity: 0.7\n", "own.yaml")
    written(tmp_path / "x", "extends: 45nm\nname: decoy\n", "own.yaml")
    path = written(tmp_path / "a", f"{GEMM}{technology}\n")
    assert main(["run", str(path), "--output", str(tmp_path / "x" / "y"), "--quiet"]) == 0
    again = tmp_path / "x" / "y" / "configuration.yaml"
    first, second = sim.run(path), sim.run(again)
    assert first.energy_j == second.energy_j and first.area_mm2 == second.area_mm2
    assert first.configuration_hash == second.configuration_hash
    # It still takes settings.
    lower = load_experiment(again, ["technology.supply_v=0.6"])
    assert lower.technology.spec.supply_v == 0.6


def test_bounds_survive(tmp_path: Path) -> None:
    own = "{value: 0.5, low: 0.2, high: 1.5, source: me}"
    path = written(tmp_path, f"{GEMM}technology:\n  extends: 22nm\n  switching_activity: {own}\n")
    resolved = load_experiment(path).resolved()
    again = written(tmp_path, yaml.safe_dump(resolved), "again.yaml")
    assert sim.run(path).energy_j == sim.run(again).energy_j


def test_equal_names_of_other_contents_have_other_hashes(tmp_path: Path) -> None:
    path = written(tmp_path, f"{GEMM}technology: own.yaml\n")
    hashes = set()
    for activity in (0.5, 0.6):
        written(tmp_path, f"extends: 22nm\nswitching_activity: {activity}\n", "own.yaml")
        hashes.add(load_experiment(path).configuration_hash())
    assert len(hashes) == 2


def test_a_lower_supply_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["gemm", "64", "64", "64", "--machine", "gemmini_16x16"]
    assert main([*arguments, "--set", "technology.supply_v=0.7"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "technology 22nm (supply_v=0.7)" in shown
    assert "at 0.7 V gates take 1.29 times as long as at the nominal 0.8 V" in shown
