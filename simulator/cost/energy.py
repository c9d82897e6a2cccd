"""Energy of a run from its action counts, and power of a machine that idles."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.cost.estimate import ZERO, Estimate
from simulator.cost.technology import Technology
from simulator.hardware.primitives import ActionCounts, Part

JOULES_PER_PJ = 1e-12


def energy(action_counts: ActionCounts, technology: Technology) -> dict[str, Estimate]:
    """Return dynamic joules by path, in order of first appearance; raises as `Technology` does."""
    joules: dict[str, Estimate] = {}
    for action, count in action_counts.counts.items():
        one = technology.action_energy_pj(action.primitive, action.verb)
        own = one.scaled(count * JOULES_PER_PJ)
        joules[action.path] = joules.get(action.path, ZERO) + own
    return joules


def static_power_w(parts: Iterable[Part], technology: Technology) -> Estimate:
    """Return leakage of the die and background power of its dram, W."""
    total = ZERO
    for part in parts:
        total = total + technology.primitive_leakage_w(part.primitive).scaled(part.count)
    return total
