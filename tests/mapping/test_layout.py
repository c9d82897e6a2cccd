"""Base addresses: in order, aligned, disjoint, and inside the memory."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import CyclelabError
from simulator.mapping.layout import Position, aligned, lay_out
from simulator.mapping.program import Region

KINDS = ("weight", "kv", "activation")

regions = st.lists(
    st.builds(
        Region,
        name=st.just("r"),
        tensor=st.sampled_from(KINDS),
        size_bytes=st.integers(1, 5000),
        instances=st.integers(1, 5),
    ),
    max_size=12,
)


def test_by_hand() -> None:
    # Aligned to 64: two weights of 100 bytes take 2 x 128 = 256, the cache 64, then activations.
    table = (
        Region("x", "activation", 10, 1),
        Region("w", "weight", 100, 2),
        Region("k", "kv", 64, 1),
        Region("y", "activation", 65, 1),
    )
    positions = lay_out(table, 64)
    assert [each.base_bytes for each in positions] == [320, 0, 256, 384]
    assert positions[1] == Position(0, 128, 0)
    assert lay_out(table, 64, capacity_bytes=512) == positions
    assert lay_out((), 64, capacity_bytes=0) == ()


def test_layers_lie_one_after_the_other_with_all_their_tensors() -> None:
    """Two tensors of 3 layers: 128 + 64 bytes a layer, which begins at multiples of 256.

    What has no layers comes as it is met: a table first, another one behind them.
    """
    table = (
        Region("table", "weight", 64, 1),
        Region("w", "weight", 100, 3),
        Region("b", "weight", 10, 3),
        Region("k", "kv", 64, 1),
    )
    assert lay_out(table, 64, layer_alignment_bytes=256) == (
        Position(0, 64, 0),
        Position(256, 256, 256),
        Position(384, 256, 256),
        Position(1024, 64, 1024),
    )
    # Without room for that, layers are 192 bytes apart: the end is at 64 + 3 * 192 + 64 = 704.
    crowded = lay_out(table, 64, capacity_bytes=704, layer_alignment_bytes=256)
    assert crowded[1:3] == (Position(64, 192, 64), Position(192, 192, 64))


@given(regions, st.sampled_from([1, 64, 4096]), st.sampled_from([1, 4, 32]))
def test_aligned_disjoint_and_in_order(table: list[Region], alignment: int, instances: int) -> None:
    positions = lay_out(table, alignment, layer_alignment_bytes=instances * alignment)
    places = []
    for region, position in zip(table, positions, strict=True):
        for instance in range(region.instances):
            start = position.base_bytes + instance * position.stride_bytes
            assert start % alignment == 0
            places.append((start, start + region.size_bytes, KINDS.index(region.tensor)))
        if region.instances > 1:
            assert position.block_bytes % (instances * alignment) == 0
            assert position.stride_bytes % (instances * alignment) == 0
    places.sort()
    for (_, end, kind), (start, _, next_kind) in pairwise(places):
        assert end <= start < aligned(end, instances * alignment) + alignment
        assert kind <= next_kind, "weights, then the KV cache, then activations"


def test_a_memory_that_is_too_small_says_by_how_much() -> None:
    table = (Region("w", "weight", 1000, 3), Region("k", "kv", 500, 1))
    fits = lay_out(table, 1, capacity_bytes=3500, layer_alignment_bytes=1024)
    assert [each.base_bytes for each in fits] == [0, 3000]
    with pytest.raises(CyclelabError) as error:
        lay_out(table, 1, capacity_bytes=3499)
    assert "need 3,500 bytes (weights 3,000, KV cache 500, activations 0)" in str(error.value)
    assert "it has 3,499 (1 bytes missing)" in str(error.value)
