"""Runs the cases of a comparison and puts each beside the one it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.config import CyclelabError
from simulator.cost.difference import Amounts, difference
from simulator.experiment import Experiment
from simulator.explore.blame import of_case
from simulator.explore.case import CaseSpec
from simulator.explore.main_units import main_units
from simulator.explore.outcome import CaseOutcome, Outcome, PhaseOutcome, Units
from simulator.explore.runnable import refusal
from simulator.explore.sizing import SizedCase, sized_cases
from simulator.explore.spec import ComparisonSpec, Equal
from simulator.report.aggregate import PhaseGroup, phase_groups
from simulator.report.efficiency import efficiency_of
from simulator.report.result import ZERO, Estimate, Result
from simulator.runner import Progress, run_with_amounts

UNSIZED = "as it is given, it can: take --equal none, or let another machine stand first"


class CannotRunError(CyclelabError):
    """A machine cannot run what it is given. case: its name; reason: why.

    size: that its main units were given, in words, where the machine as it was given could.
    """

    def __init__(
        self, case: str, reason: CyclelabError, message: str, size: str | None = None
    ) -> None:
        super().__init__(message)
        self.case = case
        self.reason = reason
        self.size = size


@dataclass(frozen=True, slots=True)
class _Run:
    """A case that was simulated.

    energies: what the energy of each phase group is made of. area: what the die is.
    """

    experiment: Experiment
    result: Result
    groups: dict[str, PhaseGroup]
    energies: dict[str, Amounts]
    area: Amounts


def compare(
    spec: ComparisonSpec, overrides: Sequence[str] = (), progress: Progress | None = None
) -> Outcome:
    """Simulate all cases; `overrides` are `key.path=value`, for each of them.

    Raises CyclelabError, with the case's name, before anything is simulated if a case is
    wrong, and CannotRunError when one cannot be run.
    """
    cases = sized_cases(spec, overrides)
    runs: dict[str, _Run] = {}
    for index, case in enumerate(spec.cases):
        within = _within(progress, case.name, index, len(spec.cases))
        runs[case.name] = _run(spec, case, cases[case.name], within)
    outcomes = tuple(_case(spec, case, runs) for case in spec.cases)
    return Outcome(spec, outcomes, tuple(overrides))


def _within(progress: Progress | None, name: str, index: int, count: int) -> Progress | None:
    """Progress of a case as progress of them all."""
    if progress is None:
        return None
    return lambda phase, share: progress(f"{name}, {phase}", (index + share) / count)


def _run(spec: ComparisonSpec, case: CaseSpec, sized: SizedCase, progress: Progress | None) -> _Run:
    experiment = sized.experiment
    try:
        result, amounts = run_with_amounts(experiment, progress)
    except CyclelabError as error:
        raise _cannot_run(spec, case, sized, error) from None
    of_phase = {phase.name: own for phase, own in zip(result.phases, amounts, strict=True)}
    groups = {group.label: group for group in phase_groups(result)}
    summed = {}
    for label, group in groups.items():
        summed[label] = Amounts()
        for phase in group.phases:
            summed[label].add(of_phase[phase.name])
    area = Amounts()
    area.add_area(experiment.spec.machine.parts())
    return _Run(experiment, result, groups, summed, area)


def _cannot_run(
    spec: ComparisonSpec, case: CaseSpec, sized: SizedCase, error: CyclelabError
) -> CannotRunError:
    """The error with its place, and with the size of the main units if that is at fault."""
    written = spec.written(case)
    if sized.size is None or refusal(sized.given) is not None:
        return CannotRunError(case.name, error, str(of_case(error, case.name, case.set, written)))
    size = f"sized to equal {spec.equal} ({sized.size.words})"
    placed = of_case(CyclelabError(f"{size}: {error}"), case.name, case.set, written)
    return CannotRunError(case.name, error, f"{placed}; {UNSIZED}", size)


def _case(spec: ComparisonSpec, case: CaseSpec, runs: dict[str, _Run]) -> CaseOutcome:
    own, baseline = runs[case.name], runs[spec.baseline(case).name]
    result, machine = own.result, own.experiment.spec.machine
    foreign = [label for label in own.groups if label not in baseline.groups]
    if foreign:
        problem = CyclelabError(
            f"has a phase {foreign[0]!r}, {spec.baseline(case).name!r} has "
            f"{', '.join(baseline.groups)}: cases are compared phase by phase"
        )
        raise of_case(problem, case.name, case.set, spec.written(case))
    return CaseOutcome(
        name=case.name,
        baseline=spec.baseline(case).name,
        machine=result.machine["name"],
        technology=own.experiment.technology.name,
        configuration_hash=result.configuration_hash,
        cores=machine.cores,
        clock_hz=machine.clock.frequency_hz,
        units=_units(own.experiment, baseline.experiment, spec.equal),
        area_mm2=result.area_mm2,
        area_difference_mm2=_difference(own, baseline, own.area, baseline.area),
        phases=tuple(_phase(label, own, baseline) for label in own.groups),
        energy_by_component=result.energy_by_component,
        area_by_component=result.area_by_component,
    )


def _units(experiment: Experiment, baseline: Experiment, equal: Equal) -> Units:
    own, technology = main_units(experiment.spec.machine), experiment.technology
    others = main_units(baseline.spec.machine)
    relative = own.amount(technology, equal) / others.amount(baseline.technology, equal)
    return Units(
        title=own.unit.title,
        kind=own.unit.spec.kind,
        count=own.count,
        macs_per_cycle=float(own.macs_per_cycle),
        area_mm2=own.area_mm2(technology),
        power_w=own.busy_power_w(technology),
        relative=None if equal == "none" else relative,
    )


def _phase(label: str, own: _Run, baseline: _Run) -> PhaseOutcome:
    group, other = own.groups[label], baseline.groups[label]
    names = {phase.name for phase in group.phases}
    main = main_units(own.experiment.spec.machine).name
    done = [op.macs for op in own.result.operators if op.phase in names and op.unit == main]
    return PhaseOutcome(
        phase=label,
        cycles=group.cycles,
        seconds=group.seconds,
        seconds_ratio=group.seconds / other.seconds,
        energy_j=group.energy_j,
        energy_ratio=group.energy_j.value / other.energy_j.value,
        difference_j=_difference(own, baseline, own.energies[label], baseline.energies[label]),
        tokens_per_s=group.tokens_per_s,
        of_peak=group.utilisation,
        macs=group.macs,
        macs_ratio=group.macs / other.macs if other.macs else None,
        main_macs=sum(done),
        efficiency=efficiency_of(group, own.result.area_mm2),
    )


def _difference(own: _Run, baseline: _Run, amounts: Amounts, others: Amounts) -> Estimate | None:
    """Energy or area more than the baseline's; None if another technology prices that."""
    technology = own.experiment.technology
    if technology.spec != baseline.experiment.technology.spec:
        return None
    return ZERO if own is baseline else difference(others, amounts, technology)
