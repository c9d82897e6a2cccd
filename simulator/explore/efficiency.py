"""What a phase achieves per token, joule and mm²: definitions in docs/compare.md."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.cost.unit import OPERATIONS_PER_MAC
from simulator.report.aggregate import PhaseGroup
from simulator.report.result import Estimate

PER_TERA = 1e-12
DECODE = "decode"


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Of one phase, with the bounds that those of energy and area give.

    energy_per_token_j: per token generated in a decode, taken in elsewhere; None without
        tokens. edp_js: energy × time, J·s. tops_per_w: 10¹² operations per joule.
        tops_per_mm2: 10¹² operations per second and mm² of die. Operations are those of
        the workload's MACs, two each.
    """

    energy_per_token_j: Estimate | None
    edp_js: Estimate
    tops_per_w: Estimate | None
    tops_per_mm2: Estimate | None


def efficiency_of(group: PhaseGroup, area_mm2: Estimate) -> Efficiency:
    """The efficiency of a phase group on a die of some area."""
    tokens = group.generated if group.kind == DECODE else group.tokens
    tera = OPERATIONS_PER_MAC * group.macs * PER_TERA
    return Efficiency(
        energy_per_token_j=group.energy_j.scaled(1 / tokens) if tokens else None,
        edp_js=group.energy_j.scaled(group.seconds),
        tops_per_w=_per(tera, group.energy_j),
        tops_per_mm2=_per(tera, area_mm2.scaled(group.seconds)),
    )


def _per(amount: float, quantity: Estimate) -> Estimate | None:
    """An exact amount per quantity, bounds swapped; None if there may be nothing of it."""
    if quantity.low <= 0:
        return None
    return Estimate(amount / quantity.value, amount / quantity.high, amount / quantity.low)
