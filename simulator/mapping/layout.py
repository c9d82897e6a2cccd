"""Base addresses: regions one after the other in main memory."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.config import CyclelabError
from simulator.mapping.program import Region
from simulator.workload.operators import TensorKind

ORDER: dict[TensorKind, str] = {"weight": "weights", "kv": "KV cache", "activation": "activations"}
"""Kinds of tensor as they follow each other in memory, with their names in messages."""


def stride_bytes(region: Region, alignment_bytes: int) -> int:
    """Bytes from one instance of a region to the next: its size, rounded up to the alignment."""
    return -(-region.size_bytes // alignment_bytes) * alignment_bytes


def lay_out(
    regions: Sequence[Region], alignment_bytes: int, capacity_bytes: int | None = None
) -> tuple[int, ...]:
    """Base address in bytes of each region, in the order of `regions`.

    Weights come first, then the KV cache, then activations; those of a kind in
    their order. Every instance starts at a multiple of `alignment_bytes` (>= 1).
    Raises CyclelabError if all together exceed `capacity_bytes`.
    """
    bases = [0] * len(regions)
    taken = dict.fromkeys(ORDER, 0)
    kinds = list(ORDER)
    end = 0
    for index in sorted(range(len(regions)), key=lambda i: kinds.index(regions[i].tensor)):
        region = regions[index]
        bases[index] = end
        size = stride_bytes(region, alignment_bytes) * region.instances
        taken[region.tensor] += size
        end += size
    if capacity_bytes is not None and end > capacity_bytes:
        shares = ", ".join(f"{ORDER[kind]} {size:,}" for kind, size in taken.items())
        raise CyclelabError(
            f"the tensors in main memory need {end:,} bytes ({shares}), but it has "
            f"{capacity_bytes:,} ({end - capacity_bytes:,} bytes missing); use a smaller model, "
            "batch or precision, or a larger memory"
        )
    return tuple(bases)
