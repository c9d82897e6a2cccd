"""flint: its values and codes by hand, quantisation, and what it is not."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.config import CyclelabError
from simulator.numerics import (
    LookupGemm,
    Scheme,
    as_format,
    check_formats,
    dequantise,
    format_named,
    format_rows,
    pack,
    packed_bits,
    quantise,
    random_values,
    reference_gemm,
    unpack,
)
from simulator.numerics.flint import Flint, decoded

# In order of the codes 0000 to 1111 of a magnitude of four bits, and 000 to 111 of three.
FOUR_BITS = [0, 1, 2, 3, 4, 5, 6, 7, 64, 32, 16, 24, 8, 10, 12, 14]
THREE_BITS = [0, 1, 2, 3, 16, 8, 4, 6]


def test_values_of_all_codes() -> None:
    unsigned, signed = format_named("uflint4"), format_named("flint4")
    assert list(unsigned.table) == FOUR_BITS
    assert list(signed.table) == THREE_BITS + [-value for value in THREE_BITS]
    assert (unsigned.bits, unsigned.minimum, unsigned.maximum, unsigned.levels) == (4, 0, 64, 16)
    assert (signed.bits, signed.minimum, signed.maximum, signed.levels) == (4, -16, 16, 15)
    assert (unsigned.integer_bits, signed.integer_bits) == (7, 6)
    assert packed_bits("flint4", 100) == 400


@pytest.mark.parametrize(
    ("code", "bits", "base", "zeros"),
    [
        (0b0111, 4, 7, 0),
        (0b1111, 4, 14, 0),
        (0b1010, 4, 4, 1),  # 16
        (0b1011, 4, 6, 1),  # 24
        (0b1001, 4, 2, 2),  # 32
        (0b1000, 4, 1, 3),  # 64
        (0b111, 3, 6, 0),
        (0b101, 3, 2, 1),  # 8
        (0b100, 3, 1, 2),  # 16
    ],
)
def test_bases_and_zeros(code: int, bits: int, base: int, zeros: int) -> None:
    assert decoded(code, bits) == Flint(base, zeros)
    table = FOUR_BITS if bits == 4 else THREE_BITS
    assert base * 4**zeros == table[code]


def test_between_one_and_the_largest_it_is_a_float_of_tapering_precision() -> None:
    """Values of the authors' program: mantissa bits by exponent, 0 1 2 2 1 0 and the largest."""
    expected = {0.0, 2.0**6}
    for exponent, mantissa_bits in enumerate([0, 1, 2, 2, 1, 0]):
        steps = 1 << mantissa_bits
        expected |= {2.0**exponent * (1 + step / steps) for step in range(steps)}
    assert set(map(float, FOUR_BITS)) == expected
    assert len(expected) == 16


@pytest.mark.parametrize("name", ["flint4", "uflint4"])
def test_random_values_are_all_of_them(name: str) -> None:
    values = random_values(np.random.default_rng(0), (50, 50), name)
    assert values.dtype == format_named(name).dtype
    assert set(values.ravel().tolist()) == set(format_named(name).table)
    as_format(values, name)
    for outside in (9, 65, -5, 0.5):
        with pytest.raises(CyclelabError, match="quantise"):
            as_format(np.array([outside]), name)


@pytest.mark.parametrize("name", ["flint4", "uflint4"])
def test_packing_goes_both_ways(name: str) -> None:
    values = random_values(np.random.default_rng(1), (37,), name)
    packed = pack(values, name)
    assert packed.size == 19
    np.testing.assert_array_equal(unpack(packed, name, 37), values)


def test_packed_codes() -> None:
    # 16 is 0100, -1 is 1001, 6 is 0111, 0 is 0000; the first one in the lower half.
    assert bytes(pack(np.array([16, -1, 6, 0]), "flint4")).hex() == "9407"
    # The second zero, 1000, is read as zero.
    assert unpack(np.array([0x98], np.uint8), "flint4", 2).tolist() == [0, -1]


def test_quantising_to_the_nearest() -> None:
    # The largest is 16, the scale 1. Halves lie at 5, 7 and 12, between 4 6, 6 8 and 8 16.
    values = np.array([16, 4.9, 5, 5.1, 7, 12, -12, 12.1, 0.5, -1.5])
    found = quantise(values, "flint4")
    assert found.scale.tolist() == [1]
    # Ranks of 0 1 2 3 4 6 8 16 are 0 … 7: halves go to 4, 8, 8, 0 and 2, whose ranks are even.
    assert found.codes.tolist() == [16, 4, 4, 6, 8, 8, -8, 16, 0, -2]
    away = quantise(values, Scheme("flint4", rounding="half_away"))
    assert away.codes.tolist() == [16, 4, 6, 6, 8, 16, -16, 16, 1, -2]
    cut = quantise(values, Scheme("flint4", rounding="toward_zero"))
    assert cut.codes.tolist() == [16, 4, 4, 4, 6, 8, -8, 8, 0, -1]


def test_quantising_in_groups_stays_within_half_a_gap() -> None:
    values = np.random.default_rng(2).standard_normal((64, 8))
    found = quantise(values, Scheme("flint4", "group", 16, scale="fp32"))
    scale = found.spread(found.scale)
    table = np.unique(format_named("flint4").table)
    nearest = abs(values[..., None] / scale[..., None] - table).min(axis=-1)
    np.testing.assert_allclose(abs(values - dequantise(found)) / scale, nearest, atol=1e-6)


def test_unsigned_codes_take_no_values_below_zero() -> None:
    assert quantise(np.array([64.0, 25.0, 0.0]), "uflint4").codes.tolist() == [64, 24, 0]
    with pytest.raises(CyclelabError, match="uflint4 has no values below zero"):
        quantise(np.array([64.0, -1.0]), "uflint4")


def test_sums_of_products_are_exact() -> None:
    rng = np.random.default_rng(3)
    inputs, weights = random_values(rng, (5, 9), "uflint4"), random_values(rng, (9, 4), "flint4")
    found = reference_gemm(inputs, weights, "uflint4", "flint4", "int32")
    np.testing.assert_array_equal(found, inputs.astype(int) @ weights.astype(int))
    # 64 · 16 = 1024 takes 12 bits.
    check_formats("uflint4", "flint4", "int12")
    with pytest.raises(CyclelabError, match="at least 12 signed bits"):
        check_formats("uflint4", "flint4", "int11")


def test_what_flint_is_not() -> None:
    with pytest.raises(CyclelabError, match="signed bits"):
        check_formats("int1", "int1", "flint4")
    with pytest.raises(CyclelabError, match="bits of flint4 have no place value"):
        LookupGemm("int8", "flint4", "int11", "int32")
    with pytest.raises(CyclelabError, match="not held by flint4"):
        LookupGemm("int2", "int2", "flint4", "int32")
    with pytest.raises(CyclelabError, match="consecutive integers, not with uint8 and uflint4"):
        Scheme("uflint4", zero_point="uint8")


def test_it_is_listed() -> None:
    rows = dict(format_rows())
    assert rows["flint4"].startswith("±{0, 1, 2, 3, 4, 6, 8, 16}")
    with pytest.raises(CyclelabError, match="flint4, uflint4"):
        format_named("nonsense")
