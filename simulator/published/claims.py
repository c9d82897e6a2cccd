"""Studies in YAML: experiments, and the numbers that were published of them."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from pydantic import Field

from simulator.api import run
from simulator.config import (
    CyclelabError,
    Spec,
    find,
    list_presets,
    load_document,
    nearest,
    validate,
)
from simulator.published.finding import Finding, Study
from simulator.published.measures import measure_named


class CaseSpec(Spec):
    """What is simulated, and what was published of it.

    set: key paths of the experiment to values that replace the study's.
    published: numbers by measure. per: the case by whose own measures ours are divided,
        where ratios were published. note: why ours differ, if they do.
    """

    name: str
    set: dict[str, Any] = Field(default_factory=dict)
    published: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    per: str | None = None
    note: str = ""


class StudySpec(Spec):
    """A study: where its numbers stand, an experiment, and cases of it."""

    name: str
    title: str
    source: str
    notes: tuple[str, ...] = ()
    experiment: dict[str, Any]
    cases: tuple[CaseSpec, ...] = Field(min_length=1)


def load_study(name: str) -> Study:
    """The shipped study of a name; raises ConfigError for an unknown one."""
    spec = validate(StudySpec, load_document(find("published", name)))
    return Study(spec.name, spec.title, spec.source, partial(findings, spec), spec.notes)


def study_names() -> list[str]:
    """Names of all shipped studies."""
    return list_presets("published")


def findings(spec: StudySpec) -> list[Finding]:
    """Simulate every case and put its measures beside what was published."""
    results = {
        case.name: run({"name": case.name, **spec.experiment}, set=case.set) for case in spec.cases
    }
    found = []
    for case in spec.cases:
        if case.per is not None and case.per not in results:
            hint = nearest(case.per, results)
            raise CyclelabError(
                f"study {spec.name}, case {case.name!r}: per: there is no case {case.per!r}"
                + (f"; did you mean {hint!r}?" if hint else "")
            )
        for name, published in case.published.items():
            measure = measure_named(name)
            ours, unit = measure.of(results[case.name]), measure.unit
            if case.per is not None:
                ours, unit = ours / measure.of(results[case.per]), f"per {case.per}"
            found.append(Finding(case.name, measure.title, unit, published, ours, case.note))
    return found
