"""Runs of a request: which rows meet which vectors, and that nothing is left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.hardware.dram.pim.gemv import Run
from simulator.mapping.pim.layout import (
    CachedRequest,
    Chunk,
    chunks_of,
    estimated_cycles,
    requests_of,
)
from simulator.workload.operators import AttentionShape
from tests.mapping.pim.requests import BANKS, LANES, ROW_OPERANDS, memory, request, requests

DEVICE = memory().device


def run(first_row: int, tiles: int, segments: int, comps: int) -> Run:
    """Its vector lies in row 0 of bank 0 and takes one GWRITE."""
    return Run(0, 0, first_row, tiles, segments, comps, 1)


# -- requests ----------------------------------------------------------------------
def shape(context: int, requests: int, channel: int | None = None) -> AttentionShape:
    """Four heads of keys a request, two heads of queries each."""
    return AttentionShape(4 * requests, 2, 1, context, 64, True, requests, channel)


def test_requests_come_one_by_one_in_the_order_of_the_shapes() -> None:
    found = requests_of([shape(70, 2), shape(5, 1, channel=3)])
    seventy, five = CachedRequest(70, 4, 2, 64, None), CachedRequest(5, 4, 2, 64, 3)
    assert found == [seventy, seventy, five]
    assert requests_of([]) == []


# -- by hand -----------------------------------------------------------------------
def test_a_request_of_four_heads() -> None:
    """100 tokens × 4 heads of 128.

    Keys: a row holds 512 operands, all four heads of a token; 32 banks, so 100 tokens are
    4 tiles. A head's 128 products take 8 COMPs of 16. Values: 128 elements are 4 tiles;
    100 tokens take 7 COMPs.
    """
    one = request()
    assert chunks_of(DEVICE, one, 50) == [
        Chunk(
            heads=4,
            scores=(run(50, 4, 4, 8),),
            contexts=tuple(run(54 + 4 * head, 4, 1, 7) for head in range(4)),
        )
    ]
    assert one.rows(DEVICE) == 4 + 4 * 4
    assert one.pairs == 400


def test_more_heads_than_a_row_holds_are_chunks() -> None:
    """Six heads of 128: four in the first rows of the keys, two in those behind."""
    assert chunks_of(DEVICE, request(heads=6), 1) == [
        Chunk(4, (run(1, 4, 4, 8),), tuple(run(9 + 4 * head, 4, 1, 7) for head in range(4))),
        Chunk(2, (run(5, 4, 2, 8),), tuple(run(9 + 4 * head, 4, 1, 7) for head in (4, 5))),
    ]


def test_heads_that_do_not_divide_a_row() -> None:
    """Heads of 200: two fit 512 operands, and 112 of each row stay empty; 13 COMPs for 200."""
    first, second = chunks_of(DEVICE, request(context=32, heads=3, head_dim=200), 1)
    assert first.scores == (run(1, 1, 2, 13),) and second.scores == (run(2, 1, 1, 13),)
    # 200 elements of a head's values in 32 banks: 7 tiles, of 32 tokens each.
    assert first.contexts == (run(3, 7, 1, 2), run(10, 7, 1, 2))
    assert second.contexts == (run(17, 7, 1, 2),)


def test_queries_that_share_keys_load_them_one_after_the_other() -> None:
    """Grouped queries: the same rows meet the vector of every query head."""
    (chunk,) = chunks_of(DEVICE, request(heads=2, query_heads=3), 1)
    assert chunk.heads == 2
    assert chunk.scores == (run(1, 4, 2, 8),) * 3
    assert chunk.contexts == (run(5, 4, 1, 7),) * 3 + (run(9, 4, 1, 7),) * 3


def test_a_context_beyond_a_row() -> None:
    """1,100 tokens: keys in 35 tiles; a head's values in chunks of 512, 512 and 76 tokens."""
    (chunk,) = chunks_of(DEVICE, request(context=1100, heads=1), 1)
    assert chunk.scores == (run(1, 35, 1, 8),)
    assert chunk.contexts == (run(36, 4, 1, 32), run(40, 4, 1, 32), run(44, 4, 1, 5))
    assert request(context=1100, heads=1).rows(DEVICE) == 35 + 12


