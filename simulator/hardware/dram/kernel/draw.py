"""Counts of commands per bank and bin of time, for pictures."""

from __future__ import annotations

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_BINS,
    K_BANKS,
    K_BINS,
    K_PIM_GROUP_BANKS,
    K_SCOPE_BANKS,
    KINDS_OF_BINS,
    S_BIN_SHIFT,
    Ints,
)
from simulator.hardware.dram.names import ACT, G_ACT, RD, RDA, REFAB, REFPB, WR, WRA


@compiled
def draw(t: Ints, m: Ints, command: int, bank: int, tick: int) -> None:
    """Count a command in its bin of time; bins widen as time goes on."""
    bins = t[K_BINS]
    while tick >> m[S_BIN_SHIFT] >= bins:
        for line in range(KINDS_OF_BINS * t[K_BANKS]):
            first = line * bins
            for place in range(bins // 2):
                m[m[A_BINS] + first + place] = (
                    m[m[A_BINS] + first + 2 * place] + m[m[A_BINS] + first + 2 * place + 1]
                )
            for place in range(bins // 2, bins):
                m[m[A_BINS] + first + place] = 0
        m[S_BIN_SHIFT] += 1
    kind = -1
    if command in (RD, RDA):
        kind = 0
    elif command in (WR, WRA):
        kind = 1
    elif command in (ACT, G_ACT):
        kind = 2
    elif command in (REFAB, REFPB):
        kind = 3
    if kind < 0:
        return
    last = bank + 1
    if command == REFAB:
        last = bank + t[K_SCOPE_BANKS]
    elif command == G_ACT:
        last = bank + t[K_PIM_GROUP_BANKS]
    for each in range(bank, last):
        line = kind * t[K_BANKS] + each
        m[m[A_BINS] + line * bins + (tick >> m[S_BIN_SHIFT])] += 1
