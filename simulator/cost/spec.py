"""What a technology's YAML holds. Numbers carry `source`, `low` and `high` there.

A `…_spread` is a factor of value 1 whose `low` and `high` widen what it is
applied to; so are the three of `across_nodes`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from simulator.config import CyclelabError, Spec, nearest
from simulator.cost.laws import PAIR_MARK, family_and_size
from simulator.hardware.primitives import CELLS

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Spread = Annotated[float, Field(ge=1, le=1)]
"""A factor whose bounds are what matters: the value itself is 1."""


class LogicAreaSpec(Spec):
    """Areas of logic, all at `node_nm`, cells without wiring.

    multipliers_um2: by pair of formats, `int8*int8`. adders_um2: by format.
    cells_um2: per bit of each of `CELLS`.
    """

    node_nm: Positive
    multipliers_um2: dict[str, Positive]
    adders_um2: dict[str, Positive]
    cells_um2: dict[str, Positive]
    interpolation_spread: Spread
    extrapolation_spread: Spread

    @model_validator(mode="after")
    def _known_formats(self) -> LogicAreaSpec:
        _check_blocks(self.multipliers_um2, self.adders_um2)
        _check_cells(self.cells_um2)
        return self


class LogicEnergySpec(Spec):
    """Energies of logic per operation on random operands, all at `node_nm` and `supply_v`.

    cells_pj: per bit of each of `CELLS`; of flip-flops what data takes, without the clock.
    """

    node_nm: Positive
    supply_v: Positive
    multipliers_pj: dict[str, Positive]
    adders_pj: dict[str, Positive]
    cells_pj: dict[str, Positive]
    interpolation_spread: Spread
    extrapolation_spread: Spread

    @model_validator(mode="after")
    def _known_formats(self) -> LogicEnergySpec:
        _check_blocks(self.multipliers_pj, self.adders_pj)
        _check_cells(self.cells_pj)
        return self


class ClockSpec(Spec):
    """The clock, at the node and supply of `LogicEnergySpec`.

    pin_pj_per_bit: the clock pin of a flip-flop, per cycle in which it is clocked.
    tree_share: energy of buffers and wires above the pins, as a share of theirs.
    idle_share: of the cycles in which a flip-flop is not written, in how many it is
        clocked nevertheless, since clocks are gated by group or not at all.
    """

    pin_pj_per_bit: Positive
    tree_share: NotNegative
    idle_share: Annotated[float, Field(ge=0, le=1)]


class LogicLeakageSpec(Spec):
    """Leakage of logic per area, measured at `supply_v`."""

    w_per_mm2: Positive
    supply_v: Positive


class WiresSpec(Spec):
    """Wires between the parts of a die.

    capacitance_ff_per_um: with repeaters. length_spread: how far the lengths that a
        floor plan of squares gives may be off.
    """

    capacitance_ff_per_um: Positive
    length_spread: Spread


class SramSpec(Spec):
    """SRAM macros from a table (`docs/cost.md` gives its columns).

    table: CSV file, relative to the YAML file. cell: which cell type of it.
    node_nm: which node of it; supply_v: the supply its numbers are for. Where this
        is the technology's node its numbers are used as they are.
    area_ratio: from that node to the technology's; None = by node scaling.
    """

    table: str
    cell: Literal["itrs-hp", "itrs-lstp", "itrs-lop"]
    node_nm: Positive
    supply_v: Positive
    area_ratio: Positive | None = None
    area_spread: Spread
    energy_spread: Spread
    leakage_spread: Spread


class ComputeSramSpec(Spec):
    """What an SRAM array that computes costs beside the bank that it is otherwise.

    logic_rows: area of the logic and latches of its columns, as so many rows of the array.
    compute_over_read: energy of a compute access, the write of its outcome included, over
        that of a read.
    """

    logic_rows: NotNegative
    compute_over_read: Positive


class DramSpec(Spec):
    """One dram device: energy of a bit read or written, power of a GiB that idles."""

    access_pj_per_bit: Positive
    background_w_per_gib: NotNegative


class AcrossNodesSpec(Spec):
    """Factors of value 1 whose bounds widen what is scaled from another node."""

    area: Spread
    energy: Spread
    leakage: Spread


class ScalingSpec(Spec):
    """Node scaling: area by a matrix, energy and delay by polynomials of the supply.

    nodes_nm: descending. area_ratio: [from][to]. energy_polynomials: a2, a1, a0.
    delay_polynomials: a3, a2, a1, a0. lowest_supply_v, highest_supply_v: between which
    they are taken to hold.
    """

    lowest_supply_v: Positive
    highest_supply_v: Positive

    nodes_nm: tuple[Positive, ...] = Field(min_length=2)
    area_ratio: tuple[tuple[Positive, ...], ...]
    energy_polynomials: tuple[tuple[float, float, float], ...]
    delay_polynomials: tuple[tuple[float, float, float, float], ...]

    @model_validator(mode="after")
    def _square(self) -> ScalingSpec:
        count = len(self.nodes_nm)
        rows = [len(self.area_ratio), len(self.energy_polynomials), len(self.delay_polynomials)]
        if {*rows, *map(len, self.area_ratio)} != {count}:
            raise ValueError(
                f"area_ratio, energy_polynomials and delay_polynomials need {count} rows, as "
                "nodes_nm"
            )
        if list(self.nodes_nm) != sorted(set(self.nodes_nm), reverse=True):
            raise ValueError("nodes_nm must descend")
        return self


class TechnologySpec(Spec):
    """A technology: node and supply, absolute numbers, and how they are scaled.

    supply_v: of logic and SRAM. nominal_supply_v: at which machines reach their clocks.
    switching_activity: toggling of data, with that of random operands as 1.
    links: pJ per bit, by name.
    """

    name: str
    description: str = ""
    node_nm: Positive
    supply_v: Positive
    nominal_supply_v: Positive
    switching_activity: Annotated[float, Field(ge=0, le=2)]
    logic_area: LogicAreaSpec
    logic_energy: LogicEnergySpec
    logic_leakage: LogicLeakageSpec
    clock: ClockSpec
    wires: WiresSpec
    sram: SramSpec
    compute_sram: ComputeSramSpec
    dram: dict[str, DramSpec]
    links: dict[str, Positive]
    across_nodes: AcrossNodesSpec
    scaling: ScalingSpec


def _check_blocks(multipliers: dict[str, float], adders: dict[str, float]) -> None:
    for names, operands in ((multipliers, 2), (adders, 1)):
        for name in names:
            formats = tuple(name.split(PAIR_MARK))
            if len(formats) != operands:
                form = "two formats, as int8*int8" if operands == 2 else "one format"
                raise ValueError(f"the block {name!r} should name {form}")
            try:
                family_and_size(formats)
            except CyclelabError as error:
                raise ValueError(f"the block {name!r}: {error}") from None


def _check_cells(stated: dict[str, float]) -> None:
    """Raise ValueError unless just the known cells are stated."""
    for name in stated:
        if name not in CELLS:
            near = nearest(name, CELLS)
            raise ValueError(
                f"unknown cell {name!r}; known: {', '.join(CELLS)}"
                + (f"; did you mean {near!r}?" if near else "")
            )
    missing = [name for name in CELLS if name not in stated]
    if missing:
        raise ValueError(f"missing cells: {', '.join(missing)}")
