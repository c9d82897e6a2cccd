"""Scaling between nodes: area ratios, and switching energy and delay at given supplies.

Source of both: Stillmaker & Baas, Integration 58 (2017) 74-81. Nodes that their
tables lack are interpolated between the neighbours, log-log in feature size.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from math import exp, log

from simulator.config.errors import CyclelabError
from simulator.cost.priced import Priced, exactly
from simulator.cost.spec import ScalingSpec

STEP_V = 0.005
"""In which a supply is raised in search of where a cubic turns."""


class NodeScaling:
    """Ratios from one node to another."""

    def __init__(self, spec: ScalingSpec) -> None:
        self.spec = spec
        self._ascending = sorted(spec.nodes_nm)

    def area_ratio(self, from_nm: float, to_nm: float) -> float:
        """Area at `to_nm` of what takes 1 at `from_nm`; raises CyclelabError off the table."""
        if from_nm == to_nm:
            return 1.0

        def from_exact(source: int) -> float:
            row = self.spec.area_ratio[source]
            return _log_mean([(row[node], weight) for node, weight in self._around(to_nm)])

        rows = self._around(from_nm)
        return _log_mean([(from_exact(source), weight) for source, weight in rows])

    def energy_ratio(self, from_nm: float, from_v: float, to_nm: float, to_v: float) -> float:
        """Switching energy at `to_nm`, `to_v` of what takes 1 at `from_nm`, `from_v`.

        Raises CyclelabError off the table, or where the polynomial has no meaning.
        """
        return self._energy(to_nm, to_v) / self._energy(from_nm, from_v)

    def energy_factor(
        self, quantity: str, taken: tuple[float, float], now: tuple[float, float]
    ) -> Priced:
        """`energy_ratio` from (nm, V) to (nm, V) with a line that says so, if they differ."""
        if taken == now:
            return exactly(1.0)
        ratio = self.energy_ratio(*taken, *now)
        places = [f"{node:g} nm, {supply:g} V" for node, supply in (taken, now)]
        line = f"{quantity} scaled by {ratio:.3g} from {places[0]} to {places[1]}"
        return exactly(ratio, f"{line} (scaling.energy_polynomials)")

    def delay_ratio(self, node_nm: float, from_v: float, to_v: float) -> float:
        """Delay of a gate at a supply over that at another one, both at `node_nm`.

        The fitted cubics turn upwards with the supply where no gate does, and some then
        fall below zero: from where one first turns, delay is taken to stay. Raises
        CyclelabError off the table of nodes, and for supplies at which the fits do not hold.
        """
        return self._delay(node_nm, to_v) / self._delay(node_nm, from_v)

    def _delay(self, node_nm: float, supply_v: float) -> float:
        lowest_v, highest_v = self.spec.lowest_supply_v, self.spec.highest_supply_v
        if not lowest_v <= supply_v <= highest_v:
            raise CyclelabError(
                f"found a supply of {supply_v:g} V, expected {lowest_v:g} to {highest_v:g} V, for "
                "which the fits of delay and energy hold"
            )
        steps = int((supply_v - lowest_v) / STEP_V)
        supplies = [*(lowest_v + step * STEP_V for step in range(steps + 1)), supply_v]
        terms = []
        for index, weight in self._around(node_nm):
            a3, a2, a1, a0 = self.spec.delay_polynomials[index]
            delay = math.inf
            for v in supplies:
                here = ((a3 * v + a2) * v + a1) * v + a0
                if here > delay:
                    break
                delay = here
            terms.append((delay, weight))
        return _log_mean(terms)

    def _energy(self, node_nm: float, supply_v: float) -> float:
        terms = []
        for index, weight in self._around(node_nm):
            a2, a1, a0 = self.spec.energy_polynomials[index]
            energy = (a2 * supply_v + a1) * supply_v + a0
            lowest_v = -a1 / (2.0 * a2)
            if energy <= 0.0 or supply_v < lowest_v:
                raise CyclelabError(
                    f"energy scaling at {self.spec.nodes_nm[index]:g} nm does not hold at a "
                    f"supply of {supply_v:g} V; use at least {lowest_v:.2f} V"
                )
            terms.append((energy, weight))
        return _log_mean(terms)

    def _around(self, node_nm: float) -> list[tuple[int, float]]:
        """Return indices of the node or its two neighbours, with weights that add to 1."""
        ascending = self._ascending
        position = bisect_left(ascending, node_nm)
        if position < len(ascending) and ascending[position] == node_nm:
            return [(self.spec.nodes_nm.index(node_nm), 1.0)]
        if position in (0, len(ascending)):
            raise CyclelabError(
                f"no scaling to or from {node_nm:g} nm: "
                f"the table covers {ascending[0]:g} to {ascending[-1]:g} nm"
            )
        small, large = ascending[position - 1], ascending[position]
        share = log(node_nm / small) / log(large / small)
        index = self.spec.nodes_nm.index
        return [(index(small), 1.0 - share), (index(large), share)]


def _log_mean(terms: list[tuple[float, float]]) -> float:
    if len(terms) == 1:
        return terms[0][0]
    return exp(sum(weight * log(value) for value, weight in terms))
