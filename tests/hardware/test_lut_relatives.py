"""Scaled tables, stationary weights, and published designs as settings of the LUT tensor core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.config import CyclelabError, load_document, load_preset, validate
from simulator.cost import Technology, load_technology
from simulator.hardware.lut_tensor_core import LutTensorCore, LutTensorCoreSpec
from simulator.hardware.lut_tensor_core.registers import LutModel
from simulator.hardware.matrix_unit import Tile, reference_operands
from simulator.hardware.npu import NpuSpec
from simulator.numerics import format_named
from tests.docs.pages import ROOT, blocks

PAGE = ROOT / "docs" / "lut_tensor_cores.md"
PUBLISHED_UM2 = (17271.71, 13116.60, 12780.05, 11991.29)
PUBLISHED_MW = (23.39, 17.98, 17.37, 16.22)
"""LUT Tensor Core, Table 2, 28 nm: UNPU, and three changes that make it a LUT tensor core."""
ABLATION: tuple[dict[str, Any], ...] = (
    {},
    {"weight_format": "bipolar2", "index_negation": "circuit"},
    {"weight_format": "bipolar2"},
    {"weight_format": "bipolar2", "sums": "table"},
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with the files that the page shows."""
    for block in blocks(PAGE, "yaml"):
        if block.file_name:
            (tmp_path / block.file_name).write_text(block.text, "utf-8")
    return tmp_path


def core(file: Path, **changes: Any) -> LutTensorCore:
    """The unit of a file, with some options changed."""
    spec = validate(LutTensorCoreSpec, load_document(file))
    return LutTensorCore(LutTensorCoreSpec(**{**spec.model_dump(), **changes}))


def parts(unit: LutTensorCore) -> dict[str, tuple[int, int]]:
    """Count and bits by path."""
    return {p.path: (p.count, p.primitive.bits) for p in unit.structure()}


def area_um2(unit: LutTensorCore, technology: Technology) -> dict[str, float]:
    """Area by path."""
    price = technology.primitive_area_um2
    return {p.path: price(p.primitive).value * p.count for p in unit.structure()}


def energy_pj(unit: LutTensorCore, technology: Technology) -> float:
    """Energy of a long tile."""
    done = unit.actions(Tile(2, 64, 4000)).counts.items()
    return sum(technology.action_energy_pj(a.primitive, a.verb).value * n for a, n in done)


# -- what the page shows ------------------------------------------------------------------
@pytest.mark.parametrize("name", ["unpu", "figlut", "scaled"])
def test_every_design_of_the_page_multiplies(files: Path, name: str) -> None:
    unit = core(files / f"{name}.yaml")
    tile = Tile(3, 70, 19)
    inputs, weights = reference_operands(np.random.default_rng(7), tile, *unit.format_pairs[0])
    run = unit.registers(inputs, weights)
    assert run.cycles == unit.timing(tile).cycles
    assert run.values.tobytes() == unit.compute(inputs, weights).tobytes()
    exact = inputs.astype(float) @ weights.astype(float)
    np.testing.assert_allclose(run.values.astype(float), exact, atol=0.02 * abs(exact).max())


# -- tables with scales ---------------------------------------------------------------------
def test_scaled_parts_by_hand(files: Path) -> None:
    unit = core(files / "scaled.yaml")
    found = parts(unit)
    assert found["table.register"] == (2 * 8, 8)
    assert found["table.scale.register"] == (2, 16) and found["table.scale.delay"] == (2, 16)
    # Codes of 8 bits times 1 or 2: |Σ| is at most 3 · 127 = 381, of which the sum has 10 bits.
    assert found["lane.step_register"] == (128, 10)
    primitives = {p.path: p.primitive for p in unit.structure()}
    assert primitives["lane.step_adder"].formats == ("int10",)
    assert primitives["lane.scale_multiplier"].formats == ("int10", "fp16")
    assert primitives["lane.adder"].formats == ("fp32",)
    both = parts(core(files / "scaled.yaml", double_buffer=True, pipeline_stages=2))
    assert both["table.scale.register"] == both["table.scale.delay"] == (4, 16)
    # One bit needs no sum over bits, but its register still.
    single = parts(core(files / "scaled.yaml", weight_format="bipolar1"))
    assert "lane.step_adder" not in single and single["lane.step_register"] == (128, 9)


