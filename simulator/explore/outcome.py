"""What a comparison finds, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.explore.spec import ComparisonSpec
from simulator.report.result import Estimate


@dataclass(frozen=True, slots=True)
class Units:
    """The first matrix units of a case's machine, all of them.

    relative: their area or peak, whichever was to be equal, over that of the baseline;
        None where nothing was.
    """

    title: str
    kind: str
    count: int
    macs_per_cycle: float
    area_mm2: Estimate
    relative: float | None


@dataclass(frozen=True, slots=True)
class PhaseOutcome:
    """A phase of a case. Ratios are to the same phase of the baseline.

    difference_j: energy more than the baseline's, with the bounds that it has if parts that
        both have are priced alike; None between technologies.
    """

    phase: str
    cycles: int
    seconds: float
    seconds_ratio: float
    energy_j: Estimate
    energy_ratio: float
    difference_j: Estimate | None
    tokens_per_s: float | None
    of_peak: float

    @property
    def sure(self) -> str | None:
        """`less`, `more` or the `same` energy as the baseline at all prices; None if open."""
        found = self.difference_j
        if found is None or found.low < 0 < found.high:
            return None
        if found.low == found.high == 0:
            return "same"
        return "more" if found.low >= 0 else "less"


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """A case: its machine, and what its run found."""

    name: str
    baseline: str
    machine: str
    technology: str
    configuration_hash: str
    cores: int
    units: Units
    area_mm2: Estimate
    phases: tuple[PhaseOutcome, ...]
    energy_by_component: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class Outcome:
    """All cases, in the order of the spec."""

    spec: ComparisonSpec
    cases: tuple[CaseOutcome, ...]

    @property
    def phases(self) -> tuple[str, ...]:
        """Labels of all phases, in order of first appearance."""
        return tuple(dict.fromkeys(p.phase for case in self.cases for p in case.phases))
