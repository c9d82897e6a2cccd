"""The constraint table of a device, evaluated once into whole ticks.

Delays in data sheets count from when a device has received a command. Commands
are recorded at their first tick, so a preceding command of n ticks adds n - 1,
a following one takes n - 1 away. What a command occupies its bus is a constraint
of the channel like any other.
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.hardware.dram.names import CHANNEL, COMMANDS, MOMENTS
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
