"""A technology: what a primitive's area, action and idling cost, and who says so."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Literal

from simulator.config import CyclelabError, Document, nearest
from simulator.cost.estimate import Estimate
from simulator.cost.logic import LogicPrices
from simulator.cost.memories import ComputeSramPrices, DramPrices, SramPrices
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
    "compute_sram": ("read", "write", "compute"),
    "dram": ("read", "write"),
    "wire": ("move",),
    "link": ("move",),
}
"""Primitives that can be priced, and what can be done with each."""

Quantity = Literal["energy", "idle", "area"]


class Technology:
    """Prices primitives; each distinct question is answered once and remembered.

    document: the YAML the spec was validated from, for bounds and sources. changes: what
    was set in it beside a preset's values, `supply_v=0.7`.
    Raises ConfigError if the sram table is missing or does not hold the node and
    cell, CyclelabError if the scaling does not reach a node or supply.
    """

    def __init__(
        self, spec: TechnologySpec, document: Document, changes: tuple[str, ...] = ()
    ) -> None:
        self.spec = spec
        self.changes = changes
        self._numbers = StatedNumbers(document)
        scaling = NodeScaling(spec.scaling)
        table = _beside(document, ("sram", "table"), spec.sram.table)
        self._logic = LogicPrices(spec, self._numbers, scaling)
        self._wires = WirePrices(spec, self._numbers)
        sram = SramPrices(spec, self._numbers, scaling, table)
        self.facts = f"{spec.model_dump_json()} {sram.facts}"
        """All values that it prices with, as a text."""
        self._others: dict[str, Prices] = {
            "sram": sram,
            "compute_sram": ComputeSramPrices(sram, self._numbers),
            "dram": DramPrices(spec, self._numbers),
            "wire": self._wires,
            "link": LinkPrices(self._numbers),
        }
        supplies = (spec.nominal_supply_v, spec.supply_v)
        self.slowness = scaling.delay_ratio(spec.node_nm, *supplies)
        self._areas: dict[Primitive, Priced] = {}
        self._leakages: dict[Primitive, Priced] = {}
        self._energies: dict[tuple[Primitive, str], Priced] = {}
        self._clocks: dict[Primitive, Estimate] = {}

    @property
    def name(self) -> str:
        """Name the technology gives itself, and what was changed in it."""
        changed = ", ".join(self.changes)
        return f"{self.spec.name} ({changed})" if changed else self.spec.name

    @property
    def description(self) -> str:
        """What it is before anything is changed, and what a change of supply does."""
        return "; ".join(filter(None, (self.spec.description, self.warning)))

    @property
    def warning(self) -> str:
        """What a supply off the nominal one does to clocks; nothing at the nominal one."""
        spec = self.spec
        if spec.supply_v == spec.nominal_supply_v:
            return ""
        return (
            f"at {spec.supply_v:g} V gates take {self.slowness:.2f} times as long as at the "
            f"nominal {spec.nominal_supply_v:g} V, for which machines state their clocks"
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
        if kind == "compute_sram":
            kind = "sram"
        elif kind in ("dram", "link"):
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
        return dict(self._source_lines)

    @cached_property
    def _source_lines(self) -> dict[str, str]:
        sram = self.spec.sram
        table = f"{sram.table}, {sram.cell} cells at {sram.node_nm:g} nm"
        return self._numbers.lines() | {"sram.table": table}

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


def _beside(document: Document, path: tuple[str, ...], name: str) -> Path:
    """Return the file `name` as the YAML file that names it means it."""
    node = document.node(path)
    directory = node.origin.directory if node is not None else None
    return (directory or Path()) / name
