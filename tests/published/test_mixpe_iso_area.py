"""MixPE's PEs at equal area: the machines, the networks, and what the study finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.config import find, load_document, load_preset, validate
from simulator.cost import load_technology
from simulator.hardware.npu import NpuSpec
from simulator.published.claims import StudySpec, findings
from simulator.published.mixpe.spec import load_mixpe
from simulator.published.table import markdown
from simulator.workload.gemms import load_gemms
from simulator.workload.topology import load_topology

PAGE = Path(__file__).parent.parent.parent / "docs" / "mixpe.md"
INT8 = "mixpe_int8"
OTHERS = ("mixpe_w4a8", "mixpe_w4a8_shift_add", "mixpe_w4a16_shift_add", "mixpe_fp16")
NETWORKS = ("ViT", "ViT-Huge", "OPT-6.7B", "Llama2-13B")


def machine(name: str) -> NpuSpec:
    return validate(NpuSpec, load_preset("machines", name))


def array_um2(name: str, node: str) -> float:
    technology = load_technology(node)
    (unit,) = machine(name).core.build_matrix_units()
    return sum(technology.primitive_area_um2(p.primitive).value * p.count for p in unit.structure())


@pytest.mark.parametrize("node", ["22nm", "45nm"])
@pytest.mark.parametrize("name", OTHERS)
def test_arrays_take_the_area_of_the_int8_array(name: str, node: str) -> None:
    assert array_um2(name, node) == pytest.approx(array_um2(INT8, node), rel=0.02)


def test_one_column_more_or_less_is_no_closer() -> None:
    """A column of 32 PEs is 1/40 of the area of W4A8, but 1/11 of FP16's."""
    for name in OTHERS:
        (unit,) = machine(name).core.build_matrix_units()
        assert abs(array_um2(name, "22nm") / array_um2(INT8, "22nm") - 1) < 0.5 / unit.spec.columns


def test_all_but_the_array_is_the_same() -> None:
    def rest(name: str) -> dict[str, Any]:
        data = machine(name).model_dump(exclude={"name", "description"})
        del data["core"]["matrix_units"]
        return data

    assert all(rest(name) == rest(INT8) for name in OTHERS)


def test_the_memory_is_that_of_mixpe() -> None:
    npu, theirs = machine(INT8), load_mixpe().machine
    assert npu.clock.frequency_hz == theirs.clock_hz
    bandwidth = theirs.dram_bits_per_cycle / 8 * theirs.clock_hz
    assert npu.memory.bandwidth_bytes_per_s == bandwidth == 64e9
    operands = theirs.weights.capacity_bytes + theirs.inputs.capacity_bytes
    assert npu.core.scratchpad.capacity_bytes == operands
    assert npu.core.accumulator is not None
    assert npu.core.accumulator.capacity_bytes == theirs.outputs.capacity_bytes


def test_networks_have_the_linear_layers_of_the_models() -> None:
    """12 d² weights per block; Llama has d (3 d + d) of attention and 3 d · 13824 of MLP."""

    def macs(name: str) -> int:
        path = find("gemms", name)
        gemms = load_topology(path) if path.suffix == ".csv" else load_gemms(path)
        return sum(gemm.m * gemm.n * gemm.k * gemm.count for gemm in gemms)

    def model(name: str) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(find("models", name).read_text())
        return loaded

    vit, opt, llama = model("vit-base"), model("opt-6.7b"), model("llama-2-13b")
    d, patches = vit["hidden_size"], (vit["image_size"] // vit["patch_size"]) ** 2
    assert vit["intermediate_size"] == 4 * d
    block = 12 * d**2 * vit["num_hidden_layers"]
    assert macs("vit-base-batch64") == 64 * (block + patches * 3 * vit["patch_size"] ** 2 * d)
    assert macs("vit-huge-batch64") == 64 * (32 * 12 * 1280**2 + 196 * 3 * 16**2 * 1280)
    d = opt["hidden_size"]
    assert macs("opt-6.7b-layer-batch64") == 64 * (4 * d**2 + 2 * d * opt["ffn_dim"])
    d = llama["hidden_size"]
    mlp = 3 * d * llama["intermediate_size"]
    assert macs("llama-2-13b-layer-batch64") == 64 * (4 * d**2 + mlp)


def study() -> StudySpec:
    return validate(StudySpec, load_document(find("published", "mixpe_iso_area")))


def test_published_numbers_are_those_of_the_other_study() -> None:
    data = load_mixpe()
    cases = {case.name: case for case in study().cases}
    assert len(cases) == 6 * len(NETWORKS)
    designs = {
        "INT8": "INT8",
        "INT8, unpacked": "INT8",
        "W4A8, multipliers": "MixPE-W4A8",
        "W4A8, shift-add": "MixPE-W4A8",
        "W4A16, shift-add": "MixPE-W4A16",
    }
    for index, network in enumerate(NETWORKS):
        for name, design in designs.items():
            published = cases[f"{network}, {name}"].published
            assert published["milliseconds"] == data.published[design].time[index]
            assert published["energy_mj"] == pytest.approx(data.published[design].energy(index))


def test_time_follows_the_columns() -> None:
    """Batch 64 fills two folds of 32 rows, so that only columns count: 11 of FP16.

    Of 12288, 40 columns leave the last fold of ⌈12288/40⌉ = 308 partly idle: 0.3 %.
    """
    spec = study()
    kept = [
        case
        for case in spec.cases
        if case.name.startswith("OPT-6.7B") and "unpacked" not in case.name
    ]
    found = findings(spec.model_copy(update={"cases": tuple(kept)}))
    times = {each.case: each.ours for each in found if each.quantity == "time"}
    assert times["OPT-6.7B, INT8"] == pytest.approx(11 / 32, rel=0.01)
    assert times["OPT-6.7B, W4A8, multipliers"] == pytest.approx(11 / 40, rel=0.01)
    assert times["OPT-6.7B, W4A16, shift-add"] == pytest.approx(11 / 14, rel=0.01)
    # 39 columns for 40; what else is lost is the mapping's.
    shift_add = times["OPT-6.7B, W4A8, shift-add"]
    assert 11 / 39 < shift_add < 1.06 * 11 / 39


@pytest.mark.slow
def test_the_page_has_the_table() -> None:
    assert markdown(findings(study())) in PAGE.read_text("utf-8")
