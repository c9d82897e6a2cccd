"""When a command is legal, and what an issued command forbids for how long.

Indices in the busiest places are unsigned: signed ones are compiled with a test for
counting from the end.
"""

from __future__ import annotations

import numpy as np

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_HISTORY,
    A_READY,
    K_DUAL,
    K_NODES,
    K_SCOPE_BANKS,
    K_SCOPE_LEVEL,
    K_WINDOW,
    S_FLOOR,
    S_FLOOR_ROW,
    T_ANCESTORS,
    T_C_AFTER,
    T_C_DELAY,
    T_C_LEVEL,
    T_C_START,
    T_DEEP,
    T_H_LEVEL,
    T_H_START,
    T_LEVEL_BASE,
    T_LEVEL_COUNT,
    T_ON_COLUMN_BUS,
    T_X_AFTER,
    T_X_DELAY,
    T_X_HISTORY,
    T_X_LEVEL,
    T_X_SIBLINGS,
    T_X_START,
    T_X_WINDOW,
    Ints,
)
from simulator.hardware.dram.names import PREA, REFAB

LEVELS_BELOW = 4
"""Levels below the channel: `ancestors` has as many nodes per bank (0 for levels merged)."""
ONE, TWO, THREE = np.uint64(1), np.uint64(2), np.uint64(3)


@compiled
def earliest(t: Ints, m: Ints, command: int, bank: int) -> int:
    """First tick at which a command to a bank breaks no constraint."""
    row = np.uint64(m[A_READY] + command * t[K_NODES])
    above = np.uint64(t[T_ANCESTORS] + bank * LEVELS_BELOW)
    return max(
        max(m[row], m[row + np.uint64(t[above])], m[row + np.uint64(t[above + ONE])]),
        max(m[row + np.uint64(t[above + TWO])], m[row + np.uint64(t[above + THREE])]),
    )


@compiled
def bus_is_free(t: Ints, m: Ints, command: int) -> int:
    """The first tick at which the bus of a command is free.

    Of several that may issue then, none is ahead because it was legal earlier: states are
    compared, and put back, without what has passed.
    """
    row_bus = t[K_DUAL] and not t[t[T_ON_COLUMN_BUS] + command]
    return m[S_FLOOR_ROW] if row_bus else m[S_FLOOR]


@compiled
def earliest_in_scope(t: Ints, m: Ints, command: int, scope: int) -> int:
    """First legal tick of a command to a refresh scope: its banks' too where they matter."""
    banks = t[K_SCOPE_BANKS]
    first = scope * banks
    if t[t[T_DEEP] + command]:
        tick = 0
        for bank in range(first, first + banks):
            tick = max(tick, earliest(t, m, command, bank))
        return tick
    row = command * t[K_NODES]
    tick = m[m[A_READY] + row]
    for level in range(t[K_SCOPE_LEVEL]):
        tick = max(tick, m[m[A_READY] + row + t[t[T_ANCESTORS] + first * LEVELS_BELOW + level]])
    return tick


@compiled
def note_command(t: Ints, m: Ints, command: int, bank: int, tick: int) -> None:
    """Push the first legal ticks of all that must wait for a command issued at `tick`.

    bank: for PREA and REFab the first bank of the scope.
    """
    nodes = t[K_NODES]
    if command in (PREA, REFAB):
        _note_scope(t, m, command, bank, tick)
    else:
        ready, above = m[A_READY], t[T_ANCESTORS] + bank * LEVELS_BELOW - 1
        levels = np.uint64(t[T_C_LEVEL])
        afters, delays = np.uint64(t[T_C_AFTER]), np.uint64(t[T_C_DELAY])
        first, last = t[t[T_C_START] + command], t[t[T_C_START] + command + 1]
        for c in range(np.uint64(first), np.uint64(last)):
            level = t[levels + c]
            node = t[np.uint64(above + level)] if level else 0
            index = np.uint64(ready + t[afters + c] * nodes + node)
            legal = tick + t[delays + c]
            m[index] = max(m[index], legal)
    if t[t[T_X_START] + command] < t[t[T_X_START] + command + 1]:
        _note_special(t, m, command, bank, tick)


@compiled
def _note_scope(t: Ints, m: Ints, command: int, bank: int, tick: int) -> None:
    """Plain constraints behind a command to a scope: below it, all nodes are meant."""
    nodes = t[K_NODES]
    for c in range(t[t[T_C_START] + command], t[t[T_C_START] + command + 1]):
        level = t[t[T_C_LEVEL] + c]
        legal = tick + t[t[T_C_DELAY] + c]
        row = t[t[T_C_AFTER] + c] * nodes
        last = bank + (t[K_SCOPE_BANKS] if level > t[K_SCOPE_LEVEL] else 1)
        for each in range(bank, last):
            _push(m, row + _node(t, each, level), legal)


@compiled
def _push(m: Ints, index: int, legal: int) -> None:
    m[m[A_READY] + index] = max(m[m[A_READY] + index], legal)


@compiled
def _note_special(t: Ints, m: Ints, command: int, bank: int, tick: int) -> None:
    """Constraints with windows and between siblings."""
    nodes, window = t[K_NODES], t[K_WINDOW]
    for h in range(t[t[T_H_START] + command], t[t[T_H_START] + command + 1]):
        first = (h * nodes + _node(t, bank, t[t[T_H_LEVEL] + h])) * window
        for place in range(window - 1, 0, -1):
            m[m[A_HISTORY] + first + place] = m[m[A_HISTORY] + first + place - 1]
        m[m[A_HISTORY] + first] = tick
    for x in range(t[t[T_X_START] + command], t[t[T_X_START] + command + 1]):
        level = t[t[T_X_LEVEL] + x]
        row = t[t[T_X_AFTER] + x] * nodes
        node = _node(t, bank, level)
        if t[t[T_X_SIBLINGS] + x]:
            parent = _node(t, bank, level - 1) - t[t[T_LEVEL_BASE] + level - 1]
            count = t[t[T_LEVEL_COUNT] + level] // t[t[T_LEVEL_COUNT] + level - 1]
            first = t[t[T_LEVEL_BASE] + level] + parent * count
            for other in range(first, first + count):
                if other != node:
                    _push(m, row + other, tick + t[t[T_X_DELAY] + x])
        else:
            past = m[
                m[A_HISTORY]
                + (t[t[T_X_HISTORY] + x] * nodes + node) * window
                + t[t[T_X_WINDOW] + x]
                - 1
            ]
            if past >= 0:
                _push(m, row + node, past + t[t[T_X_DELAY] + x])


@compiled
def _node(t: Ints, bank: int, level: int) -> int:
    return 0 if level == 0 else t[t[T_ANCESTORS] + bank * LEVELS_BELOW + level - 1]
