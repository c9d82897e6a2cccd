"""An NPU: cores with a scratchpad, an accumulator and a DMA engine of their own."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.hardware.bill import ACCUMULATOR, SCRATCHPAD
from simulator.hardware.dma.spec import DmaSpec
from simulator.hardware.machine import ClockSpec, CoreSpec, MachineSpec
from simulator.hardware.scratchpad.spec import AccumulatorSpec, ScratchpadSpec
from simulator.hardware.scratchpad.structure import Banked


class NpuCoreSpec(CoreSpec):
    """One core: units that share a scratchpad, an accumulator and a DMA engine.

    accumulator: None when partial sums live in the scratchpad.
    queue_depth: commands that each unit's queue holds besides the running one.
    """

    scratchpad: ScratchpadSpec
    accumulator: AccumulatorSpec | None = None
    dma: DmaSpec
    queue_depth: int = Field(default=16, ge=1, le=4096)


class NpuSpec(MachineSpec):
    """A machine of NPU cores.

    vector_clock: clock of the vector units when it differs.
    """

    kind: Literal["npu"] = "npu"
    vector_clock: ClockSpec | None = None
    core: NpuCoreSpec

    @property
    def on_chip_bytes(self) -> int:
        """A core's scratchpad."""
        return self.core.scratchpad.capacity_bytes

    def core_buffers(self) -> dict[str, Banked]:
        """The scratchpad, and the accumulator if there is one."""
        found: dict[str, Banked] = {SCRATCHPAD: self.core.scratchpad}
        if self.core.accumulator is not None:
            found[ACCUMULATOR] = self.core.accumulator
        return found
