"""What can be said of the difference of two energies that one technology prices.

Both are amounts of the same prices, so a price that is wrong is wrong in both. Each
price may lie anywhere within its bounds; of them, the factor that all prices of a kind
share (node scaling of logic, the spreads of SRAM) is the same for all of these.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from simulator.cost.energy import JOULES_PER_PJ
from simulator.cost.estimate import ZERO, Estimate
from simulator.cost.technology import Technology
from simulator.hardware.primitives import ActionCounts, Part, Primitive

IDLE = "idle"
"""In the place of an action's verb: what a primitive takes per second while it does nothing."""

Price = tuple[Primitive, str]


@dataclass(slots=True)
class Amounts:
    """How much of each price an energy has: actions, or seconds of idle primitives.

    other: joules that no technology prices, such as those of a memory's commands.
    """

    counts: dict[Price, float] = field(default_factory=dict)
    other: Estimate = ZERO

    def add_actions(self, actions: ActionCounts, times: int = 1) -> None:
        """Add counted actions, `times` times."""
        for action, count in actions.counts.items():
            self._add((action.primitive, action.verb), float(count * times))

    def add_idle(self, parts: Iterable[Part], seconds: float) -> None:
        """Add parts that are there for some seconds."""
        for part in parts:
            self._add((part.primitive, IDLE), part.count * seconds)

    def add(self, more: Amounts) -> None:
        """Add all of another's."""
        for price, count in more.counts.items():
            self._add(price, count)
        self.other = self.other + more.other

    def _add(self, price: Price, count: float) -> None:
        self.counts[price] = self.counts.get(price, 0.0) + count


def difference(first: Amounts, second: Amounts, technology: Technology) -> Estimate:
    """Return joules of `second` minus `first`, with the bounds that they cannot leave.

    Within a kind whose prices share a factor f, the difference is f · Σ Δn · p, with p
    between own bounds: extreme where each p is, at one end of f. Kinds are independent.
    Other joules are, too, and so of each other. Raises as `Technology` does.
    """
    value = second.other.value - first.other.value
    low = second.other.low - first.other.high
    high = second.other.high - first.other.low
    kinds: dict[str, list[tuple[float, Estimate]]] = {}
    shared: dict[str, Estimate] = {}
    for price in first.counts.keys() | second.counts.keys():
        change = second.counts.get(price, 0.0) - first.counts.get(price, 0.0)
        joules = _joules(price, technology)
        kind, factor = technology.shared_factor(price[0], idle=price[1] == IDLE)
        shared[kind] = factor
        own = Estimate(joules.value, joules.low / factor.low, joules.high / factor.high)
        kinds.setdefault(kind, []).append((change, own))
    for kind, changes in sorted(kinds.items()):
        factor = shared[kind]
        value += sum(change * own.value for change, own in changes)
        least = sum(change * (own.low if change > 0 else own.high) for change, own in changes)
        most = sum(change * (own.high if change > 0 else own.low) for change, own in changes)
        low += least * (factor.low if least > 0 else factor.high)
        high += most * (factor.high if most > 0 else factor.low)
    return Estimate(value, low, high)


def _joules(price: Price, technology: Technology) -> Estimate:
    """One action, or one second of idling."""
    primitive, verb = price
    if verb == IDLE:
        return technology.primitive_leakage_w(primitive)
    return technology.action_energy_pj(primitive, verb).scaled(JOULES_PER_PJ)
