"""Area, energy and static power of sram banks, arrays that compute, and dram devices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from simulator.cost.estimate import ZERO, Estimate
from simulator.cost.logic import BITS_PER_BYTE
from simulator.cost.priced import Priced, Unshared, exactly, known_device
from simulator.cost.scaling import NodeScaling
from simulator.cost.spec import TechnologySpec
from simulator.cost.sram import SramMacro, SramTable
from simulator.cost.stated import StatedNumbers
from simulator.hardware.primitives import Primitive

BYTES_PER_GIB = 2**30
NO_LOGIC = exactly(0.0)


class SramPrices:
    """Prices of sram banks: the table, times node scaling where the node differs."""

    def __init__(
        self, spec: TechnologySpec, numbers: StatedNumbers, scaling: NodeScaling, table: Path
    ) -> None:
        sram = spec.sram
        self._table = SramTable(table, sram.cell, sram.node_nm)
        line = f"sram: {table.name}, {self._table.name}"
        change = spec.supply_v / sram.supply_v
        area = exactly(1.0, line)
        leakage = exactly(change, line).combined(numbers.at("sram", "leakage_spread"))
        energy = exactly(1.0, line).combined(numbers.at("sram", "energy_spread"))
        taken, now = (sram.node_nm, sram.supply_v), (spec.node_nm, spec.supply_v)
        energy = energy.combined(scaling.energy_factor("sram energy", taken, now))
        if sram.area_ratio is not None:
            area = area.combined(numbers.at("sram", "area_ratio"))
        elif sram.node_nm != spec.node_nm:
            ratio = scaling.area_ratio(sram.node_nm, spec.node_nm)
            scaled = exactly(ratio, f"sram area scaled by {ratio:.3g} between nodes")
            area = area.combined(scaled).combined(numbers.at("across_nodes", "area"))
        if sram.node_nm != spec.node_nm:
            energy = energy.combined(numbers.at("across_nodes", "energy"))
            leakage = leakage.combined(exactly(area.estimate.value, *area.sources))
            leakage = leakage.combined(numbers.at("across_nodes", "leakage"))
        self._area = area.combined(numbers.at("sram", "area_spread"))
        self._energy, self._leakage = energy, leakage

    @property
    def facts(self) -> str:
        """What the table holds, as a text."""
        return self._table.facts

    @property
    def shared_energy(self) -> Estimate:
        """Factor that all energies have in common, as bounds around 1; its macros are exact."""
        return self._energy.estimate.relative()

    @property
    def shared_leakage(self) -> Estimate:
        """The same of leakages."""
        return self._leakage.estimate.relative()

    @property
    def shared_area(self) -> Estimate:
        """The same of areas."""
        return self._area.estimate.relative()

    def area_um2(self, primitive: Primitive, logic: Priced = NO_LOGIC) -> Priced:
        """Area of one bank; logic: in its columns, over that of its cells."""
        bank = self._bank(primitive)
        area = _with_logic(bank.area_um2, logic.estimate)
        return self._area.times(area, *bank.sources, *logic.sources)

    def energy_pj(self, primitive: Primitive, verb: str) -> Priced:
        """Energy of one access of the bank's full width."""
        bank = self._bank(primitive)
        energy = bank.read_pj if verb == "read" else bank.write_pj
        return self._energy.times(energy, *bank.sources)

    def leakage_w(self, primitive: Primitive, logic: Priced = NO_LOGIC) -> Priced:
        """Leakage of one bank; logic: as `area_um2`."""
        bank = self._bank(primitive)
        leakage = _with_logic(bank.leakage_w, logic.estimate)
        return self._leakage.times(leakage, *bank.sources, *logic.sources)

    def _bank(self, primitive: Primitive) -> SramMacro:
        return self._table.bank(primitive.capacity_bytes, primitive.bits, primitive.ports)


class ComputeSramPrices:
    """Prices of sram arrays that compute: those of a bank, and of logic in its columns."""

    def __init__(self, sram: SramPrices, numbers: StatedNumbers) -> None:
        self._sram = sram
        self._logic_rows = numbers.at("compute_sram", "logic_rows")
        self._compute_over_read = numbers.at("compute_sram", "compute_over_read")

    @property
    def shared_energy(self) -> Estimate:
        """That of sram banks."""
        return self._sram.shared_energy

    @property
    def shared_leakage(self) -> Estimate:
        """That of sram banks."""
        return self._sram.shared_leakage

    @property
    def shared_area(self) -> Estimate:
        """That of sram banks."""
        return self._sram.shared_area

    def area_um2(self, primitive: Primitive) -> Priced:
        """Area of a bank whose columns are longer by their logic."""
        return self._sram.area_um2(_as_bank(primitive), self._logic(primitive))

    def energy_pj(self, primitive: Primitive, verb: str) -> Priced:
        """Energy of one access to all columns."""
        if verb != "compute":
            return self._sram.energy_pj(_as_bank(primitive), verb)
        read = self._sram.energy_pj(_as_bank(primitive), "read")
        return read.combined(self._compute_over_read)

    def leakage_w(self, primitive: Primitive) -> Priced:
        """Leakage of a bank, and of its logic as if that were cells of it."""
        return self._sram.leakage_w(_as_bank(primitive), self._logic(primitive))

    def _logic(self, primitive: Primitive) -> Priced:
        """Rows of cells that the logic is as large as, over those of the array."""
        rows = primitive.capacity_bytes * BITS_PER_BYTE / primitive.bits
        return self._logic_rows.scaled(1.0 / rows)


def _with_logic(bank: Estimate, logic: Estimate) -> Estimate:
    """A bank and its logic. The upper bound of a bank that is smaller than any known one is that
    of a larger one's cells, of which its logic is no share: there it is one of the value."""
    return Estimate(
        bank.value * (1 + logic.value),
        bank.low * (1 + logic.low),
        bank.high + bank.value * logic.high,
    )


def _as_bank(primitive: Primitive) -> Primitive:
    return replace(primitive, kind="sram")


class DramPrices(Unshared):
    """Prices of dram: off the die, so no area; a `Primitive` may give its capacity."""

    def __init__(self, spec: TechnologySpec, numbers: StatedNumbers) -> None:
        self._devices = spec.dram
        self._numbers = numbers

    def area_um2(self, primitive: Primitive) -> Priced:
        """Return zero: dram is no part of the accelerator's die."""
        self._check(primitive)
        return Priced(ZERO, ("dram is not on the die",))

    def energy_pj(self, primitive: Primitive, verb: str) -> Priced:
        """Energy of one byte, read or written."""
        del verb
        per_bit = self._numbers.at("dram", self._check(primitive), "access_pj_per_bit")
        return Priced(per_bit.estimate.scaled(BITS_PER_BYTE), per_bit.sources)

    def leakage_w(self, primitive: Primitive) -> Priced:
        """Background power of `primitive.capacity_bytes`."""
        per_gib = self._numbers.at("dram", self._check(primitive), "background_w_per_gib")
        gib = primitive.capacity_bytes / BYTES_PER_GIB
        return Priced(per_gib.estimate.scaled(gib), per_gib.sources)

    def _check(self, primitive: Primitive) -> str:
        return known_device(primitive, self._devices)
