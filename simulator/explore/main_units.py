"""The main units of a machine: how much there is of them, and what they are sized by.

They are the arrays beside its cache if it has any that compute, else the first kind of
matrix unit in all cores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from annotated_types import Le

from simulator.config import Spec
from simulator.cost import ZERO, Estimate, Technology
from simulator.cost.area import area
from simulator.cost.unit import unit_cost
from simulator.experiment import Experiment
from simulator.explore.spec import Equal
from simulator.hardware.cpu import CpuSpec
from simulator.hardware.machine import MachineSpec
from simulator.hardware.matrix_unit import MATRIX_UNITS, MatrixUnit
from simulator.mapping.machine_kinds import resources_of


@dataclass(frozen=True, slots=True)
class MainUnits:
    """All main units of a machine.

    unit: one of them. count: how many. name: what operators that run on them name.
    clock_hz: of the units. macs_per_cycle: at most, of all, per cycle of the cores' clock.
    """

    unit: MatrixUnit[Any]
    count: int
    name: str
    clock_hz: float
    macs_per_cycle: Fraction

    def area_mm2(self, technology: Technology) -> Estimate:
        """Area of all of them, mm²."""
        one = sum(area(self.unit.structure(), technology).values(), ZERO)
        return one.scaled(self.count)

    def busy_power_w(self, technology: Technology) -> Estimate:
        """Power of all of them at their peak, W: of every MAC, and leakage."""
        return unit_cost(self.unit, technology).busy_power_w(self.clock_hz).scaled(self.count)

    def amount(self, technology: Technology, equal: Equal) -> float:
        """How much there is of what is to be equal: mm², W, or MACs per cycle."""
        if equal == "area":
            return self.area_mm2(technology).value
        if equal == "power":
            return self.busy_power_w(technology).value
        return float(self.macs_per_cycle)


def main_units(machine: MachineSpec) -> MainUnits:
    """The main units of a machine."""
    for unit, count, peak in machine.shared_units():
        ratio = peak / (count * unit.macs_per_cycle)
        clock_hz = float(ratio) * machine.clock.frequency_hz
        return MainUnits(unit, count, resources_of(machine).nameable[-1], clock_hz, peak)
    return _in_cores(machine, machine.core.build_matrix_units()[0])


def _in_cores(machine: MachineSpec, unit: MatrixUnit[Any]) -> MainUnits:
    count = unit.spec.count * machine.cores
    peak = Fraction(count * unit.macs_per_cycle)
    name = resources_of(machine).unit_names[0]
    return MainUnits(unit, count, name, machine.clock.frequency_hz, peak)


@dataclass(frozen=True, slots=True)
class SizedBy:
    """What main units are sized by.

    path: of the spec that has the field, below `machine`. field: a whole number.
    kind: of the units. step: it comes in multiples of this.
    resized: the main units with that number.
    """

    path: str
    spec: Spec
    field: str
    kind: str
    step: int
    resized: Callable[[int], MainUnits]

    @property
    def largest(self) -> int:
        """The largest number that may be given."""
        field = type(self.spec).model_fields[self.field]
        return min(int(str(bound.le)) for bound in field.metadata if isinstance(bound, Le))


def sized_by(experiment: Experiment) -> SizedBy:
    """Columns of systolic arrays, arrays of a slice of the cache, or copies of other units.

    Copies on a GPU come in multiples of its sub-cores.
    """
    machine = experiment.spec.machine
    if isinstance(machine, CpuSpec) and machine.arrays is not None:
        cpu, arrays, many = machine, machine.arrays, "arrays_per_slice"

        def with_arrays(number: int) -> MainUnits:
            changed = arrays.model_copy(update={many: number})
            return main_units(cpu.model_copy(update={"arrays": changed}))

        return SizedBy("arrays", arrays, many, arrays.array.kind, 1, with_arrays)
    spec = machine.core.matrix_units[0]
    field = spec.sized_by

    def with_number(number: int) -> MainUnits:
        return _in_cores(machine, MATRIX_UNITS[spec.kind](spec.model_copy(update={field: number})))

    step = machine.sub_cores if field == "count" else 1
    return SizedBy("core.matrix_units.0", spec, field, spec.kind, step, with_number)
