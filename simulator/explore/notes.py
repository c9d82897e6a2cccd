"""What stands below the tables of a comparison: what is equal, what is not, what is idle."""

from __future__ import annotations

from simulator.explore.outcome import Outcome
from simulator.report.units import si, significant

SURE = (
    "surely: whether less or more area or energy than the baseline at all prices within their "
    "bounds, the price of one thing being the same in both; open: it depends on them"
)
BETWEEN_TECHNOLOGIES = "surely: – between technologies that differ"
EFFICIENCY = (
    "tokens: made in a decode, taken in elsewhere; EDP: energy × time; TOPS: 2 × MACs of the "
    "workload; mm²: of the die"
)
_AS_NEARLY = "as nearly as whole numbers go"
SIZED = {
    "none": "machines are as they are given",
    "area": f"main units are sized to the area of the baseline's, {_AS_NEARLY}",
    "peak": f"main units are sized to the peak of the baseline's, {_AS_NEARLY}",
    "power": f"main units are sized to the power of the baseline's when busy, {_AS_NEARLY}",
}
SAME_WORK = 1e-3
"""Of the baseline's MACs, up to which the work of two cases is called the same."""


def notes(outcome: Outcome) -> list[str]:
    """Paragraphs: what was found, what words mean, then those of the comparison itself."""
    return [*findings(outcome), *_meanings(outcome), *outcome.spec.notes]


def findings(outcome: Outcome) -> list[str]:
    """Paragraphs on what cases have in common, and on what they do not."""
    found = [_compared(outcome), *_baselines(outcome), *_settings(outcome), *_clocks(outcome)]
    found += [*_technologies(outcome), *_work(outcome), *_idle(outcome)]
    return found + [f"{label}: {_has(outcome, label)}" for label in outcome.lone_phases]


def _meanings(outcome: Outcome) -> list[str]:
    """What columns and their words mean, as far as they are there."""
    compared = [case for case in outcome.cases if not case.is_baseline]
    unknown = [case for case in compared if case.area_difference_mm2 is None]
    found = [SURE] if len(unknown) < len(compared) else []
    return [*found, *([BETWEEN_TECHNOLOGIES] if unknown else []), EFFICIENCY]


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


def _settings(outcome: Outcome) -> list[str]:
    """Settings of all cases that the command line adds."""
    return [f"with --set {', '.join(outcome.settings)}"] if outcome.settings else []


def _clocks(outcome: Outcome) -> list[str]:
    """All clocks, where they differ."""
    return _differing("clocks", [(si(c.clock_hz, "Hz"), c.name) for c in outcome.cases])


def _technologies(outcome: Outcome) -> list[str]:
    """All technologies, where they differ."""
    return _differing("technologies", [(c.technology, c.name) for c in outcome.cases])


def _differing(what: str, pairs: list[tuple[str, str]]) -> list[str]:
    """Who has which, `clocks differ: 1.00 GHz 'a', 'b'; 940 MHz 'c'`, unless all have one."""
    having: dict[str, list[str]] = {}
    for value, name in pairs:
        having.setdefault(value, []).append(name)
    if len(having) == 1:
        return []
    parts = [f"{value} {_listed(names)}" for value, names in having.items()]
    return [f"{what} differ: {'; '.join(parts)}"]


def _work(outcome: Outcome) -> list[str]:
    """Phases that are more or less work than the baseline's, which ratios do not tell."""
    found = []
    for label in outcome.phases:
        factors = [(case.name, phase.macs_ratio) for case, phase in outcome.having(label)]
        others = [
            f"{name!r} {significant(factor, 4)}×"
            for name, factor in factors
            if factor is not None and abs(factor - 1) > SAME_WORK
        ]
        if others:
            found.append(f"work differs in {label}: {', '.join(others)} the MACs of the baseline")
    return found


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
