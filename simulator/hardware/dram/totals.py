"""What the counters of all channels together say about a memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.kernel import layout
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.dram.names import COMMANDS
from simulator.hardware.dram.statistics import DramStatistics


def statistics_of(
    spec: DramMemorySpec,
    totals: NDArray[np.int64],
    *,
    passed: int,
    open_ticks: int,
    refresh_late_ticks: int,
    groups: int,
) -> DramStatistics:
    """Statistics from counters `S_COUNT` to `C_END` of a channel's state, summed over channels.

    passed: ticks since the start. open_ticks: that ranks have had rows open and which are not
    counted yet. groups: the most that were simulated apart.
    """
    device = spec.device
    ticks = device.ticks_per_clock

    def count(place: int) -> int:
        return int(totals[place - layout.S_COUNT])

    names = {number: name for name, number in COMMANDS.items() if name in device.commands}
    commands = {name: count(layout.C_COMMAND + number) for number, name in names.items()}
    if device.pim is not None:
        commands["COMP"] = count(layout.C_PIM_COMPS)
    buses = spec.channels * device.organisation.counts.pseudo_channels
    reads = count(layout.C_READS)
    all_bank = spec.controller.refresh == "all_bank"
    return DramStatistics(
        device=device.name,
        channels=spec.channels,
        cycles=passed / ticks,
        commands=commands,
        reads=reads,
        writes=count(layout.C_WRITES),
        row_hits=count(layout.C_HITS),
        row_misses=count(layout.C_MISSES),
        row_conflicts=count(layout.C_CONFLICTS),
        latency_cycles=count(layout.C_LATENCY) / ticks / reads if reads else 0.0,
        row_open_cycles=(count(layout.C_ROW_OPEN) + open_ticks) / ticks,
        busy_share=count(layout.C_BUSY) / (passed * buses) if passed else 0.0,
        refresh_late_cycles=refresh_late_ticks / ticks,
        refresh_share=device.refresh_share if all_bank else 0.0,
        groups=groups,
        unit_tiles=count(layout.C_PIM_TILES),
        unit_cycles=count(layout.C_PIM_TICKS) / ticks,
    )
