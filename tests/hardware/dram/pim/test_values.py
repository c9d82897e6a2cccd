"""What units compute: exact where FP16 is, else as one number after the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.hardware.dram.pim.gemv import GemvLayout
from simulator.hardware.dram.pim.values import multiply, store
from tests.hardware.dram.pim.by_hand import slow_products
from tests.hardware.dram.pim.mixes import NAMES, pim_device

SPEC = pim_device(NAMES[0], "corrected")
RAGGED = [
    (1, 1, 1),
    (1, 31, 31),
    (31, 1, 1),
    (33, 33, 33),
    (32, 512, 512),
    (31, 511, 511),
    (33, 513, 513),
    (100, 1000, 1000),
    (65, 1024, 128),
    (33, 1000, 200),
    (5, 1023, 341),
    (40, 70, 7),
]
"""Outputs, inputs, and inputs of one sum: whole rows and banks, one more, one less."""


def whole_numbers(generator: np.random.Generator, *shape: int) -> NDArray[np.int64]:
    """So small that sums over a row of a bank, 512 · 2 · 2 at most, are exact in FP16."""
    return generator.integers(-2, 3, shape)


def products(
    matrix: NDArray[np.int64] | NDArray[np.float16], vector: NDArray[np.generic], segment: int
) -> NDArray[np.float32]:
    """Through the banks of a channel and back."""
    layout = GemvLayout(SPEC, *matrix.shape, segment=None if segment == len(vector) else segment)
    return multiply(layout, store(layout, matrix), vector)


@pytest.mark.parametrize("shape", RAGGED, ids=str)
def test_whole_numbers_are_multiplied_exactly(shape: tuple[int, int, int]) -> None:
    outputs, inputs, segment = shape
    generator = np.random.default_rng(3)
    matrix = whole_numbers(generator, outputs, inputs)
    vector = whole_numbers(generator, inputs)
    found = products(matrix, vector, segment)
    heads = (matrix * vector).reshape(outputs, inputs // segment, segment).sum(axis=2)
    assert found.shape == (outputs, inputs // segment)
    np.testing.assert_array_equal(found, heads)
    if segment == inputs:
        np.testing.assert_array_equal(found[:, 0], matrix @ vector)


@given(
    outputs=st.integers(1, 70),
    segments=st.integers(1, 9),
    segment=st.integers(1, 300),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=40)
def test_segments_have_sums_of_their_own(
    outputs: int, segments: int, segment: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    matrix = whole_numbers(generator, outputs, segments * segment)
    vector = whole_numbers(generator, segments * segment)
    heads = (matrix * vector).reshape(outputs, segments, segment).sum(axis=2)
    np.testing.assert_array_equal(products(matrix, vector, segment), heads)


@pytest.mark.parametrize("shape", [(3, 1000, 1000), (34, 96, 24), (2, 600, 300), (5, 37, 37)])
def test_other_numbers_are_rounded_as_one_after_the_other(shape: tuple[int, int, int]) -> None:
    """Bit by bit, at sizes from far below one up to some thousands."""
    outputs, inputs, segment = shape
    generator = np.random.default_rng(inputs)
    scale = 2.0 ** generator.integers(-8, 5, (outputs, inputs))
    matrix = (generator.normal(size=(outputs, inputs)) * scale).astype(np.float16)
    vector = generator.normal(size=inputs).astype(np.float16)
    found, expected = products(matrix, vector, segment), slow_products(matrix, vector, segment)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize(
    ("products_by_lane", "found"),
    [
        ([2**24, 1, 1, -(2**24)], 1),  # one after the other: 0
        ([2**24, 1, -(2**24), 1], 1),  # the first half with the second: 2
    ],
)
def test_products_of_a_comp_are_added_to_their_neighbours_first(
    products_by_lane: list[int], found: int
) -> None:
    """In FP32, 2^24 + 1 is 2^24, and 1 - 2^24 is exact."""
    assert products(*factors(products_by_lane, apart=1), segment=4)[0, 0] == found


def test_sums_of_comps_are_added_one_after_the_other() -> None:
    matrix, vector = factors([2**24, 1, 1, -(2**24)], apart=16)
    assert products(matrix, vector, segment=64)[0, 0] == 0


def factors(numbers: list[int], apart: int) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """A matrix of one row and a vector with these products, so many lanes apart."""
    matrix = np.zeros((1, apart * len(numbers)), dtype=np.float16)
    matrix[0, ::apart] = [abs(number) ** 0.5 for number in numbers]
    return matrix, matrix[0] * np.sign(np.repeat(numbers, apart)).astype(np.float16)


def test_results_leave_as_halves_and_parts_are_added_in_singles() -> None:
    """2049 is no FP16 number: a sum that one row holds is rounded, one of two rows is not."""
    row = np.full((1, 512), 4.0, dtype=np.float16)
    assert products(row, np.ones(512), 512)[0, 0] == 2048
    row[0, 0] = 5
    assert products(row, np.ones(512), 512)[0, 0] == 2048  # 2049, to even
    long = np.concatenate([np.full((1, 512), 4.0), np.ones((1, 1))], axis=1).astype(np.float16)
    assert products(long, np.ones(513), 513)[0, 0] == 2049


def test_a_matrix_and_a_vector_of_another_shape_are_refused() -> None:
    layout = GemvLayout(SPEC, 3, 5)
    with pytest.raises(ValueError, match=r"the matrix is \(5, 3\), expected \(3, 5\)"):
        store(layout, np.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"the vector is \(4,\), expected \(5,\)"):
        multiply(layout, store(layout, np.zeros((3, 5))), np.zeros(4))
