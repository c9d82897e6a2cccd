"""Waves of thread blocks: every block once, and what they read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulator.mapping.gpu.problem import Block
from simulator.mapping.gpu.waves import Grid, waves_of
from tests.mapping.gpu.test_occupancy import problem


def test_by_hand() -> None:
    """5 x 6 outputs in blocks of 2 x 2 are 3 x 3 blocks; two SMs hold two each."""
    grid = Grid(problem(m=5, n=6, k=8), Block(2, 2, 8, 1, 1, 2), sms=2, per_sm=2, strip=3)
    waves = list(waves_of(grid, 1e9))
    assert [wave.sizes for wave in waves] == [
        (((2, 2), 4),),
        (((1, 2), 2), ((2, 2), 2)),
        (((1, 2), 1),),
    ]
    assert [wave.most_per_sm for wave in waves] == [2, 2, 1]
    # Blocks (0,0) (0,1) (0,2) (1,0): two rows of blocks, three columns.
    assert [(wave.rows, wave.columns) for wave in waves] == [(8, 8), (6, 8), (1, 2)]
    assert [(w.missing_rows, w.missing_columns) for w in waves] == [(4, 6), (1, 0), (0, 0)]


def test_strips_make_waves_compact() -> None:
    """Sixteen blocks at once of an 8 x 8 grid: a strip of four is a square of 4 x 4."""
    shape = problem(m=16, n=16, k=4)
    wide = next(waves_of(Grid(shape, Block(2, 2, 4, 1, 1, 2), 16, 1, strip=8), 1e9))
    square = next(waves_of(Grid(shape, Block(2, 2, 4, 1, 1, 2), 16, 1, strip=4), 1e9))
    assert (wide.missing_rows, wide.missing_columns) == (4, 16)
    assert (square.missing_rows, square.missing_columns) == (8, 8)


@given(
    st.tuples(*[st.integers(1, 40)] * 3),
    st.integers(1, 3),
    st.sampled_from([1, 2, 8]),
    st.sampled_from([4, 16]),
    st.integers(1, 5),
    st.integers(1, 3),
    st.sampled_from([1, 2, 4]),
    st.floats(0, 4000),
)
def test_every_output_once(
    size: tuple[int, int, int],
    count: int,
    rows: int,
    columns: int,
    sms: int,
    per_sm: int,
    strip: int,
    cache: float,
) -> None:
    m, n, k = size
    grid = Grid(
        problem(count=count, m=m, n=n, k=k), Block(rows, columns, 8, 1, 1, 2), sms, per_sm, strip
    )
    waves = list(waves_of(grid, cache))
    assert sum(wave.outputs for wave in waves) == count * m * n
    assert len(waves) == grid.waves
    assert sum(blocks for wave in waves for _, blocks in wave.sizes) == grid.blocks
    for wave in waves:
        blocks = sum(blocks for _, blocks in wave.sizes)
        assert wave.most_per_sm == -(-blocks // sms) <= per_sm
        assert 0 <= wave.missing_rows <= wave.rows
        assert 0 <= wave.missing_columns <= wave.columns
    assert sum(wave.missing_rows for wave in waves) >= count * m  # each panel is fetched once
    assert sum(wave.missing_columns for wave in waves) >= count * n
