"""Conversion of types in an array: bit for bit as numpy, cycle for cycle as the formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.config import CyclelabError
from simulator.hardware.sram_pim.arithmetic import Number, fetch, store
from simulator.hardware.sram_pim.array import ColumnArray
from simulator.hardware.sram_pim.conversion import (
    Scratch,
    dequantise,
    dequantise_cycles,
    float_to_int,
    float_to_int_cycles,
    float_to_int_rows,
    int_to_float,
    int_to_float_cycles,
    int_to_float_rows,
)
from simulator.hardware.sram_pim.latencies import latency_table
from simulator.numerics import MixedGemm, Scheme, mixed_gemm, quantise

WIDTHS = list(range(2, 33))
SCRATCH = Scratch(zero=64, one=65, first=66)


def an_array(columns: int, scratch_rows: int, rng: np.random.Generator) -> ColumnArray:
    """Operand in rows 0 to 31, result in 32 to 63, constants, scratch; full of rubbish."""
    array = ColumnArray(SCRATCH.first + scratch_rows, columns)
    array.cells[:] = rng.integers(0, 2, array.cells.shape)
    array.cells[SCRATCH.zero] = False
    array.cells[SCRATCH.one] = True
    return array


def to_float(values: NDArray[Any], bits: int) -> tuple[NDArray[np.float32], int]:
    """What the program makes of integers, and the cycles it takes."""
    array = an_array(len(values), int_to_float_rows(bits), np.random.default_rng(1))
    source, into = Number(0, bits, signed=True), Number(32, 32)
    store(array, source, values)
    before = array.cycles
    int_to_float(array, source, into, SCRATCH)
    taken = array.cycles - before
    assert not array.carry.any()
    assert np.array_equal(fetch(array, source), values)
    return fetch(array, into).astype(np.uint32).view(np.float32), taken


def to_int(values: NDArray[np.float32], bits: int) -> tuple[NDArray[np.int64], int]:
    array = an_array(len(values), float_to_int_rows(bits), np.random.default_rng(2))
    source, into = Number(0, 32), Number(32, bits, signed=True)
    store(array, source, values.view(np.uint32))
    before = array.cycles
    float_to_int(array, source, into, SCRATCH)
    taken = array.cycles - before
    assert not array.carry.any()
    return fetch(array, into), taken


def same_bits(found: NDArray[np.float32], expected: NDArray[np.float32]) -> bool:
    return np.array_equal(found.view(np.uint32), expected.view(np.uint32))


def saturated(values: NDArray[np.float32], bits: int) -> NDArray[np.int64]:
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    return np.clip(np.rint(values.astype(np.float64)), low, high).astype(np.int64)


def edges(bits: int) -> NDArray[np.int64]:
    """Ends, zero, powers of two with their neighbours, and ties above 24 bits."""
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    powers = np.int64(1) << np.arange(bits, dtype=np.int64)
    near = [0, low, low + 1, high, high - 1]
    near += [int(s * (p + d)) for p in powers for d in (-1, 0, 1, 3) for s in (-1, 1)]
    for shift in range(1, 8):
        half = 1 << shift - 1
        odd = (2**24 - 1, 2**23 + 1, 2**23 + 2)
        near += [(each << shift) + rest for each in odd for rest in (half, half + 1)]
    return np.array([value for value in near if low <= value <= high], dtype=np.int64)


@pytest.mark.parametrize("bits", WIDTHS)
def test_integers_become_the_nearest_floats(bits: int) -> None:
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    drawn = np.random.default_rng(bits).integers(low, high, 500, endpoint=True)
    values = np.concatenate([edges(bits), drawn, drawn >> (drawn & 31)])
    found, cycles = to_float(values, bits)
    assert same_bits(found, values.astype(np.float32))
    assert cycles == int_to_float_cycles(bits)


def test_floats_by_hand() -> None:
    values = np.array([0, -(2**31), 2**24 - 1, 2**24, 2**24 + 1, 2**24 + 3, -(2**24) - 1])
    found, _ = to_float(values, 32)
    # 2^24 + 1 lies between two floats and goes to the even one, as does 2^24 + 3.
    expected = [0, -(2.0**31), 2.0**24 - 1, 2.0**24, 2.0**24, 2.0**24 + 4, -(2.0**24)]
    assert found.tolist() == expected
    assert found.view(np.uint32)[:2].tolist() == [0, 0xCF000000]


def test_cycles_by_hand() -> None:
    # 8 bits: sign 1, magnitude 8 + 8; distances 4, 2, 1: 3 + 1 + 1 to look, 2 and 8 each;
    # exponent 8 + 8, fraction 23.
    assert int_to_float_cycles(8) == 1 + 16 + (3 + 1 + 1) + 3 * (2 + 8) + 16 + 23 == 91
    # 32 bits: distances 16 to 1, and 8 to decide, 31 to round.
    looks = 15 + 7 + 3 + 1 + 1
    assert int_to_float_cycles(32) == 1 + 64 + looks + 5 * (2 + 32) + 16 + 23 + 8 + 31 == 340
    # To 8 bits: register of 7 + 17; distances 1, 2, 4, 8.
    moves = 4 * (1 + 24) + 15
    expected = 17 + 25 + moves + (3 + 24) + 18 + 8 + 16 + 10
    assert float_to_int_cycles(8) == expected


@pytest.mark.parametrize("bits", WIDTHS)
def test_floats_become_the_nearest_integers(bits: int) -> None:
    rng = np.random.default_rng(bits)
    around = edges(bits).astype(np.float32)
    fractions = [around + np.float32(f) for f in (-0.75, -0.5, -0.25, 0.25, 0.5, 0.75)]
    neighbours = [np.nextafter(each, np.float32(s)) for each in fractions for s in (-3e9, 3e9)]
    scaled = rng.normal(0, 1, 600) * 2.0 ** rng.integers(-4, bits + 2, 600)
    odd = [0.0, -0.0, 1e-45, -1e-38, 3.4e38, -3.4e38, np.inf, -np.inf, 0.5, -0.5, 1.5, 2.5]
    parts = [around, *fractions, *neighbours, scaled, odd]
    values = np.concatenate([np.asarray(part, dtype=np.float32) for part in parts])
    found, cycles = to_int(values, bits)
    assert np.array_equal(found, saturated(values, bits))
    assert cycles == float_to_int_cycles(bits)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=40), st.sampled_from(WIDTHS))
def test_any_bits_of_a_float(codes: list[int], bits: int) -> None:
    values = np.array(codes, dtype=np.uint32).view(np.float32)
    found, _ = to_int(values, bits)
    infinite = np.where(np.isnan(values), np.copysign(np.float32(np.inf), values), values)
    assert np.array_equal(found, saturated(infinite, bits))


@pytest.mark.parametrize("bits", [8, 24, 25, 32])
def test_there_and_back(bits: int) -> None:
    low, high = -(1 << min(bits, 25) - 1), (1 << min(bits, 25) - 1) - 1
    values = np.random.default_rng(7).integers(low, high, 300, endpoint=True)
    found, _ = to_float(values, bits)
    assert np.array_equal(to_int(found, bits)[0], values)


def test_dequantised_sums_are_those_of_the_reference() -> None:
    rng = np.random.default_rng(8)
    inputs = rng.integers(-128, 128, (3, 96)).astype(np.int8)
    weights = quantise(rng.normal(0, 1, (96, 5)), Scheme("int4", "group", 32, scale="fp16"))
    products = [
        inputs[:, k : k + 32].astype(np.int64) @ weights.codes[k : k + 32].astype(np.int64)
        for k in (0, 32, 64)
    ]
    found = dequantise(np.array(products), weights.scale.astype(np.float32))
    assert same_bits(found, mixed_gemm(inputs, weights, MixedGemm("int8", "int32")))


def test_cycles_of_dequantising_are_those_of_its_steps() -> None:
    table = latency_table("mve")
    assert dequantise_cycles(22, table) == int_to_float_cycles(22) + 346 + 351
    with_minimum = dequantise_cycles(22, table, minimum=True)
    assert with_minimum - dequantise_cycles(22, table) == 346 + 351


def test_messages() -> None:
    array = ColumnArray(80, 1)
    with pytest.raises(CyclelabError, match="of 33 bits are not converted: expected 2 to 32"):
        int_to_float_cycles(33)
    with pytest.raises(CyclelabError, match="of 1 bits"):
        float_to_int(array, Number(0, 32), Number(32, 1), SCRATCH)
    with pytest.raises(CyclelabError, match="found 16 rows of FP32, expected 32"):
        int_to_float(array, Number(0, 8), Number(32, 16), SCRATCH)
