"""What an operation, a byte and a second cost a run: the coefficients of an energy roofline.

J. Choi, D. Bedard, R. Fowler, R. Vuduc: "A roofline model of energy", IPDPS 2013.
With intensity I (operations per byte of main memory):

    energy per operation = e_op + e_byte / I + static power × time per operation
    time per operation   = max(1 / peak, 1 / (I × bandwidth))

All of it is read from the Result alone (1 MAC = 2 operations):

- static power: `energy_by_component` of the paths in `component_groups.BY_TIME`, over the
  run's seconds.
- e_byte: all other paths below `memory`, over the bytes that the phases read from and wrote
  to main memory. Without traffic it is 0.
- e_op: every other path (matrix units, vector unit, buffers, wires, clocks of units at work;
  also what is spent on work without MACs), over 2 × the MACs of the phases, which are useful
  ones: padding and masked scores cost energy and are no operations. Without MACs it is 0.

They are means over the run. An operator that spends less than the mean on chip lies above the
line, so the line is no strict bound; the band, from the low and high estimates, is far wider.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.cost.operations import OPERATIONS_PER_MAC
from simulator.report.machine_facts import (
    bandwidth_bytes_per_second,
    clock_hz,
    peak_macs_per_second,
)
from simulator.report.plots.component_groups import MEMORY, STATIC, grouped
from simulator.report.result import ZERO, Estimate, Result


@dataclass(frozen=True, slots=True)
class EnergyModel:
    """Choi's coefficients of one run; those that the run lacks are 0.

    operation_j, byte_j: joules per operation (on chip) and per byte of main memory.
    static_w: watts. peak: operations per second. bandwidth: bytes per second.
    """

    operation_j: Estimate
    byte_j: Estimate
    static_w: Estimate
    peak: float
    bandwidth: float

    @property
    def time_balance(self) -> float:
        """Operations per byte from which on the units take longer than the memory."""
        return self.peak / self.bandwidth

    @property
    def energy_balance(self) -> float | None:
        """Operations per byte at which chip and memory cost the same, without static power.

        There the asymptotes 1 / e_op and I / e_byte meet. None if either is missing.
        """
        if not self.operation_j.value or not self.byte_j.value:
            return None
        return self.byte_j.value / self.operation_j.value

    @property
    def best(self) -> float:
        """Operations per joule at unlimited intensity, static power included.

        0 if only bytes cost energy, so that nothing limits it.
        """
        energy = self.operation_j.value + self.static_w.value / self.peak
        return 1 / energy if energy else 0.0

    @property
    def half_best(self) -> float | None:
        """Operations per byte that give half of `best`: Choi's effective energy balance.

        None without energy per byte, where the time's balance says it all.
        """
        if not self.byte_j.value or not self.best:
            return None
        intensity = self.byte_j.value * self.best
        if intensity >= self.time_balance:
            return intensity
        moving = self.byte_j.value + self.static_w.value / self.bandwidth
        return moving / (2 / self.best - self.operation_j.value)

    def joules_per_operation(self, intensity: float) -> Estimate:
        """Energy of an operation at an intensity (operations per byte, above 0)."""
        seconds = max(1 / self.peak, 1 / (intensity * self.bandwidth))
        moved = self.byte_j.scaled(1 / intensity)
        return self.operation_j + moved + self.static_w.scaled(seconds)


def energy_model(result: Result) -> EnergyModel:
    """The coefficients of a run, as the module says."""
    groups = grouped(result.energy_by_component)
    static, memory = groups.pop(STATIC, ZERO), groups.pop(MEMORY, ZERO)
    operations = OPERATIONS_PER_MAC * sum(phase.macs for phase in result.phases)
    moved = sum(phase.dram_read_bytes + phase.dram_write_bytes for phase in result.phases)
    return EnergyModel(
        operation_j=_per(sum(groups.values(), ZERO), operations),
        byte_j=_per(memory, moved),
        static_w=_per(static, result.seconds),
        peak=_peak(result),
        bandwidth=bandwidth_bytes_per_second(result),
    )


def _peak(result: Result) -> float:
    """Operations per second at the peak of the units that the run's MACs run on."""
    cycles = sum(op.utilisation * op.active_cycles for op in result.operators)
    if not cycles:
        return OPERATIONS_PER_MAC * peak_macs_per_second(result)
    macs = sum(op.macs for op in result.operators)
    return OPERATIONS_PER_MAC * macs / cycles * clock_hz(result)


def _per(energy: Estimate, amount: float) -> Estimate:
    return energy.scaled(1 / amount) if amount else ZERO
