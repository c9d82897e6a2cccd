"""What a main memory of DRAM channels did, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DramStatistics:
    """Sums over all channels; cycles are of the device's clock.

    commands: by name. reads, writes: bursts. latency_cycles: of a read burst on
    average, from when its controller took it in. row_open_cycles: time with at
    least one row open, over all ranks of all channels. busy_share: of the data
    buses, over the whole run. refresh_late_cycles: longest delay of a refresh.
    refresh_share: of the time, that all-bank refreshes keep banks from being read:
        (tRTP + tRP + tRFC + tRCD) / tREFI, the closed form for a busy bus.
    groups: sets of channels that behaved differently and were simulated apart.
    unit_tiles, unit_cycles: of memories whose banks compute: tiles done, and time in which
        units had work, over all channels.
    """

    device: str
    channels: int
    cycles: float
    commands: dict[str, int]
    reads: int
    writes: int
    row_hits: int
    row_misses: int
    row_conflicts: int
    latency_cycles: float
    row_open_cycles: float
    busy_share: float
    refresh_late_cycles: float
    refresh_share: float
    groups: int
    unit_tiles: int = 0
    unit_cycles: float = 0.0
