"""What a simulated trace found out, with all that follows from it by arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from simulator.cost.estimate import Estimate
from simulator.hardware.dram.channel import ChannelResult
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.replay import merged
from simulator.hardware.dram.spec import DramDeviceSpec

COLUMN_COMMANDS = ("RD", "RDA", "WR", "WRA")
REFRESH_COMMANDS = ("REFab", "REFpb")
PERCENTILES = (50, 95, 99)
SECONDS_PER_PS = 1e-12
NS_PER_PS = 1e-3


@dataclass(frozen=True, slots=True)
class TraceFacts:
    """What was simulated. interleave_bytes: None where the trace has coordinates."""

    name: str
    form: str
    requests: int
    last_arrival_cycle: int
    channels: int = 1
    interleave_bytes: int | None = None


@dataclass(frozen=True)
class TraceRun:
    """A trace on a device: results per channel, and where their numbers come from.

    energy_j: by category, None if the device says nothing about energy.
    """

    trace: TraceFacts
    device: DramDeviceSpec
    controller: ControllerSpec
    results: tuple[ChannelResult, ...] = field(repr=False)
    configuration: dict[str, Any] = field(repr=False)
    configuration_hash: str
    sources: dict[str, str] = field(repr=False)
    version: str
    energy_j: dict[str, Estimate] | None = None

    @cached_property
    def total(self) -> ChannelResult:
        """All channels together."""
        return merged(list(self.results))

    @property
    def cycles(self) -> float:
        """Until the last read's data has returned and the last write command was issued."""
        return self.total.cycles

    @property
    def seconds(self) -> float:
        """`cycles` as time."""
        return self.cycles * self.device.timing.clock_ps * SECONDS_PER_PS

    @property
    def bursts(self) -> int:
        """Bursts on the data buses: requests without those that the queues answered."""
        return sum(self.total.commands.get(name, 0) for name in COLUMN_COMMANDS)

    @property
    def moved_bytes(self) -> int:
        """Bytes on the data buses."""
        return self.bursts * self.device.burst_bytes

    @property
    def bandwidth_bytes_per_s(self) -> float:
        """Bytes on the data buses per second."""
        return self.moved_bytes / self.seconds if self.seconds else 0.0

    @property
    def peak_bytes_per_s(self) -> float:
        """Of all channels."""
        return self.device.peak_bytes_per_s * self.trace.channels

    @property
    def bus_share(self) -> float:
        """Share of the time that the data buses of all pseudo channels are used."""
        return self._share(self.total.busy_cycles, self.device.organisation.counts.pseudo_channels)

    @property
    def row_open_share(self) -> float:
        """Share of the time that a rank has a row open, mean over ranks."""
        counts = self.device.organisation.counts
        return self._share(self.total.row_open_cycles, counts.pseudo_channels * counts.ranks)

    @property
    def refreshes(self) -> int:
        """Refresh commands, to all banks of a scope or to one."""
        return sum(self.total.commands.get(name, 0) for name in REFRESH_COMMANDS)

    def nanoseconds(self, cycles: float) -> float:
        """Cycles as time."""
        return cycles * self.device.timing.clock_ps * NS_PER_PS

    def _share(self, cycles: float, parts: int) -> float:
        whole = self.cycles * parts * self.trace.channels
        return cycles / whole if whole else 0.0
