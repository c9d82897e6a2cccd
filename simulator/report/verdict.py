"""What bounds a phase and what would help, in sentences earned from its numbers."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.report.aggregate import OperatorGroup, PhaseGroup, operator_groups, phase_groups
from simulator.report.machine_facts import balance_macs_per_byte, clock_hz
from simulator.report.result import Result
from simulator.report.units import percent, ratio, seconds, significant
from simulator.report.words import COMPUTE, bound_phrase, cause_phrase, listing

LOW_UTILISATION = 0.6
"""Below this share of peak a compute-bound phase has something to gain from mapping."""


@dataclass(frozen=True, slots=True)
class PhaseVerdict:
    """What the numbers of a phase group say.

    bound: what bounds the operators that take most of the time.
    bound_cycles: roofline bound: the largest of the sums of the operators'
        matrix, vector and memory bounds.
    waits: shares of the time by cause, largest first, computing left out.
    top: the operator that takes most of the time.
    """

    phase: PhaseGroup
    bound: str
    bound_share: float
    bound_cycles: int
    memory_busy: float
    utilisation: float
    waits: tuple[tuple[str, float], ...]
    top: OperatorGroup


def phase_verdicts(result: Result) -> list[PhaseVerdict]:
    """One verdict per phase group that has operators."""
    operators = operator_groups(result)
    found = []
    for phase in phase_groups(result):
        own = [group for group in operators if group.phase == phase.label]
        if own and phase.cycles:
            found.append(_judge(result, phase, own))
    return found


def _judge(result: Result, phase: PhaseGroup, operators: list[OperatorGroup]) -> PhaseVerdict:
    shares: dict[str, float] = {}
    waits: dict[str, float] = {}
    for group in operators:
        shares[group.bound] = shares.get(group.bound, 0.0) + group.share
        for cause, cycles in group.time_cycles.items():
            if cause != COMPUTE:
                waits[cause] = waits.get(cause, 0.0) + cycles / phase.cycles
    bound = max(shares, key=lambda name: shares[name])
    matrix = sum(g.compute_bound_cycles for g in operators if g.macs)
    vector = sum(g.compute_bound_cycles for g in operators if not g.macs)
    memory = sum(g.memory_bound_cycles for g in operators)
    return PhaseVerdict(
        phase=phase,
        bound=bound,
        bound_share=shares[bound],
        bound_cycles=max(matrix, vector, memory),
        memory_busy=phase.memory_busy_seconds / phase.seconds,
        utilisation=phase.macs / (phase.cycles * int(result.machine["peak_macs_per_cycle"])),
        waits=tuple(sorted(waits.items(), key=lambda item: -item[1])),
        top=max(operators, key=lambda group: group.share),
    )


def sentence(result: Result, verdict: PhaseVerdict) -> str:
    """Two or three sentences: what bounds the phase, how near it is, what would help."""
    phase = verdict.phase
    bound_s = verdict.bound_cycles / clock_hz(result)
    text = (
        f"{phase.label} is {bound_phrase(verdict.bound)}: main memory is busy "
        f"{percent(verdict.memory_busy)} of the time and {percent(verdict.utilisation)} of the "
        f"peak MACs are used; "
    )
    if verdict.bound_cycles:
        text += (
            f"its roofline bound is {seconds(bound_s)}, simulated {seconds(phase.seconds)} "
            f"({ratio(phase.cycles / verdict.bound_cycles)}). "
        )
    else:
        text += f"simulated {seconds(phase.seconds)}. "
    text += f"{verdict.top.name} takes {percent(verdict.top.share)} of it. "
    return text + advice(result, verdict)


def advice(result: Result, verdict: PhaseVerdict) -> str:
    """What would shorten the phase, with the most it could save."""
    phase = verdict.phase
    if verdict.bound == "memory":
        waiting = sum(s for c, s in verdict.waits if c in ("memory_read", "memory_write"))
        intensity = phase.macs / max(phase.dram_bytes, 1)
        return (
            f"Waiting for memory is {percent(waiting)} of its time. "
            f"It does {significant(intensity)} MACs per byte moved where "
            f"{significant(balance_macs_per_byte(result))} would keep the matrix units busy: a "
            "larger batch, fewer bits per weight or more bandwidth would help."
        )
    if verdict.bound == "compute":
        if verdict.utilisation < LOW_UTILISATION:
            return (
                "The matrix units are the limit although most of their peak is unused: shapes "
                "that fill the array better, another dataflow or smaller arrays would help."
            )
        return "More or faster matrix units would help, and little else."
    if verdict.bound == "vector":
        return "More vector lanes, or fusing element-wise work behind the GEMMs, would help."
    if verdict.bound == "port":
        return "Wider or more on-chip ports would help."
    waits = [f"{percent(s)} {cause_phrase(c)}" for c, s in verdict.waits[:2]]
    return f"No unit is the limit; the time goes into waiting: {listing(waits)}." if waits else ""
