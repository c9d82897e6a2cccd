"""What the YAML of a main memory of DRAM channels holds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from simulator.config import Spec
from simulator.hardware.dram.channel_spec import check_together
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.energy_spec import no_energy
from simulator.hardware.dram.spec import DramDeviceSpec


class DramMemorySpec(Spec):
    """Main memory at command level: `channels` channels of a device, interleaved.

    device: a preset of `configs/dram`, or a mapping that extends one.
    interleave_bytes: consecutive bytes on one channel before the next one's turn.
    path_latency_s: between DMA and controller, there and back: network on chip, set-up.
    queue_depth: transfers accepted at once, over all clients.
    arbitration_bytes: clients with a transfer waiting take turns of this size, all
        channels together.
    """

    kind: Literal["dram"]
    device: DramDeviceSpec
    controller: ControllerSpec = Field(default_factory=ControllerSpec)
    channels: int = Field(ge=1, le=1024)
    interleave_bytes: int = Field(default=256, ge=1, le=2**30)
    path_latency_s: float = Field(default=0.0, ge=0, le=1)
    queue_depth: int = Field(default=64, ge=1, le=4096)
    arbitration_bytes: int = Field(default=4096, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> DramMemorySpec:
        if self.device.energy is None:  # asked for at the end of every run
            raise ValueError(f"device: {no_energy(self.device.name, self.device.standard)}")
        burst = self.device.burst_bytes
        if self.interleave_bytes % burst:
            raise ValueError(
                f"interleave_bytes is {self.interleave_bytes}, expected a multiple of the burst "
                f"of {burst} bytes (width_bits · prefetch / 8) of this device"
            )
        if self.device.capacity_bytes % self.interleave_bytes:
            raise ValueError(
                f"interleave_bytes is {self.interleave_bytes}, which does not divide a "
                f"channel's {self.device.capacity_bytes:,} bytes"
            )
        order = self.controller.address_mapping.order
        if order[-1] != "row" or any(part.startswith("row:") for part in order):
            raise ValueError(
                "controller.address_mapping.order: the row must come last, in one piece, for "
                "the transfers of a machine"
            )
        check_together(self.device, self.controller)
        return self

    @property
    def device_name(self) -> str:
        """Name of the device."""
        return self.device.name

    @property
    def capacity_bytes(self) -> int:
        """Bytes of all channels."""
        return self.channels * self.device.capacity_bytes

    @property
    def bandwidth_bytes_per_s(self) -> float:
        """Peak rate of all channels' data buses."""
        return self.channels * self.device.peak_bytes_per_s

    @property
    def latency_s(self) -> float:
        """From a request to its data on an idle memory with closed rows."""
        activate = self.device.timing_of("nRCD", "nRCDRD")
        access = activate + self.device.cycles(self.device.read_latency)
        return self.path_latency_s + access * self.device.timing.clock_ps * 1e-12

    @property
    def stripe_bytes(self) -> int:
        """Consecutive bytes that give every channel the same share."""
        return self.channels * self.interleave_bytes

    @property
    def row_bytes(self) -> int:
        """Bytes of one row of every bank of every channel."""
        return self.channels * self.device.capacity_bytes // self.device.organisation.counts.rows

    @property
    def layer_alignment_bytes(self) -> int:
        """Bytes after which addresses have the same channels, banks and columns again."""
        rows = 1 << self.controller.address_mapping.xor_banks_with_row
        return max(self.row_bytes * rows, self.stripe_bytes)
