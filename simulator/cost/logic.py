"""Area, energy and leakage of multipliers, adders, flip-flops and muxes."""

from __future__ import annotations

from simulator.config import CyclelabError
from simulator.cost.estimate import EXACT, Estimate
from simulator.cost.laws import ArithmeticLaw
from simulator.cost.priced import Priced
from simulator.cost.scaling import NodeScaling
from simulator.cost.spec import TechnologySpec
from simulator.cost.stated import StatedNumbers
from simulator.hardware.primitives import Primitive

UM2_PER_MM2 = 1e6
OPERANDS = {"multiplier": 2, "adder": 1}


class LogicPrices:
    """Prices of logic at the technology's node: stated numbers times node scaling."""

    def __init__(self, spec: TechnologySpec, numbers: StatedNumbers, scaling: NodeScaling) -> None:
        area, energy = spec.logic_area, spec.logic_energy
        self._numbers = numbers
        self._area_laws = _laws(numbers, "logic_area", "um2")
        self._energy_laws = _laws(numbers, "logic_energy", "pj")
        self._area_factor = _factor(
            numbers,
            "area",
            scaling.area_ratio(area.node_nm, spec.node_nm),
            f"{area.node_nm:g} to {spec.node_nm:g} nm",
            area.node_nm != spec.node_nm,
        )
        self._energy_factor = _factor(
            numbers,
            "energy",
            scaling.energy_ratio(energy.node_nm, energy.supply_v, spec.node_nm, spec.supply_v),
            f"{energy.node_nm:g} nm, {energy.supply_v:g} V to "
            f"{spec.node_nm:g} nm, {spec.supply_v:g} V",
            (energy.node_nm, energy.supply_v) != (spec.node_nm, spec.supply_v),
        )
        density = numbers.at("logic_leakage_w_per_mm2")
        if area.node_nm != spec.node_nm:
            density = density.combined(numbers.at("across_nodes", "leakage"))
        self._leakage_w_per_mm2 = density

    @property
    def shared_energy(self) -> Estimate:
        """Factor that all energies have in common, as bounds around 1."""
        return self._energy_factor.estimate.relative() if self._energy_factor else EXACT

    @property
    def shared_leakage(self) -> Estimate:
        """The same of leakages: the density, and scaling of areas."""
        area = self._area_factor.estimate.relative() if self._area_factor else EXACT
        return self._leakage_w_per_mm2.estimate.relative().times(area)

    def area_um2(self, primitive: Primitive) -> Priced:
        """Area of one primitive."""
        stated = self._stated(primitive, "logic_area", "um2", self._area_laws)
        return stated.combined(self._area_factor) if self._area_factor else stated

    def energy_pj(self, primitive: Primitive) -> Priced:
        """Energy of one operation, or of one clocking of a flip-flop bank."""
        stated = self._stated(primitive, "logic_energy", "pj", self._energy_laws)
        return stated.combined(self._energy_factor) if self._energy_factor else stated

    def leakage_w(self, primitive: Primitive) -> Priced:
        """Leakage, in proportion to area, whatever the node."""
        area = self.area_um2(primitive)
        per_um2 = self._leakage_w_per_mm2.estimate.scaled(1.0 / UM2_PER_MM2)
        return area.times(per_um2, *self._leakage_w_per_mm2.sources)

    def _stated(
        self, primitive: Primitive, section: str, unit: str, laws: dict[str, ArithmeticLaw]
    ) -> Priced:
        if primitive.kind in laws:
            if len(primitive.formats) != OPERANDS[primitive.kind]:
                raise CyclelabError(
                    f"{primitive.kind}: found {len(primitive.formats)} operand formats, "
                    f"expected {OPERANDS[primitive.kind]}"
                )
            return laws[primitive.kind].cost(primitive.formats)
        if primitive.bits < 1:
            raise CyclelabError(
                f"{primitive.kind}: found {primitive.bits} bits, expected 1 or more"
            )
        per_bit = self._numbers.at(section, f"{primitive.kind}_{unit}_per_bit")
        return Priced(per_bit.estimate.scaled(primitive.bits), per_bit.sources)


def _laws(numbers: StatedNumbers, section: str, unit: str) -> dict[str, ArithmeticLaw]:
    return {
        noun: ArithmeticLaw(
            noun,
            numbers.table(section, f"{noun}s_{unit}"),
            numbers.at(section, "interpolation_spread"),
            numbers.at(section, "extrapolation_spread"),
        )
        for noun in OPERANDS
    }


def _factor(
    numbers: StatedNumbers, quantity: str, ratio: float, change: str, scaled: bool
) -> Priced | None:
    """Return the factor of node scaling, or None where nothing is scaled."""
    if not scaled:
        return None
    line = f"{quantity} scaled by {ratio:.3g} from {change} (scaling.{_TABLES[quantity]})"
    spread = numbers.at("across_nodes", quantity)
    return Priced(Estimate(ratio, ratio, ratio), (line,)).combined(spread)


_TABLES = {"area": "area_ratio", "energy": "energy_polynomials"}
