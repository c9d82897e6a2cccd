"""What a phase achieves per token, joule and mm²: definitions in docs/compare.md."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.cost.operations import OPERATIONS_PER_MAC
from simulator.report.aggregate import PhaseGroup, counted_tokens
from simulator.report.result import Estimate, PhaseResult
from simulator.report.units import NOTHING, estimate, si

PER_TERA = 1e-12
HEAD = ("energy/token", "EDP", "TOPS/W", "TOPS/mm²")


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Of one phase, with the bounds that those of energy and area give.

    energy_per_token_j: of all devices that share the layers, per token made in a decode,
        taken in elsewhere; None without tokens. edp_js: their energy × time, J·s.
        tops_per_w: 10¹² operations per joule.
        tops_per_mm2: 10¹² operations per second and mm² of die. Operations are those of
        the workload's MACs, two each.
    """

    energy_per_token_j: Estimate | None
    edp_js: Estimate
    tops_per_w: Estimate | None
    tops_per_mm2: Estimate | None


def efficiency_of(phase: PhaseGroup | PhaseResult, area_mm2: Estimate) -> Efficiency:
    """The efficiency of a phase, or a group of them, on a die of some area."""
    tokens = counted_tokens(phase)
    energy_j = phase.energy_j.scaled(phase.sharers)
    tera = OPERATIONS_PER_MAC * phase.macs * PER_TERA
    return Efficiency(
        energy_per_token_j=energy_j.scaled(1 / tokens) if tokens else None,
        edp_js=energy_j.scaled(phase.seconds),
        tops_per_w=_per(tera, phase.energy_j),
        tops_per_mm2=_per(tera, area_mm2.scaled(phase.seconds)),
    )


def _per(amount: float, quantity: Estimate) -> Estimate | None:
    """An exact amount per quantity, bounds swapped; None if there may be nothing of it."""
    if quantity.low <= 0:
        return None
    return Estimate(amount / quantity.value, amount / quantity.high, amount / quantity.low)


def efficiency_cells(found: Efficiency) -> tuple[str, ...]:
    """The cells below HEAD."""
    token = found.energy_per_token_j
    return (
        NOTHING if token is None else si(token.value, "J"),
        si(found.edp_js.value, "J·s"),
        _tops(found.tops_per_w),
        _tops(found.tops_per_mm2),
    )


def _tops(found: Estimate | None) -> str:
    return NOTHING if found is None else estimate(found, "", prefix=False)
