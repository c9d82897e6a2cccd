"""`cyclelab cost`: bills that add up, and what it says of mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.cli import main
from simulator.cost import load_technology
from simulator.cost.unit import LONG, busy_tile, unit_cost
from simulator.hardware.matrix_unit import MATRIX_UNITS
from simulator.report.cost_table import machine_table
from tests.contract.examples import EXAMPLES

INT8 = ["--set", "input_format=int8", "--set", "weight_format=int8"]
INT8 += ["--set", "accumulator_format=int32"]


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["cost", *arguments, "--json", "-"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("kind", sorted(MATRIX_UNITS))
def test_a_unit_is_the_sum_of_its_parts(kind: str) -> None:
    technology = load_technology("45nm")
    for spec in EXAMPLES[kind][:6]:
        unit = MATRIX_UNITS[kind](spec)
        cost = unit_cost(unit, technology)
        by_hand = sum(
            part.count * technology.primitive_area_um2(part.primitive).value
            for part in unit.structure()
        )
        assert cost.area_um2.value == pytest.approx(by_hand)
        tile = busy_tile(unit)
        assert min(tile.m, tile.n, tile.k) >= LONG
        energy = sum(
            count * technology.action_energy_pj(action.primitive, action.verb).value
            for action, count in unit.actions(tile).counts.items()
        )
        assert cost.energy_pj_per_mac.value * tile.macs == pytest.approx(energy)


def test_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    """A tensor core of one lane and one product: a multiplier, an adder, registers."""
    sizes = ["--set", "rows=1", "--set", "columns=1", "--set", "depth=1"]
    found = document(capsys, "tensor_core", *INT8, *sizes, "--set", "double_buffer=false")
    (unit,) = found["units"].values()
    parts = {part["path"]: part for part in unit["parts"]}
    assert parts["lane.multiplier"]["area_um2"]["value"] == pytest.approx(341.28)
    assert parts["lane.multiplier"]["energy_pj_per_mac"]["value"] == pytest.approx(0.2)
    assert parts["lane.adder"]["area_um2"]["value"] == pytest.approx(183.27)
    registers = 32 + 8 + 8
    others = unit["area_um2"]["value"] - 341.28 - 183.27
    assert others == pytest.approx(registers * 4.52)


def test_a_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "a100"]) == 0
    shown = capsys.readouterr().out
    assert "core.register" not in shown and "register_file" in shown
    assert "432 × tensor_core M8 N4 K8 (fp16 × fp16), one of which" in shown
    assert max(map(len, shown.splitlines())) <= 100
    found = document(capsys, "a100", "--technology", "16nm")
    assert found["technology"] == "16nm"
    total = sum(area["value"] for area in found["area_mm2"].values())
    assert total > sum(a["value"] for a in document(capsys, "a100")["area_mm2"].values())


def test_a_unit_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "unit.yaml"
    path.write_text(
        "kind: systolic_array\nrows: 4\ncolumns: 4\ndataflow: weight_stationary\n"
        "input_format: int8\nweight_format: int8\naccumulator_format: int32\n",
        "utf-8",
    )
    assert main(["cost", str(path), "--sources"]) == 0
    shown = capsys.readouterr().out
    assert "systolic_array 4×4" in shown and "Horowitz" in shown


def test_a_parent_is_the_sum_of_its_children(capsys: pytest.CaptureFixture[str]) -> None:
    from simulator.cost import Estimate

    areas = {
        path: Estimate(value, value / 2, value * 2)
        for path, value in (("core.a.x", 1.0), ("core.a.y", 3.0), ("core.b", 5.0), ("l2", 2.0))
    }
    lines = machine_table(areas, Estimate(0, 0, 0))
    assert [line.split()[0] for line in lines[1:-2]] == ["core", "b", "a", "y", "x", "l2", "all"]
    assert lines[1].split()[1] == "9.00"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a10"], "no machine or unit is called 'a10'"),
        (["lut_tensor_cor"], "did you mean 'lut_tensor_core'"),
        (["tensor_core"], "missing key 'input_format'"),
        (["tensor_core", *INT8, "--set", "row=2"], "unknown key 'row'; did you mean 'rows'"),
        (["tensor_core", *INT8, "--technology", "46nm"], "no technology preset is called '46nm'"),
        (["a100", "--technology", "46nm"], "no technology preset is called '46nm'"),
        (["a100", "--set", "machine.cores=0"], "machine.cores: found 0"),
        (["tensor_core", "--set", "kind=foo"], "kind: found 'foo', expected a unit: systolic"),
        (["tensor_core", "--set", "kind=[1]"], "kind: found [1], expected a unit"),
        (["tensor_core", *INT8, "--technology", ""], "technology"),
        (["nowhere.yaml"], "no such file"),
    ],
)
def test_mistakes(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_units_of_one_size_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    second = "machine.core.matrix_units.1"
    formats = ("input_format=int16", "weight_format=int16", "accumulator_format=int48")
    settings = ["machine.core.matrix_units.0.count=1", *(f"{second}.{each}" for each in formats)]
    arguments = [part for setting in settings for part in ("--set", setting)]
    assert len(document(capsys, "npu_w8a8", *arguments)["units"]) == 2


def test_a_file_of_an_unknown_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "unit.yaml"
    path.write_text("kind: tensor_cor\n", "utf-8")
    assert main(["cost", str(path)]) == 2
    shown = capsys.readouterr().err
    assert "unit.yaml:1: kind: unknown kind of machine or unit" in shown
    assert "did you mean 'tensor_core'" in shown
