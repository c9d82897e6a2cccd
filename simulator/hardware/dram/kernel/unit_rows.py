"""Rows of the units and of requests: which are in the way of each other, what has to be closed."""

from __future__ import annotations

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_OPEN_ROW,
    A_PIM_GROUP_OPEN,
    A_PIM_OPEN_ROW,
    A_READY,
    FAR,
    K_BANKS,
    K_NODES,
    K_PIM_BUFFERS,
    K_PIM_GROUP_BANKS,
    S_PIM_OPEN,
    S_PIM_OPENING,
    S_PIM_OPENING_TICK,
    S_PIM_ROW,
    Ints,
)
from simulator.hardware.dram.kernel.timing import bus_is_free, earliest
from simulator.hardware.dram.names import G_ACT, PIM_PRE

NO_BANK = -1


@compiled
def is_taken(t: Ints, m: Ints, bank: int, row: int) -> bool:
    """Whether a row cannot be opened for requests since the units have it, or its bank."""
    taken = m[m[A_PIM_OPEN_ROW] + bank]
    return taken >= 0 and (t[K_PIM_BUFFERS] == 1 or taken == row)


@compiled
def is_in_the_way(t: Ints, m: Ints, bank: int, row: int) -> bool:
    """Whether a row that is open for requests has to be closed before `row` is opened for units."""
    opened = m[m[A_OPEN_ROW] + bank]
    return opened >= 0 and (t[K_PIM_BUFFERS] == 1 or opened == row)


@compiled
def has_to_close(t: Ints, m: Ints, bank: int, row: int) -> bool:
    """Whether the units have rows open in a bank's group, but not `row` everywhere."""
    size = t[K_PIM_GROUP_BANKS]
    count = m[m[A_PIM_GROUP_OPEN] + bank // size]
    return count > 0 and (m[S_PIM_ROW] != row or count < size)


@compiled
def next_to_close(t: Ints, m: Ints, row: int) -> tuple[int, int]:
    """PIM_PRECHARGE that may come first of groups in which `row` is not open everywhere.

    The tick, FAR if nothing has to be closed, and its bank: the first of those that may come
    together, whichever was legal before.
    """
    best, target = FAR, 0
    if not m[S_PIM_OPEN]:
        return best, target
    size, free = t[K_PIM_GROUP_BANKS], bus_is_free(t, m, PIM_PRE)
    least = max(m[m[A_READY] + PIM_PRE * t[K_NODES]], free)  # for whatever bank
    for group in range(t[K_BANKS] // size):
        bank = group * size
        if has_to_close(t, m, bank, row):
            while m[m[A_PIM_OPEN_ROW] + bank] < 0:
                bank += 1
            tick = max(earliest(t, m, PIM_PRE, bank), free)
            if tick < best:
                best, target = tick, bank
                if tick == least:
                    break
    return best, target


@compiled
def next_to_open(t: Ints, m: Ints) -> tuple[int, int]:
    """G_ACT that may come first: the tick, and the first bank of its group.

    The one found last is still the first if it is yet to come and has not been put off
    since: nor can others have come nearer.
    """
    best, target, free = m[S_PIM_OPENING_TICK], m[S_PIM_OPENING], bus_is_free(t, m, G_ACT)
    if target != NO_BANK and best > free and earliest(t, m, G_ACT, target) == best:
        return best, target
    best, target = FAR, 0
    size = t[K_PIM_GROUP_BANKS]
    for group in range(t[K_BANKS] // size):
        if not m[m[A_PIM_GROUP_OPEN] + group]:
            tick = max(earliest(t, m, G_ACT, group * size), free)
            if tick < best:
                best, target = tick, group * size
    m[S_PIM_OPENING_TICK] = best
    m[S_PIM_OPENING] = target if best < FAR else NO_BANK
    return best, target
