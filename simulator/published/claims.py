"""Studies in YAML: experiments, and the numbers that were published of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from pydantic import Field, model_validator

from simulator.api import run
from simulator.config import CyclelabError, Spec, find, list_presets, load_document, validate
from simulator.experiment import Experiment
from simulator.explore.case import CaseSpec, build_case, named
from simulator.published.bills import is_bill_study, load_bill_study
from simulator.published.finding import Finding, Study
from simulator.report.measures import measure_named
from simulator.report.result import Result


class ClaimSpec(CaseSpec):
    """What is simulated, and what was published of it.

    published: numbers by measure; ratios to another case where `per` names one.
    note: why ours differ, if they do.
    """

    published: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    note: str = ""

    @model_validator(mode="after")
    def _known_measures(self) -> ClaimSpec:
        for name in self.published:
            try:
                measure_named(name)
            except CyclelabError as error:
                raise ValueError(f"published.{name}: {error}") from None
        return self


class StudySpec(Spec):
    """A study: where its numbers stand, an experiment, and cases of it."""

    name: str
    title: str
    source: str
    notes: tuple[str, ...] = ()
    experiment: dict[str, Any]
    cases: tuple[ClaimSpec, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct_and_known(self) -> StudySpec:
        names = [case.name for case in self.cases]
        for index, case in enumerate(self.cases):
            if case.name in names[:index]:
                raise ValueError(f"cases.{index}.name: two cases are called {case.name!r}")
            if case.per is not None:
                try:
                    named(self.cases, case.per, f"cases.{index}.per")
                except CyclelabError as error:
                    raise ValueError(str(error)) from None
        return self


def load_study(name: str) -> Study:
    """The study of a name or file; raises ConfigError if it is unknown, or for mistakes in it."""
    document = load_document(find("published", name))
    if is_bill_study(document):
        return load_bill_study(document)
    spec = validate(StudySpec, document)
    return Study(spec.name, spec.title, spec.source, partial(findings, spec), spec.notes)


def study_names() -> list[str]:
    """Names of all shipped studies."""
    return list_presets("published")


def findings(spec: StudySpec) -> list[Finding]:
    """Simulate every case and put its measures beside what was published.

    Equal cases, which may be set beside different others, are simulated once. Raises
    CyclelabError, with the study and the case, for what cannot be simulated;
    what is wrong with an experiment is found before any runs.
    """
    results: dict[str, Result] = {}
    known: dict[str, Result] = {}
    for case, experiment in [(case, _experiment(spec, case)) for case in spec.cases]:
        same = json.dumps(experiment.resolved() | {"name": ""}, sort_keys=True)
        try:
            if same not in known:
                known[same] = run(experiment)
            results[case.name] = known[same]
        except CyclelabError as error:
            raise CyclelabError(f"study {spec.name}, case {case.name!r}: {error}") from None
    found = []
    for case in spec.cases:
        for name, published in case.published.items():
            measure = measure_named(name)
            ours, unit = _value(spec, case.name, name, results), measure.unit
            if case.per is not None:
                ours /= _value(spec, case.per, name, results)
                unit = f"per {case.per}"
            found.append(Finding(case.name, measure.title, unit, published, ours, case.note))
    return found


def _value(spec: StudySpec, case: str, name: str, results: Mapping[str, Result]) -> float:
    found = measure_named(name).of(results[case])
    if found is None:
        raise CyclelabError(f"study {spec.name}, case {case!r}: its run has no {name}")
    return found


def _experiment(spec: StudySpec, case: ClaimSpec) -> Experiment:
    try:
        return build_case(spec.experiment, case)
    except CyclelabError as error:
        raise CyclelabError(f"study {spec.name}, {error}") from None
