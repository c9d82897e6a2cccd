"""Rounding to float formats, against codes decoded by hand and against numpy and ml_dtypes."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import CyclelabError
from simulator.numerics import format_named, pack, rounded, unpack

# name: exponent bits, significand bits without the hidden one, bias, what the top codes are.
LAYOUT = {
    "fp4_e2m1": (2, 1, 1, "finite"),
    "fp6_e2m3": (2, 3, 1, "finite"),
    "fp6_e3m2": (3, 2, 3, "finite"),
    "fp8_e4m3": (4, 3, 7, "one NaN"),
    "fp8_e5m2": (5, 2, 15, "IEEE"),
    "fp16": (5, 10, 15, "IEEE"),
    "bf16": (8, 7, 127, "IEEE"),
}
NARROW = [name for name, (e, m, *_) in LAYOUT.items() if e + m < 8]


def decoded(name: str) -> np.ndarray:
    """What every code stands for, from the layout of its bits."""
    exponent_bits, fraction_bits, bias, top = LAYOUT[name]
    codes = np.arange(2 ** (1 + exponent_bits + fraction_bits))
    sign = np.where(codes >> (exponent_bits + fraction_bits) & 1, -1.0, 1.0)
    exponent = codes >> fraction_bits & (2**exponent_bits - 1)
    fraction = (codes & (2**fraction_bits - 1)) / 2.0**fraction_bits
    values = np.where(
        exponent > 0,
        (1 + fraction) * 2.0 ** (exponent - float(bias)),
        fraction * 2.0 ** (1.0 - bias),
    )
    last = exponent == 2**exponent_bits - 1
    if top == "IEEE":
        values = np.where(last, np.where(fraction > 0, np.nan, np.inf), values)
    elif top == "one NaN":
        values = np.where(last & (fraction == fraction.max()), np.nan, values)
    return sign * values


@pytest.mark.parametrize("name", LAYOUT)
def test_codes_are_what_the_specification_says(name: str) -> None:
    bits = format_named(name).bits
    codes = np.arange(2**bits)
    width = np.uint16 if bits > 8 else np.uint8
    stored = codes.astype(width).view(format_named(name).dtype)
    expected = decoded(name)
    with np.errstate(invalid="ignore"):  # signalling NaNs
        found = stored.astype(float)
    np.testing.assert_array_equal(found, expected)
    signs = np.signbit(found), np.signbit(expected)
    np.testing.assert_array_equal(*(np.where(np.isnan(expected), False, each) for each in signs))
    finite = expected[np.isfinite(expected)]
    assert (finite.min(), finite.max()) == (format_named(name).minimum, format_named(name).maximum)


@pytest.mark.parametrize("name", NARROW)
def test_nearest_and_ties_to_even(name: str) -> None:
    half = 2 ** (format_named(name).bits - 1)
    codes = decoded(name)[:half]
    codes = codes[np.isfinite(codes)]
    middles = (codes[1:] + codes[:-1]) / 2
    even = codes[(np.arange(len(middles)) + 1) // 2 * 2]
    np.testing.assert_array_equal(rounded(middles, name).astype(float), even)
    np.testing.assert_array_equal(rounded(-middles, name).astype(float), -even)
    # Less than fp32 can tell from the middle: nothing may round twice.
    np.testing.assert_array_equal(
        rounded(np.nextafter(middles, np.inf), name).astype(float), codes[1:]
    )
    np.testing.assert_array_equal(
        rounded(np.nextafter(middles, -np.inf), name).astype(float), codes[:-1]
    )


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_wide_formats_round_as_numpy_does(values: list[float]) -> None:
    wide = np.array(values)
    with np.errstate(all="ignore"):
        for name, scalar in (("fp16", np.float16), ("fp32", np.float32)):
            found = rounded(wide, name, saturate=False)
            assert found.tobytes() == wide.astype(scalar).tobytes()


@given(st.lists(st.floats(width=32), min_size=1, max_size=50))
def test_narrow_formats_round_as_ml_dtypes_does_from_fp32(values: list[float]) -> None:
    single = np.array(values, dtype=np.float32)
    with np.errstate(all="ignore"):
        for name in ("bf16", "fp8_e5m2", "fp8_e4m3"):
            expected = single.astype(format_named(name).dtype).astype(float)
            found = rounded(single, name, saturate=False).astype(float)
            np.testing.assert_array_equal(found, expected)
            numbers = ~np.isnan(expected)
            assert (np.signbit(found) == np.signbit(expected))[numbers].all()


def test_overflow() -> None:
    beyond = np.array([464.0, 464.1, -1e9, np.inf])
    assert rounded(beyond, "fp8_e4m3").astype(float).tolist() == [448, 448, -448, 448]
    special = rounded(beyond, "fp8_e4m3", saturate=False).astype(float)
    assert special[0] == 448 and np.isnan(special[1:]).all()
    assert rounded(beyond, "fp4_e2m1", saturate=False).astype(float).tolist() == [6, 6, -6, 6]
    assert np.isnan(rounded(np.array([np.nan]), "fp8_e4m3").astype(float)).all()
    with pytest.raises(CyclelabError, match="no NaN"):
        rounded(np.array([np.nan]), "fp6_e2m3")
    with pytest.raises(CyclelabError, match="int8 is no float"):
        rounded(np.array([1.0]), "int8")


# -- packing ------------------------------------------------------------------------------
def test_packed_bits_by_hand() -> None:
    assert pack(np.array([1, -1, 2]), "int4").tolist() == [0xF1, 0x02]
    assert pack(np.array([5, 3, 7]), "uint3").tolist() == [0b11_011_101, 0b1]
    # Bipolar: unsigned codes 3, 0, 2, 1.
    assert pack(np.array([3, -3, 1, -1]), "bipolar2").tolist() == [0b01_10_00_11]
    # Base 3 digits 2, 0, 1, 1, 2 are 2 + 9 + 27 + 162; a byte more for the sixth.
    assert pack(np.array([1, -1, 0, 0, 1, 1]), "ternary_base3").tolist() == [200, 2]
    assert pack(np.array([1, -1, 0, 0, 1]), "ternary").tolist() == [0b00_00_11_01, 0b01]
    assert pack(np.array([-1.5, 6.0]), "fp4_e2m1").tolist() == [0b0_11_1_1_01_1]
    assert pack(np.array([1.0]), "bf16").tolist() == [0x80, 0x3F]


@given(data=st.data(), count=st.integers(0, 40), seed=st.integers(0, 2**32 - 1))
def test_unpacking_gives_back_what_was_packed(data: st.DataObject, count: int, seed: int) -> None:
    from simulator.numerics import FORMATS, packed_bits, random_values

    name = data.draw(st.sampled_from(sorted(FORMATS)))
    values = random_values(np.random.default_rng(seed), (count,), name)
    packed = pack(values, name)
    assert packed.size == -(-packed_bits(name, count) // 8)
    back = unpack(packed, name, count)
    assert back.dtype == values.dtype
    assert back.tobytes() == values.tobytes()


def test_unpacking_more_than_there_is() -> None:
    with pytest.raises(CyclelabError, match="2 bytes hold 4 values of int4, not 5"):
        unpack(np.zeros(2, np.uint8), "int4", 5)


def test_codes_of_ml_dtypes_are_kept() -> None:
    values = np.array([0.5, -448.0, np.nan], dtype=ml_dtypes.float8_e4m3fn)
    assert pack(values, "fp8_e4m3").tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("packed", "name", "count"),
    [
        (np.array([0b10], np.uint8), "ternary", 1),
        (np.array([250], np.uint8), "ternary_base3", 5),
        (np.zeros(2, np.uint8), "int4", -1),
        (np.zeros(2, np.int64), "int4", 1),
        (np.zeros((2, 2), np.uint8), "ternary_base3", 5),
    ],
)
def test_bytes_that_nothing_was_packed_into(packed: np.ndarray, name: str, count: int) -> None:
    with pytest.raises(CyclelabError):
        unpack(packed, name, count)


def test_values_that_cannot_be_packed() -> None:
    for values in (np.array([2.0**63]), np.array([1 + 2j]), np.array(["1"])):
        with pytest.raises(CyclelabError):
            pack(values, "int64")
