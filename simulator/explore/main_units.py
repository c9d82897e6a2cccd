"""The main units of a machine, its first kind of matrix unit in all cores: how much there is."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from simulator.cost import ZERO, Estimate, Technology
from simulator.cost.area import area
from simulator.cost.unit import unit_cost
from simulator.experiment import Experiment
from simulator.explore.spec import Equal
from simulator.hardware.machine import MachineSpec
from simulator.hardware.matrix_unit import MatrixUnit
from simulator.mapping.machine_kinds import resources_of


def main_unit(experiment: Experiment) -> MatrixUnit[Any]:
    """One of the main units."""
    return experiment.spec.machine.core.build_matrix_units()[0]


def main_unit_name(machine: MachineSpec) -> str:
    """What operators that run on the main units name them."""
    return resources_of(machine).unit_names[0]


def unit_area_mm2(unit: MatrixUnit[Any], cores: int, technology: Technology) -> Estimate:
    """Area of all units of one kind, mm²."""
    one = sum(area(unit.structure(), technology).values(), ZERO)
    return one.scaled(unit.spec.count * cores)


def peak_macs_per_cycle(unit: MatrixUnit[Any], cores: int) -> int | Fraction:
    """Multiply-accumulates per cycle of all units of one kind."""
    return int(unit.spec.count) * cores * unit.macs_per_cycle


def busy_power_w(
    unit: MatrixUnit[Any], cores: int, clock_hz: float, technology: Technology
) -> Estimate:
    """Power of all units of one kind at their peak, W: of every MAC, and leakage."""
    one = unit_cost(unit, technology).busy_power_w(clock_hz)
    return one.scaled(unit.spec.count * cores)


def amount(
    unit: MatrixUnit[Any], machine: MachineSpec, technology: Technology, equal: Equal
) -> float:
    """How much there is of what is to be equal: mm², MACs per cycle, or W, of all units."""
    if equal == "area":
        return unit_area_mm2(unit, machine.cores, technology).value
    if equal == "power":
        return busy_power_w(unit, machine.cores, machine.clock.frequency_hz, technology).value
    return float(peak_macs_per_cycle(unit, machine.cores))


def main_amount(experiment: Experiment, equal: Equal) -> float:
    """`amount` of an experiment's main units."""
    return amount(main_unit(experiment), experiment.spec.machine, experiment.technology, equal)
