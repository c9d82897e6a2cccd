"""Base addresses: regions in main memory, those of layers layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from simulator.config import CyclelabError
from simulator.mapping.program import Region
from simulator.workload.operators import TensorKind

ORDER: dict[TensorKind, str] = {"weight": "weights", "kv": "KV cache", "activation": "activations"}
"""Kinds of tensor as they follow each other in memory, with their names in messages."""


class Position(NamedTuple):
    """Where a region lies: its first instance, bytes from one to the next, and its neighbours.

    block_bytes: where the first layer begins of the regions that lie together.
    """

    base_bytes: int
    stride_bytes: int
    block_bytes: int


def aligned(size_bytes: int, alignment_bytes: int) -> int:
    """Bytes rounded up to the alignment."""
    return -(-size_bytes // alignment_bytes) * alignment_bytes


def lay_out(
    regions: Sequence[Region],
    alignment_bytes: int,
    capacity_bytes: int | None = None,
    layer_alignment_bytes: int = 1,
) -> tuple[Position, ...]:
    """Position of each region, in the order of `regions`.

    Weights come first, then the KV cache, then activations. Of a kind, regions with equally
    many instances lie together: the first instance of each, then the second of each, and so
    on. Every instance starts at a multiple of `alignment_bytes` (>= 1), every layer at one of
    `layer_alignment_bytes`, too, which is left out where there is no room for it.
    Raises CyclelabError if all together exceed `capacity_bytes`.
    """
    layer_alignment_bytes = max(alignment_bytes, layer_alignment_bytes)
    positions, end = _positions(regions, alignment_bytes, layer_alignment_bytes)
    if capacity_bytes is None or end <= capacity_bytes:
        return positions
    positions, end = _positions(regions, alignment_bytes, alignment_bytes)
    if end <= capacity_bytes:
        return positions
    taken = dict.fromkeys(ORDER, 0)
    for region in regions:
        taken[region.tensor] += aligned(region.size_bytes, alignment_bytes) * region.instances
    shares = ", ".join(f"{ORDER[kind]} {size:,}" for kind, size in taken.items())
    raise CyclelabError(
        f"the tensors in main memory need {end:,} bytes ({shares}), but it has "
        f"{capacity_bytes:,} ({end - capacity_bytes:,} bytes missing); use a smaller model, "
        "batch or precision, or a larger memory"
    )


def _positions(
    regions: Sequence[Region], alignment_bytes: int, layer_alignment_bytes: int
) -> tuple[tuple[Position, ...], int]:
    """Position of each region, and where the last one ends."""
    together: dict[tuple[int, int], list[int]] = {}
    kinds = list(ORDER)
    for index, region in enumerate(regions):
        together.setdefault((kinds.index(region.tensor), region.instances), []).append(index)
    found: dict[int, Position] = {}
    end = 0
    for (_, instances), members in sorted(together.items(), key=lambda each: each[0][0]):
        to_bytes = layer_alignment_bytes if instances > 1 else alignment_bytes
        block = at = aligned(end, to_bytes)
        bases = []
        for index in members:
            bases.append(at)
            at += aligned(regions[index].size_bytes, alignment_bytes)
        stride = aligned(at - block, to_bytes)
        for index, base in zip(members, bases, strict=True):
            found[index] = Position(base, stride, block)
        end = block + stride * instances
    return tuple(found[index] for index in range(len(regions))), end
