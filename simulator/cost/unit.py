"""What one matrix unit costs: area by part, energy per multiply-accumulate, leakage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.cost.energy import static_power_w
from simulator.cost.estimate import ZERO, Estimate
from simulator.cost.technology import Technology
from simulator.hardware.matrix_unit import MatrixUnit, Tile

LONG = 1 << 16
"""Rows, columns and depth of the product that energy is taken of: long against any unit."""


@dataclass(frozen=True, slots=True)
class PartCost:
    """One kind of part of a unit.

    path: its place, `pe.multiplier`; what: the primitive in words. count: in one unit.
    area_um2: of all of them. energy_pj_per_mac: of what they do, per multiply-accumulate.
    """

    path: str
    what: str
    count: int
    area_um2: Estimate
    energy_pj_per_mac: Estimate


@dataclass(frozen=True, slots=True)
class UnitCost:
    """One matrix unit, without the buffers around it.

    parts: in the unit's own order. leakage_w: of a unit that idles.
    """

    parts: tuple[PartCost, ...]
    leakage_w: Estimate
    macs_per_cycle: float

    @property
    def area_um2(self) -> Estimate:
        """Of the whole unit."""
        return sum((part.area_um2 for part in self.parts), ZERO)

    @property
    def energy_pj_per_mac(self) -> Estimate:
        """Dynamic energy per multiply-accumulate of a long product that fills the unit."""
        return sum((part.energy_pj_per_mac for part in self.parts), ZERO)


def unit_cost(unit: MatrixUnit[Any], technology: Technology) -> UnitCost:
    """Price a unit; raises as `Technology` does."""
    structure, tile = unit.structure(), busy_tile(unit)
    areas: dict[str, Estimate] = {}
    counts: dict[str, int] = {}
    what: dict[str, str] = {}
    for part in structure:
        own = technology.primitive_area_um2(part.primitive).scaled(part.count)
        areas[part.path] = areas.get(part.path, ZERO) + own
        counts[part.path] = counts.get(part.path, 0) + part.count
        what[part.path] = part.primitive.describe()
    energies: dict[str, Estimate] = {}
    for action, count in unit.actions(tile).counts.items():
        one = technology.action_energy_pj(action.primitive, action.verb)
        own = one.scaled(count / tile.macs)
        energies[action.path] = energies.get(action.path, ZERO) + own
    paths = [*areas, *(path for path in energies if path not in areas)]
    return UnitCost(
        parts=tuple(
            PartCost(
                path,
                what.get(path, ""),
                counts.get(path, 0),
                areas.get(path, ZERO),
                energies.get(path, ZERO),
            )
            for path in paths
        ),
        leakage_w=static_power_w(structure, technology),
        macs_per_cycle=float(unit.macs_per_cycle),
    )


def busy_tile(unit: MatrixUnit[Any]) -> Tile:
    """A product of at least LONG in every dimension, of whole blocks of the unit."""
    grain = unit.granularity
    return Tile(*(-(-LONG // size) * size for size in (grain.m, grain.n, grain.k)))
