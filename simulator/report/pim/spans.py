"""The first commands of a channel as intervals: on its command bus, and of rows that are open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from simulator.hardware.dram.geometry import Geometry
from simulator.hardware.dram.names import COMMANDS
from simulator.hardware.dram.pim.gemv import group_banks, pim_of
from simulator.hardware.dram.spec import DramDeviceSpec, level_index
from simulator.report.pim.result import PimRun

UNIT_COMMANDS = (
    "PIM_MODE", "GWRITE", "PIM_HEADER", "G_ACT", "COMP", "READRES", "COMPS_READRES",
)  # fmt: skip
REQUEST_COMMANDS = ("ACT", "RD", "WR", "RDA", "WRA", "PRE")


@dataclass(frozen=True, slots=True)
class Issued:
    """A command: when, in cycles, and the banks that it goes to."""

    cycle: float
    name: str
    banks: range
    row: int


@dataclass(frozen=True, slots=True)
class OpenRow:
    """A row that is open from `start` to `end`, in cycles; units: in their row buffer."""

    bank: int
    row: int
    units: bool
    start: float
    end: float


@dataclass
class Window:
    """Commands up to `end_cycles`, open rows, refreshes (start, end, banks) and segments.

    computing: intervals in which the units multiply. complete: no command comes behind them.
    """

    end_cycles: float
    commands: list[Issued] = field(default_factory=list)
    rows: list[OpenRow] = field(default_factory=list)
    refreshes: list[tuple[float, float, range]] = field(default_factory=list)
    computing: list[tuple[float, float]] = field(default_factory=list)
    complete: bool = True


def window_of(run: PimRun) -> Window:
    """All that the log of a run holds."""
    device, ticks = run.device, run.device.ticks_per_clock
    issued = list(_commands(device, run))
    last = int(run.result.log[-1, 0]) if len(run.result.log) else 0
    window = Window(min(last / ticks, run.result.cycles), issued)
    logged = Counter(each.name for each in issued)
    window.complete = all(run.result.commands[name] == n for name, n in logged.items())
    _follow_rows(device, window)
    _follow_units(run, window)
    return window


def _commands(device: DramDeviceSpec, run: PimRun) -> Iterator[Issued]:
    names = {number: name for name, number in COMMANDS.items() if name in device.commands}
    geometry = Geometry.of(device.organisation.counts)
    pim = pim_of(device)
    sizes = dict.fromkeys(names.values(), 1)
    scope = geometry.banks // geometry.counts[level_index(device.refresh_scope)]
    closes = geometry.banks // geometry.counts[level_index(pim.precharge_scope)]
    sizes |= {"PREA": scope, "REFab": scope, "G_ACT": group_banks(device), "PIM_PRECHARGE": closes}
    whole = ("PIM_MODE", "PIM_HEADER", "COMP", "READRES", "COMPS_READRES")
    sizes |= dict.fromkeys(whole, geometry.banks)
    for tick, number, bank, row in run.result.log.tolist():
        name = names[number]
        yield Issued(tick / device.ticks_per_clock, name, range(bank, bank + sizes[name]), row)


def _follow_rows(device: DramDeviceSpec, window: Window) -> None:
    """Rows that open and close, of both kinds, and refreshes."""
    opened: dict[tuple[int, bool], tuple[int, float]] = {}
    refresh = device.timing_of("nRFC", "nRFCab")

    def close(bank: int, units: bool, cycle: float) -> None:
        if (bank, units) in opened:
            row, start = opened.pop((bank, units))
            if start < cycle:  # the last command of the log may open one
                window.rows.append(OpenRow(bank, row, units, start, cycle))

    for each in window.commands:
        for bank in each.banks:
            if each.name in ("ACT", "ACT2", "G_ACT"):
                opened[bank, each.name == "G_ACT"] = each.row, each.cycle
            elif each.name in ("PRE", "PREA", "RDA", "WRA"):
                close(bank, False, each.cycle)
            elif each.name == "PIM_PRECHARGE":
                close(bank, True, each.cycle)
        if each.name == "REFab":
            window.refreshes.append((each.cycle, each.cycle + refresh, each.banks))
    for bank, units in list(opened):
        close(bank, units, window.end_cycles)


def _follow_units(run: PimRun, window: Window) -> None:
    """When the multipliers are busy: a composite's COMPs follow it at once."""
    pim = pim_of(run.device)
    interval = run.device.cycles(pim.comp_interval)
    comps_of_row = {
        row: one.comps
        for one in run.layout.runs()
        for row in range(one.first_row, one.first_row + one.tiles)
    }
    for each in window.commands:
        if each.name in ("COMP", "COMPS_READRES"):
            comps = comps_of_row[each.row] if pim.composite else 1
            window.computing.append((each.cycle, each.cycle + comps * interval))
