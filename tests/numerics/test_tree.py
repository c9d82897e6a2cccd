"""Sums of K products in a tree: the order against scalars, one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import CyclelabError
from simulator.numerics import AccumulatorOverflowError, random_values, tree_gemm

FLOATS = [
    # formats of activations, weights, sums; the type that rounds like the sums
    ("fp16", "fp16", "fp32", np.float32),
    ("bf16", "int4", "fp32", np.float32),
    ("fp8_e4m3", "fp8_e5m2", "fp16", np.float16),
    ("fp16", "fp16", "fp16", np.float16),
]


def dot(left: list[float], right: list[float], formats: tuple[str, str, str], depth: int) -> float:
    product = tree_gemm(np.array([left]), np.array(right)[:, None], *formats, depth)
    assert product.shape == (1, 1)
    return float(product[0, 0])


def by_scalars(left: Any, right: Any, depth: int, kind: Any) -> Any:
    """A list of numbers per step, neighbours added until one is left, onto one sum."""
    total = kind(0)
    for start in range(0, len(left), depth):
        pairs = zip(left[start : start + depth], right[start : start + depth], strict=True)
        # A product of two narrow operands is exact in float64, and rounds once here.
        terms = [kind(float(a) * float(w)) for a, w in pairs]
        terms += [kind(0)] * (depth - len(terms))
        while len(terms) > 1:
            odd = terms[len(terms) // 2 * 2 :]
            terms = [kind(a + b) for a, b in zip(terms[::2], terms[1::2], strict=False)] + odd
        total = kind(total + terms[0])
    return total


@pytest.mark.parametrize(("inputs", "weights", "sums", "kind"), FLOATS)
@given(
    m=st.integers(1, 3),
    n=st.integers(1, 3),
    k=st.integers(1, 20),
    depth=st.integers(1, 9),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_order_of_sums_bit_by_bit(
    inputs: str, weights: str, sums: str, kind: Any, m: int, n: int, k: int, depth: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    a, w = random_values(rng, (m, k), inputs), random_values(rng, (k, n), weights)
    found = tree_gemm(a, w, inputs, weights, sums, depth)
    expected = np.array([[by_scalars(row, column, depth, kind) for column in w.T] for row in a])
    assert found.dtype == expected.dtype
    assert found.tobytes() == expected.tobytes()


def test_the_order_by_hand() -> None:
    formats = ("fp32", "fp32", "fp32")
    values, ones = [2.0**24, 1.0, 1.0, 1.0], [1.0] * 4
    # (2^24 + 1) + (1 + 1): the first sum is a tie that loses its 1.
    assert dot(values, ones, formats, 4) == 2**24 + 2
    # One product per step: every 1 is lost.
    assert dot(values, ones, formats, 1) == 2**24
    # Of three, the last has no neighbour: (1 + 1) + 2^24, and then 1 onto that: 2^24 + 3
    # is a tie, between 2 · (2^23 + 1) and the even 2 · (2^23 + 2).
    assert dot([1.0, 1.0, 2.0**24, 1.0], ones, formats, 3) == 2**24 + 4
    # Of five: ((2^24 + 1) + (1 + 1)) + 1, the same tie; with a half behind it, none.
    assert dot([*values, 1.0], [1.0] * 5, formats, 5) == 2**24 + 4
    assert dot([*values, 0.5], [1.0] * 5, formats, 5) == 2**24 + 2


def test_products_round_to_the_accumulator() -> None:
    # 2049 needs 12 bits, fp16 has 11: 2049 x 1 is held as 2048, and 2048 - 1 is exact.
    assert dot([3.0, -1.0], [683.0, 1.0], ("fp16", "fp16", "fp16"), 2) == 2047
    assert dot([3.0, -1.0], [683.0, 1.0], ("fp16", "fp16", "fp32"), 2) == 2048


def test_infinities_denormals_and_what_is_no_number() -> None:
    formats = ("fp16", "fp16", "fp16")
    assert dot([65504.0, 65504.0, -65504.0], [1.0, 1.0, 1.0], formats, 2) == np.inf
    assert dot([65504.0, -65504.0, 65504.0], [1.0, 1.0, 1.0], formats, 2) == 65504
    assert np.isnan(dot([65504.0, -65504.0], [2.0, 2.0], formats, 2))
    assert dot([2.0**-24] * 3, [1.0] * 3, formats, 4) == 3 * 2.0**-24


@given(depth=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
def test_integers_are_exact(depth: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, w = random_values(rng, (3, 21), "int8"), random_values(rng, (21, 4), "int4")
    exact = a.astype(np.int64) @ w.astype(np.int64)
    np.testing.assert_array_equal(tree_gemm(a, w, "int8", "int4", "int32", depth), exact)


def test_overflow_in_the_tree_and_behind_it() -> None:
    formats = ("int8", "int8", "int16")
    # 16384 + 16384 does not fit, though the sum of all three would.
    with pytest.raises(AccumulatorOverflowError, match="32768 does not fit an int16"):
        dot([-128, -128, -128], [-128, -128, 127], formats, 4)
    with pytest.raises(AccumulatorOverflowError, match="32768 does not fit an int16"):
        dot([-128, -128], [-128, -128], formats, 1)
    # In this order it never leaves 16 bits: (16384 - 16256) + 16384.
    assert dot([-128, -128, -128], [-128, 127, -128], formats, 4) == 16512


def test_rows_in_several_parts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    a, w = random_values(rng, (7, 10), "fp16"), random_values(rng, (10, 3), "fp16")
    at_once = tree_gemm(a, w, "fp16", "fp16", "fp32", 4)
    monkeypatch.setattr("simulator.numerics.tree._PRODUCTS_AT_ONCE", 2 * 3 * 4)
    assert tree_gemm(a, w, "fp16", "fp16", "fp32", 4).tobytes() == at_once.tobytes()


def test_what_cannot_be_summed() -> None:
    ones = np.ones((2, 3))
    with pytest.raises(CyclelabError, match=r"\(2, 3\) and \(2, 3\) do not multiply"):
        tree_gemm(ones, ones, "fp32", "fp32", "fp32", 4)
    with pytest.raises(CyclelabError, match="depth: found 0"):
        tree_gemm(ones, ones.T, "fp32", "fp32", "fp32", 0)
    with pytest.raises(CyclelabError, match="mixes integers and floats"):
        tree_gemm(ones, ones.T, "fp32", "fp32", "int32", 4)
    with pytest.raises(CyclelabError, match="do not fit int4"):
        tree_gemm(9 * ones, ones.T, "int4", "int8", "int32", 4)
