"""Tables of integers with a scale each: bit-exact by scalars, and how far they are off."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import CyclelabError
from simulator.numerics import LookupGemm, format_named, lookup_gemm, quantise, random_values
from simulator.numerics.quantise import dequantise
from simulator.numerics.scheme import Scheme
from simulator.numerics.tables import Table, half_table, scaled_tables

SCALED = {
    "input_format": "fp16",
    "weight_format": "bipolar2",
    "table_format": "int8",
    "accumulator_format": "fp32",
    "table_scale": "fp16",
}
TYPES: dict[str, Any] = {"fp16": np.float16, "fp32": np.float32}


def sums_by_hand(a: list[np.float32], symmetric: bool) -> list[np.float32]:
    """All 16 sums by index, in fp32: pairs and pairs of pairs of ±a, or subsets in order."""
    found = []
    for index in range(16):
        bits = [index >> place & 1 for place in range(4)]
        if symmetric:
            s = [np.float32(1 if bit else -1) for bit in bits]
            low = np.float32(s[0] * a[0] + s[1] * a[1])
            high = np.float32(s[2] * a[2] + s[3] * a[3])
            found.append(np.float32(high + low))
        else:
            total = np.float32(0)
            for bit, each in zip(bits, a, strict=True):
                total = np.float32(total + each) if bit else total
            found.append(total)
    return found


def gemm_by_hand(
    inputs: np.ndarray, codes: np.ndarray, planes: list[int], scale_format: str, symmetric: bool
) -> np.float32:
    """One output: K = 4, tables of INT8, bits of `codes` from the lowest up."""
    total = np.float32(0)
    for block in range(0, len(inputs), 4):
        a = [np.float32(x) for x in [*inputs[block : block + 4], 0, 0, 0][:4]]
        sums = sums_by_hand(a, symmetric)
        largest = max(abs(float(each)) for each in sums)
        scale = TYPES[scale_format](largest / 127)
        scale = scale if scale > 0 else TYPES[scale_format](1)
        step = 0
        for bit, value in enumerate(planes):
            four = [int(code) >> bit & 1 for code in codes[block : block + 4]]
            index = sum(one << place for place, one in enumerate(four))
            entry = Fraction(float(sums[index])) / Fraction(float(scale))
            step += value * max(-127, min(127, round(entry)))  # of a Fraction, half to even
        total = np.float32(total + np.float32(step) * np.float32(scale))
    return total


@given(
    weights=st.sampled_from([("bipolar2", [1, 2]), ("int3", [1, 2, -4]), ("uint2", [1, 2])]),
    k=st.integers(1, 13),
    magnitude=st.sampled_from([1.0, 2.0**-12, 2.0**8]),
    scale=st.sampled_from(["fp16", "fp32"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_bit_exact_by_scalars(
    weights: tuple[str, list[int]], k: int, magnitude: float, scale: str, seed: int
) -> None:
    name, planes = weights
    symmetric = name.startswith("bipolar")
    rng = np.random.default_rng(seed)
    inputs = (rng.standard_normal((2, k)) * magnitude).astype(np.float16)
    values = random_values(rng, (k, 3), name).astype(int)
    how = LookupGemm(**SCALED | {"weight_format": name, "table_scale": scale})
    found = lookup_gemm(inputs, values, how)
    codes = (values + 3) // 2 if symmetric else values
    codes = np.concatenate([codes, np.zeros((-k % 4, 3), int)])  # bits of 0 beyond k
    for row, column in product(range(2), range(3)):
        expected = gemm_by_hand(inputs[row], codes[:, column], planes, scale, symmetric)
        assert found[row, column] == expected


def test_a_table_by_hand() -> None:
    # a = 1, 2, 4, 8: the largest sum is 15, so that the scale is 15 / 127 in fp32.
    table = Table(format_named("fp32"), "error")
    sums = half_table(np.array([[1.0, 2.0, 4.0, 8.0]]), table)
    assert sums.tolist() == [[1, 3, 5, 7, 9, 11, 13, 15]]
    codes, scales = scaled_tables(sums, "int8", "fp32")
    assert scales.tolist() == [float(np.float32(15 / 127))] and scales.dtype == np.float32
    # 127 · F / 15 = 8.47, 25.4, 42.3, 59.3, 76.2, 93.1, 110.07, 127
    assert codes.tolist() == [[8, 25, 42, 59, 76, 93, 110, 127]]


def test_half_to_even_and_tables_of_zeros() -> None:
    codes, scales = scaled_tables(np.array([[127.0, 0.5, 1.5, -2.5], [0, 0, 0, 0]]), "int8", "fp16")
    assert codes.tolist() == [[127, 0, 2, -2], [0, 0, 0, 0]]
    assert scales.tolist() == [1, 1] and scales.dtype == np.float16


@given(seed=st.integers(0, 2**32 - 1), depth=st.integers(1, 6))
def test_the_largest_sum_is_that_of_magnitudes(seed: int, depth: int) -> None:
    # So the vector unit needs K - 1 additions for a scale, not 2^(K-1) comparisons.
    table = Table(format_named("fp32"), "error")
    activations = table.operand(np.random.default_rng(seed).standard_normal((5, depth)))
    largest = np.abs(half_table(activations, table)).max(axis=-1)
    of_magnitudes = half_table(np.abs(activations), table)[..., -1]
    np.testing.assert_array_equal(largest, of_magnitudes)


@pytest.mark.parametrize("weights", ["int2", "uint3", "bipolar4"])
def test_integers_with_scales_are_near_the_exact_product(weights: str) -> None:
    rng = np.random.default_rng(0)
    inputs, codes = random_values(rng, (5, 64), "int8"), random_values(rng, (64, 7), weights)
    how = LookupGemm("int8", weights, "int8", "fp32", table_scale="fp32")
    exact = inputs.astype(float) @ codes.astype(float)
    assert _nmse(exact, lookup_gemm(inputs, codes, how)) < 1e-3
    # 4 · 127 / 127 is a whole number: nothing is rounded.
    ones = LookupGemm("int8", "bipolar1", "int8", "fp32", table_scale="fp32")
    assert lookup_gemm(np.full((1, 4), 127), np.ones((4, 1)), ones).tolist() == [[508]]


def _nmse(exact: np.ndarray, found: np.ndarray) -> float:
    return float(((found - exact) ** 2).sum() / (exact**2).sum())


def test_error_of_tables_beside_that_of_activations() -> None:
    """Activations with outlier channels: a scale per table is far better than per row."""
    rng = np.random.default_rng(2408)
    m, k, n = 32, 1024, 64
    inputs = rng.standard_normal((m, k))
    inputs[:, rng.choice(k, k // 100, replace=False)] *= 20.0
    inputs = inputs.astype(np.float16)
    weights = random_values(rng, (k, n), "bipolar2").astype(float)
    exact = inputs.astype(float) @ weights
    per_table = lookup_gemm(inputs, weights, LookupGemm(**SCALED | {"table_scale": "fp32"}))
    # Tables with one scale per row: the same sums, quantised together.
    sums = half_table(inputs.astype(float).reshape(m, -1, 4), Table(format_named("fp32"), "error"))
    rows = dequantise(quantise(sums.reshape(m, -1), Scheme("int8"), axis=1)).reshape(sums.shape)
    per_row = _looked_up(rows, weights)
    activations = dequantise(quantise(inputs, Scheme("int8"), axis=1)) @ weights
    errors = [_nmse(exact, each) for each in (per_table, per_row, activations)]
    # A published study of another draw has 6.5e-6, 7.8e-4 and 3.1e-3.
    assert errors == pytest.approx([6.4e-6, 4.7e-4, 1.6e-3], rel=0.05)


def _looked_up(half: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Product of two-bit weights with half tables [m, blocks, 8], in float64."""
    whole = np.concatenate([-half[..., ::-1], half], axis=-1)
    codes = ((weights + 3) // 2).astype(int).reshape(-1, 4, weights.shape[1])
    total = np.zeros((half.shape[0], weights.shape[1]))
    for bit in range(2):
        index = ((codes >> bit & 1) << np.arange(4)[None, :, None]).sum(axis=1)
        for block in range(half.shape[1]):
            total += 2**bit * whole[:, block][:, index[block]]
    return total


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"table_scale": "int8"}, "table_scale_format: found int8, expected one of fp16"),
        ({"table_format": "flint4"}, "hold signed integers of two or more bits, not flint4"),
        ({"table_format": "fp16"}, "hold signed integers of two or more bits, not fp16"),
        ({"table_format": "uint8"}, "not uint8"),
        ({"table_format": "int16"}, "sum to 18 bits, a scale multiplies at most 16"),
        ({"tabulated": False}, "sums that are added have no tables to scale"),
        ({"table_overflow": "saturate"}, "hold every sum; leave it out"),
        ({"accumulator_format": "int32"}, "accumulator_format: fp16 x int10 accumulated in int32"),
        ({"table_scale": "fp32", "accumulator_format": "fp16"}, "needs at least 32 bits"),
    ],
)
def test_scales_that_cannot_be(change: dict[str, Any], part: str) -> None:
    with pytest.raises(CyclelabError, match=part):
        LookupGemm(**SCALED | change)


def test_sums_that_have_no_scale() -> None:
    how = LookupGemm(**SCALED)
    with pytest.raises(CyclelabError, match="infinite or not a number"):
        lookup_gemm(np.full((1, 4), np.inf, np.float16), np.ones((4, 1)), how)
    wide = LookupGemm(**SCALED | {"input_format": "bf16"})
    with pytest.raises(CyclelabError, match="too large for fp16"):
        lookup_gemm(np.full((1, 4), 2.0**30), np.ones((4, 1)), wide)