def test_scaled_actions_and_bytes_by_hand(files: Path) -> None:
    unit, tile = core(files / "scaled.yaml"), Tile(2, 64, 12)
    counts = {a.path: n for a, n in unit.actions(tile).counts.items()}
    # Three steps of two bits in 128 lanes: the multiplier acts once per step.
    assert counts["lane.table_select"] == 7 * 128 * 6
    assert counts["lane.step_adder"] == 128 * 6
    assert counts["lane.scale_multiplier"] == counts["lane.adder"] == 128 * 3
    assert counts["lane.accumulator"] == 128 * 3
    assert unit.traffic(tile).input_read_bytes == 2 * 3 * (8 * 8 + 16) // 8
    assert unit.preparation is not None
    assert unit.preparation.function == "scaled_half_table_4"
    assert unit.preparation.bits_per_element == (8 * 8 + 16) / 4
    full = core(files / "scaled.yaml", weight_format="int2").preparation
    assert full is not None
    assert full.function == "scaled_full_table_4" and full.bits_per_element == (16 * 8 + 16) / 4


def test_one_scaled_step_by_hand(files: Path) -> None:
    # Load 1 (all at once) + stream 2 + product with the scale 1 + sums leave 1.
    assert core(files / "scaled.yaml").timing(Tile(2, 64, 4)).cycles == 5
    stages = core(files / "scaled.yaml", pipeline_stages=2, double_buffer=True)
    assert stages.timing(Tile(2, 64, 4)).cycles == 2 + 2 + 1 + 1 + 1
    assert stages.timing(Tile(2, 64, 8)).cycles == 2 + 4 + 1 + 1 + 1, "scaled behind the next"


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"sums": "built_table"}, "built_table has no scales"),
        ({"sums": "adders"}, "have no tables to scale"),
        ({"table_scale_format": "int8"}, "found int8, expected one of fp16, bf16, fp32"),
        ({"stationary": "weights"}, "partial_sums: lanes hold one block of sums"),
    ],
)
def test_options_that_do_not_go_together(files: Path, change: dict[str, Any], part: str) -> None:
    with pytest.raises((CyclelabError, ValueError), match=part):
        core(files / "scaled.yaml", **change)


def test_what_the_vector_unit_does_for_a_table() -> None:
    machine = validate(NpuSpec, load_preset("machines", "lut_npu"))
    functions = machine.core.vector_unit.functions
    # K = 4: 12 additions, 3 of magnitudes, 1/127, a reciprocal 4, three for each of 8 sums.
    assert 4 * functions["scaled_half_table_4"].cycles_per_element == 12 + 3 + 1 + 4 + 3 * 8
    # All of 4: 11 additions, 14 maxima, 1/127, a reciprocal 4, three for each of 15 sums.
    assert 4 * functions["scaled_full_table_4"].cycles_per_element == 11 + 14 + 1 + 4 + 3 * 15
    assert {name for name in functions if name.startswith("scaled_")} == {
        f"scaled_{kind}_table_{depth}"
        for kind, most in (("half", 5), ("full", 4))
        for depth in range(2, most + 1)
    }


