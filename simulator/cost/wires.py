"""Energy of wires by length, and of links between dies by the bit."""

from __future__ import annotations

from simulator.config import CyclelabError
from simulator.cost.estimate import ZERO, Estimate
from simulator.cost.logic import BITS_PER_BYTE
from simulator.cost.priced import Priced, Unshared, known_device
from simulator.cost.spec import TechnologySpec
from simulator.cost.stated import StatedNumbers
from simulator.hardware.primitives import Primitive

PJ_PER_FJ = 1e-3
HALF = 0.5
RANDOM_TOGGLES = 0.5
"""Toggles per bit moved, of random data."""


class WirePrices(Unshared):
    """A toggle takes ½ · C · V² (a charge or a discharge of the wire, on average)."""

    def __init__(self, spec: TechnologySpec, numbers: StatedNumbers) -> None:
        line = f"wires: {RANDOM_TOGGLES:g} toggles per random bit, ½ C V² at {spec.supply_v:g} V"
        per_ff = PJ_PER_FJ * HALF * spec.supply_v**2 * RANDOM_TOGGLES
        capacitance = numbers.at("wires", "capacitance_ff_per_um").scaled(per_ff)
        self._pj_per_bit_um = Priced(capacitance.estimate, (line, *capacitance.sources)).combined(
            numbers.at("switching_activity")
        )
        self.length_spread = numbers.at("wires", "length_spread")

    @property
    def shared_energy(self) -> Estimate:
        """All: one price for all wires."""
        return self._pj_per_bit_um.estimate.relative()

    def area_um2(self, primitive: Primitive) -> Priced:
        """Wires run above logic: no area."""
        _check_wire(primitive)
        return Priced(ZERO, ("wires run above logic",))

    def energy_pj(self, primitive: Primitive, verb: str) -> Priced:
        """Energy of moving its bits once along its length."""
        del verb
        _check_wire(primitive)
        return self._pj_per_bit_um.scaled(primitive.bits * primitive.length_um)

    def leakage_w(self, primitive: Primitive) -> Priced:
        """None."""
        return self.area_um2(primitive)


class LinkPrices(Unshared):
    """A byte takes the same however many move; what a link draws when idle is not known."""

    def __init__(self, numbers: StatedNumbers) -> None:
        self._links = numbers.table("links")

    def area_um2(self, primitive: Primitive) -> Priced:
        """Not known, and not counted."""
        self._stated(primitive)
        return Priced(ZERO, ("areas of links are not known",))

    def energy_pj(self, primitive: Primitive, verb: str) -> Priced:
        """Energy of one byte."""
        del verb
        return self._stated(primitive).scaled(BITS_PER_BYTE)

    def leakage_w(self, primitive: Primitive) -> Priced:
        """Not known, and not counted."""
        return self.area_um2(primitive)

    def _stated(self, primitive: Primitive) -> Priced:
        return self._links[known_device(primitive, self._links)]


def _check_wire(primitive: Primitive) -> None:
    if primitive.bits < 1 or primitive.length_um < 0:
        raise CyclelabError(
            f"wire: found {primitive.bits} bits of {primitive.length_um:g} µm, expected 1 bit or "
            "more, and no negative length"
        )
