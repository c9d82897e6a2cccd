"""The four machines for 4-bit weights: what they share, and what they ought to show."""

from __future__ import annotations

import pytest

from simulator.config import load_preset, validate
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
