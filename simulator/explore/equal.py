"""Machines of equal area, peak or power: how many, or how wide, their main units must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.config import CyclelabError
from simulator.experiment import Experiment
from simulator.explore.main_units import main_units, sized_by
from simulator.explore.spec import Equal
from simulator.hardware.machine import MachineSpec
from simulator.report.units import significant

SizeLaw = Callable[[int], float]

MOST_EXCESS = 1.5
"""Beyond which machines that cannot be made smaller are not called equal."""
PRICED = {"area": "areas", "power": "powers"}
"""What a technology prices, and so must be one for all."""


class UnequalError(CyclelabError):
    """Units that cannot be made equal. what: why; advice: to whoever compares machines."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what}; {advice}")
        self.what = what


@dataclass(frozen=True, slots=True)
class Size:
    """What main units are sized by, such as `columns`, and how many of them.

    path: of what has them, below `machine`.
    """

    path: str
    key: str
    number: int

    @property
    def setting(self) -> str:
        """As `--set` takes it."""
        return f"machine.{self.path}.{self.key}={self.number}"

    @property
    def words(self) -> str:
        """For people, `columns 166`."""
        return f"{self.key} {self.number:,}"


def equalising(experiment: Experiment, model: Experiment, equal: Equal) -> Size | None:
    """The size of an experiment's main units that makes them equal to those of `model`.

    Whichever whole number comes nearest (`sized_by`). None if nothing is to be equal.
    Raises UnequalError if technologies differ, where they price what is to be equal, or no
    size is enough.
    """
    machine, technology = experiment.spec.machine, experiment.technology
    if equal == "none" or experiment is model:
        return None
    if equal in PRICED:
        _same_technology(experiment, model, PRICED[equal])
    target = main_units(model.spec.machine).amount(model.technology, equal)
    by = sized_by(experiment)
    most = by.largest // by.step

    def size(number: int) -> float:
        return by.resized(number).amount(technology, equal)

    number = by.step * nearest_size(lambda n: size(n * by.step), target, most)
    chosen = Size(by.path, by.field, number)
    if size(most * by.step) < target:
        raise UnequalError(
            f"equal {equal} would take a {by.field} above {most * by.step:,} of "
            f"{machine.name}'s {by.kind}, the most there can be",
            _other_order("smaller", machine),
        )
    if size(chosen.number) > MOST_EXCESS * target:
        raise UnequalError(
            f"{by.kind} units of {machine.name} at their smallest ({chosen.words}) have "
            f"{_times(size(chosen.number) / target)} the {equal} of those of "
            f"{model.spec.machine.name}: they cannot be made equal",
            _other_order("larger", machine),
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


def _same_technology(experiment: Experiment, model: Experiment, what: str) -> None:
    if experiment.technology.spec != model.technology.spec:
        raise UnequalError(
            f"{what} are compared within one technology: {model.spec.machine.name} is at "
            f"{model.technology.name}, {experiment.spec.machine.name} at "
            f"{experiment.technology.name}",
            f"--set technology={model.technology.name} takes one for all",
        )