@pytest.mark.parametrize(("context", "tiles", "comps"), [(1, 1, 1), (32, 1, 2), (33, 2, 3)])
def test_banks_and_lanes_that_are_not_filled(context: int, tiles: int, comps: int) -> None:
    (chunk,) = chunks_of(DEVICE, request(context=context, heads=1), 1)
    assert chunk.scores == (run(1, tiles, 1, 8),)
    assert chunk.contexts == (run(1 + tiles, 4, 1, comps),)


def test_a_head_beyond_a_row_is_multiplied_once() -> None:
    """Heads of 1,024: two runs make a head's scores in parts, 32 tiles its context."""
    chunks = chunks_of(DEVICE, request(context=32, heads=1, head_dim=1024), 1)
    scores = [each for chunk in chunks for each in chunk.scores]
    contexts = [each for chunk in chunks for each in chunk.contexts]
    assert scores == [run(1, 1, 1, 32), run(2, 1, 1, 32)]
    assert contexts == [run(3, 32, 1, 2)]
    assert sum(chunk.heads for chunk in chunks) == 1


# -- laws --------------------------------------------------------------------------
@given(requests(), st.integers(0, 5000))
def test_a_request_has_rows_of_its_own_and_every_product_a_lane(
    one: CachedRequest, first_row: int
) -> None:
    """Rows follow each other; COMPs are those of the closed form."""
    chunks = chunks_of(DEVICE, one, first_row)
    assert sum(chunk.heads for chunk in chunks) == one.heads
    rows: list[int] = []
    for chunk in chunks:
        parts = -(-one.head_dim // ROW_OPERANDS)
        assert len(set(chunk.scores)) == parts
        assert len(chunk.scores) == parts * one.query_heads
        assert len(chunk.contexts) % (chunk.heads * one.query_heads) == 0
        for each in dict.fromkeys((*chunk.scores, *chunk.contexts)):
            rows += range(each.first_row, each.first_row + each.tiles)
    assert sorted(rows) == list(range(first_row, first_row + one.rows(DEVICE)))
    queries, d = one.heads * one.query_heads, one.head_dim
    key_tiles, value_tiles = -(-one.context // BANKS), -(-d // BANKS)
    in_tokens = sum(
        -(-min(ROW_OPERANDS, one.context - first) // LANES)
        for first in range(0, one.context, ROW_OPERANDS)
    )
    every = [each for chunk in chunks for each in (*chunk.scores, *chunk.contexts)]
    assert sum(each.tiles * each.segments * each.comps for each in every) == queries * (
        key_tiles * -(-d // LANES) + value_tiles * in_tokens
    )
    assert BANKS * LANES * sum(e.tiles * e.segments * e.comps for e in every) >= 2 * d * one.pairs


@given(requests(), requests())
def test_no_request_takes_longer_than_a_longer_one(
    one: CachedRequest, other: CachedRequest
) -> None:
    """The estimate grows with every size, and with a second query head doubles."""
    longer = CachedRequest(
        max(one.context, other.context),
        max(one.heads, other.heads),
        max(one.query_heads, other.query_heads),
        one.head_dim,
        None,
    )
    assert 0 < estimated_cycles(DEVICE, one) <= estimated_cycles(DEVICE, longer)
    twice = CachedRequest(one.context, one.heads, 2 * one.query_heads, one.head_dim, None)
    assert estimated_cycles(DEVICE, twice) == 2 * estimated_cycles(DEVICE, one)


def test_the_estimate_by_hand() -> None:
    """4 heads of 128, 100 tokens: see above.

    A tile is 143 cycles and the segments' own time: 32 precharges, PIM_HEADER, three more
    groups of a rank 30 apart, the other rank a cycle behind, tRCD 14, tRTP 5. Corrected, a
    segment of 8 COMPs takes 16 cycles and 2 to the next; one of 7 takes 14. A GWRITE 96.
    """
    row = 32 + 1 + 1 + 3 * 30 + 14 + 5
    assert row == 143
    scores = 96 + 4 * (row + 4 * 16 + 3 * 2)
    context = 96 + 4 * (row + 14)
    assert estimated_cycles(DEVICE, request()) == scores + 4 * context
