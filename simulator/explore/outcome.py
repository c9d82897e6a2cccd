"""What a comparison finds, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.explore.spec import ComparisonSpec
from simulator.report.efficiency import Efficiency
from simulator.report.result import Estimate

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Units:
    """The main units of a case's machine, all of them.

    power_w: at their peak. relative: their area, peak or power, whichever was to be equal,
        over that of the baseline; None where nothing was.
    """

    title: str
    kind: str
    count: int
    macs_per_cycle: float
    area_mm2: Estimate
    power_w: Estimate
    relative: float | None

    @property
    def sized(self) -> str:
        """Number and size, `345 × M2 N64 K4`."""
        size = self.title.removeprefix(self.kind).strip()
        return f"{self.count:,} × {size or self.kind}"


@dataclass(frozen=True, slots=True)
class PhaseOutcome:
    """A phase of a case. Ratios are to the same phase of the baseline.

    difference_j: energy more than the baseline's, with the bounds that it has if parts that
        both have are priced alike; None between technologies.
    macs, main_macs: of the workload, and those of them that the main units did.
    macs_ratio: None if the baseline has none.
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
    macs: int
    macs_ratio: float | None
    main_macs: int
    efficiency: Efficiency

    @property
    def sure(self) -> str | None:
        """`less`, `more` or the `same` energy as the baseline at all prices; None if open."""
        return None if self.difference_j is None else sure(self.difference_j)

    @property
    def main_units_idle(self) -> bool:
        """Whether all MACs were done by other units."""
        return self.macs > 0 and self.main_macs == 0


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """A case: its machine, and what its run found.

    area_difference_mm2: die more than the baseline's, with the bounds that it has if parts
        that both have are priced alike; None between technologies.
    """

    name: str
    baseline: str
    machine: str
    technology: str
    configuration_hash: str
    cores: int
    clock_hz: float
    units: Units
    area_mm2: Estimate
    area_difference_mm2: Estimate | None
    phases: tuple[PhaseOutcome, ...]
    energy_by_component: dict[str, Estimate]
    area_by_component: dict[str, Estimate]

    @property
    def is_baseline(self) -> bool:
        """Whether it is compared with itself."""
        return self.baseline == self.name

    @property
    def area_sure(self) -> str | None:
        """`less`, `more` or the `same` area as the baseline at all prices; None if open."""
        return None if self.area_difference_mm2 is None else sure(self.area_difference_mm2)


@dataclass(frozen=True, slots=True, repr=False)
class Outcome:
    """All cases, in the order of the spec. settings: `key.path=value`, of all of them."""

    spec: ComparisonSpec
    cases: tuple[CaseOutcome, ...]
    settings: tuple[str, ...] = ()

    @property
    def phases(self) -> tuple[str, ...]:
        """Labels of the phases that are compared, in order of first appearance."""
        return tuple(label for label in self._labels() if self._is_compared(label))

    @property
    def lone_phases(self) -> tuple[str, ...]:
        """Labels of the phases that only baselines have."""
        return tuple(label for label in self._labels() if not self._is_compared(label))

    def having(self, label: str) -> list[tuple[CaseOutcome, PhaseOutcome]]:
        """The cases that have a phase, with it."""
        return [(case, p) for case in self.cases for p in case.phases if p.phase == label]

    def to_dataframe(self) -> pd.DataFrame:
        """A row per case and phase, as in `comparison.csv`; raises CyclelabError without pandas."""
        from simulator.explore.rows import csv_rows
        from simulator.report.tables import frame

        return frame(csv_rows(self))

    def summary(self) -> str:
        """What `cyclelab compare` prints."""
        from simulator.explore.table import text

        return text(self)

    def __repr__(self) -> str:
        names = ", ".join(case.name for case in self.cases)
        return f"<Outcome {self.spec.name!r}: {names}>"

    def _repr_html_(self) -> str:
        from simulator.explore.table import fragment

        return fragment(self)

    def _labels(self) -> dict[str, None]:
        return dict.fromkeys(p.phase for case in self.cases for p in case.phases)

    def _is_compared(self, label: str) -> bool:
        return any(not case.is_baseline for case, _ in self.having(label))


def sure(difference: Estimate) -> str | None:
    """`less`, `more` or the `same` at all prices within their bounds; None if it is open."""
    if difference.low < 0 < difference.high:
        return None
    if difference.low == difference.high == 0:
        return "same"
    return "more" if difference.low >= 0 else "less"
