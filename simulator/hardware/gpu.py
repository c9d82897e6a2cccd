"""A GPU: streaming multiprocessors with registers and shared memory, behind one L2 cache.

A core of the machine is a streaming multiprocessor (SM). Its warps run on `sub_cores`,
among which its matrix units are divided evenly.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from simulator.config import Spec
from simulator.hardware.bill import L2, REGISTER_FILE, SHARED_MEMORY
from simulator.hardware.machine import CoreSpec, MachineSpec
from simulator.hardware.primitives import Part
from simulator.hardware.scratchpad.structure import Banked, scratchpad_parts

THREADS_PER_WARP = 32
REGISTER_BYTES = 4


class RegisterFileSpec(Spec):
    """capacity_bytes: of an SM. read_bytes_per_cycle, write_bytes_per_cycle: of a sub-core.

    bank_bytes, width_bits: the sram macro it is built from.
    """

    capacity_bytes: int = Field(gt=0)
    read_bytes_per_cycle: int = Field(gt=0)
    write_bytes_per_cycle: int = Field(gt=0)
    bank_bytes: int = Field(default=16384, gt=0)
    width_bits: int = Field(default=512, gt=0)


class SharedMemorySpec(Spec):
    """capacity_bytes: what thread blocks of an SM can have together.

    bytes_per_cycle: through the port that reads and writes share.
    bank_bytes, width_bits: the sram macro it is built from.
    """

    capacity_bytes: int = Field(gt=0)
    bytes_per_cycle: int = Field(gt=0)
    bank_bytes: int = Field(default=8192, gt=0)
    width_bits: int = Field(default=256, gt=0)


class L2Spec(Spec):
    """The cache that all SMs share.

    copies: of a line that SMs everywhere read, where each partition keeps its own.
    bytes_per_cycle: to all SMs together; sm_bytes_per_cycle: to one of them.
    latency_cycles: from request to data, of a hit.
    """

    capacity_bytes: int = Field(gt=0)
    copies: int = Field(default=1, ge=1, le=16)
    bytes_per_cycle: int = Field(gt=0)
    sm_bytes_per_cycle: int = Field(gt=0)
    latency_cycles: int = Field(ge=0, le=10**6)
    bank_bytes: int = Field(default=131072, gt=0)
    width_bits: int = Field(default=256, gt=0)


class SmSpec(CoreSpec):
    """One streaming multiprocessor.

    max_threads, max_blocks: that may reside on it at once.
    max_registers_per_thread: of 32 bits. spare_registers_per_thread: addresses,
        counters and whatever else a kernel holds beside operands and sums.
    """

    sub_cores: int = Field(default=4, ge=1, le=64)
    register_file: RegisterFileSpec
    shared_memory: SharedMemorySpec
    max_threads: int = Field(ge=THREADS_PER_WARP)
    max_blocks: int = Field(ge=1)
    max_registers_per_thread: int = Field(default=255, ge=1)
    spare_registers_per_thread: int = Field(ge=0)

    @model_validator(mode="after")
    def _units_on_sub_cores(self) -> SmSpec:
        for position, unit in enumerate(self.matrix_units):
            if unit.count % self.sub_cores:
                raise ValueError(
                    f"matrix_units.{position}.count: {unit.count} {unit.kind} cannot be divided "
                    f"evenly among {self.sub_cores} sub_cores"
                )
        return self


class GpuSpec(MachineSpec):
    """A machine of SMs. launch_overhead_s: from one kernel's end to the next one's start."""

    kind: Literal["gpu"] = "gpu"
    core: SmSpec
    l2: L2Spec
    launch_overhead_s: float = Field(ge=0, le=1)

    @property
    def on_chip_bytes(self) -> int:
        """What the L2 cache holds of lines that all SMs read."""
        return self.l2.capacity_bytes // self.l2.copies

    @property
    def sub_cores(self) -> int:
        """Of an SM."""
        return self.core.sub_cores

    def core_buffers(self) -> dict[str, Banked]:
        """Registers and shared memory of an SM."""
        return {REGISTER_FILE: self.core.register_file, SHARED_MEMORY: self.core.shared_memory}

    def buffer_pieces(self) -> dict[str, int]:
        """Registers are beside their sub-core."""
        return {REGISTER_FILE: self.core.sub_cores}

    def shared_parts(self) -> tuple[Part, ...]:
        """The L2 cache."""
        return scratchpad_parts(self.l2, L2)
