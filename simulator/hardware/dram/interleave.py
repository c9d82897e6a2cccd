"""Which bursts of each channel a piece of main memory is, where channels take turns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.memory_spec import DramMemorySpec

Ints = NDArray[np.int64]


def whole_stripes(spec: DramMemorySpec, address: int, size_bytes: int) -> tuple[int, int] | None:
    """The first burst and how many, of every channel alike; None if a stripe is cut."""
    stripe = spec.stripe_bytes
    if address % stripe or size_bytes % stripe:
        return None
    channels, burst = spec.channels, spec.device.burst_bytes
    return address // channels // burst, size_bytes // channels // burst


def channel_ranges(spec: DramMemorySpec, address: int, size_bytes: int) -> Ints:
    """[channels, 2]: the first burst and how many; each channel's part is contiguous.

    A channel without any has (0, 0).
    """
    channels, burst = spec.channels, spec.device.burst_bytes
    ranges: Ints = np.empty((channels, 2), dtype=np.int64)
    whole = whole_stripes(spec, address, size_bytes)
    if whole is not None:
        ranges[:] = whole
        return ranges
    start, stop = _local(spec, address), _local(spec, address + size_bytes)
    some = stop > start
    ranges[:, 0] = np.where(some, start // burst, 0)
    ranges[:, 1] = np.where(some, -(-stop // burst) - start // burst, 0)
    return ranges


def _local(spec: DramMemorySpec, address: int) -> Ints:
    """Bytes below `address` that lie on each channel."""
    chunk = spec.interleave_bytes
    whole, rest = divmod(address, spec.stripe_bytes)
    before = np.arange(spec.channels, dtype=np.int64) * chunk
    return whole * chunk + np.clip(rest - before, 0, chunk)
