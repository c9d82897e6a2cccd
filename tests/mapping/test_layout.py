"""Base addresses: in order, aligned, disjoint, and inside the memory."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import CyclelabError
from simulator.mapping.layout import lay_out, stride_bytes
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
    assert lay_out(table, 64) == (320, 0, 256, 384)
    assert [stride_bytes(region, 64) for region in table] == [64, 128, 64, 128]
    assert lay_out(table, 64, capacity_bytes=512) == lay_out(table, 64)
    assert lay_out((), 64, capacity_bytes=0) == ()


@given(regions, st.sampled_from([1, 64, 4096]))
def test_aligned_disjoint_and_in_order(table: list[Region], alignment: int) -> None:
    bases = lay_out(table, alignment)
    places = []
    for region, base in zip(table, bases, strict=True):
        for instance in range(region.instances):
            start = base + instance * stride_bytes(region, alignment)
            assert start % alignment == 0
            places.append((start, start + region.size_bytes, KINDS.index(region.tensor)))
    places.sort()
    for (_, end, kind), (start, _, next_kind) in pairwise(places):
        assert end <= start < end + alignment, "neither overlap nor more room than needed"
        assert kind <= next_kind, "weights, then the KV cache, then activations"


def test_a_memory_that_is_too_small_says_by_how_much() -> None:
    table = (Region("w", "weight", 1000, 3), Region("k", "kv", 500, 1))
    assert lay_out(table, 1, capacity_bytes=3500) == (0, 3000)
    with pytest.raises(CyclelabError) as error:
        lay_out(table, 1, capacity_bytes=3499)
    assert "need 3,500 bytes (weights 3,000, KV cache 500, activations 0)" in str(error.value)
    assert "it has 3,499 (1 bytes missing)" in str(error.value)
