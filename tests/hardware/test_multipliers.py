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
from simulator.mapping.formats import choose_formats
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


# -- flint ----------------------------------------------------------------------------
def test_parts_of_a_flint_pe() -> None:
    # 16 · 16 = 256 takes 10 bits; two zeros each are up to four, three stages.
    unit = array("flint", ("flint4", "flint4", "int16"))
    assert parts_of(unit, "pe.flint.") == {
        "multiplier": (Primitive("multiplier", ("int4", "int4")), 6),
        "shifter": (Primitive("mux2", bits=10), 6 * 3),
        "zeros_adder": (Primitive("adder", ("int3",)), 6),
    }
    decoder = {
        "zeros": Primitive("and2", bits=3),
        "base_select": Primitive("mux2", bits=3),
        "sign": Primitive("xor2", bits=4),
        "negate": Primitive("adder", ("int4",)),
    }
    # Three rows take inputs, two columns weights; a word is a base of 4 bits and 2 of zeros.
    assert parts_of(unit, "edge.input_decoder.") == {k: (p, 3) for k, p in decoder.items()}
    assert parts_of(unit, "edge.weight_decoder.") == {k: (p, 2) for k, p in decoder.items()}
    registers = parts_of(unit, "pe.input_register") | parts_of(unit, "pe.weight_register")
    assert registers == {"": (Primitive("flip_flop", bits=6), 6)}


def test_parts_of_integers_by_flint() -> None:
    # 128 · 16 = 2048 takes 13 bits; up to two zeros, two stages, nothing to add.
    unit = array("flint", ("int8", "flint4", "int32"), dataflow="input_stationary")
    assert parts_of(unit, "pe.flint.") == {
        "multiplier": (Primitive("multiplier", ("int8", "int4")), 6),
        "shifter": (Primitive("mux2", bits=13), 6 * 2),
    }
    assert not parts_of(unit, "edge.input_decoder.")
    assert {count for _, count in parts_of(unit, "edge.weight_decoder.").values()} == {3}
    assert parts_of(unit, "pe.input_register") == {"": (Primitive("flip_flop", bits=8), 6)}


def test_unsigned_flint_has_no_sign_to_decode() -> None:
    unit = array("flint", ("uflint4", "flint4", "int16"))
    assert set(parts_of(unit, "edge.input_decoder.")) == {"zeros", "base_select"}
    assert parts_of(unit, "pe.flint.")["multiplier"][0].formats == ("uint4", "int4")


@pytest.mark.parametrize(
    ("dataflow", "inputs", "weights"),
    [
        # 5 x 4 x 7 on 3 x 2. Output stationary: 2 row and 2 column blocks, all words again.
        ("output_stationary", 5 * 7 * 2, 7 * 4 * 2),
        # k on rows (3 blocks), n on columns (2 blocks): weights once, inputs per column block.
        ("weight_stationary", 5 * 7 * 2, 7 * 4),
        # k on rows, m on columns (3 blocks): inputs once, weights per column block.
        ("input_stationary", 5 * 7, 7 * 4 * 3),
    ],
)
def test_words_are_decoded_as_they_enter(dataflow: str, inputs: int, weights: int) -> None:
    unit = array("flint", ("flint4", "flint4", "int16"), dataflow=dataflow)
    counts = {action.path: n for action, n in unit.actions(RAGGED).counts.items()}
    assert counts["edge.input_decoder.zeros"] == counts["edge.input_decoder.negate"] == inputs
    assert counts["edge.weight_decoder.zeros"] == weights
    assert counts["pe.flint.multiplier"] == 5 * 4 * 7
    assert counts["pe.flint.shifter"] == 3 * 5 * 4 * 7


def test_memory_holds_codes_of_flint() -> None:
    traffic = array("flint", ("flint4", "flint4", "int16")).traffic(RAGGED)
    assert traffic.weight_read_bytes == 7 * 4 * 4 // 8
    assert traffic.input_read_bytes == 5 * 7 * 2 * 4 // 8


@pytest.mark.parametrize(
    ("multiplier", "formats", "message"),
    [
        ("flint", ("int8", "int8", "int32"), "takes flint4 or uflint4"),
        ("flint", ("int16", "flint4", "int32"), "at most 8 bits, not int16 x flint4"),
        ("flint", ("fp16", "flint4", "fp32"), "not fp16 x flint4"),
        ("flint", ("bipolar2", "flint4", "int32"), "not bipolar2 x flint4"),
        ("array", ("int8", "flint4", "int32"), "does not take flint4; use multiplier 'flint'"),
        ("shift_add", ("int8", "flint4", "int32"), "int, uint or ternary, not flint4"),
    ],
)
def test_pairs_that_are_refused(
    multiplier: str, formats: tuple[str, str, str], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        array(multiplier, formats)


def test_a_run_with_weights_of_flint() -> None:
    changes = {"multiplier": "flint", "weight_format": "flint4"}
    found = sim.gemm(
        64,
        64,
        64,
        "gemmini_16x16",
        {f"machine.core.matrix_units.0.{key}": value for key, value in changes.items()},
    )
    exact = sim.gemm(64, 64, 64, "gemmini_16x16")
    reads = [result.operators[0].bytes["dram_read"] for result in (exact, found)]
    assert reads == [64 * 64 * 2, 64 * 64 + 64 * 64 // 2]
    assert not found.machine["matrix_units"][0]["approximate_products"]


def test_weights_of_flint_on_other_units() -> None:
    """Codes become wider integers on the vector unit, but are no rewritten bits."""
    int8 = array("array", ("int8", "int8", "int32"))
    choice = choose_formats(int8, "int8", "flint4")
    assert choice is not None
    assert (choice.weight_format, choice.converted_bits) == ("int8", 8)
    flint = array("flint", ("int8", "flint4", "int32"))
    assert choose_formats(flint, "int8", "int2") is None
