"""The bandwidth model of main memory: one server, a latency and a queue."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.config import Spec


class IdealMemorySpec(Spec):
    """Memory that moves `bandwidth_bytes_per_s`, shared by every client.

    latency_s: from the last beat's turn on the bus to its arrival, pipelined.
    queue_depth: transfers it accepts at once, over all clients.
    arbitration_bytes: clients with a transfer waiting take turns of this size.
    device: which dram the technology prices the traffic as.
    """

    kind: Literal["ideal"] = "ideal"
    device: str
    capacity_bytes: int = Field(gt=0)
    bandwidth_bytes_per_s: float = Field(ge=1, le=1e18)
    latency_s: float = Field(ge=0, le=1)
    queue_depth: int = Field(default=64, ge=1)
    arbitration_bytes: int = Field(default=4096, ge=1)

    @property
    def device_name(self) -> str:
        """Name of the dram in the technology."""
        return self.device
