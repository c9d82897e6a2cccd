"""Weights of fewer bits, or unsigned ones, on units that are built for others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulator.mapping.formats import choose_formats, taken_as
from simulator.numerics import FORMATS, format_named, pack, random_values, unpack
from simulator.report.explain import explain
from simulator.report.result import Result
from simulator.workload.operators import MatMul, Vector
from tests.hardware.test_narrower_weights import array, at
from tests.mapping.small import gemms, run
from tests.mapping.test_adaptation import LUT, machine, operators, workload

SHAPE = (12, 64, 64)
WIDE_LUT = LUT | {"weight_format": "bipolar4", "columns": 16, "count": 4}
SHIFT_ADD = {
    "kind": "systolic_array",
    "rows": 16,
    "columns": 16,
    "dataflow": "weight_stationary",
    "input_format": "int8",
    "weight_format": "int4",
    "multiplier": "shift_add",
    "accumulator_format": "int32",
    "double_buffer": True,
}


def result(weights: str, unit: dict[str, Any], **precision: Any) -> Result:
    """One GEMM on a machine with a unit beside its int8 array."""
    work = gemms(SHAPE)
    work["precision"] = workload(weights)["precision"] | precision
    return run(work, machine(unit))


def product(found: Result) -> Any:
    """The operator that multiplies."""
    (record,) = (record for record in found.operators if record.macs)
    return record


@pytest.mark.parametrize("family", ["bipolar", "int", "uint"])
def test_fewer_bits_take_fewer_cycles_on_tables(family: str) -> None:
    cycles, bound = [], []
    for bits in (1, 2, 3, 4):
        record = product(result(f"{family}{bits}", WIDE_LUT))
        assert record.unit == "lut_tensor_core"
        narrow = {"weights": f"bipolar{bits}", "unit_built_for": "bipolar4"}
        assert narrow.items() <= record.mapping.items() or bits == 4
        cycles.append(record.cycles)
        bound.append(record.compute_bound_cycles)
    m, n, k = SHAPE
    # 2 · 16 lanes on 4 activations each, four times, take a cycle per bit.
    assert bound == [m * n * k * bits // (2 * 16 * 4 * 4) for bits in (1, 2, 3, 4)]
    assert cycles == sorted(cycles)
    assert cycles[0] < cycles[3]


@pytest.mark.parametrize("weights", ["int3", "int2", "uint3", "ternary"])
def test_what_a_shift_add_array_widens_is_not_unpacked_before(weights: str) -> None:
    at_four_bits, fewer = result("int4", SHIFT_ADD), result(weights, SHIFT_ADD)
    record = product(fewer)
    assert record.unit == "systolic_array1"
    assert record.mapping["unit_built_for"] == "int4"
    assert fewer.cycles <= at_four_bits.cycles
    assert fewer.energy_by_component.get("core.vector_unit", 0) == (
        at_four_bits.energy_by_component.get("core.vector_unit", 0)
    )
    # The bytes of the weights as they are stored, and the same of all else.
    fewer_bits = 4 - format_named(weights).bits
    saved = at_four_bits.phases[0].dram_read_bytes - fewer.phases[0].dram_read_bytes
    assert saved == SHAPE[1] * SHAPE[2] * fewer_bits // 8
    assert fewer.area_mm2 == at_four_bits.area_mm2


def test_the_area_is_that_of_the_widest_weights() -> None:
    areas = {result(f"int{bits}", WIDE_LUT).area_mm2 for bits in (1, 2, 3, 4)}
    assert len(areas) == 1
    for_two = result("int2", WIDE_LUT | {"weight_format": "bipolar2"})
    (area,) = areas
    assert for_two.area_mm2.value < area.value
    said = "run as bipolar2 on units that are built for bipolar4, and take the area of these"
    assert said in " ".join(explain(result("int2", WIDE_LUT)).split())
    assert "built for" not in explain(for_two)


# -- unsigned codes on units for signed ones, and the other way round -----------------------
@pytest.mark.parametrize(("stored", "taken"), [("uint4", "int4"), ("int4", "uint4")])
def test_codes_of_the_other_sign_are_shifted_and_corrected(stored: str, taken: str) -> None:
    unit = SHIFT_ADD | {"weight_format": taken, "rows": 64, "columns": 64}
    sums, multiply, correction = operators(stored, unit)
    assert isinstance(sums, Vector) and sums.function == "row_sum"
    assert isinstance(multiply, MatMul)
    assert (multiply.unit, multiply.weight_format) == (1, taken)
    assert isinstance(correction, Vector) and correction.function == "scale_add"


def test_zero_points_take_the_shift_at_no_further_cost() -> None:
    groups = {"weight_group_size": 32, "weight_zero_point": "uint4"}
    signed = result("uint4", SHIFT_ADD | {"weight_format": "uint4"}, **groups)
    shifted = result("uint4", SHIFT_ADD, **groups)
    assert product(shifted).unit == "systolic_array1"
    assert shifted.cycles == signed.cycles
    assert shifted.phases[0].dram_read_bytes == signed.phases[0].dram_read_bytes
    names = [record.name for record in shifted.operators]
    assert names == [record.name for record in signed.operators]


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_odd_integers_are_unsigned_ones_of_the_same_bits(bits: int) -> None:
    rng = np.random.default_rng(bits)
    inputs = random_values(rng, (5, 24), "int8").astype(int)
    odd = random_values(rng, (24, 7), f"bipolar{bits}").astype(int)
    codes = unpack(pack(odd.ravel(), f"bipolar{bits}"), f"uint{bits}", odd.size).reshape(odd.shape)
    unit = at(array("int8", multiplier="shift_add"), f"int{bits}")
    sums = unit.compute(inputs, codes.astype(int) - (1 << bits - 1)).astype(int)
    # Twice the sums, as of scales twice as large, and 2 · 2^(W - 1) - (2^W - 1) = 1 times Σx.
    np.testing.assert_array_equal(2 * sums + inputs.sum(axis=1, keepdims=True), inputs @ odd)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_the_shift_keeps_every_sum_and_every_bit_but_one(bits: int) -> None:
    rng, half = np.random.default_rng(bits), 1 << bits - 1
    inputs = random_values(rng, (5, 24), "int8").astype(int)
    codes = random_values(rng, (24, 7), f"uint{bits}").astype(int)
    zeros = random_values(rng, (1, 7), f"uint{bits}").astype(int)
    exact = inputs @ (codes - zeros)
    built = array("int8", multiplier="shift_add")
    sums = at(built, f"int{bits}").compute(inputs, codes - half).astype(int)
    row_sums = inputs.sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(sums - row_sums * (zeros - half), exact)
    # In memory, the top bit of each code is the other one.
    flipped = pack(codes.ravel() ^ half, f"uint{bits}")
    assert flipped.tobytes() == pack(codes.ravel() - half, f"int{bits}").tobytes()
    np.testing.assert_array_equal(unpack(flipped, f"int{bits}", codes.size), codes.ravel() - half)


def test_how_codes_are_taken() -> None:
    assert taken_as("int4", "int4") == taken_as("ternary", "int2") == "stored"
    for stored, taken in (
        ("uint4", "int4"),
        ("int3", "bipolar3"),
        ("ternary", "bipolar2"),
        ("bipolar1", "uint1"),
        ("bipolar3", "int3"),
    ):
        assert taken_as(stored, taken) == "shifted"
    for stored, taken in (
        ("int3", "int4"),  # other bits
        ("ternary_base3", "int2"),  # five in a byte
        ("flint4", "int4"),
        ("int4", "flint4"),
        ("fp4_e2m1", "int4"),
    ):
        assert taken_as(stored, taken) is None


def test_what_is_taken_as_stored_has_the_same_bits_in_memory() -> None:
    integers = [f.name for f in FORMATS.values() if f.kind == "int" and f.bits <= 8]
    for stored in integers:
        for taken in integers:
            if stored != taken and taken_as(stored, taken) == "stored":
                values = random_values(np.random.default_rng(1), (40,), stored)
                assert pack(values, stored).tobytes() == pack(values, taken).tobytes()


def test_nothing_is_converted_for_a_unit_that_takes_it_narrower() -> None:
    built = array("int4")
    assert choose_formats(built, "int8", "int3") is None
    chosen = choose_formats(at(built, "int3"), "int8", "int3")
    assert chosen is not None and chosen.converted_bits == 0
    assert choose_formats(at(built, "int3"), "int8", "int2") is None
    bytes_only = choose_formats(array("int8"), "int8", "int3")
    assert bytes_only is not None and bytes_only.converted_bits == 8
