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
from simulator.report.machine_cost_table import machine_table
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
    assert "core.matrix_unit" not in shown and "  register_file" in shown
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
    twins = {"core.a.x": areas["core.b"], "core.a.y": areas["core.b"]}
    collapsed = machine_table(twins, areas["l2"])
    assert [line.split()[0] for line in collapsed[1:-2]] == ["core.a", "x", "y", "all"]
    assert lines[1].split()[1] == "9.00"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a10"], "no machine, unit or DRAM device is called 'a10'"),
        (["hbm3-6401"], "did you mean 'hbm3-6400'"),
        (["hbm2-2000", "--technology", "7nm"], "a DRAM device, which states energies of its own"),
        (["a100", "--set", "technology.supply_v=0.2"], "expected 0.5 to 1.2 V"),
        (["a100", "--set", "technology.suply_v=0.7"], "unknown key 'suply_v'"),
        (["tensor_core", *INT8, "--set", "technology.node_nm=5"], "covers 7 to 130 nm"),
        (["lut_tensor_cor"], "did you mean 'lut_tensor_core'"),
        (["tensor_core"], "missing key 'input_format'"),
        (["tensor_core", *INT8, "--set", "row=2"], "unknown key 'row'; did you mean 'rows'"),
        (["tensor_core", *INT8, "--technology", "46nm"], "no technology preset is called '46nm'"),
        (["a100", "--technology", "46nm"], "no technology preset is called '46nm'"),
        (["a100", "--set", "machine.cores=0"], "machine.cores: found 0"),
        (["tensor_core", "--set", "kind=foo"], "kind: found 'foo', expected a unit: systolic"),
        (["tensor_core", "--set", "kind=[1]"], "kind: found [1], expected a unit"),
        (["tensor_core", *INT8, "--technology", ""], "--technology: found no name"),
        (["a100", "--technology", ""], "--technology: found no name"),
        (
            ["a100", "--technology", "7nm", "--set", "technology=16nm"],
            "found also --set",
        ),
        (["a100", "--technology", "23nm"], "--technology: no technology preset is called '23nm'"),
        (["a100", "--set", "technology.clock.idl=0"], "technology.clock.idl: unknown key 'idl'"),
        (["a100", "--set", "technology.supply_v=0"], "technology.supply_v: found 0"),
        (["tensor_core", *INT8, "--set", "technology.supply_v=0"], "technology.supply_v: found 0"),
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


def test_a_lower_supply(capsys: pytest.CaptureFixture[str]) -> None:
    """Settings of the technology: of a unit's, and of the one that a machine names."""
    lower = ["--set", "technology.supply_v=0.7"]
    for what in (["tensor_core", *INT8, "--technology", "16nm"], ["npu_w8a8"]):
        (nominal, *_), (low, *_) = (
            [*document(capsys, *what, *more)["units"].values()] for more in ([], lower)
        )
        # 16 nm: 0.2958 V² - 0.1241 V + 0.03024: 0.088312 at 0.7 V for 0.120272 at 0.8 V.
        ratio = low["energy_pj_per_mac"]["value"] / nominal["energy_pj_per_mac"]["value"]
        assert ratio == pytest.approx(0.088312 / 0.120272)
        assert low["area_um2"] == nominal["area_um2"]
    assert main(["cost", "npu_w8a8", *lower]) == 0
    assert "at 0.7 V gates take 1.15 times as long" in " ".join(capsys.readouterr().out.split())


def test_moving_a_byte(capsys: pytest.CaptureFixture[str]) -> None:
    moves = {move["path"]: move for move in document(capsys, "npu_w8a8")["moves"]}
    assert list(moves) == ["core.scratchpad", "memory"]
    assert moves["memory"]["read_pj_per_byte"]["value"] == pytest.approx(8 * 3.9)
    technology = load_technology("16nm")
    from tests.cost.helpers import sram

    read = technology.action_energy_pj(sram(131072, 512), "read").value
    assert moves["core.scratchpad"]["read_pj_per_byte"]["value"] == pytest.approx(read / 64)


def test_a_dram_by_command(capsys: pytest.CaptureFixture[str]) -> None:
    """What processing in memory saves: the stages that a bit does not pass."""
    found = document(capsys, "hbm3-6400")
    per_bit = {name: energy["value"] for name, energy in found["pj_per_bit"].items()}
    assert per_bit["a bit read as far as cell"] == pytest.approx(0.11 + 0.44)
    assert per_bit["a bit read as far as bank group mux"] == pytest.approx(0.55 + 1.01)
    assert per_bit["a bit read as far as tsv"] == pytest.approx(3.29)
    assert per_bit["a bit read, cell to pins"] == pytest.approx(3.59)
    # A row of 1 KB of which a bit costs 0.11 pJ; a burst of 32 bytes.
    assert found["activate_pj"]["value"] == pytest.approx(8192 * 0.11)
    assert found["read_pj"]["value"] == pytest.approx(256 * (0.44 + 1.01 + 1.23 + 0.5))
    assert main(["cost", "ddr4-3200", "--sources"]) == 0
    shown = capsys.readouterr().out
    assert "REFab" in shown and "DRAMsim3" in shown
