"""The four machines for 4-bit weights: what they share, and what they ought to show."""

from __future__ import annotations

import pytest

import simulator
from simulator.config import CyclelabError, load_preset, validate
from simulator.cost import load_technology
from simulator.hardware.npu import NpuSpec

NAMES = ("npu_w8a8", "npu_w4a8", "npu_w4a8_shift_add", "npu_w4a8_lut")


def machine(name: str) -> NpuSpec:
    return validate(NpuSpec, load_preset("machines", name))


def main_area_mm2(name: str) -> float:
    """Area of all main units, without the array for attention."""
    technology = load_technology("16nm")
    unit, _ = machine(name).core.build_matrix_units()
    parts = unit.structure()
    area = sum(technology.primitive_area_um2(p.primitive).value * p.count for p in parts)
    return unit.spec.count * area / 1e6


@pytest.mark.parametrize("name", NAMES[1:])
def test_main_units_take_the_same_area(name: str) -> None:
    assert main_area_mm2(name) == pytest.approx(main_area_mm2("npu_w8a8"), rel=0.006)


def test_all_else_is_the_same() -> None:
    def rest(name: str) -> dict[str, object]:
        data = machine(name).model_dump(exclude={"name", "description"})
        data["core"]["matrix_units"] = data["core"]["matrix_units"][1:]
        return data

    first = rest(NAMES[0])
    assert all(rest(name) == first for name in NAMES[1:])
    like = machine("tpuv3_core").model_dump(exclude={"name", "description"})
    del like["core"]["matrix_units"], first["core"]["matrix_units"]  # type: ignore[index, attr-defined]
    assert first == like


@pytest.mark.parametrize("machine_name", ["npu_w8a8", "lut_npu", "gemmini_16x16", "neoverse_n1"])
def test_integer_machines_run_heads_and_routers_in_formats_of_their_own(machine_name: str) -> None:
    precision = {"weights": "int8", "activations": "int8"}
    for model, key in (("gpt3-small", "lm_head"), ("mixtral-8x7b", "router")):
        work = {"model": model, "layers": 1, "prefill_tokens": 8, "precision": precision}
        experiment = {"name": key, "machine": machine_name, "workload": work}
        with pytest.raises(
            CyclelabError, match=rf"{key!r}.*set workload.precision.{key} to .*int8"
        ):
            simulator.run(experiment)
        result = simulator.run(experiment, {f"workload.precision.{key}": "int8"})
        (found,) = (op for op in result.operators if op.name == key)
        assert found.macs > 0


def test_a_cache_that_no_unit_multiplies() -> None:
    precision = {"weights": "int8", "activations": "int8", "lm_head": "int8", "kv_cache": "fp16"}
    work = {"model": "gpt3-small", "layers": 1, "prefill_tokens": 8, "precision": precision}
    with pytest.raises(CyclelabError, match=r"workload\.precision\.kv_cache may be int8"):
        simulator.run({"name": "cache", "machine": "npu_w8a8", "workload": work})