# -- FIGLUT: stationary weights ---------------------------------------------------------------
def test_weights_that_stay_come_once(files: Path) -> None:
    # 5 rows, 2 blocks of 32 columns, 3 steps of k: 30 steps of three bits.
    stay, go = core(files / "figlut.yaml"), core(files / "figlut.yaml", stationary="outputs")
    tile = Tile(5, 64, 12)
    assert stay.timing(tile) == go.timing(tile)
    assert stay.timing(tile).interval_cycles == 5 * 2 * 3 * 3
    assert stay.traffic(tile).weight_read_bytes == 64 * 12 * 3 // 8
    assert go.traffic(tile).weight_read_bytes == 5 * 64 * 12 * 3 // 8
    registers = {a.path: n for a, n in stay.actions(tile).counts.items()}
    assert registers["weight.register"] == 64 * 12, "K registers of W bits for each column"
    # Sums of 32 bits: every step writes 32 of them, and two steps of three read them.
    assert stay.traffic(tile).psum_write_bytes == 5 * 64 * 3 * 4
    assert stay.traffic(tile).psum_read_bytes == 5 * 64 * 2 * 4
    assert parts(stay)["lane.sum_select"] == (32, 32)
    assert parts(stay)["weight.index_negation"] == (32 * 3, 1)


@pytest.mark.parametrize(
    ("stationary", "partial_sums"),
    [("outputs", "lanes"), ("outputs", "buffer"), ("weights", "buffer")],
)
def test_sums_at_the_port_are_those_of_the_registers(
    files: Path, stationary: str, partial_sums: str
) -> None:
    unit = core(files / "figlut.yaml", stationary=stationary, partial_sums=partial_sums)
    tile = Tile(5, 40, 11)
    inputs, weights = reference_operands(np.random.default_rng(3), tile, *unit.format_pairs[0])
    model = LutModel(unit.spec, inputs, weights, repeats=1)
    model.run()
    size = format_named(unit.accumulator_format).bits // 8
    assert unit.traffic(tile).psum_read_bytes == model.buffer_reads * size
    assert unit.traffic(tile).psum_write_bytes == model.buffer_writes * size


# -- UNPU and the published areas ---------------------------------------------------------------
@pytest.mark.parametrize("name", ["45nm", "22nm", "16nm"])
def test_the_published_ablation(files: Path, name: str) -> None:
    technology = load_technology(name)
    units = [core(files / "unpu.yaml", **change) for change in ABLATION]
    areas = [sum(area_um2(unit, technology).values()) for unit in units]
    energies = [energy_pj(unit, technology) for unit in units]
    for found, published in ((areas, PUBLISHED_UM2), (energies, PUBLISHED_MW)):
        ratios = [each / found[0] for each in found]
        assert ratios == sorted(ratios, reverse=True)
        assert ratios == pytest.approx([each / published[0] for each in published], rel=0.13)
    assert [each / areas[0] for each in areas] == pytest.approx([1, 0.769, 0.766, 0.747], abs=5e-4)


def test_the_published_area_at_its_node(files: Path) -> None:
    technology = load_technology("28nm")
    lut = {**ABLATION[3], "table_format": "int10"}
    wide = area_um2(core(files / "unpu.yaml", **lut), technology)
    assert sum(wide.values()) / PUBLISHED_UM2[3] == pytest.approx(2.05, abs=0.005)
    # Adders and registers of sums alone are more than the published 93.7 µm² per lane.
    assert (wide["lane.adder"] + wide["lane.accumulator"]) / 128 > PUBLISHED_UM2[3] / 128
    # Per input bit of a selection, where the ablation implies at most 0.51 µm².
    assert wide["lane.table_select"] / (128 * 8 * 10) == pytest.approx(0.60, abs=0.005)
    narrow = {"table_format": "int8", "table_overflow": "saturate", "accumulator_format": "int16"}
    small = area_um2(core(files / "unpu.yaml", **ABLATION[3], **narrow), technology)
    assert sum(small.values()) / PUBLISHED_UM2[3] == pytest.approx(1.25, abs=0.005)
    # 16.22 mW at 1 GHz in 128 lanes are 127 fJ per look-up; 2000 of them in each lane.
    look_up_fj = 1000 * energy_pj(core(files / "unpu.yaml", **lut), technology) / (128 * 2000)
    assert look_up_fj / (1000 * PUBLISHED_MW[3] / 128) == pytest.approx(2.93, abs=0.01)
