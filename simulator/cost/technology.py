"""A technology: what a primitive's area, action and idling cost, and who says so."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from simulator.config import CyclelabError, Document, load_preset, nearest, validate
from simulator.cost.estimate import Estimate
from simulator.cost.logic import LogicPrices
from simulator.cost.memories import DramPrices, SramPrices
from simulator.cost.priced import Priced, Prices
from simulator.cost.scaling import NodeScaling
from simulator.cost.spec import TechnologySpec
from simulator.cost.stated import StatedNumbers
from simulator.cost.wires import LinkPrices, WirePrices
from simulator.hardware.primitives import CELLS, FLIP_FLOPS, Primitive

OPERATE = ("operate",)
CLOCKED = ("write", "wait")
VERBS: dict[str, tuple[str, ...]] = {
    "multiplier": OPERATE,
    "adder": OPERATE,
    **{cell: CLOCKED if cell in FLIP_FLOPS else OPERATE for cell in CELLS},
    "register_file": ("read", *CLOCKED),
    "sram": ("read", "write"),
    "dram": ("read", "write"),
    "wire": ("move",),
    "link": ("move",),
}
"""Primitives that can be priced, and what can be done with each."""

Quantity = Literal["energy", "idle", "area"]


class Technology:
    """Prices primitives; each distinct question is answered once and remembered.

    document: the YAML the spec was validated from, for bounds and sources.
    Raises ConfigError if the sram table is missing or does not hold the node and
    cell, CyclelabError if the scaling does not reach a node or supply.
    """

    def __init__(self, spec: TechnologySpec, document: Document) -> None:
        self.spec = spec
        self._numbers = StatedNumbers(document)
        scaling = NodeScaling(spec.scaling)
        table = _beside(document, ("sram", "table"), spec.sram.table)
        self._logic = LogicPrices(spec, self._numbers, scaling)
        self._wires = WirePrices(spec, self._numbers)
        self._others: dict[str, Prices] = {
            "sram": SramPrices(spec, self._numbers, scaling, table),
            "dram": DramPrices(spec, self._numbers),
            "wire": self._wires,
            "link": LinkPrices(self._numbers),
        }
        self.slowness = (
            1.0
            if spec.supply_v == spec.nominal_supply_v
            else scaling.delay_ratio(spec.node_nm, spec.nominal_supply_v, spec.supply_v)
        )
        self._areas: dict[Primitive, Priced] = {}
        self._leakages: dict[Primitive, Priced] = {}
        self._energies: dict[tuple[Primitive, str], Priced] = {}
        self._clocks: dict[Primitive, Estimate] = {}

    @property
    def name(self) -> str:
        """Name the technology gives itself."""
        return self.spec.name

    @property
    def description(self) -> str:
        """What it is, and how a supply off the nominal one changes it."""
        spec = self.spec
        if spec.supply_v == spec.nominal_supply_v:
            return spec.description
        return (
            f"{spec.description}; at {spec.supply_v:g} V, where gates take {self.slowness:.2f} "
            f"times as long as at the nominal {spec.nominal_supply_v:g} V, for which machines "
            "state their clocks"
        )

    @property
    def length_spread(self) -> Estimate:
        """How far lengths of wires may be off, around 1."""
        return self._wires.length_spread.estimate

    def primitive_area_um2(self, primitive: Primitive) -> Estimate:
        """Area of one primitive on the die, µm²; CyclelabError for an unknown one."""
        return self._area(primitive).estimate

    def primitive_leakage_w(self, primitive: Primitive) -> Estimate:
        """Power of one primitive that does nothing, W; for dram its background power."""
        found = self._leakages.get(primitive)
        if found is None:
            found = self._leakages[primitive] = self._prices(primitive).leakage_w(primitive)
        return found.estimate

    def action_energy_pj(self, primitive: Primitive, verb: str) -> Estimate:
        """Energy of one action, pJ, as `hardware.primitives.Action` counts it.

        Raises CyclelabError for a primitive or verb that is not known.
        """
        return self._energy(primitive, verb).estimate

    def clock_energy_pj(self, primitive: Primitive) -> Estimate:
        """What of a register's `write` the clock takes, pJ: its pins and the tree."""
        found = self._clocks.get(primitive)
        if found is None:
            found = self._clocks[primitive] = self._logic.clock_pj(primitive).estimate
        return found

    def shared_factor(
        self, primitive: Primitive, quantity: Quantity = "energy"
    ) -> tuple[str, Estimate]:
        """Return the factor, of value 1, that prices of a kind share, and the kind's name.

        Its bounds are part of the prices' bounds. idle: of leakage or background power.
        """
        prices, kind = self._prices(primitive), primitive.kind
        if kind in ("dram", "link"):
            kind = f"{kind} {primitive.device}"
        elif kind not in self._others:
            kind = "logic"
        factors = {
            "energy": prices.shared_energy,
            "idle": prices.shared_leakage,
            "area": prices.shared_area,
        }
        return f"{kind} {quantity}", factors[quantity]

    def sources_for(self, primitive: Primitive, verb: str | None = None) -> list[str]:
        """Return a line per number and law behind an action's energy, or without verb the area."""
        found = self._area(primitive) if verb is None else self._energy(primitive, verb)
        return list(found.sources)

    def source_lines(self) -> dict[str, str]:
        """Return the source of every number the technology states, by dotted path."""
        return self._numbers.lines()

    def _area(self, primitive: Primitive) -> Priced:
        found = self._areas.get(primitive)
        if found is None:
            found = self._areas[primitive] = self._prices(primitive).area_um2(primitive)
        return found

    def _energy(self, primitive: Primitive, verb: str) -> Priced:
        found = self._energies.get((primitive, verb))
        if found is None:
            prices = self._prices(primitive)
            if verb not in VERBS[primitive.kind]:
                near = nearest(verb, VERBS[primitive.kind])
                raise CyclelabError(
                    f"{primitive.kind}: no energy is known for {verb!r}; "
                    f"known: {', '.join(VERBS[primitive.kind])}"
                    + (f"; did you mean {near!r}?" if near else "")
                )
            found = self._energies[primitive, verb] = prices.energy_pj(primitive, verb)
        return found

    def _prices(self, primitive: Primitive) -> Prices:
        if primitive.kind not in VERBS:
            near = nearest(primitive.kind, VERBS)
            raise CyclelabError(
                f"unknown primitive {primitive.kind!r}; known: {', '.join(VERBS)}"
                + (f"; did you mean {near!r}?" if near else "")
            )
        return self._others.get(primitive.kind, self._logic)


def load_technology(name_or_path: str | Path, relative_to: Path | None = None) -> Technology:
    """Load a technology by preset name, or by path relative to `relative_to`.

    Raises ConfigError for a missing or wrong file, CyclelabError if the parts of
    the technology do not go together.
    """
    return technology_from(load_preset("technologies", name_or_path, relative_to))


def technology_from(document: Document) -> Technology:
    """Build a technology from a loaded document (its presets and includes resolved)."""
    return Technology(validate(TechnologySpec, document), document)


def _beside(document: Document, path: tuple[str, ...], name: str) -> Path:
    """Return the file `name` as the YAML file that names it means it."""
    node = document.node(path)
    directory = node.origin.directory if node is not None else None
    return (directory or Path()) / name
