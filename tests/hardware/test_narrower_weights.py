"""Units at work on narrower weights than they are built for: cycles, values, bytes by hand."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from simulator.config import CyclelabError
from simulator.hardware.fusible_array import FusibleArray, FusibleArraySpec
from simulator.hardware.lut_tensor_core import LutTensorCore, LutTensorCoreSpec
from simulator.hardware.matrix_unit import MatrixUnit, Tile
from simulator.hardware.systolic_array import SystolicArray, SystolicArraySpec
from simulator.hardware.tensor_core import TensorCore, TensorCoreSpec
from simulator.numerics import random_values

SUMS = {"input_format": "int8", "accumulator_format": "int32"}


def core(**options: Any) -> LutTensorCore:
    """M2 N64 K4 on INT8 activations."""
    return LutTensorCore(LutTensorCoreSpec(**SUMS, table_format="int11", **options))


def array(weights: str, **options: Any) -> SystolicArray:
    """A weight-stationary array of 8 x 8."""
    sides: dict[str, Any] = {"rows": 8, "columns": 8, "dataflow": "weight_stationary"}
    return SystolicArray(SystolicArraySpec(**SUMS, weight_format=weights, **sides, **options))


def taken(unit: MatrixUnit[Any]) -> set[str]:
    """Weights that a unit takes beside those it is built for."""
    return {weights for narrower in unit.narrower for _, weights in narrower.format_pairs}


def at(unit: MatrixUnit[Any], weights: str) -> MatrixUnit[Any]:
    """The unit at work on weights of a format."""
    return next(u for u in (unit, *unit.narrower) if u.format_pairs[0][1] == weights)


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_a_unit_for_four_bits_takes_fewer_in_fewer_cycles(bits: int) -> None:
    built = core(weight_format="bipolar4")
    unit = at(built, f"bipolar{bits}")
    # Load W + stream W + sums leave 1; then a step every W cycles.
    assert unit.timing(Tile(2, 64, 4)).cycles == 2 * bits + 1
    assert unit.timing(Tile(2, 64, 4)).interval_cycles == bits
    # 18 steps, as above.
    assert unit.timing(Tile(3, 130, 9)).cycles == bits + 18 * bits + 1
    assert unit.macs_per_cycle == Fraction(2 * 64 * 4, bits)
    assert unit.structure() == built.structure()
    # 4 weights for each of 64 columns, W bits each; the table comes once all the same.
    moved = unit.traffic(Tile(2, 64, 4))
    assert moved.weight_read_bytes == 4 * 64 * bits // 8
    assert moved.input_read_bytes == built.traffic(Tile(2, 64, 4)).input_read_bytes
    # Every look-up is one of the wide unit, a W-th as many of them as at one bit.
    look_ups = [
        count for a, count in unit.actions(Tile(2, 64, 4)).counts.items() if a.path == "lane.adder"
    ]
    assert look_ups == [2 * 64 * bits]


@pytest.mark.parametrize("sums", ["table", "built_table", "adders"])
@pytest.mark.parametrize("family", ["bipolar", "int", "uint"])
def test_narrow_weights_give_the_integer_product(family: str, sums: str) -> None:
    rng = np.random.default_rng(5)
    built = core(weight_format=f"{family}4", sums=sums)
    for bits in (1, 2, 3):
        unit = at(built, f"{family}{bits}")
        inputs = random_values(rng, (3, 10), "int8")
        weights = random_values(rng, (10, 70), f"{family}{bits}")
        exact = inputs.astype(int) @ weights.astype(int)
        np.testing.assert_array_equal(unit.compute(inputs, weights), exact)
        run = unit.registers(inputs, weights)
        np.testing.assert_array_equal(run.values, exact)
        # 2 x 2 blocks of 3 steps of W cycles.
        assert run.cycles == unit.timing(Tile(3, 70, 10)).cycles
        assert run.cycles == bits + (sums == "built_table") + 12 * bits + 1
        alone = core(weight_format=f"{family}{bits}", sums=sums)
        np.testing.assert_array_equal(alone.compute(inputs, weights), exact)
    with pytest.raises(CyclelabError, match="do not fit"):
        at(built, f"{family}1").compute(inputs, np.full((10, 70), 3))


def test_full_tables_take_unsigned_weights_of_fewer_bits_too() -> None:
    assert taken(core(weight_format="int3")) == {"int1", "int2", "uint1", "uint2"}
    assert taken(core(weight_format="uint3")) == {"uint1", "uint2"}
    assert taken(core(weight_format="bipolar3")) == {"bipolar1", "bipolar2"}


# -- weights that are widened -----------------------------------------------------------
WIDENED = {"int1", "int2", "int3", "uint1", "uint2", "uint3", "ternary"}


@pytest.mark.parametrize("multiplier", ["shift_add", "array"])
def test_narrow_weights_are_widened_where_they_enter_an_array(multiplier: str) -> None:
    built, tile = array("int4", multiplier=multiplier), Tile(3, 12, 20)
    assert taken(built) == WIDENED
    rng = np.random.default_rng(6)
    inputs = random_values(rng, (3, 20), "int8")
    for name in WIDENED:
        unit = at(built, name)
        # As many cycles and all that acts as at full width, in the same area.
        assert unit.timing(tile) == built.timing(tile)
        assert unit.actions(tile) == built.actions(tile)
        assert unit.structure() == built.structure()
        weights = random_values(rng, (20, 12), name)
        exact = inputs.astype(int) @ weights.astype(int)
        np.testing.assert_array_equal(unit.compute(inputs, weights), exact)
        np.testing.assert_array_equal(unit.registers(inputs, weights).values, exact)
    # Bytes are those that are stored: 3 · 20 · 12 bits, where 4 bits would be 120 bytes.
    assert at(built, "int3").traffic(tile).weight_read_bytes == 90
    assert at(built, "int3").traffic(tile).input_read_bytes == built.traffic(tile).input_read_bytes


def test_arrays_of_bytes_take_no_narrower_weights_but_shift_add_does() -> None:
    assert not array("int8").narrower
    assert {"int4", "uint7", "ternary"} < taken(array("int8", multiplier="shift_add"))
    assert not array("flint4", multiplier="flint").narrower
    stored = {"input_format": "fp16", "weight_format": "fp16", "accumulator_format": "fp32"}
    dequantising = SystolicArraySpec(
        rows=2, columns=2, dataflow="weight_stationary", stored_weight_format="int4", **stored
    )
    assert not SystolicArray(dequantising).narrower


def test_tensor_cores_widen_packed_weights() -> None:
    built = TensorCore(TensorCoreSpec(**SUMS, weight_format="int4"))
    assert taken(built) == WIDENED
    assert at(built, "int2").timing(Tile(64, 64, 64)) == built.timing(Tile(64, 64, 64))
    assert not TensorCore(TensorCoreSpec(**SUMS, weight_format="int8")).narrower


def test_fusible_arrays_form_more_products_of_narrower_weights() -> None:
    options: dict[str, Any] = {"rows": 2, "columns": 2, "weight_format": "int8"}
    built = FusibleArray(FusibleArraySpec(**SUMS, **options))
    # 4 units form 4 products a cycle, twice as many at 4 bits, four times at 2 and 1.
    assert built.macs_per_cycle == 4
    rates = {bits: at(built, f"int{bits}").macs_per_cycle for bits in (1, 2, 4, 5)}
    assert rates == {1: 16, 2: 16, 4: 8, 5: 4}
