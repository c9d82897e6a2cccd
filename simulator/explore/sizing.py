"""Cases as experiments, their main units sized to those of what they are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.config import CyclelabError
from simulator.experiment import Experiment
from simulator.explore.blame import of_case
from simulator.explore.case import CaseSpec, build_case
from simulator.explore.equal import Size, equalising
from simulator.explore.overrides import check_overrides
from simulator.explore.spec import ComparisonSpec


@dataclass(frozen=True, slots=True)
class SizedCase:
    """A case that can be simulated.

    given: before its main units were sized. size: what they were sized to, if they were.
    """

    experiment: Experiment
    given: Experiment
    size: Size | None = None


def experiments_of(spec: ComparisonSpec, overrides: Sequence[str] = ()) -> dict[str, Experiment]:
    """The experiments of all cases by name, their machines sized as the spec asks."""
    return {name: case.experiment for name, case in sized_cases(spec, overrides).items()}


def sized_cases(spec: ComparisonSpec, overrides: Sequence[str] = ()) -> dict[str, SizedCase]:
    """All cases by name, sized as the spec asks; `overrides` count for each, before sizes.

    Raises CyclelabError, with the case's name, for whatever is wrong with one.
    """
    check_overrides(spec, overrides)
    shared = spec.shared
    sized: dict[str, SizedCase] = {}

    def build(case: CaseSpec, sizes: Sequence[str] = ()) -> Experiment:
        return build_case(shared, case, [*overrides, *sizes], spec.written(case))

    plain = {case.name: build(case) for case in spec.cases}

    def size(case: CaseSpec) -> SizedCase:
        """The case, sized after the one it is compared with has been."""
        if case.name not in sized:
            own, baseline = plain[case.name], spec.baseline(case)
            model = own if baseline.name == case.name else size(baseline).experiment
            try:
                found = equalising(own, model, spec.equal)
            except CyclelabError as error:
                raise of_case(error, case.name, case.set, spec.written(case)) from None
            if found is None:
                sized[case.name] = SizedCase(own, own)
            else:
                sized[case.name] = SizedCase(build(case, [found.setting]), own, found)
        return sized[case.name]

    return {case.name: size(case) for case in spec.cases}
