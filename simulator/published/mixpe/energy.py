"""Energy of a schedule, as MixPE's simulator counts it, in nJ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.published.mixpe.spec import (
    BufferSpec,
    DesignSpec,
    DramSpec,
    PublishedMachineSpec,
)
from simulator.published.mixpe.traffic import Traffic

DRAM_BITS = 1024
"""What the energies of DRAM are for."""

MW_PER_W = 1e3
NJ_PER_J = 1e9


@dataclass(frozen=True, slots=True)
class Energy:
    """Parts in nJ: DRAM whatever happens, DRAM's accesses, SRAM's accesses, the array."""

    static: Any
    dram: Any
    buffers: Any
    core: Any

    @property
    def total(self) -> Any:
        """All parts."""
        return self.static + self.dram + self.buffers + self.core

    def __add__(self, other: Energy) -> Energy:
        return Energy(
            self.static + other.static,
            self.dram + other.dram,
            self.buffers + other.buffers,
            self.core + other.core,
        )

    def times(self, count: int) -> Energy:
        """Of as many layers."""
        parts = (self.static, self.dram, self.buffers, self.core)
        return Energy(*(count * part for part in parts))


def energy(
    moved: Traffic, design: DesignSpec, machine: PublishedMachineSpec, dram: DramSpec
) -> Energy:
    """Energy of the traffic; leakage of the SRAMs is not in it.

    The core leaks in all cycles and computes in those without stalls.
    """
    per_pe = design.rows * design.columns / machine.clock_hz  # nW / Hz = nJ
    busy = moved.cycles - moved.stall_cycles
    core = per_pe * (design.leakage_nw * moved.cycles + design.dynamic_nw * busy)
    loads = moved.weight_loads + moved.input_loads
    accesses = (
        loads * dram.read_nj_per_1024_bits + moved.output_stores * dram.write_nj_per_1024_bits
    )
    buffers = (
        _buffer(machine.weights, moved.operand_reads, moved.weight_loads)
        + _buffer(machine.inputs, moved.operand_reads, moved.input_loads)
        + _buffer(
            machine.outputs, moved.output_stores + moved.output_accesses, moved.output_accesses
        )
    )
    return Energy(dram.static_nj_per_cycle * moved.cycles, accesses / DRAM_BITS, buffers, core)


def energy_in_search(moved: Traffic, design: DesignSpec, machine: PublishedMachineSpec) -> Any:
    """What the search minimises among schedules of equal cycles: other prices, SRAM leakage."""
    leakage_mw = sum(
        buffer.bank_leakage_mw * buffer.banks
        for buffer in (machine.weights, machine.inputs, machine.outputs)
    )
    leakage_nj_per_cycle = leakage_mw / MW_PER_W / machine.clock_hz * NJ_PER_J
    found = energy(moved, design, machine, machine.dram_in_search)
    return found.total + leakage_nj_per_cycle * moved.cycles


def _buffer(buffer: BufferSpec, read_bits: Any, written_bits: Any) -> Any:
    return (read_bits * buffer.read_nj + written_bits * buffer.write_nj) / buffer.access_bits
