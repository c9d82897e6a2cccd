"""How busy the units of a machine are in a phase, and how much of it is useful."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.report.aggregate import PhaseGroup
from simulator.report.result import MEMORY_UNITS, OperatorResult, Result

CHANNEL = "channel"
LEFT_OUT = ("dma", "launch", "barrier", "hbm", "dram")
"""Beginnings of queues whose time is mostly waiting: transfers are in the memory's own share."""
BUS = "memory bus"


@dataclass(frozen=True, slots=True)
class UnitUse:
    """Shares of a phase's time.

    busy: in which the unit has work, on average over cores or channels; least, most: of
    them. at_peak: that its MACs take at its peak; None for units without.
    """

    name: str
    busy: float
    least: float
    most: float
    at_peak: float | None


def unit_uses(result: Result, phase: PhaseGroup) -> list[UnitUse]:
    """Matrix units, vector units, units in the memory, its bus; caches and links if any."""
    if not phase.cycles:
        return []
    names = {each.name for each in phase.phases}
    operators = [op for op in result.operators if op.phase in names]
    busy: dict[str, dict[str, int]] = {}
    for queue, cycles in phase.busy_cycles.items():
        place, _, kind = queue.rpartition(".")
        if kind.startswith(LEFT_OUT):
            continue
        if kind.startswith(CHANNEL):
            busy.setdefault(MEMORY_UNITS, {})[queue] = cycles
        elif place == "memory":  # work of a core that the memory waits for
            core = next(q for q in phase.busy_cycles if q.endswith(kind) and q != queue)
            busy.setdefault(kind, {})[core] = busy.get(kind, {}).get(core, 0) + cycles
        else:
            each = busy.setdefault(kind, {})
            each[queue] = each.get(queue, 0) + cycles
    found = [_use(kind, cycles, phase, operators) for kind, cycles in busy.items()]
    share = phase.memory_busy_seconds / phase.seconds if phase.seconds else 0.0
    found = sorted(found, key=lambda use: (use.at_peak is None, use.name == MEMORY_UNITS))
    return [*found, UnitUse(BUS, share, share, share, None)]


def _use(
    kind: str, cycles: dict[str, int], phase: PhaseGroup, operators: list[OperatorResult]
) -> UnitUse:
    shares = [each / phase.cycles for each in cycles.values()]
    own = [op for op in operators if op.unit == kind and op.macs]
    at_peak = sum(op.utilisation * op.active_cycles for op in own) / phase.cycles if own else None
    mean = sum(shares) / len(shares)
    return UnitUse(kind, mean, min(shares), max(shares), at_peak)
