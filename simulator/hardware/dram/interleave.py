"""Which bursts of each channel a piece of main memory is, where channels take turns."""

from __future__ import annotations

from simulator.hardware.dram.memory_spec import DramMemorySpec


def channel_ranges(spec: DramMemorySpec, address: int, size_bytes: int) -> list[tuple[int, int]]:
    """Per channel: the first burst and how many; each channel's part is contiguous.

    A channel without any has (0, 0).
    """
    channels, chunk = spec.channels, spec.interleave_bytes
    stripe, burst = spec.stripe_bytes, spec.device.burst_bytes
    end = address + size_bytes
    if address % stripe == 0 and size_bytes % stripe == 0:
        return [(address // channels // burst, size_bytes // channels // burst)] * channels
    ranges = []
    for channel in range(channels):
        start = _local(address, channel, stripe, chunk)
        stop = _local(end, channel, stripe, chunk)
        first = start // burst
        ranges.append((first, -(-stop // burst) - first) if stop > start else (0, 0))
    return ranges


def _local(address: int, channel: int, stripe: int, chunk: int) -> int:
    """Bytes below `address` that lie on a channel."""
    whole, rest = divmod(address, stripe)
    return whole * chunk + min(max(rest - channel * chunk, 0), chunk)
