"""The constraint table of a device, evaluated once into whole ticks.

Delays in data sheets count from when a device has received a command. Commands
are recorded at their first tick, so a preceding command of n ticks adds n - 1,
a following one takes n - 1 away. What a command occupies its bus is a constraint
of the channel like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.names import (
    CHANNEL,
    COMMANDS,
    COMP,
    COMPS_READRES,
    MOMENTS,
    PREA,
    RDA,
    READRES,
    REFAB,
    REFPB,
    WRA,
)
from simulator.hardware.dram.spec import DramDeviceSpec, level_index


class Constraint(NamedTuple):
    """`after` at least `delay_ticks` behind the `window`-th last `before` at a node of `level`.

    before, after: command numbers. siblings: at the node's siblings instead.
    """

    level: int
    before: int
    after: int
    delay_ticks: int
    window: int
    siblings: bool


def compile_constraints(device: DramDeviceSpec) -> tuple[Constraint, ...]:
    """Every pair of commands with its delay; of several alike the longest, none below one tick."""
    ticks = command_ticks(device)
    numbers = COMMANDS | MOMENTS
    longest: dict[tuple[int, int, int, int, bool], int] = {}

    def add(level: int, before: str, after: str, delay: int, window: int, siblings: bool) -> None:
        key = (level, numbers[before], numbers[after], window, siblings)
        longest[key] = max(longest.get(key, 0), delay)

    timing = device.pim.timing if device.pim else None
    for row in device.constraints:
        if row.only not in (None, timing):
            continue
        nominal = device.cycles(row.delay) * device.ticks_per_clock
        level = level_index(row.level)
        for before in row.before:
            for after in row.after:
                delay = nominal + ticks.get(before, 1) - ticks[after]  # a moment is one tick
                add(level, before, after, delay, row.window, row.siblings)
    for before, command in device.commands.items():
        for after, other in device.commands.items():
            if other.bus == command.bus and ticks[before] > 1:
                add(CHANNEL, before, after, ticks[before], 1, False)
    return tuple(
        Constraint(level, before, after, delay, window, siblings)
        for (level, before, after, window, siblings), delay in longest.items()
        if delay > 0
    )


def command_ticks(device: DramDeviceSpec) -> dict[str, int]:
    """Ticks that each command occupies its bus."""
    return {
        name: int(command.clocks * device.ticks_per_clock)
        for name, command in device.commands.items()
    }


def never_issued(device: DramDeviceSpec, controller: ControllerSpec) -> set[int]:
    """Commands that the controller has no use for, so that nothing needs to bind them."""
    unused = set() if controller.page == "closed" else {RDA, WRA}
    if controller.refresh != "per_bank":
        unused.add(REFPB)
    if controller.refresh in ("none", "per_bank"):
        unused |= {REFAB, PREA}
    if device.pim is not None:
        unused |= {COMP, READRES} if device.pim.composite else {COMPS_READRES}
    return unused


def ticks_between_hits(
    constraints: Sequence[Constraint], nodes: NDArray[np.int64], command: int
) -> int:
    """Ticks from one read of a row, or write, to the next; 0 if another bank's may be legal before.

    nodes: [banks, levels below the channel], where constraints find each bank. command: RD or WR.
    """
    alike = [each for each in constraints if (each.before, each.after) == (command, command)]
    if any(each.window > 1 for each in alike):
        return 0

    def node(bank: int, level: int) -> int:
        return int(nodes[bank, level - 1]) if level else 0

    def apart(bank: int) -> int:
        """From the command to the first bank to one to another."""
        ticks = 0
        for each in alike:
            binds = node(0, each.level) == node(bank, each.level)
            if each.siblings:
                binds = not binds and node(0, each.level - 1) == node(bank, each.level - 1)
            ticks = max(ticks, each.delay_ticks * binds)
        return ticks

    return apart(0) if apart(0) == min(map(apart, range(len(nodes)))) else 0
