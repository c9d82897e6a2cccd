"""What stands below the tables of a comparison: what is equal, what is not, what is idle."""

from __future__ import annotations

from simulator.explore.outcome import Outcome
from simulator.report.units import si

SURE = (
    "surely: whether less or more area or energy than the baseline at all prices within their "
    "bounds, the price of one thing being the same in both; open: it depends on them"
)
TWO_TECHNOLOGIES = "surely: –, since technologies differ"
EFFICIENCY = (
    "per token: generated in a decode, taken in elsewhere; EDP: energy × time; TOPS: 2 × MACs of "
    "the workload; mm²: of the die"
)
SIZED = {
    "none": "machines are as they are given",
    "area": "the main units of each are sized to the area of its, as nearly as whole numbers go",
    "peak": "the main units of each are sized to the peak of its, as nearly as whole numbers go",
    "power": (
        "the main units of each are sized to the power of its, busy at their peak, as nearly as "
        "whole numbers go"
    ),
}


def notes(outcome: Outcome) -> list[str]:
    """Paragraphs, those of the comparison itself last."""
    one = all(p.difference_j is not None for case in outcome.cases for p in case.phases)
    found = [_compared(outcome), *_baselines(outcome), *_clocks(outcome), *_idle(outcome)]
    found += [f"{label}: {_has(outcome, label)}" for label in outcome.lone_phases]
    return [*found, SURE if one else TWO_TECHNOLOGIES, EFFICIENCY, *outcome.spec.notes]


def _compared(outcome: Outcome) -> str:
    spec = outcome.spec
    first = spec.cases[0].name
    others = any(case.baseline != first for case in outcome.cases)
    compared = f"ratios are to {first!r}" + (", where no other is named" if others else "")
    return f"{compared}; {SIZED[spec.equal]}"


def _baselines(outcome: Outcome) -> list[str]:
    """Which cases are compared with another than the first."""
    first = outcome.spec.cases[0].name
    per = {case.name: case.baseline for case in outcome.cases if case.baseline != first}
    return [
        f"{_listed([name for name in per if per[name] == each])}: ratios to {each!r}"
        for each in dict.fromkeys(per.values())
    ]


def _clocks(outcome: Outcome) -> list[str]:
    """All clocks, where they differ."""
    at: dict[float, list[str]] = {}
    for case in outcome.cases:
        at.setdefault(case.clock_hz, []).append(case.name)
    if len(at) == 1:
        return []
    parts = [f"{si(clock, 'Hz')} {_listed(names)}" for clock, names in at.items()]
    return [f"clocks differ: {'; '.join(parts)}"]


def _idle(outcome: Outcome) -> list[str]:
    """Main units that have nothing to do, which says little of them."""
    during: dict[tuple[str, ...], list[str]] = {}
    for case in outcome.cases:
        idle = tuple(p.phase for p in case.phases if p.main_units_idle)
        if idle:
            during.setdefault(idle, []).append(f"{case.name!r} ({case.units.sized})")
    return [
        f"main units idle in {', '.join(phases)}: {', '.join(names)}; what they would multiply "
        "is in formats that another unit of the machine takes"
        for phases, names in during.items()
    ]


def _has(outcome: Outcome, label: str) -> str:
    """Who has a phase that is compared with nothing."""
    names = [case.name for case, _ in outcome.having(label)]
    return f"only in {_listed(names)}, so compared with nothing"


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names)
