"""Times of a phase relative to the baseline, case by case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from simulator.explore.outcome import CaseOutcome, Outcome, PhaseOutcome
from simulator.explore.pictures.bars import (
    BAR_HEIGHT,
    HEADROOM,
    LABEL_GAP,
    number_inches,
    write_number,
)
from simulator.explore.pictures.scale import far_apart, set_scale
from simulator.report.plots.style import BLUE, GREY, MUTED
from simulator.report.units import ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL_INCHES = 2.6
NUMBER_INCHES = 0.4
"""What HEADROOM leaves for a number behind the longest bar."""
MARGIN = 0.03
"""Of a logarithmic axis, before the first bar."""
NAME_CHARACTERS = 24
"""Of a baseline's name behind a ratio to it."""


def panel_inches(outcome: Outcome) -> float:
    """Width of a panel: more where ratios name their baselines."""
    labels = [
        _label(outcome, case, phase)
        for label in outcome.phases
        for case, phase in outcome.having(label)
    ]
    longest = max(map(number_inches, labels), default=0.0)
    return PANEL_INCHES + max(0.0, longest - NUMBER_INCHES)


def draw_times(ax: Axes, outcome: Outcome, label: str) -> None:
    """A bar per case that has the phase, from 0; on a logarithmic axis from the baseline's 1."""
    rows = {case.name: row for row, case in enumerate(outcome.cases)}
    ratios = {rows[case.name]: phase.seconds_ratio for case, phase in outcome.having(label)}
    labels = {
        rows[case.name]: _label(outcome, case, phase) for case, phase in outcome.having(label)
    }
    low, high = min(1.0, *ratios.values()), max(1.0, *ratios.values())
    wider = HEADROOM * panel_inches(outcome) / PANEL_INCHES
    far = far_apart(low, high)
    start = 1.0 if far else 0.0
    colours = [GREY if outcome.cases[row].is_baseline else BLUE for row in ratios]
    lengths = [value - start for value in ratios.values()]
    ax.barh(list(ratios), lengths, left=start, color=colours, height=BAR_HEIGHT)
    ax.axvline(1.0, color=MUTED, linewidth=0.8)
    if far:
        first = low * (low / high) ** MARGIN
        set_scale(ax, "x", first, first * (high / first) ** wider, far)
    else:
        set_scale(ax, "x", 0.0, high * wider, far)
    _write_labels(ax, ratios, labels, far)
    ax.set_xlabel("time, baseline = 1")
    ax.set_title(label)


def _write_labels(
    ax: Axes, ratios: Mapping[int, float], labels: Mapping[int, str], far: bool
) -> None:
    """Behind the bars; those of bars that go to the left of 1 behind the line there."""
    low, high = ax.get_xlim()
    for row, value in ratios.items():
        if far:
            write_number(ax, max(1.0, value) * (high / low) ** LABEL_GAP, row, labels[row])
        else:
            write_number(ax, value + high * LABEL_GAP, row, labels[row])


def _label(outcome: Outcome, case: CaseOutcome, phase: PhaseOutcome) -> str:
    """`0.73×`, or `0.73× of int4 multipliers` if that is to another baseline than the first."""
    value, base = phase.seconds_ratio, case.baseline
    text = ratio(value)
    if case.is_baseline or base == outcome.spec.cases[0].name:
        return text
    name = base if len(base) <= NAME_CHARACTERS else f"{base[: NAME_CHARACTERS - 1]}…"
    return f"{text} of {name}"
