"""Where a matrix lies in the banks, and what the units are given to do for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.hardware.dram.pim.gemv import GemvLayout, Run, row_operands, tile_bytes
from simulator.hardware.dram.pim.values import store
from tests.hardware.dram.pim.mixes import NAMES, pim_device

SPEC = pim_device(NAMES[0], "corrected")
BANKS, ROW_OPERANDS, LANES = 32, 512, 16


@st.composite
def layouts(draw: st.DrawFn) -> GemvLayout:
    segment = draw(st.integers(1, 1200))
    segments = draw(st.integers(1, 10)) if segment <= ROW_OPERANDS else 1
    return GemvLayout(
        SPEC,
        outputs=draw(st.integers(1, 130)),
        inputs=segments * segment,
        segment=segment,
        first_row=draw(st.integers(0, 100)),
    )


def test_a_tile_is_a_row_of_every_bank() -> None:
    assert row_operands(SPEC) == ROW_OPERANDS
    assert tile_bytes(SPEC) == 32 * 1024


def test_queries_and_keys_of_a_request() -> None:
    """100 tokens, 8 heads of 128: a row holds 4 heads, a tile 32 tokens: 2 chunks of 4 tiles."""
    layout = GemvLayout(SPEC, outputs=100, inputs=8 * 128, segment=128)
    assert layout.runs() == (
        Run(input_bank=0, input_row=0, first_row=1, tiles=4, segments=4, comps=8, inputs=1),
        Run(input_bank=0, input_row=0, first_row=5, tiles=4, segments=4, comps=8, inputs=1),
    )
    assert layout.rows == 8


def test_scores_and_values_of_a_head() -> None:
    """600 tokens, 128 dimensions in 4 tiles: 512 tokens, then 88, which take 6 COMPs of 16."""
    layout = GemvLayout(SPEC, outputs=128, inputs=600)
    assert layout.runs() == (
        Run(input_bank=0, input_row=0, first_row=1, tiles=4, segments=1, comps=32, inputs=1),
        Run(input_bank=0, input_row=0, first_row=5, tiles=4, segments=1, comps=6, inputs=1),
    )


def test_segments_that_fill_no_row() -> None:
    """5 sums of 200: two in each row, the last alone; 112 operands of a row are not used."""
    layout = GemvLayout(SPEC, outputs=33, inputs=1000, segment=200, first_row=7, input_row=3)
    assert layout.runs() == (
        Run(input_bank=0, input_row=3, first_row=7, tiles=2, segments=2, comps=13, inputs=1),
        Run(input_bank=0, input_row=3, first_row=9, tiles=2, segments=2, comps=13, inputs=1),
        Run(input_bank=0, input_row=3, first_row=11, tiles=2, segments=1, comps=13, inputs=1),
    )


@given(layouts(), st.integers(0, 2**16))
@settings(max_examples=40)
def test_elements_lie_where_the_layout_says(layout: GemvLayout, seed: int) -> None:
    """Some of them where `place` has them, and all of them somewhere; the rest is zero."""
    generator = np.random.default_rng(seed)
    matrix = generator.integers(1, 2000, (layout.outputs, layout.inputs))
    rows = store(layout, matrix)
    assert sorted(rows) == list(range(layout.first_row, layout.first_row + layout.rows))
    for index in generator.integers(0, matrix.size, 200).tolist():
        output, element = divmod(index, layout.inputs)
        bank, row, at = layout.place(output, element)
        assert rows[row][bank, at] == matrix[output, element]
    stored = np.concatenate([row.ravel() for row in rows.values()])
    np.testing.assert_array_equal(np.sort(stored[stored != 0]), np.sort(matrix.ravel()))


@given(layouts())
@settings(max_examples=100)
def test_runs_account_for_every_element(layout: GemvLayout) -> None:
    """Each input in one lane of one COMP of its segment; each output in one bank of one tile."""
    pieces = list(layout.pieces())
    assert sum(piece.inputs for piece in pieces) == layout.inputs
    row, element = layout.first_row, 0
    for piece in pieces:
        run = piece.run
        assert (run.first_row, piece.first_input) == (row, element)
        assert (run.tiles - 1) * BANKS < layout.outputs <= run.tiles * BANKS
        assert run.segments * piece.segment_inputs == piece.inputs
        assert (run.comps - 1) * LANES < piece.segment_inputs <= run.comps * LANES
        assert piece.inputs <= ROW_OPERANDS
        for output in (0, layout.outputs - 1):
            bank, at, _ = layout.place(output, element)
            assert (bank, at) == (output % BANKS, row + output // BANKS)
        row, element = row + run.tiles, element + piece.inputs
    assert row == layout.first_row + layout.rows
    assert layout.runs() == tuple(piece.run for piece in pieces)


@pytest.mark.parametrize(
    ("inputs", "segment", "runs", "segments"),
    [(512, 512, 1, 1), (513, None, 2, 1), (512, 1, 1, 512), (1024, 512, 2, 1), (1026, 342, 3, 1)],
)
def test_chunks_at_their_limits(inputs: int, segment: int | None, runs: int, segments: int) -> None:
    found = GemvLayout(SPEC, outputs=1, inputs=inputs, segment=segment).runs()
    assert len(found) == runs
    assert found[0].segments == segments
