"""Machines of equal area, peak or power: how many, or how wide, their main units must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from annotated_types import Le

from simulator.config import CyclelabError
from simulator.experiment import Experiment
from simulator.explore.main_units import amount, main_amount
from simulator.explore.spec import Equal
from simulator.hardware.machine import MachineSpec
from simulator.hardware.matrix_unit import MATRIX_UNITS
from simulator.report.units import significant

SizeLaw = Callable[[int], float]

MOST_EXCESS = 1.5
"""Beyond which machines that cannot be made smaller are not called equal."""
PRICED = {"area": "areas", "power": "powers"}
"""What a technology prices, and so must be one for all."""


@dataclass(frozen=True, slots=True)
class Size:
    """What main units are sized by, such as `columns`, and how many of them."""

    key: str
    number: int

    @property
    def setting(self) -> str:
        """As `--set` takes it."""
        return f"machine.core.matrix_units.0.{self.key}={self.number}"

    @property
    def words(self) -> str:
        """For people, `columns 166`."""
        return f"{self.key} {self.number:,}"


def equalising(experiment: Experiment, model: Experiment, equal: Equal) -> Size | None:
    """The size of an experiment's first matrix units that makes them equal to those of `model`.

    Arrays are given so many columns, other units so many copies, whichever whole number
    comes nearest; copies on a GPU come in multiples of its sub-cores. None if nothing is to
    be equal. Raises CyclelabError if technologies differ, where they price what is to be
    equal, or no size is enough.
    """
    machine = experiment.spec.machine
    if equal == "none" or experiment is model:
        return None
    if equal in PRICED:
        _same_technology(experiment, model, PRICED[equal])
    target = main_amount(model, equal)
    spec = machine.core.matrix_units[0]
    step = _step(machine)
    most = _largest(experiment) // step
    size = _size(experiment, equal)
    chosen = Size(spec.sized_by, step * nearest_size(lambda n: size(n * step), target, most))
    if size(most * step) < target:
        raise CyclelabError(
            f"equal {equal} would take a {spec.sized_by} above {most * step:,} of "
            f"{machine.name}'s {spec.kind}, the most there can be; "
            f"{_other_order('smaller', machine)}"
        )
    if size(chosen.number) > MOST_EXCESS * target:
        raise CyclelabError(
            f"{spec.kind} units of {machine.name} at their smallest ({chosen.words}) have "
            f"{_times(size(chosen.number) / target)} the {equal} of those of "
            f"{model.spec.machine.name}: they cannot be made equal; "
            f"{_other_order('larger', machine)}"
        )
    return chosen


def _other_order(which: str, machine: MachineSpec) -> str:
    """What to do where a machine cannot be sized to the first: size the first to it."""
    return f"let the {which} machine, {machine.name}, stand first, or take --equal none"


def _times(factor: float) -> str:
    """Two digits, `2.4 times`, `1,200 times`."""
    return f"{significant(float(f'{factor:.2g}'), 2)} times"


def nearest_size(size: SizeLaw, target: float, most: int) -> int:
    """The number from 1 to `most` whose size is nearest to the target; sizes rise."""
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        if size(middle) < target:
            low = middle + 1
        else:
            high = middle
    if low > 1 and target - size(low - 1) < size(low) - target:
        return low - 1
    return low


def _size(experiment: Experiment, equal: Equal) -> SizeLaw:
    """Area (mm²), peak or power (W) of the main units by their number, or their columns."""
    machine = experiment.spec.machine
    spec = machine.core.matrix_units[0]

    def size(number: int) -> float:
        unit = MATRIX_UNITS[spec.kind](spec.model_copy(update={spec.sized_by: number}))
        return amount(unit, machine, experiment.technology, equal)

    return size


def _step(machine: MachineSpec) -> int:
    by_count = machine.core.matrix_units[0].sized_by == "count"
    return machine.sub_cores if by_count else 1


def _largest(experiment: Experiment) -> int:
    """Largest value of the field that sizes the first matrix unit."""
    spec = experiment.spec.machine.core.matrix_units[0]
    field = type(spec).model_fields[spec.sized_by]
    return min(int(str(bound.le)) for bound in field.metadata if isinstance(bound, Le))


def _same_technology(experiment: Experiment, model: Experiment, what: str) -> None:
    if experiment.technology.spec != model.technology.spec:
        raise CyclelabError(
            f"{what} are compared within one technology: {model.spec.machine.name} is at "
            f"{model.technology.name}, {experiment.spec.machine.name} at "
            f"{experiment.technology.name}; --set technology={model.technology.name} takes one "
            "for all"
        )
