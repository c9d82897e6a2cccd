"""Many instances seen as few: operators over layers, phases over decode steps.

Operators overlap: while one drains, the next one computes, and a vector unit may
wait for a whole projection to end. Shares of time are therefore shares of
*exclusive* cycles (by how much an operator put off the end), which add up to
the phase. `split_exclusive` says what an operator did in them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from simulator.report.result import (
    MEMORY_UNITS,
    ZERO,
    Estimate,
    OperatorResult,
    PhaseResult,
    Result,
)
from simulator.report.words import COMPUTE, OTHER, OVERHEAD, cause_order


def split_exclusive(operator: OperatorResult) -> dict[str, int]:
    """Attribute an operator's exclusive cycles to computing, overhead and stall causes.

    Of the cycles that its unit is at work, those that its MACs or elements take at
    peak are `compute`, the others `overhead`. The part of an operator that overlaps
    with others is its waiting for them, so exclusive cycles are filled in the order
    of `CAUSE_LABELS`: computing first, then stalls of its own, `dependency` and
    `issue` last. The sum is `exclusive_cycles` exactly.
    """
    left = operator.exclusive_cycles
    split: dict[str, int] = {}
    at_peak = min(operator.compute_cycles, operator.compute_bound_cycles)
    overhead = operator.compute_cycles - at_peak
    parts = {COMPUTE: at_peak, OVERHEAD: overhead, **operator.stall_cycles}
    for cause in sorted(parts, key=cause_order):
        taken = min(left, parts[cause])
        if taken:
            split[cause] = taken
            left -= taken
    if left:
        split[OTHER] = left
    return split


@dataclass(slots=True)
class PhaseGroup:
    """Phases of one kind: a prefill, or all decode steps of a run.

    label: the phase's name, or `decode ×8`. Sums over `phases`; peak_cycles: what
        the MACs take at the peak of the units they run on; those in a memory that computes,
        whose units work beside the others, are left out.
    """

    label: str
    kind: str
    phases: list[PhaseResult]
    tokens: int = 0
    generated: int = 0
    cycles: int = 0
    seconds: float = 0.0
    macs: int = 0
    peak_cycles: float = 0.0
    dram_read_bytes: int = 0
    dram_write_bytes: int = 0
    memory_busy_seconds: float = 0.0
    busy_cycles: dict[str, int] = field(default_factory=dict)
    energy_j: Estimate = ZERO
    round_seconds: float = 0.0
    system_tokens: float = 0.0
    sharers: int = 1

    @property
    def dram_bytes(self) -> int:
        """Bytes moved to and from main memory."""
        return self.dram_read_bytes + self.dram_write_bytes

    @property
    def utilisation(self) -> float:
        """Share of the cycles that the MACs take at peak."""
        return self.peak_cycles / self.cycles if self.cycles else 0.0

    @property
    def tokens_per_s(self) -> float | None:
        """Counted tokens of all devices per second; None without tokens."""
        tokens = self.system_tokens
        return tokens / self.round_seconds if tokens and self.round_seconds else None


def counted_tokens(phase: PhaseGroup | PhaseResult) -> int:
    """Tokens that rates and energies are per: those a decode makes, any other phase takes in."""
    return phase.generated if phase.kind == "decode" else phase.tokens


@dataclass(slots=True)
class OperatorGroup:
    """All instances of an operator in a phase group; cycles and bytes are sums.

    share: exclusive cycles as a share of the phase group's cycles.
    time_cycles: `split_exclusive`, summed. utilisation: mean over active cycles.
    bound: what bounds the instances that took the most time.
    mapping: of the first instance.
    """

    phase: str
    name: str
    block: str
    kind: str
    unit: str
    count: int = 0
    cycles: int = 0
    compute_cycles: int = 0
    exclusive_cycles: int = 0
    active_cycles: int = 0
    share: float = 0.0
    stall_cycles: dict[str, int] = field(default_factory=dict)
    time_cycles: dict[str, int] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    macs: int = 0
    utilisation: float = 0.0
    bound: str = ""
    compute_bound_cycles: int = 0
    memory_bound_cycles: int = 0
    compulsory_bytes: int = 0
    energy_j: Estimate = ZERO
    energy_parts_j: dict[str, float] = field(default_factory=dict)
    mapping: dict[str, Any] = field(default_factory=dict)

    @property
    def dram_bytes(self) -> int:
        """Bytes moved to and from main memory."""
        return self.bytes.get("dram_read", 0) + self.bytes.get("dram_write", 0)

    @property
    def bound_cycles(self) -> int:
        """The larger of the two roofline bounds, summed over the instances."""
        return max(self.compute_bound_cycles, self.memory_bound_cycles)

    @property
    def main_loss(self) -> tuple[str, float]:
        """What takes most exclusive time besides computing, and its share of it."""
        waits = {c: n for c, n in self.time_cycles.items() if c != COMPUTE}
        if not waits or not self.exclusive_cycles:
            return "", 0.0
        cause = max(waits, key=lambda c: waits[c])
        return cause, waits[cause] / self.exclusive_cycles


def phase_groups(result: Result) -> list[PhaseGroup]:
    """Phases grouped by kind, in order of first appearance."""
    kinds: dict[str, list[PhaseResult]] = {}
    at_peak: dict[str, float] = {}
    for op in result.operators:
        if op.unit != MEMORY_UNITS:
            at_peak[op.phase] = at_peak.get(op.phase, 0.0) + op.utilisation * op.active_cycles
    for phase in result.phases:
        kinds.setdefault(phase.kind, []).append(phase)
    groups = []
    for kind, phases in kinds.items():
        label = phases[0].name if len(phases) == 1 else f"{kind} ×{len(phases)}"
        group = PhaseGroup(label, kind, phases)
        for phase in phases:
            group.tokens += phase.tokens
            group.generated += phase.generated
            group.cycles += phase.cycles
            group.seconds += phase.seconds
            group.sharers = phase.sharers
            group.round_seconds += phase.round_seconds
            group.system_tokens += counted_tokens(phase) * phase.batches
            group.macs += phase.macs
            group.peak_cycles += at_peak.get(phase.name, 0.0)
            group.dram_read_bytes += phase.dram_read_bytes
            group.dram_write_bytes += phase.dram_write_bytes
            group.memory_busy_seconds += phase.memory_busy_seconds
            group.energy_j = group.energy_j + phase.energy_j
            _add(group.busy_cycles, phase.busy_cycles)
        groups.append(group)
    return groups


def operator_groups(result: Result) -> list[OperatorGroup]:
    """Operators summed over layers and over phases of one kind, in execution order."""
    phases = {p.name: group for group in phase_groups(result) for p in group.phases}
    groups: dict[tuple[str, str, str, str, str], OperatorGroup] = {}
    bounds: dict[tuple[str, str, str, str, str], Counter[str]] = {}
    for op in result.operators:
        label = phases[op.phase].label
        # Layers with routings of their own are blocks `layers[3]`: one kind of operator.
        block = op.block.partition("[")[0]
        key = (label, block, op.name, op.kind, op.unit)
        group = groups.get(key)
        if group is None:
            group = groups[key] = OperatorGroup(label, op.name, block, op.kind, op.unit)
            group.mapping = op.mapping
            bounds[key] = Counter()
        _add_instance(group, op)
        bounds[key][op.bound] += op.exclusive_cycles
    totals = {group.label: group.cycles for group in phases.values()}
    for key, group in groups.items():
        group.bound = bounds[key].most_common(1)[0][0]
        group.utilisation /= max(group.active_cycles, 1)
        group.share = group.exclusive_cycles / max(totals[group.phase], 1)
        group.time_cycles = dict(sorted(group.time_cycles.items(), key=lambda i: cause_order(i[0])))
    return list(groups.values())


def _add_instance(group: OperatorGroup, op: OperatorResult) -> None:
    """Add one instance; `utilisation` holds the sum of utilisation × active cycles meanwhile."""
    group.count += 1
    group.cycles += op.cycles
    group.compute_cycles += op.compute_cycles
    group.exclusive_cycles += op.exclusive_cycles
    group.macs += op.macs
    group.active_cycles += op.active_cycles
    group.utilisation += op.utilisation * op.active_cycles
    group.compute_bound_cycles += op.compute_bound_cycles
    group.memory_bound_cycles += op.memory_bound_cycles
    group.compulsory_bytes += op.compulsory_bytes
    group.energy_j = group.energy_j + op.energy_j
    for path, joules in op.energy_parts_j.items():
        group.energy_parts_j[path] = group.energy_parts_j.get(path, 0.0) + joules
    _add(group.stall_cycles, op.stall_cycles)
    _add(group.time_cycles, split_exclusive(op))
    _add(group.bytes, op.bytes)


def _add(total: dict[str, int], part: dict[str, int]) -> None:
    for key, value in part.items():
        total[key] = total.get(key, 0) + value
