"""Energy of a run from its action counts, and power of a machine that idles."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.cost.estimate import ZERO, Estimate
from simulator.cost.logic import BITS_PER_BYTE
from simulator.cost.technology import Technology
from simulator.hardware.primitives import FLIP_FLOPS, ActionCounts, Part, Primitive

JOULES_PER_PJ = 1e-12
CLOCK_ACTIVE = "clock.active"
"""Component of what clocking takes of registers that are written."""
CLOCK_IDLE = "clock.idle"
"""Component of what clocking takes of registers that are not."""
REGISTERS = (*FLIP_FLOPS, "register_file")


def energy(action_counts: ActionCounts, technology: Technology) -> dict[str, Estimate]:
    """Return dynamic joules by path, in order of first appearance; raises as `Technology` does.

    What the clock takes of registers that are written is apart, at CLOCK_ACTIVE.
    """
    sums: dict[str, _Sum] = {}
    clock = _Sum()
    for action, count in action_counts.counts.items():
        primitive, verb = action.primitive, action.verb
        own = sums.get(action.path)
        if own is None:
            own = sums[action.path] = _Sum()
        own.add(technology.action_energy_pj(primitive, verb), count * JOULES_PER_PJ)
        if verb == "write" and primitive.kind in REGISTERS:
            clocked = technology.clock_energy_pj(primitive)
            own.add(clocked, -count * JOULES_PER_PJ)
            clock.add(clocked, count * JOULES_PER_PJ)
    joules = {path: each.estimate() for path, each in sums.items()}
    return joules | {CLOCK_ACTIVE: clock.estimate()} if clock.value else joules


class _Sum:
    """An estimate that is being added up. (An `Estimate` per addition takes thrice as long.)"""

    __slots__ = ("high", "low", "value")

    def __init__(self) -> None:
        self.value = self.low = self.high = 0.0

    def add(self, one: Estimate, times: float) -> None:
        """Add an estimate so many times; a part of what is there is taken out by less than 0."""
        self.value += one.value * times
        self.low += one.low * times
        self.high += one.high * times

    def estimate(self) -> Estimate:
        """The sum, of which nothing is below zero but by rounding."""
        return Estimate(max(0.0, self.value), max(0.0, self.low), max(0.0, self.high))


def waits(
    parts: Iterable[Part], action_counts: ActionCounts, cycles: int
) -> list[tuple[Primitive, float]]:
    """Registers, and how many times each of a kind was not written in so many cycles.

    parts: all of the machine. action_counts: everything that happened in these cycles.
    Writes to a register file clock one of its words, and the others wait.
    """
    waited: dict[Primitive, float] = {}
    for part in parts:
        if part.primitive.kind in REGISTERS:
            waited[part.primitive] = waited.get(part.primitive, 0.0) + part.count * cycles
    for action, count in action_counts.counts.items():
        if action.verb == "write" and action.primitive in waited:
            waited[action.primitive] -= count / _words(action.primitive)
    return [(primitive, max(0.0, count)) for primitive, count in waited.items()]


def _words(primitive: Primitive) -> int:
    return max(1, primitive.capacity_bytes * BITS_PER_BYTE // primitive.bits)


def static_power_w(parts: Iterable[Part], technology: Technology) -> Estimate:
    """Return leakage of the die and background power of its dram, W."""
    total = ZERO
    for part in parts:
        total = total + technology.primitive_leakage_w(part.primitive).scaled(part.count)
    return total
