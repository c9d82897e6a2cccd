"""The fusible array, beyond the contract: bricks, cycles by hand, published laws, parts."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from simulator.hardware.fusible_array import FusibleArray, FusibleArraySpec
from simulator.hardware.fusible_array.bricks import FusionUnit, digits
from simulator.hardware.fusible_array.mode import Mode
from simulator.hardware.matrix_unit import Tile
from simulator.hardware.systolic_array import SystolicArray
from simulator.numerics import AccumulatorOverflowError, format_named, reference_gemm

WIDTHS = (2, 4, 8)
FLOWS = ("weight_stationary", "output_stationary")
modes = st.fixed_dictionaries(
    {
        "input_format": st.sampled_from(["int2", "int3", "int4", "int8", "uint4"]),
        "weight_format": st.sampled_from(["int2", "ternary", "int4", "int6", "int8"]),
        "rows": st.integers(1, 9),
        "columns": st.integers(1, 9),
        "max_bits": st.sampled_from([8, 16]),
        "double_buffer": st.booleans(),
    }
)
tiles = st.builds(Tile, m=st.integers(1, 500), n=st.integers(1, 500), k=st.integers(1, 500))


def array(inputs: str = "int8", weights: str = "int8", **options: Any) -> FusibleArray:
    """2 x 3 units of 8 bits, unless told otherwise."""
    chosen: dict[str, Any] = {
        "rows": 2,
        "columns": 3,
        "input_format": inputs,
        "weight_format": weights,
        "accumulator_format": "int32",
        **options,
    }
    return FusibleArray(FusibleArraySpec(**chosen))


def everything(name: str) -> NDArray[np.int64]:
    """All values of an integer format."""
    number_format = format_named(name)
    return np.arange(int(number_format.minimum), int(number_format.maximum) + 1)


# -- products composed of bricks ----------------------------------------------------------
@pytest.mark.parametrize("brick_bits", [2, 4])
@pytest.mark.parametrize("signs", ["int int", "uint int", "int uint", "uint uint"])
@pytest.mark.parametrize(("wide", "narrow"), list(product(WIDTHS, WIDTHS)))
def test_every_product_in_every_place(wide: int, narrow: int, signs: str, brick_bits: int) -> None:
    first, second = signs.split()
    unit = array(
        f"{first}{wide}",
        f"{second}{narrow}",
        dataflow="output_stationary",
        products="crossed",
        brick_bits=brick_bits,
    )
    a, w = np.meshgrid(everything(f"{first}{wide}"), everything(f"{second}{narrow}"))
    mode = unit.mode
    rng = np.random.default_rng(wide)
    for row, column in product(range(mode.input_fan), range(mode.weight_fan)):
        # All pairs at one place, other values beside them.
        left = rng.choice(a.ravel(), (a.size, mode.input_fan, 1))
        top = rng.choice(w.ravel(), (w.size, 1, mode.weight_fan))
        left[:, row, 0], top[:, 0, column] = a.ravel(), w.ravel()
        np.testing.assert_array_equal(FusionUnit(mode).products(left, top), left * top)


@pytest.mark.parametrize(("wide", "narrow"), list(product(WIDTHS, WIDTHS)))
def test_products_with_operands_of_their_own_are_summed(wide: int, narrow: int) -> None:
    mode = array(f"int{wide}", f"int{narrow}").mode
    fans = (1000, mode.input_fan, mode.weight_fan)
    rng = np.random.default_rng(narrow)
    left = rng.choice(everything(f"int{wide}"), fans)
    top = rng.choice(everything(f"int{narrow}"), fans)
    sums = FusionUnit(mode).products(left, top)
    assert sums.shape == (1000, 1, 1)
    np.testing.assert_array_equal(sums[:, 0, 0], (left * top).sum(axis=(1, 2)))


def test_digits_by_hand() -> None:
    # -100 is 10 01 11 00: the top digit is -2, -2 * 64 + 1 * 16 + 3 * 4 + 0.
    assert digits(np.array([-100, 156]), 4, 2).tolist() == [[0, 3, 1, -2], [0, 3, 1, 2]]
    # What a brick of 3 x 3 bits, signed, can take.
    for name, least in (("int8", -2), ("uint8", 0)):
        parts = digits(everything(name), 4, 2)
        assert (parts.min(), parts.max()) == (least, 3)


# -- cycles -----------------------------------------------------------------------------
def test_skew_is_that_of_units() -> None:
    # int4 x int4, 4 products per unit along k. k = 16 is 4 units, two folds of 2 rows, n = 6
    # two of 3 columns: each loads 2, streams 5, and crosses 2 + 3 - 2 units.
    timing = array("int4", "int4").timing(Tile(m=5, n=6, k=16))
    assert timing.cycles == 4 * (2 + 5 + 3) == 40
    assert timing.folds == 4
    # A systolic array of as many rows as products would load 8 and cross 8 + 3 - 2.
    logical = SystolicArray(array().spec.grid.model_copy(update={"rows": 8}))
    assert logical.timing(Tile(m=5, n=6, k=16)).cycles == 4 * (8 + 5 + 9) == 88


def test_sums_that_stay_by_hand() -> None:
    # 2 x 3 units of 2 x 2 outputs: m = 7 is 4 rows of units, n = 5 is 3 columns: two folds of
    # 2 x 3, each streams 9, crosses 3 and drains 2 rows of units.
    unit = array("int4", "int4", dataflow="output_stationary", products="crossed")
    assert unit.timing(Tile(m=7, n=5, k=9)).cycles == 2 * (9 + 3 + 2) == 28
    # Summed: m = 7 is 4 blocks of rows, the last of 1, n = 5 two of columns; k = 9 is 3 units.
    # Six folds of two rows and two of one; 3 blocks of 3 columns and one of 2 each.
    unit = array("int4", "int4", dataflow="output_stationary")
    two_rows = 3 * ((2 + 3 + 3) + (2 + 3 + 2))
    assert unit.timing(Tile(m=7, n=5, k=9)).cycles == two_rows + (1 + 3 + 2) + (1 + 3 + 1) == 56


@given(mode=modes, tile=tiles)
def test_the_laws_of_the_published_simulators(mode: dict[str, Any], tile: Tile) -> None:
    def ceil(size: int, side: int) -> int:
        return -(-size // side)

    n, m = mode["rows"], mode["columns"]
    width = {"int2": 2, "ternary": 2, "int3": 4, "int4": 4, "uint4": 4, "int6": 8, "int8": 8}
    f_i = mode["max_bits"] // width[mode["input_format"]]
    f_w = mode["max_bits"] // width[mode["weight_format"]]
    laws = {
        # hsharma35/bitfusion, accelerator.py, get_compute_cycles with im2col.
        ("summed", "weight_stationary"): tile.m * ceil(tile.n, m) * ceil(tile.k, n * f_i * f_w),
        # The simulators of ANT and MixPE.
        ("crossed", "weight_stationary"): tile.m * ceil(tile.n, m * f_w) * ceil(tile.k, n * f_i),
        ("crossed", "output_stationary"): ceil(tile.m, n * f_i) * ceil(tile.n, m * f_w) * tile.k,
    }
    for (products, dataflow), cycles in laws.items():
        unit = FusibleArray(
            FusibleArraySpec(
                accumulator_format="int32", products=products, dataflow=dataflow, **mode
            )
        )
        timing = unit.timing(tile)
        assert timing.stream_cycles == cycles
        assert unit.macs_per_cycle == n * m * f_i * f_w
        # Where folds overlap and streams are long, nothing but the stream is left of a tile,
        # and at most the rows of the array once, where a lower fold follows.
        stream = tile.k if dataflow == "output_stationary" else tile.m
        if mode["double_buffer"] and stream >= 2 * n:
            assert cycles <= timing.interval_cycles <= cycles + n


# -- values -----------------------------------------------------------------------------
def test_a_unit_adds_its_products_before_the_accumulator_does() -> None:
    unit = array("int4", "int4", dataflow="output_stationary", accumulator_format="int16")
    # 127 units of 4 x 64, one of 64 + 64 + 64 + 49: 32753. The next has 64 - 3 x 56 = -104,
    # of which the 64 alone would not fit 16 bits.
    inputs = np.array([[-8] * 508 + [-8, -8, -8, 7] + [-8] * 4])
    weights = np.array([-8] * 508 + [-8, -8, -8, 7] + [-8, 7, 7, 7])[:, None]
    assert unit.compute(inputs, weights).tolist() == [[32649]]
    assert unit.registers(inputs, weights).values.tolist() == [[32649]]
    with pytest.raises(AccumulatorOverflowError, match="32817"):
        reference_gemm(inputs, weights, "int4", "int4", "int16")
    positive = np.abs(weights) * np.sign(inputs.T)
    for face in (unit.compute, unit.registers):
        with pytest.raises(AccumulatorOverflowError, match="does not fit an int16"):
            face(inputs, positive)


# -- parts ------------------------------------------------------------------------------
def parts_of(unit: FusibleArray) -> dict[str, int]:
    """Copies of all primitives at a path, in all units."""
    found: dict[str, int] = {}
    for part in unit.structure():
        found[part.path] = found.get(part.path, 0) + part.count
    return found


@pytest.mark.parametrize(("products", "dataflow"), list(product(("summed", "crossed"), FLOWS)))
def test_the_mode_does_not_change_the_array(products: str, dataflow: str) -> None:
    found = {
        array(f"int{i}", f"int{w}", products=products, dataflow=dataflow).structure()
        for i, w in product(WIDTHS, WIDTHS)
    }
    assert len(found) == 1


def test_parts_of_a_unit_that_sums() -> None:
    parts = parts_of(array(rows=1, columns=1))
    assert parts["pe.brick"] == 16
    assert parts["pe.brick_sign"] == 32
    # For each digit of a weight 2 + 1 adders along the inputs, then 2 + 1 along the weights:
    # 16 bricks, 15 adders, each with a selection of its shift.
    tree = ("input_1", "input_2", "weight_1", "weight_2")
    assert [parts[f"pe.shift_add.{level}"] for level in tree] == [8, 4, 2, 1]
    assert [parts[f"pe.shift_add.{level}_select"] for level in tree] == [8, 4, 2, 1]
    # Bricks 0 to 3 of a row take a digit of 1, 2, 2, 3 words: 0 + 1 + 1 + 2 selections, four rows.
    assert (parts["pe.input_select"], parts["pe.weight_select"]) == (16, 16)
    # 16 products of 2 bits have 32 bits of operands each way, and one sum.
    assert (parts["pe.input_register"], parts["pe.weight_register"]) == (4, 4)
    assert (parts["pe.adder"], parts["pe.accumulator"]) == (1, 1)


def test_parts_of_a_unit_whose_products_stay_apart() -> None:
    parts = parts_of(array(rows=1, columns=1, products="crossed", dataflow="output_stationary"))
    # 16 sums; after 12 adders along the inputs, 2 + 1 along the weights in each of four places.
    assert (parts["pe.adder"], parts["pe.accumulator"]) == (16, 16)
    assert [parts[f"pe.shift_add.{name}"] for name in ("input_1", "input_2")] == [8, 4]
    assert [parts[f"pe.shift_add.{name}"] for name in ("weight_1", "weight_2")] == [8, 4]
    assert (parts["pe.input_register"], parts["pe.weight_register"]) == (1, 1)
    assert not {"pe.input_select", "pe.weight_select"} & set(parts)
    # With stationary weights the inputs' products are summed: four sums, 4 words of weights.
    parts = parts_of(array(rows=1, columns=1, products="crossed"))
    assert (parts["pe.accumulator"], parts["pe.weight_register"]) == (4, 4)
    assert (parts["pe.input_register"], parts["pe.weight_select"]) == (1, 16)


def test_widths_in_the_tree() -> None:
    widths = {
        part.path: (part.primitive.formats, part.primitive.bits)
        for part in array().structure()
        if part.path.startswith("pe.shift_add")
    }
    # 4 x 2 bits and a sign: 7. 8 x 2: 11. 8 x 4: 13. 8 x 8: 17.
    for name, bits in (("input_1", 7), ("input_2", 11), ("weight_1", 13), ("weight_2", 17)):
        assert widths[f"pe.shift_add.{name}"] == ((f"int{bits}",), 0)
        assert widths[f"pe.shift_add.{name}_select"] == ((), bits)


def actions_of(unit: FusibleArray, tile: Tile) -> dict[str, int]:
    """Actions by path."""
    found: dict[str, int] = {}
    for action, count in unit.actions(tile).counts.items():
        found[action.path] = found.get(action.path, 0) + count
    return found


def test_actions_by_hand() -> None:
    # One unit, int4 x int4: three vectors of 4 products, all summed.
    found = actions_of(array("int4", "int4", rows=1, columns=1), Tile(m=3, n=1, k=4))
    assert found["pe.brick"] == 3 * 16
    assert sum(found[f"pe.shift_add.{n}"] for n in ("input_1", "input_2")) == 3 * 12
    assert sum(found[f"pe.shift_add.{n}"] for n in ("weight_1", "weight_2")) == 3 * 3
    # Four inputs are 16 bits, two words of 8; weights once.
    assert (found["pe.input_register"], found["pe.weight_register"]) == (3 * 2, 2)
    assert found["pe.adder"] == found["pe.accumulator"] == found["edge.adder"] == 3


def test_actions_where_products_stay_apart() -> None:
    # Four products of 4 x 4 bits take 3 adders each: two along the inputs, one of the weights.
    unit = array(
        "int4", "int4", rows=1, columns=1, products="crossed", dataflow="output_stationary"
    )
    found = actions_of(unit, Tile(m=2, n=2, k=5))
    assert found["pe.shift_add.input_1"] == 5 * 8
    assert found["pe.shift_add.weight_1"] == 5 * 4
    assert not {"pe.shift_add.input_2", "pe.shift_add.weight_2"} & set(found)
    assert found["pe.adder"] == 5 * 4
    assert (found["pe.input_register"], found["pe.weight_register"]) == (5, 5)


def test_traffic_by_hand() -> None:
    # 2 x 3 units of 4 products: k = 16 in two blocks, n = 6 in two; inputs of 4 bits come twice,
    # weights once, sums of 4 bytes are written twice and read once.
    traffic = array("int4", "int4").traffic(Tile(m=5, n=6, k=16))
    assert traffic.input_read_bytes == 5 * 16 * 2 // 2
    assert traffic.weight_read_bytes == 16 * 6 // 2
    assert (traffic.psum_write_bytes, traffic.psum_read_bytes) == (5 * 6 * 4 * 2, 5 * 6 * 4)


# -- spec -------------------------------------------------------------------------------
def test_defaults() -> None:
    spec = array().spec
    assert (spec.max_bits, spec.brick_bits) == (8, 2)
    assert (spec.dataflow, spec.products, spec.double_buffer) == (
        "weight_stationary",
        "summed",
        False,
    )
    assert array().title == "fusible_array 2×3 of 8 bits"


def test_widths_are_rounded_up() -> None:
    bricks = {"int1": 1, "ternary": 1, "int3": 2, "int4": 2, "int5": 4, "uint7": 4, "int9": 8}
    for name, count in bricks.items():
        mode = Mode.of(array(name, "int16", max_bits=16).spec)
        assert (mode.input_bricks, mode.weight_bricks) == (count, 8)
    assert array("int2", "int2", brick_bits=4).mode == array("int4", "int4", brick_bits=4).mode


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 0}, "greater than or equal to 1"),
        ({"max_bits": 12}, "8 or 16"),
        ({"brick_bits": 3}, "2 or 4"),
        ({"dataflow": "input_stationary"}, "'output_stationary'"),
        ({"input_format": "int16"}, "input_format: found int16, expected an integer of at most"),
        ({"weight_format": "fp16"}, "weight_format: found fp16"),
        ({"weight_format": "bipolar2"}, "weight_format: found bipolar2"),
        ({"weight_format": "flint4"}, "weight_format: found flint4"),
        ({"accumulator_format": "int8"}, "int8"),
        ({"accumulator_format": "fp32"}, "fp32"),
        ({"input_format": "int2", "weight_format": "int2", "accumulator_format": "int12"}, "int8"),
    ],
)
def test_bad_specs(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        array(**{"inputs": "int8", "weights": "int8", **_renamed(change)})


def _renamed(change: dict[str, Any]) -> dict[str, Any]:
    names = {"input_format": "inputs", "weight_format": "weights"}
    return {names.get(key, key): value for key, value in change.items()}
