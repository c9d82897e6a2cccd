"""What can be said of the difference of two energies, or areas, that one technology prices.

Both are amounts of the same prices, so a price that is wrong is wrong in both. Each
price may lie anywhere within its bounds; of them, the factor that all prices of a kind
share (node scaling of logic, the spreads of SRAM) is the same for all of these.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from simulator.cost.energy import JOULES_PER_PJ
from simulator.cost.estimate import ZERO, Estimate
from simulator.cost.logic import UM2_PER_MM2, WAIT
from simulator.cost.technology import Quantity, Technology
from simulator.hardware.primitives import ActionCounts, Part, Primitive

IDLE = "idle"
"""In the place of an action's verb: what a primitive takes per second while it does nothing."""
AREA = "area"
"""In the place of an action's verb: what a primitive takes of the die, mm²."""
BIT_MILLIMETRE = Primitive("wire", bits=1, length_um=1000.0)
"""What wires are counted in."""

Price = tuple[Primitive, str]


@dataclass(slots=True)
class Amounts:
    """How much of each price an energy has: actions, or seconds of idle primitives.

    other: joules that no technology prices, such as those of a memory's commands.
    Of an area: how many of each primitive there are.
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

    def add_waits(self, waited: Iterable[tuple[Primitive, float]]) -> None:
        """Add cycles in which registers were not written."""
        for primitive, count in waited:
            self._add((primitive, WAIT), count)

    def add_wires(self, bit_mm: float) -> None:
        """Add bits moved, times millimetres."""
        if bit_mm:
            self._add((BIT_MILLIMETRE, "move"), bit_mm)

    def add_area(self, parts: Iterable[Part]) -> None:
        """Add parts that take room."""
        for part in parts:
            self._add((part.primitive, AREA), float(part.count))

    def add(self, more: Amounts) -> None:
        """Add all of another's."""
        for price, count in more.counts.items():
            self._add(price, count)
        self.other = self.other + more.other

    def _add(self, price: Price, count: float) -> None:
        self.counts[price] = self.counts.get(price, 0.0) + count


def difference(first: Amounts, second: Amounts, technology: Technology) -> Estimate:
    """Return joules, or mm², of `second` minus `first`, with the bounds they cannot leave.

    Within a kind whose prices share a factor f, the difference is f · Σ Δn · p, with p
    between own bounds: extreme where each p is, at one end of f. Kinds are independent.
    Other joules are, too, and so of each other. Raises as `Technology` does.
    """
    value = second.other.value - first.other.value
    low = second.other.low - first.other.high
    high = second.other.high - first.other.low
    kinds: dict[str, list[tuple[float, Estimate]]] = {}
    shared: dict[str, Estimate] = {}
    for price in dict.fromkeys((*first.counts, *second.counts)):
        change = second.counts.get(price, 0.0) - first.counts.get(price, 0.0)
        one = _price(price, technology)
        kind, factor = technology.shared_factor(price[0], _QUANTITIES.get(price[1], "energy"))
        shared[kind] = factor
        own = Estimate(one.value, one.low / factor.low, one.high / factor.high)
        kinds.setdefault(kind, []).append((change, own))
    for kind, changes in sorted(kinds.items()):
        factor = shared[kind]
        value += sum(change * own.value for change, own in changes)
        least = sum(change * (own.low if change > 0 else own.high) for change, own in changes)
        most = sum(change * (own.high if change > 0 else own.low) for change, own in changes)
        low += least * (factor.low if least > 0 else factor.high)
        high += most * (factor.high if most > 0 else factor.low)
    return Estimate(value, low, high)


_QUANTITIES: dict[str, Quantity] = {IDLE: "idle", AREA: "area"}


def _price(price: Price, technology: Technology) -> Estimate:
    """One action, one second of idling, or one piece of the die."""
    primitive, verb = price
    if verb == IDLE:
        return technology.primitive_leakage_w(primitive)
    if verb == AREA:
        return technology.primitive_area_um2(primitive).scaled(1 / UM2_PER_MM2)
    joules = technology.action_energy_pj(primitive, verb).scaled(JOULES_PER_PJ)
    return joules.times(technology.length_spread) if primitive.kind == "wire" else joules
