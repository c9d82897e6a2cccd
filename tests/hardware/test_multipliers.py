"""Systolic arrays that multiply otherwise: parts by hand, values, and what results say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

import simulator as sim
from simulator.hardware.matrix_unit import Tile, reference_operands
from simulator.hardware.primitives import Primitive
from simulator.hardware.systolic_array import SystolicArray, SystolicArraySpec
from simulator.report.machine_facts import machine_line
from tests.numerics.test_l_mul import scalar

RAGGED = Tile(m=5, n=4, k=7)


def array(multiplier: str, formats: tuple[str, str, str], **options: Any) -> SystolicArray:
    names = ("input_format", "weight_format", "accumulator_format")
    return SystolicArray(
        SystolicArraySpec.model_validate(
            {
                "rows": 3,
                "columns": 2,
                "dataflow": "weight_stationary",
                "multiplier": multiplier,
                **dict(zip(names, formats, strict=True)),
                **options,
            }
        )
    )


def parts_of(unit: SystolicArray, prefix: str) -> dict[str, tuple[Primitive, int]]:
    return {
        part.path.removeprefix(prefix): (part.primitive, part.count)
        for part in unit.structure()
        if part.path.startswith(prefix)
    }


# -- L-Mul ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "adder", "constant", "zeros"),
    [
        # bits without the sign; exponent and L(m); 2 · (e - 1) + 1
        ("fp16", 15, 5 + 4, 9),
        ("bf16", 15, 8 + 4, 15),
        ("fp8_e4m3", 7, 4 + 3, 7),
        ("fp8_e5m2", 7, 5 + 2, 9),
    ],
)
def test_parts_of_l_mul(name: str, adder: int, constant: int, zeros: int) -> None:
    unit = array("l_mul", (name, name, "fp32"))
    assert parts_of(unit, "pe.l_mul.") == {
        "adder": (Primitive("adder", (f"int{adder}",)), 6),
        "constant_adder": (Primitive("adder", (f"int{constant}",)), 6),
        "zero_detect": (Primitive("and2", bits=zeros), 6),
        "zero_gate": (Primitive("and2", bits=adder), 6),
        "sign": (Primitive("xor2", bits=1), 6),
    }
    assert not any(part.path == "pe.multiplier" for part in unit.structure())
    counts = {a.path: n for a, n in unit.actions(RAGGED).counts.items() if "l_mul" in a.path}
    assert set(counts.values()) == {5 * 4 * 7}
    assert len(counts) == 5


@pytest.mark.parametrize("dataflow", ["output_stationary", "weight_stationary", "input_stationary"])
def test_values_of_l_mul_one_by_one(dataflow: str) -> None:
    unit = array("l_mul", ("bf16", "bf16", "fp32"), dataflow=dataflow)
    inputs, weights = reference_operands(np.random.default_rng(4), RAGGED, "bf16", "bf16")
    codes = inputs.view(np.uint16).tolist(), weights.view(np.uint16).tolist()
    segment = RAGGED.k if dataflow == "output_stationary" else 3
    expected = np.zeros((RAGGED.m, RAGGED.n), np.float32)
    for row, column in np.ndindex(expected.shape):
        total = None
        for start in range(0, RAGGED.k, segment):
            partial = np.float32(0)
            for k in range(start, min(start + segment, RAGGED.k)):
                product = scalar(codes[0][row][k], codes[1][k][column], "bf16", "fp32")
                partial = partial + np.float32(product)
            total = partial if total is None else total + partial
        expected[row, column] = total
    assert unit.compute(inputs, weights).tobytes() == expected.tobytes()
    assert unit.registers(inputs, weights).values.tobytes() == expected.tobytes()
    assert not np.array_equal(expected, inputs.astype(np.float32) @ weights.astype(np.float32))


def test_cycles_are_those_of_any_multiplier() -> None:
    formats = ("bf16", "bf16", "fp32")
    assert array("l_mul", formats).timing(RAGGED) == array("array", formats).timing(RAGGED)


def test_approximate_units_say_so() -> None:
    exact, approximate = (array(kind, ("bf16", "bf16", "fp32")) for kind in ("array", "l_mul"))
    assert (exact.approximate, exact.product_error) == (False, 0)
    assert approximate.approximate
    assert approximate.product_error == 1 - 2 / (1 + 15 / 32) ** 2


def test_a_result_says_that_products_are_approximate() -> None:
    exact = sim.gemm(64, 64, 64, "tpuv3_core")
    found = sim.gemm(64, 64, 64, "tpuv3_core", {"machine.core.matrix_units.0.multiplier": "l_mul"})
    units = [result.machine["matrix_units"][0] for result in (exact, found)]
    assert [unit["approximate_products"] for unit in units] == [False, True]
    assert "approximate" not in " ".join(machine_line(exact))
    assert "systolic_array 128×128 (approximate products)" in " ".join(machine_line(found))
    assert "(approximate products)" in found.summary()
    assert found.cycles == exact.cycles
    assert found.energy_j.value < exact.energy_j.value


@pytest.mark.parametrize(
    "formats",
    [("fp16", "bf16", "fp32"), ("fp32", "fp32", "fp32"), ("int8", "int8", "int32")],
)
def test_l_mul_refuses_other_pairs(formats: tuple[str, str, str]) -> None:
    with pytest.raises(ValidationError, match="two operands of one format, bf16, fp16"):
        array("l_mul", formats)
