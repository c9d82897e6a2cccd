"""Studies of costs in YAML: units and lists of parts, and what was published of them.

Nothing is simulated: area, energy, power and densities follow from the parts and from
what they do in every operation, at one technology and clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from pydantic import Field, model_validator

from simulator.config import (
    CyclelabError,
    Document,
    Spec,
    nearest,
    validate,
)
from simulator.cost import Technology, technology_from
from simulator.cost.logic import UM2_PER_MM2
from simulator.cost.unit import UnitCost, unit_cost
from simulator.hardware.units import PricedUnit, unit_from
from simulator.published.finding import Finding, Study

TECHNOLOGY = "technology"
MW_PER_W = 1e3
EXTENSIVE = ("µm²", "mW")
"""Units of measures that grow with the number of copies."""


@dataclass(frozen=True, slots=True)
class BillMeasure:
    """A number of a priced unit at a clock: its title and unit in tables, how it is read."""

    title: str
    unit: str
    of: Callable[[UnitCost, float], float]


MEASURES = {
    "area_um2": BillMeasure("area", "µm²", lambda cost, _: cost.area_um2.value),
    "energy_pj_per_mac": BillMeasure("energy", "pJ", lambda cost, _: cost.energy_pj_per_mac.value),
    "power_mw": BillMeasure(
        "power", "mW", lambda cost, clock: MW_PER_W * cost.busy_power_w(clock).value
    ),
    "tops_per_mm2": BillMeasure(
        "density",
        "TOPS/mm²",
        lambda cost, clock: cost.peak_tops(clock) * UM2_PER_MM2 / cost.area_um2.value,
    ),
    "tops_per_w": BillMeasure(
        "efficiency",
        "TOPS/W",
        lambda cost, clock: cost.peak_tops(clock) / cost.busy_power_w(clock).value,
    ),
}


class BillCaseSpec(Spec):
    """A unit, and what was published of it.

    unit: `kind` and settings of a matrix unit, or `kind: parts`. area_um2: instead of a
    unit, an area that others are set in proportion to. count: how many of it. clock_hz:
    instead of the study's. published: numbers by measure; ratios to another case where
    `per` names one. group: findings of which are summed up. note: why ours differ, if
    they do.
    """

    name: str
    unit: dict[str, Any] | None = None
    area_um2: Annotated[float, Field(gt=0)] | None = None
    count: Annotated[float, Field(gt=0)] = 1
    clock_hz: Annotated[float, Field(gt=0)] | None = None
    per: str | None = None
    published: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    group: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _one_thing(self) -> BillCaseSpec:
        if (self.unit is None) == (self.area_um2 is None):
            raise ValueError("found neither or both of unit and area_um2, expected one of them")
        if self.area_um2 is not None and self.published:
            raise ValueError("published: an area that is stated has nothing to be compared with")
        return self

    @model_validator(mode="after")
    def _known_measures(self) -> BillCaseSpec:
        for name in self.published:
            if name not in MEASURES:
                hint = nearest(name, MEASURES)
                raise ValueError(
                    f"published.{name}: unknown measure {name!r}; known: {', '.join(MEASURES)}"
                    + (f"; did you mean {hint!r}?" if hint else "")
                )
        return self


class BillStudySpec(Spec):
    """A study: where its numbers stand, a technology, and what is priced in it."""

    name: str
    title: str
    source: str
    notes: tuple[str, ...] = ()
    technology: str | dict[str, Any]
    clock_hz: Annotated[float, Field(gt=0)] = 1e9
    cases: tuple[BillCaseSpec, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct_and_known(self) -> BillStudySpec:
        names = [case.name for case in self.cases]
        for index, case in enumerate(self.cases):
            if case.name in names[:index]:
                raise ValueError(f"cases.{index}.name: two cases are called {case.name!r}")
            if case.per == case.name:
                raise ValueError(f"cases.{index}.per: {case.name!r} is set in proportion to itself")
            if case.per is not None and case.per not in names:
                hint = nearest(case.per, names)
                raise ValueError(
                    f"cases.{index}.per: there is no case {case.per!r}"
                    + (f"; did you mean {hint!r}?" if hint else "")
                )
        return self


def is_bill_study(document: Document) -> bool:
    """Whether a study prices units; others simulate experiments."""
    return TECHNOLOGY in document.data


def load_bill_study(document: Document) -> Study:
    """The study that a document holds; raises ConfigError for mistakes in it."""
    spec = validate(BillStudySpec, document)
    technology = technology_from(document, (TECHNOLOGY,))
    units = {}
    for index, case in enumerate(spec.cases):
        node = document.node(("cases", index, "unit"))
        if node is not None and case.unit is not None:
            units[case.name] = unit_from(Document(node))
    run = partial(findings, spec, units, technology)
    return Study(spec.name, spec.title, spec.source, run, spec.notes)


def findings(
    spec: BillStudySpec, units: dict[str, PricedUnit], technology: Technology
) -> list[Finding]:
    """Price every case and put its measures beside what was published.

    Raises CyclelabError, with the study and the case, for what cannot be priced.
    """
    costs = {}
    for name, priced in units.items():
        try:
            costs[name] = unit_cost(priced, technology)
        except CyclelabError as error:
            raise CyclelabError(f"study {spec.name}, case {name!r}: {error}") from None
    cases = {case.name: case for case in spec.cases}

    def value(name: str, measure: BillMeasure) -> float:
        case = cases[name]
        if case.area_um2 is not None:
            if measure is not MEASURES["area_um2"]:
                raise CyclelabError(
                    f"study {spec.name}, case {name!r}: nothing but its area is stated"
                )
            return case.area_um2 * case.count
        own = measure.of(costs[name], case.clock_hz or spec.clock_hz)
        return own * (case.count if measure.unit in EXTENSIVE else 1)

    found = []
    for case in spec.cases:
        for name, published in case.published.items():
            measure = MEASURES[name]
            ours, unit = value(case.name, measure), measure.unit
            if case.per is not None:
                ours, unit = ours / value(case.per, measure), f"per {case.per}"
            found.append(
                Finding(case.name, measure.title, unit, published, ours, case.note, case.group)
            )
    return found
