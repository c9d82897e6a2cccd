"""What a technology's YAML holds. Numbers carry `source`, `low` and `high` there.

A `…_spread` is a factor of value 1 whose `low` and `high` widen what it is
applied to; so are the three of `across_nodes`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from simulator.config import CyclelabError, Spec
from simulator.cost.laws import PAIR_MARK, family_and_size

Positive = Annotated[float, Field(gt=0)]


class LogicAreaSpec(Spec):
    """Areas of logic, all at `node_nm`, cells without wiring.

    multipliers_um2: by pair of formats, `int8*int8`. adders_um2: by format.
    """

    node_nm: Positive
    multipliers_um2: dict[str, Positive]
    adders_um2: dict[str, Positive]
    flip_flop_um2_per_bit: Positive
    mux2_um2_per_bit: Positive
    xor2_um2_per_bit: Positive
    and2_um2_per_bit: Positive
    interpolation_spread: Positive
    extrapolation_spread: Positive

    @model_validator(mode="after")
    def _known_formats(self) -> LogicAreaSpec:
        _check_blocks(self.multipliers_um2, self.adders_um2)
        return self


class LogicEnergySpec(Spec):
    """Energies of logic per operation, all at `node_nm` and `supply_v`.

    flip_flop_pj_per_bit: per clocked bit, its clock pin included.
    """

    node_nm: Positive
    supply_v: Positive
    multipliers_pj: dict[str, Positive]
    adders_pj: dict[str, Positive]
    flip_flop_pj_per_bit: Positive
    mux2_pj_per_bit: Positive
    xor2_pj_per_bit: Positive
    and2_pj_per_bit: Positive
    interpolation_spread: Positive
    extrapolation_spread: Positive

    @model_validator(mode="after")
    def _known_formats(self) -> LogicEnergySpec:
        _check_blocks(self.multipliers_pj, self.adders_pj)
        return self


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
    area_spread: Positive
    energy_spread: Positive
    leakage_spread: Positive


class DramSpec(Spec):
    """One dram device: energy of a bit read or written, power of a GiB that idles."""

    access_pj_per_bit: Positive
    background_w_per_gib: Annotated[float, Field(ge=0)]


class AcrossNodesSpec(Spec):
    """Factors of value 1 whose bounds widen what is scaled from another node."""

    area: Positive
    energy: Positive
    leakage: Positive


class ScalingSpec(Spec):
    """Node scaling: area by a matrix, energy by a polynomial of the supply voltage.

    nodes_nm: descending. area_ratio: [from][to]. energy_polynomials: a2, a1, a0.
    """

    nodes_nm: tuple[Positive, ...] = Field(min_length=2)
    area_ratio: tuple[tuple[Positive, ...], ...]
    energy_polynomials: tuple[tuple[float, float, float], ...]

    @model_validator(mode="after")
    def _square(self) -> ScalingSpec:
        count = len(self.nodes_nm)
        rows = [len(self.area_ratio), len(self.energy_polynomials), *map(len, self.area_ratio)]
        if set(rows) != {count}:
            raise ValueError(f"area_ratio and energy_polynomials need {count} rows, as nodes_nm")
        if list(self.nodes_nm) != sorted(set(self.nodes_nm), reverse=True):
            raise ValueError("nodes_nm must descend")
        return self


class TechnologySpec(Spec):
    """A technology: node and supply, absolute numbers, and how they are scaled."""

    name: str
    description: str = ""
    node_nm: Positive
    supply_v: Positive
    logic_area: LogicAreaSpec
    logic_energy: LogicEnergySpec
    logic_leakage_w_per_mm2: Positive
    sram: SramSpec
    dram: dict[str, DramSpec]
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
