"""Studies in YAML: experiments, and the numbers that were published of them."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from pydantic import Field, model_validator

from simulator.api import run
from simulator.config import Spec, find, list_presets, load_document, validate
from simulator.explore.case import CaseSpec, build_case, check_distinct, named
from simulator.published.finding import Finding, Study
from simulator.published.measures import measure_named


class ClaimSpec(CaseSpec):
    """What is simulated, and what was published of it.

    published: numbers by measure; ratios to another case where `per` names one.
    note: why ours differ, if they do.
    """

    published: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    note: str = ""


class StudySpec(Spec):
    """A study: where its numbers stand, an experiment, and cases of it."""

    name: str
    title: str
    source: str
    notes: tuple[str, ...] = ()
    experiment: dict[str, Any]
    cases: tuple[ClaimSpec, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> StudySpec:
        check_distinct(self.cases)
        return self


def load_study(name: str) -> Study:
    """The shipped study of a name; raises ConfigError for an unknown one."""
    spec = validate(StudySpec, load_document(find("published", name)))
    return Study(spec.name, spec.title, spec.source, partial(findings, spec), spec.notes)


def study_names() -> list[str]:
    """Names of all shipped studies."""
    return list_presets("published")


def findings(spec: StudySpec) -> list[Finding]:
    """Simulate every case and put its measures beside what was published."""
    results = {case.name: run(build_case(spec.experiment, case)) for case in spec.cases}
    found = []
    for case in spec.cases:
        if case.per is not None:
            named(spec.cases, case.per, f"study {spec.name}, case {case.name!r}: per")
        for name, published in case.published.items():
            measure = measure_named(name)
            ours, unit = measure.of(results[case.name]), measure.unit
            if case.per is not None:
                ours, unit = ours / measure.of(results[case.per]), f"per {case.per}"
            found.append(Finding(case.name, measure.title, unit, published, ours, case.note))
    return found
