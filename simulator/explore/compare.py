"""Runs the cases of a comparison and puts each beside the one it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.config import CyclelabError
from simulator.cost.difference import Amounts, difference
from simulator.experiment import Experiment
from simulator.explore.case import CaseSpec, build_case
from simulator.explore.equal import equalising, peak_macs_per_cycle, unit_area_mm2
from simulator.explore.outcome import CaseOutcome, Outcome, PhaseOutcome, Units
from simulator.explore.spec import ComparisonSpec, Equal
from simulator.report.aggregate import PhaseGroup, phase_groups
from simulator.report.result import Estimate, Result
from simulator.runner import Progress, run_with_amounts


@dataclass(frozen=True, slots=True)
class _Run:
    """A case that was simulated; amounts: of the energy of each phase group."""

    experiment: Experiment
    result: Result
    groups: dict[str, PhaseGroup]
    amounts: dict[str, Amounts]


def compare(
    spec: ComparisonSpec, overrides: Sequence[str] = (), progress: Progress | None = None
) -> Outcome:
    """Simulate all cases; `overrides` are `key.path=value`, for each of them.

    Raises CyclelabError, with the case's name, before anything is simulated if a case is
    wrong, and when one cannot be run.
    """
    experiments = experiments_of(spec, overrides)
    runs: dict[str, _Run] = {}
    for index, (name, experiment) in enumerate(experiments.items()):
        runs[name] = _run(experiment, _within(progress, name, index, len(experiments)))
    return Outcome(spec, tuple(_case(spec, case, runs) for case in spec.cases))


def experiments_of(spec: ComparisonSpec, overrides: Sequence[str] = ()) -> dict[str, Experiment]:
    """The experiments of all cases by name, their machines sized as the spec asks."""
    plain = {case.name: build_case(spec.experiment, case, overrides) for case in spec.cases}
    sized: dict[str, Experiment] = {}

    def size(case: CaseSpec) -> Experiment:
        """The case, sized after the one it is compared with has been."""
        if case.name not in sized:
            own, baseline = plain[case.name], spec.baseline(case)
            model = own if baseline.name == case.name else size(baseline)
            setting = equalising(own, model, spec.equal)
            sized[case.name] = (
                build_case(spec.experiment, case, [*overrides, *setting]) if setting else own
            )
        return sized[case.name]

    return {case.name: size(case) for case in spec.cases}


def _within(progress: Progress | None, name: str, index: int, count: int) -> Progress | None:
    """Progress of a case as progress of them all."""
    if progress is None:
        return None
    return lambda phase, share: progress(f"{name}, {phase}", (index + share) / count)


def _run(experiment: Experiment, progress: Progress | None) -> _Run:
    try:
        result, amounts = run_with_amounts(experiment, progress)
    except CyclelabError as error:
        raise CyclelabError(f"case {experiment.spec.name!r}: {error}") from None
    of_phase = {phase.name: own for phase, own in zip(result.phases, amounts, strict=True)}
    groups = {group.label: group for group in phase_groups(result)}
    summed = {}
    for label, group in groups.items():
        summed[label] = Amounts()
        for phase in group.phases:
            summed[label].add(of_phase[phase.name])
    return _Run(experiment, result, groups, summed)


def _case(spec: ComparisonSpec, case: CaseSpec, runs: dict[str, _Run]) -> CaseOutcome:
    own, baseline = runs[case.name], runs[spec.baseline(case).name]
    result = own.result
    return CaseOutcome(
        name=case.name,
        baseline=spec.baseline(case).name,
        machine=result.machine["name"],
        technology=own.experiment.technology.name,
        configuration_hash=result.configuration_hash,
        cores=own.experiment.spec.machine.cores,
        units=_units(own.experiment, baseline.experiment, spec.equal),
        area_mm2=result.area_mm2,
        phases=tuple(_phase(case, label, own, baseline) for label in own.groups),
        energy_by_component=result.energy_by_component,
    )


def _units(experiment: Experiment, baseline: Experiment, equal: Equal) -> Units:
    (unit, cores), (first, others) = (
        (each.spec.machine.core.build_matrix_units()[0], each.spec.machine.cores)
        for each in (experiment, baseline)
    )
    own = unit_area_mm2(unit, cores, experiment.technology)
    relative = None
    if equal == "area":
        relative = own.value / unit_area_mm2(first, others, baseline.technology).value
    elif equal == "peak":
        relative = float(peak_macs_per_cycle(unit, cores) / peak_macs_per_cycle(first, others))
    return Units(
        title=unit.title,
        kind=unit.spec.kind,
        count=unit.spec.count * cores,
        macs_per_cycle=float(peak_macs_per_cycle(unit, cores)),
        area_mm2=own,
        relative=relative,
    )


def _phase(case: CaseSpec, label: str, own: _Run, baseline: _Run) -> PhaseOutcome:
    group, other = own.groups[label], baseline.groups.get(label)
    if other is None:
        raise CyclelabError(
            f"case {case.name!r} has a phase {label!r}, {baseline.experiment.spec.name!r} has "
            f"{', '.join(baseline.groups)}: cases are compared phase by phase"
        )
    return PhaseOutcome(
        phase=label,
        cycles=group.cycles,
        seconds=group.seconds,
        seconds_ratio=group.seconds / other.seconds,
        energy_j=group.energy_j,
        energy_ratio=group.energy_j.value / other.energy_j.value,
        difference_j=_difference(label, own, baseline),
        tokens_per_s=group.tokens_per_s,
        of_peak=group.utilisation,
    )


def _difference(label: str, own: _Run, baseline: _Run) -> Estimate | None:
    """Energy more than the baseline's; None if another technology prices that."""
    technology = own.experiment.technology
    if technology.spec != baseline.experiment.technology.spec:
        return None
    if own is baseline:
        return Estimate(0.0, 0.0, 0.0)
    return difference(baseline.amounts[label], own.amounts[label], technology)
