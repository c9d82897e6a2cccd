"""Where a matrix lies for units with registers, and what they compute, at each level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.hardware.dram.pim.gemv import GemvLayout, Run
from simulator.hardware.dram.pim.values import multiply, store
from tests.hardware.dram.devices import device
from tests.hardware.dram.pim.test_register_units import BANK, BUFFER, GROUP, NAMES, SAMSUNG

RAGGED = [
    (1, 1, None),
    (1, 17, None),
    (17, 63, None),
    (65, 128, None),
    (64, 129, None),
    (300, 1000, None),
    (130, 2049, None),
    (33, 600, 100),
    (40, 70, 7),
]
"""Outputs, inputs, and inputs of one sum: whole parts, rows and units, one more, one less."""


def products(
    name: str, matrix: NDArray[np.generic], vector: NDArray[np.generic], segment: int | None
) -> NDArray[np.float32]:
    layout = GemvLayout(device(name), *matrix.shape, segment=segment)
    return multiply(layout, store(layout, matrix), vector)


@pytest.mark.parametrize("shape", RAGGED, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_whole_numbers_are_multiplied_exactly(
    name: str, shape: tuple[int, int, int | None]
) -> None:
    outputs, inputs, segment = shape
    generator = np.random.default_rng(3)
    matrix = generator.integers(-1, 2, (outputs, inputs))
    vector = generator.integers(-1, 2, inputs)
    length = segment or inputs
    heads = (matrix * vector).reshape(outputs, inputs // length, length).sum(axis=2)
    np.testing.assert_array_equal(products(name, matrix, vector, segment), heads)


@pytest.mark.parametrize("name", NAMES)
def test_other_numbers_are_close(name: str) -> None:
    """FP16 sums lose more than FP32 ones: half a unit in the last place at every step."""
    generator = np.random.default_rng(5)
    matrix = generator.normal(size=(70, 500)).astype(np.float16)
    vector = generator.normal(size=500).astype(np.float16)
    exact = matrix.astype(np.float64) @ vector.astype(np.float64)
    size = np.abs(matrix.astype(np.float64)) @ np.abs(vector.astype(np.float64))
    error = np.abs(products(name, matrix, vector, None)[:, 0] - exact) / size
    assert error.max() < (4e-3 if name == SAMSUNG else 1e-3)
    assert error.max() > 0


def test_lanes_of_hbm_pim_keep_sums_of_their_own_in_fp16() -> None:
    """Lane by lane: 2048 + 1 is 2048 in FP16, and so is 2048 + 1 + 1 one after the other."""
    matrix = np.zeros((1, 3 * 16), dtype=np.float16)
    matrix[0, [0, 16, 32]] = [2048, 1, 1]
    assert products(SAMSUNG, matrix, np.ones(48), None)[0, 0] == 2048
    matrix[0, [0, 16, 32]] = 0
    matrix[0, [0, 1, 2]] = [2048, 1, 1]  # in other lanes: added outside, in FP32
    assert products(SAMSUNG, matrix, np.ones(48), None)[0, 0] == 2050


def test_banks_that_share_inputs_are_added_before_results_are_rounded() -> None:
    """2048 in one bank, 1 and 1 in two others: 2050 is an FP16 number, 2049 is none."""
    matrix = np.zeros((1, 64), dtype=np.float16)
    matrix[0, [0, 16, 32]] = [2048, 1, 1]
    assert products(BANK, matrix, np.ones(64), None)[0, 0] == 2050
    matrix[0, 32] = 0
    assert products(BANK, matrix, np.ones(64), None)[0, 0] == 2048


def test_keys_of_a_head_at_each_level() -> None:
    """2,048 tokens of 128: 8 rows of 16 tokens per group at bank level, 32 inputs in each of its
    banks; 4 tokens per bank and row further out."""
    runs = {name: GemvLayout(device(name), 2048, 128).runs() for name in (BANK, GROUP, BUFFER)}
    assert runs[BANK] == (Run(0, 0, 1, 8, 16, 2, 8, 16),)
    assert runs[GROUP] == (Run(0, 0, 1, 8, 4, 32, 8, 4),)
    assert runs[BUFFER] == (Run(0, 0, 1, 8, 4, 256, 8, 1),)


def test_a_last_tile_with_fewer_outputs_has_fewer_sums() -> None:
    """1,000 tokens: three rows of 256, then 232, 15 per group."""
    runs = GemvLayout(device(BANK), 1000, 128).runs()
    assert runs == (Run(0, 0, 1, 3, 16, 2, 8, 16), Run(0, 0, 4, 1, 15, 2, 0, 16))


def test_blocks_of_hbm_pim() -> None:
    """100 outputs of 300 inputs: 64 in a block, of which all 3 chunks come first."""
    runs = GemvLayout(device(SAMSUNG), 100, 300).runs()
    assert runs == (
        Run(0, 0, 1, 1, 4, 16, 9, 4, True),
        Run(0, 0, 2, 1, 4, 16, 8, 4, True),
        Run(0, 0, 3, 1, 4, 6, 3, 4, False),  # 44 inputs: 3 COMPs of 16 in each of two banks
        Run(0, 0, 4, 1, 3, 16, 9, 4, True),  # 36 outputs: three in each of 16 banks
        Run(0, 0, 5, 1, 3, 16, 8, 4, True),
        Run(0, 0, 6, 1, 3, 6, 3, 4, False),
    )


@pytest.mark.parametrize("name", NAMES)
@given(outputs=st.integers(1, 600), inputs=st.integers(1, 700), seed=st.integers(0, 2**16))
@settings(max_examples=20)
def test_elements_lie_where_the_layout_says(
    name: str, outputs: int, inputs: int, seed: int
) -> None:
    layout = GemvLayout(device(name), outputs, inputs)
    generator = np.random.default_rng(seed)
    matrix = generator.integers(1, 2000, (outputs, inputs))
    rows = store(layout, matrix)
    assert sorted(rows) == list(range(layout.first_row, layout.first_row + layout.rows))
    for index in generator.integers(0, matrix.size, 200).tolist():
        output, element = divmod(index, inputs)
        bank, row, at = layout.place(output, element)
        assert rows[row][bank, at] == matrix[output, element]
    stored = np.concatenate([row.ravel() for row in rows.values()])
    np.testing.assert_array_equal(np.sort(stored[stored != 0]), np.sort(matrix.ravel()))


@pytest.mark.parametrize("name", NAMES)
@given(outputs=st.integers(1, 3000), inputs=st.integers(1, 3000))
@settings(max_examples=60)
def test_runs_account_for_every_product(name: str, outputs: int, inputs: int) -> None:
    """As many COMPs as every output's inputs take, and no tile without outputs."""
    layout = GemvLayout(device(name), outputs, inputs)
    pim, pieces = layout.device.pim, list(layout.pieces())
    assert sum(piece.run.tiles for piece in pieces) == layout.rows
    rows = [piece.run.first_row + tile for piece in pieces for tile in range(piece.run.tiles)]
    assert sorted(rows) == list(range(1, 1 + layout.rows))
    for piece in pieces:
        held = piece.run.comps * pim.lanes * pim.input_banks // pim.banks_per_unit
        assert held - pim.lanes * pim.input_banks < piece.inputs <= held
    sums = -(-outputs // layout.places)
    done = sum(piece.run.tiles * piece.run.segments for piece in pieces)
    assert done == sums * layout.chunks
