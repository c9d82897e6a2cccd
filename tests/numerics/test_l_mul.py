"""L-Mul, bit for bit against additions of single codes, and its error."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from simulator.config import CyclelabError
from simulator.numerics import (
    LMul,
    as_format,
    format_named,
    l_mul_error,
    l_mul_offset_bits,
    reference_gemm,
)

# Bits of exponent and mantissa, bias, L(m), whether the largest exponent is for infinities.
LAYOUTS = {
    "bf16": (8, 7, 127, 4, True),
    "fp16": (5, 10, 15, 4, True),
    "fp8_e4m3": (4, 3, 7, 3, False),
    "fp8_e5m2": (5, 2, 15, 2, True),
}
# Least and largest normal exponent of an accumulator.
RANGES = {"fp32": (-126, 127), "fp16": (-14, 15)}


def is_special(code: int, name: str) -> bool:
    """Whether a code without its sign is an infinity or NaN."""
    exponent_bits, mantissa_bits, _, _, infinities = LAYOUTS[name]
    if infinities:
        return code >> mantissa_bits == (1 << exponent_bits) - 1
    return code == 0x7F  # E4M3 has a single NaN


def scalar(left: int, right: int, name: str, accumulator: str) -> float:
    """The product of two codes, in integers until the very end."""
    exponent_bits, mantissa_bits, bias, offset, _ = LAYOUTS[name]
    width = exponent_bits + mantissa_bits
    sign = -1.0 if (left ^ right) >> width else 1.0
    a, b = left % (1 << width), right % (1 << width)
    zero = [code >> mantissa_bits == 0 for code in (a, b)]
    if is_special(a, name) or is_special(b, name):
        largest = ((1 << exponent_bits) - 1) << mantissa_bits
        not_a_number = any(is_special(c, name) and c != largest for c in (a, b))
        return math.nan if not_a_number or any(zero) else sign * math.inf
    if any(zero):
        return sign * 0.0
    total = a + b - (bias << mantissa_bits) + (1 << (mantissa_bits - offset))
    exponent, mantissa = (total >> mantissa_bits) - bias, total % (1 << mantissa_bits)
    least, most = RANGES[accumulator]
    if exponent < least:
        return sign * 0.0
    if exponent > most:
        return sign * math.inf
    return sign * math.ldexp(1 + mantissa / (1 << mantissa_bits), exponent)


def check(name: str, left: list[int], right: list[int], accumulator: str) -> None:
    number_format, sums = format_named(name), format_named(accumulator)
    unsigned = np.dtype(f"uint{number_format.bits}")
    a, b = (
        np.array(codes, unsigned).view(number_format.dtype).astype(np.float32)
        for codes in (left, right)
    )
    found = LMul(number_format)(a, b, sums)
    assert found.dtype == sums.dtype
    expected = np.array(
        [scalar(*pair, name, accumulator) for pair in zip(left, right, strict=True)], sums.dtype
    )
    np.testing.assert_array_equal(found, expected)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[numbers]), np.signbit(expected[numbers]))


@pytest.mark.parametrize("accumulator", ["fp32", "fp16"])
@pytest.mark.parametrize("name", ["fp8_e4m3", "fp8_e5m2"])
def test_every_pair_of_codes_of_eight_bits(name: str, accumulator: str) -> None:
    pairs = list(product(range(256), range(256)))
    check(name, [a for a, _ in pairs], [b for _, b in pairs], accumulator)


@pytest.mark.parametrize("accumulator", ["fp32", "fp16"])
@pytest.mark.parametrize("name", ["bf16", "fp16"])
def test_codes_of_sixteen_bits(name: str, accumulator: str) -> None:
    rng = np.random.default_rng(5)
    ends = [0, 1, 0x3FF, 0x400, 0x7F, 0x80, 0x7BFF, 0x7C00, 0x7C01, 0x7F7F, 0x7F80, 0x7FC0, 0x7FFF]
    pairs = list(product(ends + [code | 0x8000 for code in ends], repeat=2))
    codes = rng.integers(0, 1 << 16, size=(2, 20_000)).tolist()
    check(name, [a for a, _ in pairs] + codes[0], [b for _, b in pairs] + codes[1], accumulator)


@pytest.mark.parametrize(
    ("name", "left", "right", "expected"),
    [
        ("bf16", 3.0, 5.0, 14.5),  # (1 + 1/2 + 1/4 + 1/16) · 2^3
        ("bf16", 1.0, 1.0, 1.0625),
        ("bf16", 1.5, -1.5, -2.125),  # 1/2 + 1/2 + 1/16 carries: (1 + 1/16) · 2
        ("fp8_e4m3", 1.5, 1.5, 2.25),  # exact, by chance
        ("fp8_e4m3", 1.75, 1.75, 3.25),  # 3/4 + 3/4 + 1/8 carries: (1 + 5/8) · 2
        ("fp8_e5m2", 2.0, 2.0, 5.0),  # (1 + 1/4) · 4
        ("fp8_e5m2", 57344.0, 57344.0, 1.75 * 2.0**31),  # 3/4 + 3/4 + 1/4 carries: 1 3/4 · 2^31
        ("fp16", 2.0**-15, 1024.0, 0.0),  # a subnormal operand is zero
        ("fp16", -0.0, 7.0, 0.0),
    ],
)
def test_products_by_hand(name: str, left: float, right: float, expected: float) -> None:
    operands = (np.array([v], np.float32) for v in (left, right))
    assert LMul(format_named(name))(*operands, format_named("fp32")).tolist() == [expected]


def test_bits_of_the_constant() -> None:
    assert [l_mul_offset_bits(m) for m in (2, 3, 4, 5, 7, 10)] == [2, 3, 3, 4, 4, 4]


def test_sums_of_products() -> None:
    # 1·1 and 2·2 are 1.0625 and 4.25 of L-Mul, 3·5 is 14.5.
    inputs = as_format(np.array([[1.0, 2.0, 3.0]]), "bf16")
    weights = as_format(np.array([[1.0], [2.0], [5.0]]), "bf16")
    how = ("bf16", "bf16", "fp32")
    found = reference_gemm(inputs, weights, *how, multiply=LMul(format_named("bf16")))
    assert found.tolist() == [[1.0625 + 4.25 + 14.5]]


# -- the error ------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["fp8_e4m3", "fp8_e5m2"])
def test_error_is_that_of_all_pairs_of_normal_numbers(name: str) -> None:
    """Signs and exponents do not matter: all codes have the error of all mantissas."""
    exponent_bits, mantissa_bits = LAYOUTS[name][:2]
    codes = np.arange(1 << (exponent_bits + mantissa_bits))
    codes = [int(c) for c in codes if c >> mantissa_bits and not is_special(int(c), name)]
    if name == "fp8_e4m3":  # the NaN is one mantissa of the largest exponent: leave it out whole
        codes = [c for c in codes if c >> mantissa_bits < (1 << exponent_bits) - 1]
    values = {c: scalar_value(c, name) for c in codes}
    errors = [
        scalar(a, b, name, "fp32") / (values[a] * values[b]) - 1 for a, b in product(codes, codes)
    ]
    found = l_mul_error(name)
    assert found.mean == pytest.approx(sum(map(abs, errors)) / len(errors), rel=1e-9)
    assert found.bias == pytest.approx(sum(errors) / len(errors), rel=1e-9)
    assert found.worst == max(map(abs, errors))


def scalar_value(code: int, name: str) -> float:
    _, mantissa_bits, bias, _, _ = LAYOUTS[name]
    mantissa = code % (1 << mantissa_bits)
    return math.ldexp(1 + mantissa / (1 << mantissa_bits), (code >> mantissa_bits) - bias)


@pytest.mark.parametrize("name", ["bf16", "fp16"])
def test_error_of_a_sample_agrees(name: str) -> None:
    rng = np.random.default_rng(11)
    values = np.exp2(rng.integers(-5, 5, (2, 200_000)))
    steps = 1 << LAYOUTS[name][1]
    values *= 1 + rng.integers(0, steps, values.shape) / steps
    left, right = (as_format(each, name).astype(np.float32) for each in values)
    found = LMul(format_named(name))(left, right, format_named("fp32")).astype(np.float64)
    errors = found / (values[0] * values[1]) - 1
    expected = l_mul_error(name)
    assert abs(errors).max() <= expected.worst
    assert abs(errors).mean() == pytest.approx(expected.mean, rel=0.01)
    assert errors.mean() == pytest.approx(expected.bias, rel=0.05)


def test_the_worst_errors_by_hand() -> None:
    # 1 · 1 is 1 + 2^-L; the mantissas 15/32 · 15/32 stay just below the carry for m > 4.
    assert l_mul_error("fp8_e5m2").worst == 1 / 4
    assert l_mul_error("fp8_e4m3").worst == 1 / 8
    for name in ("bf16", "fp16"):
        assert l_mul_error(name).worst == 1 - 2 / (1 + 15 / 32) ** 2


@pytest.mark.parametrize("name", ["fp32", "int8", "fp4_e2m1"])
def test_other_formats_are_refused(name: str) -> None:
    with pytest.raises(CyclelabError, match="one of bf16, fp16, fp8_e4m3, fp8_e5m2, not"):
        l_mul_error(name)
