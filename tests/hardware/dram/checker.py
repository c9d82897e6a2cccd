"""Finds what is illegal in a log of commands: timing by pairs, windows, buses, edges.

Nothing here knows how the simulator decides: every command is held against those
before it, back to where the longest delay of the table ends.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.spec import DramDeviceSpec
from tests.hardware.dram.rows import row_violations
from tests.hardware.dram.table import BANK, WHOLE_SCOPE, Entry, Table

Ints = NDArray[np.int64]


def violations(device: DramDeviceSpec, log: Ints) -> list[str]:
    """A line for each rule that a command of the log breaks.

    log: [n, 4] tick, command number, bank (the first of a scope), row (-1 if none),
        in the order of issue.
    """
    table = Table(device)
    entries = table.entries(log)
    found = order_violations(entries) + pair_violations(table, entries)
    found += window_violations(table, entries) + bus_violations(table, entries)
    if device.ticks_per_clock == 2:
        found += edge_violations(table, entries)
    return found + data_violations(table, entries) + row_violations(table, entries)


def order_violations(entries: list[Entry]) -> list[str]:
    """Time does not run backwards."""
    return [
        f"{later} is logged behind {earlier}"
        for earlier, later in pairwise(entries)
        if later.tick < earlier.tick
    ]


def pair_violations(table: Table, entries: list[Entry]) -> list[str]:
    """Every command against each of those that came before it within the longest delay."""
    found = []
    tick = np.array([entry.tick for entry in entries], dtype=np.int64)
    paths = np.full((len(entries), BANK), -1, dtype=np.int64)
    for index, entry in enumerate(entries):
        paths[index, : entry.node.depth] = entry.node.path
    names = list(table.device.commands)
    number = np.array([names.index(entry.command) for entry in entries], dtype=np.int64)
    for back in range(1, len(entries)):
        gap = tick[back:] - tick[:-back]
        if gap.min() >= table.longest:
            break
        shared = _shared_depths(paths[:-back], paths[back:])
        late = table.needs[number[:-back], number[back:], shared] > gap
        for at in np.flatnonzero(late).tolist():
            first, second = entries[at], entries[at + back]
            need = table.need(first.command, second.command, first.node, second.node)
            found.append(f"{second} within {need} ticks of {first}")
    return found


def window_violations(table: Table, entries: list[Entry]) -> list[str]:
    """Every command against the `window`-th last one of its window, in the same node."""
    found = []
    for rule in table.windows():
        past: dict[tuple[int, ...], list[int]] = {}
        for entry in entries:
            node = entry.node.path[: rule.level]
            ticks = past.setdefault(node, [])
            if entry.command == rule.after and len(ticks) >= rule.window:
                first = ticks[-rule.window]
                if entry.tick < first + rule.delay:
                    count = f"{rule.window} {rule.before}"
                    found.append(f"{entry} within {rule.delay} ticks of {count} from {first} on")
            if entry.command == rule.before:
                ticks.append(entry.tick)
    return found


def bus_violations(table: Table, entries: list[Entry]) -> list[str]:
    """One command at a time on each bus."""
    found = []
    free: dict[str, int] = {}
    for entry in entries:
        bus = table.device.commands[entry.command].bus
        if entry.tick < free.get(bus, 0):
            found.append(f"{entry} while the {bus} bus is taken until {free[bus]}")
        free[bus] = entry.tick + table.length(entry.command)
    return found


def edge_violations(table: Table, entries: list[Entry]) -> list[str]:
    """Rising edges are the odd ticks; only precharges may start on a falling one.

    And not if the row command before them, of the same pseudo channel and the same
    clock, meets them: goes to the same bank, or one of the two to all banks.
    """
    found = []
    row_commands = [e for e in entries if table.device.commands[e.command].bus == "row"]
    before = dict(zip(row_commands[1:], row_commands, strict=False))
    for entry in entries:
        if entry.tick % 2 == 1:
            continue
        if entry.command not in ("PRE", "PREA"):
            found.append(f"{entry} on a falling edge")
            continue
        other = before.get(entry)
        if other is None or other.tick + table.length(other.command) != entry.tick:
            continue
        meets = entry.bank == other.bank or {entry.command, other.command} & set(WHOLE_SCOPE)
        if other.node.path[:1] == entry.node.path[:1] and meets:
            found.append(f"{entry} on the falling edge behind {other}")
    return found


def data_violations(table: Table, entries: list[Entry]) -> list[str]:
    """One burst at a time on the data bus of a pseudo channel."""
    found = []
    device = table.device
    latency = {"RD": device.read_latency, "WR": device.write_latency}
    burst = table.ticks("nBL" if "nBL" in device.timing.cycles else "nBL_min")
    taken: dict[tuple[int, ...], list[tuple[int, Entry]]] = {}
    for entry in entries:
        if entry.command[:2] in latency and entry.command in ("RD", "RDA", "WR", "WRA"):
            start = entry.tick + table.ticks(latency[entry.command[:2]]) - burst
            taken.setdefault(entry.node.path[:1], []).append((start, entry))
    for bursts in taken.values():
        bursts.sort(key=lambda pair: pair[0])
        for (start, first), (later, second) in pairwise(bursts):
            if later < start + burst:
                found.append(f"the data of {second} meets that of {first}")
    return found


def _shared_depths(first: Ints, second: Ints) -> Ints:
    """How far down the tree commands meet; -1 in a path stands for all that is below."""
    differ = (first != second) & (first >= 0) & (second >= 0)
    return np.where(differ.any(axis=1), differ.argmax(axis=1), BANK)
