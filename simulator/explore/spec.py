"""Comparisons in YAML: an experiment, and the cases of it that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, model_validator

from simulator.config import (
    CyclelabError,
    Spec,
    find,
    list_presets,
    load_document,
    nearest,
    validate,
)
from simulator.explore.case import CaseSpec, check_distinct, named

Equal = Literal["none", "area", "peak"]
EQUAL: tuple[Equal, ...] = get_args(Equal)
FEWEST_CASES = 2


class ComparisonSpec(Spec):
    """Cases of one experiment; the first is what others are compared with.

    equal: what the first kind of matrix unit of every case is sized to, that of the
        case it is compared with: `area`, or `peak` in multiply-accumulates per cycle.
    """

    name: str
    title: str
    notes: tuple[str, ...] = ()
    equal: Equal = "none"
    experiment: dict[str, Any]
    cases: tuple[CaseSpec, ...] = Field(min_length=FEWEST_CASES)

    @model_validator(mode="after")
    def _distinct(self) -> ComparisonSpec:
        check_distinct(self.cases)
        first = self.cases[0]
        if first.per not in (None, first.name):
            raise ValueError(
                f"cases.0.per: the first case, {first.name!r}, is what others are compared with: "
                "it has no `per`"
            )
        return self

    def baseline(self, case: CaseSpec) -> CaseSpec:
        """The case that another is compared with; raises CyclelabError for an unknown one."""
        if case.per is None:
            return self.cases[0]
        where = f"comparison {self.name}, case {case.name!r}: per"
        found = named(self.cases, case.per, where)
        if found.per not in (None, found.name):
            raise CyclelabError(f"{where}: {found.name!r} is itself compared with {found.per!r}")
        return found


def comparisons() -> list[str]:
    """Names of all shipped comparisons."""
    return list_presets("comparisons")


def load_comparison(name: str) -> ComparisonSpec:
    """A comparison by preset name or path; raises CyclelabError for an unknown one."""
    if name not in comparisons() and not Path(name).suffix and name in list_presets("experiments"):
        raise CyclelabError(
            f"{name!r} is an experiment: name two machines or more that are to run it"
        )
    return validate(ComparisonSpec, load_document(find("comparisons", name)))


def machines_on(experiment: str, machines: Sequence[str]) -> ComparisonSpec:
    """The comparison of machines, each by preset name or path, on one experiment.

    Raises CyclelabError for fewer than two, or one that is named twice.
    """
    if len(machines) < FEWEST_CASES:
        raise CyclelabError(
            f"found one machine, {machines[0]!r}, expected two or more to compare: "
            "cyclelab compare EXPERIMENT MACHINE MACHINE"
        )
    twice = next((name for name in machines if machines.count(name) > 1), None)
    if twice is not None:
        raise CyclelabError(f"machine {twice!r} is named twice")
    return ComparisonSpec(
        name=Path(experiment).stem,
        title=f"{', '.join(machines)} on {experiment}",
        experiment={"extends": experiment},
        cases=tuple(CaseSpec(name=name, set={"machine": name}) for name in machines),
    )


def equal_named(text: str) -> Equal:
    """What is to be equal; raises CyclelabError for anything else."""
    for each in EQUAL:
        if text == each:
            return each
    hint = nearest(text, EQUAL)
    raise CyclelabError(
        f"--equal: found {text!r}, expected one of {', '.join(EQUAL)}"
        + (f"; did you mean {hint!r}?" if hint else "")
    )
