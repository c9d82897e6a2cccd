"""The reference mpGEMM: every rounding where it is said to be."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import CyclelabError
from simulator.numerics import (
    MixedGemm,
    Scheme,
    as_format,
    dequantise,
    mixed_gemm,
    quantise,
    random_values,
    reference_gemm,
    rounded,
)

F = np.float32


def test_direct_by_hand() -> None:
    # Two groups: codes 7, 1 with scale 1 and 7, 3 with scale 2.
    weights = quantise(np.array([[7.0], [1.0], [14.0], [6.0]]), Scheme("int4", "group", 2))
    inputs = np.array([[1, 2, 3, -4]])
    result = mixed_gemm(inputs, weights, MixedGemm("int8", "int32"))
    assert result.dtype == np.float32
    assert result.tolist() == [[1 * (7 + 2) + 2 * (21 - 12)]]


def test_zero_points_by_hand() -> None:
    # Codes 0 … 3 with zero point 1 and scale 1.
    weights = quantise(np.array([[-1.0], [0.0], [1.0], [2.0]]), Scheme("uint2", zero_point="uint2"))
    inputs = np.array([[10, 20, 30, 40]])
    direct = mixed_gemm(inputs, weights, MixedGemm("int8", "int32"))
    assert direct.tolist() == [[-10 + 30 + 80]]


def test_indirect_rounds_weights_to_the_activations_format() -> None:
    weights = quantise(np.array([[1.0], [0.3]]), Scheme("int4", scale="fp32"))
    inputs = np.array([[1.0, 1.0]])
    how = MixedGemm("fp8_e4m3", "fp32", "indirect")
    # 0.3 is code 2 of scale 1/7, 0.2857; the nearest of E4M3 is 0.28125.
    assert mixed_gemm(inputs, weights, how).tolist() == [[1.28125]]
    direct = mixed_gemm(inputs, weights, MixedGemm("fp8_e4m3", "fp32"))
    assert direct.tolist() == [[float(F(9) * F(1 / 7))]]


def test_order_of_roundings_in_fp16() -> None:
    # 2048 + 1 + 1 is 2048 in fp16 one by one; in segments of two the ones meet first.
    weights = quantise(np.array([[1.0], [1.0], [1.0], [1.0]]), Scheme("bipolar1"))
    inputs = np.array([[2048.0, 0.0, 1.0, 1.0]])
    one_by_one = mixed_gemm(inputs, weights, MixedGemm("fp16", "fp16"))
    in_pairs = mixed_gemm(inputs, weights, MixedGemm("fp16", "fp16", segment=2))
    assert (one_by_one.item(), in_pairs.item()) == (2048, 2050)


SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 20))


@given(
    shape=SHAPES,
    bits=st.integers(1, 8),
    size=st.integers(1, 24),
    activation=st.sampled_from(["int8", "int4", "uint8", "int16"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_integers_are_exact_up_to_the_scales(
    shape: tuple[int, int, int], bits: int, size: int, activation: str, seed: int
) -> None:
    m, n, k = shape
    rng = np.random.default_rng(seed)
    scheme = Scheme(f"uint{bits}", "group", size, zero_point=f"uint{bits}")
    weights = quantise(rng.standard_normal((k, n)), scheme)
    inputs = random_values(rng, (m, k), activation)
    found = mixed_gemm(inputs, weights, MixedGemm(activation, "int48"))
    assert weights.zero_point is not None
    for i in range(m):
        for j in range(n):
            total = None
            for group, start in enumerate(range(0, k, size)):
                ks = range(start, min(start + size, k))
                zero = int(weights.zero_point[group, j])
                exact = sum(int(inputs[i, x]) * (int(weights.codes[x, j]) - zero) for x in ks)
                scaled = F(exact) * F(weights.scale[group, j])
                total = scaled if total is None else total + scaled
            assert found[i, j] == total


@given(shape=SHAPES, seed=st.integers(0, 2**32 - 1), element=st.sampled_from(["int4", "fp4_e2m1"]))
def test_direct_and_indirect_agree_when_nothing_is_rounded(
    shape: tuple[int, int, int], seed: int, element: str
) -> None:
    m, n, k = shape
    rng = np.random.default_rng(seed)
    scheme = Scheme(element, "group", 4, scale="e8m0", rule="power_of_two")
    weights = quantise(rng.standard_normal((k, n)), scheme)
    inputs = rng.integers(-8, 8, (m, k)).astype(float)
    direct = mixed_gemm(inputs, weights, MixedGemm("bf16", "fp32"))
    indirect = mixed_gemm(inputs, weights, MixedGemm("bf16", "fp32", "indirect"))
    np.testing.assert_array_equal(direct, indirect)
    np.testing.assert_array_equal(direct, inputs @ dequantise(weights))


@given(seed=st.integers(0, 2**32 - 1), element=st.sampled_from(["int16", "bipolar6", "fp8_e5m2"]))
def test_products_of_floats_and_integers_round_once(seed: int, element: str) -> None:
    rng = np.random.default_rng(seed)
    left = random_values(rng, (1, 1), "fp16")
    right = random_values(rng, (1, 1), element)
    found = reference_gemm(left, right, "fp16", element, "fp32").item()
    exact = Fraction(float(left.item())) * Fraction(float(right.item()))
    below, above = np.nextafter(F(found), F(-np.inf)), np.nextafter(F(found), F(np.inf))
    distance = abs(Fraction(found) - exact)
    assert distance <= abs(Fraction(float(below)) - exact)
    assert distance <= abs(Fraction(float(above)) - exact)


def test_what_does_not_go_together() -> None:
    weights = quantise(np.ones((4, 2)), "int4")
    with pytest.raises(CyclelabError, match="do not multiply"):
        mixed_gemm(np.ones((2, 3)), weights, MixedGemm("int8", "int32"))
    with pytest.raises(CyclelabError, match="along axis 0"):
        mixed_gemm(
            np.ones((2, 4)), quantise(np.ones((4, 2)), "int4", axis=1), MixedGemm("int8", "int32")
        )
    with pytest.raises(CyclelabError, match="method: found 'both'"):
        mixed_gemm(np.ones((2, 4)), weights, MixedGemm("int8", "int32", "both"))  # type: ignore[arg-type]
    with pytest.raises(CyclelabError, match="signed bits"):
        mixed_gemm(np.ones((2, 4)), weights, MixedGemm("int8", "int8"))
    with pytest.raises(CyclelabError, match="quantise them first"):
        mixed_gemm(np.full((2, 4), 0.5), weights, MixedGemm("int8", "int32"))


def test_overflow_is_an_error() -> None:
    weights = quantise(np.ones((16, 1)), "int4")
    with pytest.raises(CyclelabError, match="wider accumulator"):
        mixed_gemm(np.full((1, 16), 127), weights, MixedGemm("int8", "int12"))
    assert as_format(rounded(np.array([1.0]), "fp16"), "fp16").item() == 1
