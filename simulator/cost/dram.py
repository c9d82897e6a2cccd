"""Energy of DRAM by command: activation, read, write, refresh, standby and I/O.

Two ways, chosen by the device's `energy` block. With currents (mA · V · ns = pJ), as
DRAMsim3 does in `configuration.cc` (InitPowerParams) and Micron in TN-40-07:

    activate  VDD · (IDD0 · tRC − IDD3N · tRAS − IDD2N · tRP), tRC = tRAS + tRP
    read      VDD · (IDD4R − IDD3N) · burst      write  VDD · (IDD4W − IDD3N) · burst
    refresh   VDD · (IDD5AB − IDD3N) · tRFC
    standby   VDD · IDD2N, with all banks closed; VDD · IDD3N, with a row open

Or per bit, each stage from the cell to the pins with an energy of its own. Either is
stated for a chip and carried over to the device: activation by the bytes of a row,
transfers by the bytes of a burst, standby by data pins, refresh by capacity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from simulator.config import CyclelabError, nearest
from simulator.cost.estimate import ZERO, Estimate
from simulator.hardware.dram.energy_spec import (
    CurrentsSpec,
    DramEnergySpec,
    Figure,
    PerBitSpec,
    Spread,
    no_energy,
)
from simulator.hardware.dram.names import COMMANDS
from simulator.hardware.dram.pim.gemv import comp_bits, group_banks
from simulator.hardware.dram.pim_spec import PimSpec
from simulator.hardware.dram.spec import DramDeviceSpec

CATEGORIES = ("activate", "read", "write", "refresh", "background", "io")
UNITS = "units"
"""A category more, of memories whose banks compute."""
BITS_PER_BYTE = 8
BYTES_PER_GBIT = 2**30 // BITS_PER_BYTE
JOULES_PER_PJ = 1e-12
PJ_PER_NJ = 1e3
WATTS_PER_MW = 1e-3
SECONDS_PER_PS = 1e-12


@dataclass(frozen=True)
class CommandEnergies:
    """What each command of a device costs, and what its channel draws meanwhile.

    activate_pj: one activation and its precharge, however much of the row is used.
    read_pj, write_pj: one burst, without I/O, which is io_pj.
    refresh_all_pj: one REFab of its scope. refresh_bank_pj: one REFpb.
    standby_closed_w, standby_open_w: one channel, none or all of its ranks with an
    open row. sources: one line per number.
    """

    activate_pj: Estimate
    read_pj: Estimate
    write_pj: Estimate
    refresh_all_pj: Estimate
    refresh_bank_pj: Estimate
    standby_closed_w: Estimate
    standby_open_w: Estimate
    io_pj: Estimate
    sources: tuple[str, ...]


def command_energies(device: DramDeviceSpec) -> CommandEnergies:
    """Return the energy of each command; CyclelabError if the device states no energy."""
    spec = device.energy
    if spec is None:
        raise CyclelabError(no_energy(device.name, device.standard))
    chip = _from_currents(spec.currents) if spec.currents else _per_bit(_stated(spec))
    counts = device.organisation.counts
    row_bytes = device.bursts_per_row * device.burst_bytes
    ranks = _ranks(device)
    pins = ranks * counts.width_bits / chip.width_bits
    scopes = {"channel": 1, "pseudo_channel": counts.pseudo_channels, "rank": ranks}
    scope_count = scopes[device.refresh_scope]
    refresh_all = chip.refresh_pj_per_byte.scaled(device.capacity_bytes / scope_count)
    return CommandEnergies(
        activate_pj=chip.activate_pj_per_byte.scaled(row_bytes),
        read_pj=chip.read_pj_per_byte.scaled(device.burst_bytes),
        write_pj=chip.write_pj_per_byte.scaled(device.burst_bytes),
        refresh_all_pj=refresh_all,
        refresh_bank_pj=refresh_all.scaled(_bank_share(device, scope_count)),
        standby_closed_w=chip.standby_closed_mw.scaled(pins * WATTS_PER_MW),
        standby_open_w=chip.standby_open_mw.scaled(pins * WATTS_PER_MW),
        io_pj=_estimate(spec.io_pj_per_bit).scaled(device.burst_bytes * BITS_PER_BYTE),
        sources=(*chip.sources, _line("io_pj_per_bit", spec.io_pj_per_bit)),
    )


def dram_energy(
    device: DramDeviceSpec,
    commands: Mapping[str, float],
    cycles: float,
    row_open_cycles: float,
    channels: int = 1,
) -> dict[str, Estimate]:
    """Return joules by category, `CATEGORIES` in order, then UNITS; their sum is the whole.

    commands: issued on one channel, by name; ACT (or ACT1), RD, RDA, WR, WRA, REFab
        and REFpb cost energy, precharges are part of activations. Of memories whose banks
        compute also G_ACT, GWRITE, READRES and COMP, which names those of COMPS_READRES too.
    cycles: of the device's clock. row_open_cycles: with at least one row open, added
        up over the ranks of all pseudo channels; the rest of ranks · cycles is spent
        with all banks closed.
    channels: alike, each with these commands.
    Raises CyclelabError without an energy block, for an unknown command, and for
    numbers that cannot be.
    """
    one = command_energies(device)
    ranks = _ranks(device)
    _check(commands, cycles, row_open_cycles, ranks, channels)
    count = {name: 0 for name in COMMANDS} | dict(commands)
    reads, writes = count["RD"] + count["RDA"], count["WR"] + count["WRA"]
    rank_s = device.timing.clock_ps * SECONDS_PER_PS / ranks
    closed_cycles = max(0.0, ranks * cycles - row_open_cycles)
    background = one.standby_open_w.scaled(row_open_cycles * rank_s)
    background += one.standby_closed_w.scaled(closed_cycles * rank_s)
    refresh = one.refresh_all_pj.scaled(count["REFab"])
    refresh += one.refresh_bank_pj.scaled(count["REFpb"])
    joules = {
        "activate": one.activate_pj.scaled((count["ACT"] + count["ACT1"]) * JOULES_PER_PJ),
        "read": one.read_pj.scaled(reads * JOULES_PER_PJ),
        "write": one.write_pj.scaled(writes * JOULES_PER_PJ),
        "refresh": refresh.scaled(JOULES_PER_PJ),
        "background": background,
        "io": one.io_pj.scaled((reads + writes) * JOULES_PER_PJ),
    }
    found = {name: joules[name].scaled(channels) for name in CATEGORIES}
    if device.pim is None:
        return found
    return with_units(found, device, device.pim, one, count, channels)


def with_units(
    found: dict[str, Estimate],
    device: DramDeviceSpec,
    pim: PimSpec,
    one: CommandEnergies,
    count: Mapping[str, float],
    channels: int,
) -> dict[str, Estimate]:
    """Energy by category with what units in the banks add.

    G_ACT opens a row in each of its banks. GWRITE moves a row (or a burst) within the
    memory, READRES a burst of results out of it, as reads do. COMP takes operands no
    further than from a bank to its unit, which multiplies and adds. PIM_MODE writes a burst
    into a row that it opens.
    """
    assert device.energy is not None and device.energy.units is not None  # checked with `pim`
    units = device.energy.units
    bursts = device.bursts_per_row if pim.input == "row" else 1
    results = count["READRES"] + count["COMPS_READRES"]
    moved = count["GWRITE"] * bursts
    bits = count["COMP"] * comp_bits(device)
    bit_pj = one.read_pj.scaled(1 / (device.burst_bytes * BITS_PER_BYTE))
    near = Estimate(
        bit_pj.value * units.near_share.number,
        bit_pj.low * units.near_share.low,
        bit_pj.high * units.near_share.high,
    )
    outside = results + (0 if pim.input == "row" else moved)
    parts = {
        "activate": one.activate_pj.scaled(
            count["G_ACT"] * group_banks(device) + count["PIM_MODE"]
        ),
        "read": one.read_pj.scaled(moved + results),
        "write": one.write_pj.scaled(count["PIM_MODE"]),
        "io": one.io_pj.scaled(outside + count["PIM_MODE"]),
        UNITS: (near + _estimate(units.compute_pj_per_bit)).scaled(bits),
    }
    return {
        name: found.get(name, ZERO) + parts.get(name, ZERO).scaled(JOULES_PER_PJ * channels)
        for name in (*CATEGORIES, UNITS)
    }


def read_pj_per_bit(device: DramDeviceSpec, bursts_per_activation: int | None = None) -> Estimate:
    """Return pJ per bit read, from cell to pins, without standby and refresh.

    bursts_per_activation: bursts read from a row before it is closed; None = all.
    """
    one = command_energies(device)
    return _per_bit_moved(device, one, one.read_pj, bursts_per_activation)


def write_pj_per_bit(device: DramDeviceSpec, bursts_per_activation: int | None = None) -> Estimate:
    """The same of bits written."""
    one = command_energies(device)
    return _per_bit_moved(device, one, one.write_pj, bursts_per_activation)


def read_pj_per_bit_at(device: DramDeviceSpec) -> dict[str, Estimate]:
    """pJ per bit that is read no further than a stage of the data path, by stage.

    From the cells outwards, whole rows at a time: what a bit costs that is used at the
    bank (after `cell`), at its bank group, or on the buffer die, as processing in memory
    does. Empty for a device whose energies come from currents, which have no stages.
    """
    if device.energy is None or device.energy.per_bit is None:
        return {}
    spec = device.energy.per_bit
    total = _estimate(spec.activate_pj_per_bit)
    found = {}
    for stage, figure in spec.read_pj_per_bit.items():
        total = total + _estimate(figure)
        found[stage] = total
    return found


def _per_bit_moved(
    device: DramDeviceSpec,
    one: CommandEnergies,
    burst_pj: Estimate,
    bursts_per_activation: int | None,
) -> Estimate:
    bursts = device.bursts_per_row if bursts_per_activation is None else bursts_per_activation
    if not 1 <= bursts <= device.bursts_per_row:
        raise CyclelabError(
            f"bursts_per_activation is {bursts}; a row of {device.name!r} has 1 to "
            f"{device.bursts_per_row}"
        )
    whole = burst_pj + one.io_pj + one.activate_pj.scaled(1 / bursts)
    return whole.scaled(1 / (device.burst_bytes * BITS_PER_BYTE))


@dataclass(frozen=True)
class _Chip:
    """Both ways in the same terms: what scales with bytes, per byte; standby of the chip."""

    width_bits: float
    activate_pj_per_byte: Estimate
    read_pj_per_byte: Estimate
    write_pj_per_byte: Estimate
    refresh_pj_per_byte: Estimate
    standby_closed_mw: Estimate
    standby_open_mw: Estimate
    sources: tuple[str, ...]


def _from_currents(spec: CurrentsSpec) -> _Chip:
    vdd, spreads = spec.vdd_v, spec.spreads
    burst_pj_per_ma = vdd * spec.burst_ns / spec.burst_bytes
    refresh_pj = vdd * (spec.idd5ab_ma - spec.idd3n_ma) * spec.trfc_ns
    capacity_bytes = spec.chip.capacity_gbit * BYTES_PER_GBIT
    line = f"currents: {spec.source} [{', '.join(filter(None, (spec.quality, spec.note)))}]"
    bounds = (
        f"bounds of {name}: {getattr(spreads, name).source}" for name in type(spreads).model_fields
    )
    return _Chip(
        width_bits=spec.chip.width_bits,
        activate_pj_per_byte=_spread(vdd * spec.activation_pc / spec.row_bytes, spreads.activate),
        read_pj_per_byte=_spread(burst_pj_per_ma * (spec.idd4r_ma - spec.idd3n_ma), spreads.read),
        write_pj_per_byte=_spread(burst_pj_per_ma * (spec.idd4w_ma - spec.idd3n_ma), spreads.write),
        refresh_pj_per_byte=_spread(refresh_pj / capacity_bytes, spreads.refresh),
        standby_closed_mw=_spread(vdd * spec.idd2n_ma, spreads.standby),
        standby_open_mw=_spread(vdd * spec.idd3n_ma, spreads.standby),
        sources=(line, *bounds),
    )


def _per_bit(spec: PerBitSpec) -> _Chip:
    read = spec.read_pj_per_bit
    write = read if spec.write_pj_per_bit is None else spec.write_pj_per_bit
    capacity_bytes = spec.chip.capacity_gbit * BYTES_PER_GBIT
    figures = {
        "activate_pj_per_bit": spec.activate_pj_per_bit,
        **{f"read_pj_per_bit.{name}": figure for name, figure in read.items()},
        **{
            f"write_pj_per_bit.{name}": figure
            for name, figure in (spec.write_pj_per_bit or {}).items()
        },
        "refresh_nj": spec.refresh_nj,
        "standby_closed_mw": spec.standby_closed_mw,
        "standby_open_mw": spec.standby_open_mw,
    }
    return _Chip(
        width_bits=spec.chip.width_bits,
        activate_pj_per_byte=_estimate(spec.activate_pj_per_bit).scaled(BITS_PER_BYTE),
        read_pj_per_byte=_sum(read.values()).scaled(BITS_PER_BYTE),
        write_pj_per_byte=_sum(write.values()).scaled(BITS_PER_BYTE),
        refresh_pj_per_byte=_estimate(spec.refresh_nj).scaled(PJ_PER_NJ / capacity_bytes),
        standby_closed_mw=_estimate(spec.standby_closed_mw),
        standby_open_mw=_estimate(spec.standby_open_mw),
        sources=tuple(_line(name, figure) for name, figure in figures.items()),
    )


def _stated(spec: DramEnergySpec) -> PerBitSpec:
    assert spec.per_bit is not None  # the spec holds exactly one of the two
    return spec.per_bit


def _ranks(device: DramDeviceSpec) -> int:
    counts = device.organisation.counts
    return counts.pseudo_channels * counts.ranks


def _bank_share(device: DramDeviceSpec, scopes: int) -> float:
    """Share of a REFab that one REFpb costs: both ways refresh as many rows in a time.

    Public per-bank currents do not help: the only one (IDD5PB of GDDR6) is below IDD3N.
    """
    if device.bank_refresh_interval is None:
        return scopes / device.banks
    between_banks = device.cycles(device.bank_refresh_interval)
    return scopes * between_banks / device.cycles(device.refresh_interval)


def _check(
    commands: Mapping[str, float], cycles: float, row_open_cycles: float, ranks: int, channels: int
) -> None:
    for name, count in commands.items():
        if name not in COMMANDS:
            near = nearest(name, COMMANDS)
            raise CyclelabError(
                f"unknown DRAM command {name!r}; known: {', '.join(COMMANDS)}"
                + (f"; did you mean {near!r}?" if near else "")
            )
        if count < 0:
            raise CyclelabError(f"the number of {name} is {count}, expected at least 0")
    if channels < 0:
        raise CyclelabError(f"channels is {channels}, expected at least 0")
    # Above by rounding only.
    if not 0 <= row_open_cycles <= ranks * cycles * (1 + 1e-9):
        raise CyclelabError(
            f"row_open_cycles is {row_open_cycles}, expected 0 to {ranks} ranks × {cycles} cycles"
        )


def _estimate(figure: Figure) -> Estimate:
    return Estimate(figure.number, figure.low, figure.high)


def _spread(value: float, spread: Spread) -> Estimate:
    return Estimate(value, value * spread.low, value * spread.high)


def _sum(figures: Iterable[Figure]) -> Estimate:
    total = ZERO
    for figure in figures:
        total = total + _estimate(figure)
    return total


def _line(name: str, figure: Figure) -> str:
    extra = ", ".join(filter(None, (figure.quality, figure.note)))
    return f"{name}: {figure.source} [{extra}]"
