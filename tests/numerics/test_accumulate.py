"""The reference GEMM: orders of accumulation, roundings and overflow, by hand."""

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import CyclelabError
from simulator.numerics import (
    AccumulatorOverflowError,
    check_formats,
    random_values,
    reference_gemm,
)


def dot(left: list[float], right: list[float], *formats: str, segment: int | None = None) -> float:
    product = reference_gemm(np.array([left]), np.array(right)[:, None], *formats, segment=segment)
    assert product.shape == (1, 1)
    return float(product[0, 0])


def test_floats_add_in_order_of_k() -> None:
    # 2^24 + 1 rounds to 2^24 (half to even), so ones added one by one are lost …
    formats = ("fp32", "fp32", "fp32")
    values = [2.0**24, 1.0, 1.0, 1.0]
    assert dot(values, [1.0] * 4, *formats) == 2**24
    # … and added to one another first, they are not: (2^24 + 1) + (1 + 1) = 2^24 + 2.
    assert dot(values, [1.0] * 4, *formats, segment=2) == 2**24 + 2


def test_products_round_to_the_accumulator() -> None:
    # 2049 needs 12 bits, fp16 has 11: 2049 x 1 is held as 2048.
    assert dot([3.0], [683.0], "fp16", "fp16", "fp16") == 2048
    assert dot([3.0], [683.0], "fp16", "fp16", "fp32") == 2049
    # bf16 products are exact in fp32: (1 + 2^-7)^2 = 1 + 2^-6 + 2^-14.
    assert dot([1 + 2.0**-7], [1 + 2.0**-7], "bf16", "bf16", "fp32") == 1 + 2.0**-6 + 2.0**-14


def test_denormals_and_infinities_are_kept() -> None:
    tiny = 2.0**-133  # the smallest bf16
    assert dot([tiny], [2.0**-10], "bf16", "bf16", "fp32") == 2.0**-143
    assert dot([tiny], [2.0**-17], "bf16", "bf16", "fp32") == 0  # 2^-150 ties to even
    assert dot([2.0**100, 1.0], [2.0**100, 1.0], "bf16", "bf16", "fp32") == np.inf
    assert np.isnan(dot([2.0**100, 2.0**100], [2.0**100, -(2.0**100)], "bf16", "bf16", "fp32"))


@given(
    values=st.lists(st.floats(-60000, 60000, width=16), min_size=2, max_size=6),
)
def test_fp16_sums_round_once(values: list[float]) -> None:
    total = np.float16(0)
    for value in values:
        exact = Fraction(float(total)) + Fraction(value)
        # Correctly rounded from float64, in which sums of two fp16 are exact.
        with np.errstate(over="ignore"):
            total = np.float16(float(exact))
        if np.isinf(total):
            return
    assert dot(values, [1.0] * len(values), "fp16", "fp16", "fp16") == float(total)


def test_integers_are_exact_in_any_order() -> None:
    rng = np.random.default_rng(0)
    left, right = random_values(rng, (7, 50), "int8"), random_values(rng, (50, 5), "int4")
    exact = left.astype(int) @ right.astype(int)
    for segment in (None, 1, 7, 64):
        product = reference_gemm(left, right, "int8", "int4", "int32", segment)
        assert product.dtype == np.int32
        np.testing.assert_array_equal(product, exact)


def test_overflow_is_detected_on_the_way_not_only_at_the_end() -> None:
    formats = ("int8", "int8", "int16")
    # 2 x 16384 = 32768 is one too many for int16 …
    with pytest.raises(AccumulatorOverflowError, match="32768 does not fit an int16"):
        dot([-128, -128], [-128, -128], *formats)
    # … also if the sum comes back into range afterwards …
    with pytest.raises(AccumulatorOverflowError):
        dot([-128, -128, -128], [-128, -128, 127], *formats)
    # … but not in an order that never leaves it: 16384 + (-16256 + 16384) = 16512.
    assert dot([-128, -128, -128], [-128, 127, -128], *formats, segment=2) == 16512
    with pytest.raises(AccumulatorOverflowError, match="-32896"):
        dot([-128, -128, -128, -128], [127, 127, 2, 1], *formats)


def test_groups_are_summed_before_they_can_overflow() -> None:
    # 16384 + 16384 does not fit 16 bits; with -16256 in the same group it does.
    left, right = np.array([[-128, -128, -128, 1]]), np.array([[-128], [-128], [127], [2]])
    formats = ("int8", "int8", "int16")
    with pytest.raises(AccumulatorOverflowError, match="32768"):
        reference_gemm(left, right, *formats, group=2)
    assert reference_gemm(left, right, *formats, group=3).tolist() == [[16514]]
    assert reference_gemm(left, right, *formats, segment=3, group=3).tolist() == [[16514]]
    with pytest.raises(CyclelabError, match="groups of 2 products"):
        reference_gemm(left, right, "fp16", "fp16", "fp32", group=2)
    with pytest.raises(CyclelabError, match="at least one product"):
        reference_gemm(left, right, *formats, group=0)


def test_the_largest_sum_that_fits_is_no_overflow() -> None:
    assert dot([127, 127, 127], [127, 127, 4], "int8", "int8", "int16") == 32766
    assert dot([-128, -128], [127, 127], "int8", "int8", "int16") == -32512


@pytest.mark.parametrize(
    ("formats", "message"),
    [
        (("int8", "bf16", "int32"), "mixes integers and floats"),
        (("int8", "int8", "fp32"), "mixes integers and floats"),
        (("int8", "int8", "int8"), "at least 16 signed bits"),
        (("bipolar4", "int8", "int11"), "at least 12 signed bits"),
        (("int8", "int8", "uint16"), "at least 16 signed bits"),
        (("fp16", "int17", "fp32"), "at most 16 bits"),
        (("fp16", "int14", "fp16"), "at most 13 bits"),
        (("fp32", "fp32", "fp16"), "at least 32 bits"),
        (("bf16", "bf16", "bf16"), "one of fp16, fp32"),
        (("bf16", "bf16", "fp23"), "unknown number format 'fp23'"),
    ],
)
def test_formats_that_do_not_go_together(formats: tuple[str, str, str], message: str) -> None:
    with pytest.raises(CyclelabError, match=message):
        check_formats(*formats)


def test_shapes_have_to_match() -> None:
    with pytest.raises(CyclelabError, match=r"\(2, 3\) and \(2, 3\) do not multiply"):
        reference_gemm(np.ones((2, 3)), np.ones((2, 3)), "fp32", "fp32", "fp32")
    with pytest.raises(CyclelabError, match="at least one product"):
        reference_gemm(np.ones((2, 0)), np.ones((0, 3)), "fp32", "fp32", "fp32")


def test_operands_have_to_be_of_their_format() -> None:
    with pytest.raises(CyclelabError, match="do not fit int4"):
        reference_gemm(np.full((1, 1), 9), np.ones((1, 1)), "int4", "int8", "int32")


def test_narrow_dtypes_are_taken_as_they_are() -> None:
    left = np.array([[-2, 1]], dtype=ml_dtypes.int2)
    right = np.array([[-8], [7]], dtype=ml_dtypes.int4)
    assert reference_gemm(left, right, "int2", "int4", "int8").tolist() == [[23]]


def test_64_bits_do_not_wrap() -> None:
    low = np.full((1, 4), -(2**31))
    with pytest.raises(AccumulatorOverflowError, match="int64"):
        reference_gemm(low, low.T, "int32", "int32", "int64")
    assert reference_gemm(low[:, :1], low.T[:1], "int32", "int32", "int64").item() == 2**62
