"""Requests in a memory whose banks compute, with numbers that a pencil can follow."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.mapping.pim.layout import CachedRequest
from tests.hardware.dram.unit_transfers import DUAL, unit_memory

BANKS, ROW_OPERANDS, LANES = 32, 512, 16
"""Of `hbm2-neupims-dual`: a row of 1 KiB holds 512 operands of FP16, 16 go into a COMP."""


@cache
def memory(channels: int = 4, *settings: str) -> DramMemorySpec:
    """Channels of that device; settings: of the device."""
    return unit_memory(DUAL, *settings, channels=channels)


def request(
    context: int = 100,
    heads: int = 4,
    query_heads: int = 1,
    head_dim: int = 128,
    channel: int | None = None,
) -> CachedRequest:
    """A request of 4 heads of 128, as one of eight devices has them for GPT3-6.7B."""
    return CachedRequest(context, heads, query_heads, head_dim, channel)


HEAD_DIMS = st.sampled_from([32, 64, 80, 96, 128, 200, 256, 384, 512, 600, 1024])


@st.composite
def requests(draw: st.DrawFn, longest: int = 1200) -> CachedRequest:
    """A request of any length, of models with and without grouped queries."""
    return CachedRequest(
        context=draw(st.integers(1, 70) | st.integers(1, longest)),
        heads=draw(st.integers(1, 6)),
        query_heads=draw(st.sampled_from([1, 1, 2, 4])),
        head_dim=draw(HEAD_DIMS),
        channel=None,
    )
