"""Area, energy and leakage of logic: arithmetic, cells, and register files made of them.

An action of logic costs what its data takes, in proportion to the technology's switching
activity. Flip-flops besides are clocked: `clock_pj` is their pins' and the tree's share,
`write` holds it, and a cycle in which they `wait` costs it as often as they are clocked
without need. A register file of w words is w · b flip-flops with enables and b muxes of
w to 1, which read: so are those of the synthesis, to 2 % in area.
"""

from __future__ import annotations

from simulator.config import CyclelabError
from simulator.cost.estimate import Estimate
from simulator.cost.laws import ArithmeticLaw
from simulator.cost.priced import Priced, exactly
from simulator.cost.scaling import NodeScaling
from simulator.cost.spec import TechnologySpec
from simulator.cost.stated import StatedNumbers
from simulator.hardware.primitives import CELLS, FLIP_FLOPS, Primitive

UM2_PER_MM2 = 1e6
BITS_PER_BYTE = 8
OPERANDS = {"multiplier": 2, "adder": 1}
REGISTER_FILE = "register_file"
WAIT = "wait"
"""A cycle of a register in which it is not written."""


class LogicPrices:
    """Prices of logic at the technology's node: stated numbers times node scaling."""

    def __init__(self, spec: TechnologySpec, numbers: StatedNumbers, scaling: NodeScaling) -> None:
        area, energy, leakage = spec.logic_area, spec.logic_energy, spec.logic_leakage
        self._numbers = numbers
        self._area_laws = _laws(numbers, "logic_area", "um2")
        self._energy_laws = _laws(numbers, "logic_energy", "pj")
        self._area_factor = exactly(1.0)
        density = numbers.at("logic_leakage", "w_per_mm2")
        if area.node_nm != spec.node_nm:
            ratio = scaling.area_ratio(area.node_nm, spec.node_nm)
            line = f"area scaled by {ratio:.3g} from {area.node_nm:g} to {spec.node_nm:g} nm"
            self._area_factor = exactly(ratio, f"{line} (scaling.area_ratio)").combined(
                numbers.at("across_nodes", "area")
            )
            density = density.combined(numbers.at("across_nodes", "leakage"))
        change = spec.supply_v / leakage.supply_v
        line = f"leakage in proportion to the supply, {spec.supply_v:g} V: · {change:.3g}"
        self._leakage_w_per_mm2 = density.combined(exactly(change, line))
        self._energy_factor = scaling.energy_factor(
            "energy", (energy.node_nm, energy.supply_v), (spec.node_nm, spec.supply_v)
        )
        if energy.node_nm != spec.node_nm:
            spread = numbers.at("across_nodes", "energy")
            self._energy_factor = self._energy_factor.combined(spread)
        self._activity = numbers.at("switching_activity")
        tree = numbers.at("clock", "tree_share")
        self._clock_pj_per_bit = (
            numbers.at("clock", "pin_pj_per_bit")
            .combined(exactly(1.0).plus(tree))
            .combined(self._energy_factor)
        )
        self._idle_share = numbers.at("clock", "idle_share")

    @property
    def shared_energy(self) -> Estimate:
        """Factor that all energies have in common, as bounds around 1."""
        return self._energy_factor.estimate.relative()

    @property
    def shared_leakage(self) -> Estimate:
        """The same of leakages: the density, and scaling of areas."""
        area = self._area_factor.estimate.relative()
        return self._leakage_w_per_mm2.estimate.relative().times(area)

    @property
    def shared_area(self) -> Estimate:
        """The same of areas."""
        return self._area_factor.estimate.relative()

    def area_um2(self, primitive: Primitive) -> Priced:
        """Area of one primitive."""
        if primitive.kind == REGISTER_FILE:
            bits, words = _register_file(primitive)
            stored = self.area_um2(Primitive("flip_flop_enable", bits=bits * words))
            if words == 1:
                return stored
            return stored.plus(self.area_um2(Primitive("mux2", bits=bits * (words - 1))))
        stated = self._stated(primitive, "logic_area", "um2", self._area_laws)
        return stated.combined(self._area_factor)

    def energy_pj(self, primitive: Primitive, verb: str) -> Priced:
        """Energy of one action, the clock of what it clocks included."""
        if verb == WAIT:
            return self.clock_pj(primitive, stored=True).combined(self._idle_share)
        if primitive.kind == REGISTER_FILE:
            bits, words = _register_file(primitive)
            if verb == "read":
                muxes = max(1, bits * (words - 1))
                return self.energy_pj(Primitive("mux2", bits=muxes), "operate")
            return self.energy_pj(Primitive("flip_flop_enable", bits=bits), verb)
        stated = self._stated(primitive, "logic_energy", "pj", self._energy_laws)
        data = stated.combined(self._energy_factor).combined(self._activity)
        if primitive.kind in FLIP_FLOPS:
            return data.plus(self.clock_pj(primitive))
        return data

    def clock_pj(self, primitive: Primitive, stored: bool = False) -> Priced:
        """Energy of clocking a register once, data apart: of a word, or of all it stores."""
        bits = primitive.bits
        if primitive.kind == REGISTER_FILE and stored:
            width, words = _register_file(primitive)
            bits = width * words
        return self._clock_pj_per_bit.scaled(bits)

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
        assert primitive.kind in CELLS, primitive.kind
        if primitive.bits < 1:
            raise CyclelabError(
                f"{primitive.kind}: found {primitive.bits} bits, expected 1 or more"
            )
        return self._numbers.at(section, f"cells_{unit}", primitive.kind).scaled(primitive.bits)


def _register_file(primitive: Primitive) -> tuple[int, int]:
    """Bits of a word, and words; raises CyclelabError unless they make up the capacity."""
    bits, stored = primitive.bits, primitive.capacity_bytes * BITS_PER_BYTE
    if bits < 1 or stored < bits or stored % bits:
        raise CyclelabError(
            f"register_file: {primitive.capacity_bytes} bytes are no whole number of "
            f"{bits}-bit words, of which there must be one or more"
        )
    return bits, stored // bits


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
