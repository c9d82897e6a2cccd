"""What the YAML of a DRAM device holds about energy: currents, or energies per bit.

Both describe one *chip*: the part that a data sheet or a paper is about. What a
channel is made of is found by width (transfers, standby), by row (activation) and
by capacity (refresh); `simulator.cost.dram` does so and gives the formulas.
Bounds stand in the spec itself, so that a device carries them wherever it goes.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from simulator.config import Spec, list_presets

Positive = Annotated[float, Field(gt=0)]
Amount = Annotated[float, Field(ge=0)]
Source = Annotated[str, Field(min_length=1)]
Quality = Literal["published", "measured", "derived", "assumed", "not credible"]


class Figure(Spec):
    """A number with bounds, in the unit that the field's name says.

    The key is `number` because the loader takes a mapping with `value` for a bare
    value with a source, and the bounds would be lost on the way here.
    """

    number: Amount
    low: Amount
    high: Amount
    source: Source
    quality: Quality
    note: str = ""

    @model_validator(mode="before")
    @classmethod
    def _with_bounds(cls, data: Any) -> Any:
        if isinstance(data, int | float) and not isinstance(data, bool):
            raise ValueError(f"found {data}, expected `number`, `low`, `high`, `source`, `quality`")
        return data

    @model_validator(mode="after")
    def _ordered(self) -> Figure:
        if not self.low <= self.number <= self.high:
            raise ValueError(
                f"low {self.low}, number {self.number}, high {self.high}: not in order"
            )
        return self


class Spread(Spec):
    """Bounds of what follows from currents, as factors: low ≤ 1 ≤ high."""

    low: Annotated[float, Field(gt=0, le=1)]
    high: Annotated[float, Field(ge=1)]
    source: Source


class SpreadsSpec(Spec):
    """Bounds by category; standby has the same with and without an open row."""

    activate: Spread
    read: Spread
    write: Spread
    refresh: Spread
    standby: Spread


class ChipSpec(Spec):
    """The part that the numbers are about: its data pins and its capacity (2^30 bit)."""

    width_bits: Positive
    capacity_gbit: Positive


class CurrentsSpec(Spec):
    """Supply voltage and currents of one chip, and the times they were taken at.

    idd0: activating and precharging one bank every tRC. idd2n, idd3n: standby with
    all banks closed, and open. idd4r, idd4w: reading, writing without pause.
    idd5ab: during an all-bank refresh.
    row_bytes: that one activation opens; burst_bytes: that one RD moves in burst_ns.
    Times are the source's, not the device's: it is the charge per command that
    carries over to another clock, not the current.
    """

    chip: ChipSpec
    source: Source
    quality: Quality
    note: str = ""
    vdd_v: Positive
    idd0_ma: Amount
    idd2n_ma: Amount
    idd3n_ma: Amount
    idd4r_ma: Amount
    idd4w_ma: Amount
    idd5ab_ma: Amount
    tras_ns: Positive
    trp_ns: Positive
    trfc_ns: Positive
    burst_ns: Positive
    burst_bytes: Positive
    row_bytes: Positive
    spreads: SpreadsSpec

    @property
    def activation_pc(self) -> float:
        """Charge of an activation and its precharge above standby, pC (mA · ns)."""
        standby = self.idd3n_ma * self.tras_ns + self.idd2n_ma * self.trp_ns
        return self.idd0_ma * (self.tras_ns + self.trp_ns) - standby

    @model_validator(mode="after")
    def _above_standby(self) -> CurrentsSpec:
        for name in ("idd4r_ma", "idd4w_ma", "idd5ab_ma"):
            if getattr(self, name) <= self.idd3n_ma:
                raise ValueError(
                    f"{name} ({getattr(self, name)}) is no more than the standby it contains, "
                    f"idd3n_ma ({self.idd3n_ma})"
                )
        if self.activation_pc <= 0:
            raise ValueError(
                f"idd0_ma ({self.idd0_ma}) is no more than the standby it contains, so that an "
                "activation would cost nothing; state energies with `per_bit` instead"
            )
        return self


class PerBitSpec(Spec):
    """Energies per bit, and what one chip draws besides.

    activate_pj_per_bit: of the row, whether its bits are used or not.
    read_pj_per_bit: by stage, from the cell outwards, without I/O; a stage that a
    near-bank unit does not pass costs it nothing. write_pj_per_bit: as read if left out.
    refresh_nj: one all-bank refresh of the chip.
    """

    chip: ChipSpec
    activate_pj_per_bit: Figure
    read_pj_per_bit: dict[str, Figure] = Field(min_length=1)
    write_pj_per_bit: dict[str, Figure] | None = Field(default=None, min_length=1)
    refresh_nj: Figure
    standby_closed_mw: Figure
    standby_open_mw: Figure


class UnitsEnergySpec(Spec):
    """What units in the banks cost, per bit that one takes from its bank.

    near_share: of what a read costs without I/O, that it costs to reach the unit.
    compute_pj_per_bit: of multiplying and adding it.
    """

    near_share: Figure
    compute_pj_per_bit: Figure


class DramEnergySpec(Spec):
    """How the energy of a device's commands is found: by currents, or per bit.

    io_pj_per_bit: pins of both ends and the wire; neither currents nor stages hold it.
    units: of a device whose banks compute.
    """

    currents: CurrentsSpec | None = None
    per_bit: PerBitSpec | None = None
    io_pj_per_bit: Figure
    units: UnitsEnergySpec | None = None

    @model_validator(mode="after")
    def _one_way(self) -> DramEnergySpec:
        if (self.currents is None) == (self.per_bit is None):
            raise ValueError("expected either `currents` or `per_bit`")
        return self


def no_energy(device: str, standard: str) -> str:
    """What to say of a device without an energy block."""
    shipped = [
        name for name in list_presets("dram") if name.split("-")[0].startswith(standard.lower())
    ]
    message = f"the DRAM device {device!r} has no `energy` block: give it one"
    if shipped:
        message += f", or take over that of a shipped device with `extends: {shipped[0]}`"
    return message
