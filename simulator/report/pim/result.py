"""What a GEMV on the units of a channel found out, with all that follows by arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from simulator.cost.estimate import Estimate
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.pim.channel import PimResult
from simulator.hardware.dram.pim.gemv import GemvLayout, pim_of
from simulator.hardware.dram.spec import DramDeviceSpec

SECONDS_PER_PS = 1e-12


@dataclass(frozen=True)
class ValueCheck:
    """Results of the units' arithmetic on random operands beside exact sums.

    largest_error, mean_error: relative to the sums of the products' magnitudes.
    """

    seed: int
    sums: int
    largest_error: float
    mean_error: float


@dataclass(frozen=True)
class PimRun:
    """A GEMV, where its matrix lay, and what the channel did.

    reads_beside: a stream of reads went on beside it. energy_j: by category, None if the
    device says nothing about energy. expected_cycles: of all tiles by the closed form, without
    refresh and inputs; None where there is no such form. values: None if not asked.
    """

    layout: GemvLayout
    controller: ControllerSpec
    result: PimResult
    reads_beside: bool
    energy_j: dict[str, Estimate] | None
    expected_cycles: int | None
    values: ValueCheck | None
    configuration: dict[str, Any] = field(repr=False)
    configuration_hash: str
    sources: dict[str, str] = field(repr=False)
    version: str

    def summary(self) -> str:
        """What `cyclelab pim` prints, without colours."""
        from simulator.report.pim.console import pim_summary

        return pim_summary(self)

    @property
    def device(self) -> DramDeviceSpec:
        """The channel's device."""
        return self.layout.device

    @property
    def seconds(self) -> float:
        """Until the last result is out."""
        return self.result.cycles * self.device.timing.clock_ps * SECONDS_PER_PS

    @property
    def matrix_bytes(self) -> int:
        """Bytes of the matrix, without what rows have left over."""
        return self.layout.outputs * self.layout.inputs * pim_of(self.device).operand_bits // 8

    @property
    def bus_cycles(self) -> float:
        """Cycles in which the data buses, never idle, would move the matrix out."""
        buses = self.device.organisation.counts.pseudo_channels
        bursts = -(-self.matrix_bytes // self.device.burst_bytes)
        return bursts * self.device.burst_cycles / buses

    @property
    def speedup_over_bus(self) -> float:
        """How many times as fast as moving the matrix out at the data buses' peak."""
        return self.bus_cycles / self.result.cycles

    @property
    def expected_tile_cycles(self) -> float | None:
        """Of one tile on average, by the closed form."""
        return None if self.expected_cycles is None else self.expected_cycles / self.result.tiles

    @cached_property
    def shares(self) -> dict[str, float]:
        """Where the units' time goes, of the whole: computing, rows, and the rest.

        rows: the tiles' closed form without its COMPs: precharges, activations, nRCD.
        """
        cycles = self.result.cycles
        found = {"computing": self.result.multiplying_share}
        if self.expected_cycles is not None:
            interval = self.device.cycles(pim_of(self.device).comp_interval)
            rows = self.expected_cycles - self.result.comps * interval
            found["opening and closing rows"] = min(rows / cycles, 1 - found["computing"])
        found["inputs, refresh, waiting"] = max(0.0, 1 - sum(found.values()))
        return found
