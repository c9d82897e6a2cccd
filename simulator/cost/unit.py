"""What one unit costs: area by part, energy per multiply-accumulate, leakage.

A unit is a matrix unit, without the buffers around it, or a list of parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from simulator.config import CyclelabError
from simulator.cost.energy import CLOCK_ACTIVE, JOULES_PER_PJ, energy, static_power_w
from simulator.cost.estimate import ZERO, Estimate
from simulator.cost.operations import OPERATIONS_PER_MAC
from simulator.cost.technology import Technology
from simulator.hardware.matrix_unit import MatrixUnit, Tile
from simulator.hardware.parts_list import PartsListSpec
from simulator.hardware.primitives import ActionCounts, Part

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
    """One unit.

    parts: in the unit's own order, and last the clock of its registers, which takes no
        area of its own. leakage_w: of a unit that idles.
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

    def peak_tops(self, clock_hz: float) -> float:
        """10^12 operations per second, two per multiply-accumulate."""
        return OPERATIONS_PER_MAC * self.macs_per_cycle * clock_hz / 1e12

    def busy_power_w(self, clock_hz: float) -> Estimate:
        """Power of a unit that works all the time."""
        macs_per_s = self.macs_per_cycle * clock_hz
        return self.energy_pj_per_mac.scaled(macs_per_s * JOULES_PER_PJ) + self.leakage_w


def unit_cost(unit: MatrixUnit[Any] | PartsListSpec, technology: Technology) -> UnitCost:
    """Price a unit; raises as `Technology` does."""
    if isinstance(unit, PartsListSpec):
        return _cost(unit.structure(), unit.actions(), unit.macs, float(unit.macs), technology)
    tile = busy_tile(unit)
    rate = float(unit.macs_per_cycle)
    return _cost(unit.structure(), unit.actions(tile), tile.macs, rate, technology)


def busy_tile(unit: MatrixUnit[Any]) -> Tile:
    """A product of at least LONG in every dimension, of whole blocks of the unit."""
    grain = unit.granularity
    return Tile(*(-(-LONG // size) * size for size in (grain.m, grain.n, grain.k)))


def _cost(
    structure: Iterable[Part],
    actions: ActionCounts,
    macs: int,
    macs_per_cycle: float,
    technology: Technology,
) -> UnitCost:
    structure = tuple(structure)
    areas: dict[str, Estimate] = {}
    counts: dict[str, int] = {}
    what = {CLOCK_ACTIVE: "clock pins and tree"}
    for part in structure:
        try:
            own = technology.primitive_area_um2(part.primitive).scaled(part.count)
        except CyclelabError as error:
            raise CyclelabError(f"{part.path}: {error}") from None
        areas[part.path] = areas.get(part.path, ZERO) + own
        counts[part.path] = counts.get(part.path, 0) + part.count
        what[part.path] = part.primitive.describe()
    energies = {
        path: joules.scaled(1 / (JOULES_PER_PJ * macs))
        for path, joules in energy(actions, technology).items()
    }
    paths = dict.fromkeys((*areas, *energies))
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
        macs_per_cycle=macs_per_cycle,
    )
