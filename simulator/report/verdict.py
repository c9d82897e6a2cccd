"""What bounds a phase and what would help, in sentences earned from its numbers."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.report.aggregate import OperatorGroup, PhaseGroup, operator_groups, phase_groups
from simulator.report.machine_facts import balance_macs_per_byte, clock_hz
from simulator.report.result import MEMORY_UNITS, Result
from simulator.report.units import count, percent, ratio, seconds, significant
from simulator.report.utilisation import UnitUse, unit_uses
from simulator.report.words import COMPUTE, OVERHEAD, bound_phrase, cause_phrase, listing

SATURATED = 0.8
"""Share of the time from which on a busy memory counts as the limit."""
UNEVEN = 1.2
"""From this many times the average work on, the busiest channel is worth a word."""
LOW_UTILISATION = 0.6
"""Below this share of peak a compute-bound phase has something to gain from mapping."""


@dataclass(frozen=True, slots=True)
class PhaseVerdict:
    """What the numbers of a phase group say.

    bound: what bounds the operators that take most of the time.
    bound_cycles: roofline bound: the largest of the sums of the operators'
        matrix, vector, memory and link bounds.
    losses: shares of the time by cause, largest first, computing left out.
    top: the operator that takes most of the time.
    units_in_memory: how busy they are, of a memory that computes.
    """

    phase: PhaseGroup
    bound: str
    bound_cycles: int
    memory_busy: float
    utilisation: float
    losses: tuple[tuple[str, float], ...]
    top: OperatorGroup
    units_in_memory: UnitUse | None


def phase_verdicts(
    result: Result, operators: list[OperatorGroup] | None = None
) -> list[PhaseVerdict]:
    """One verdict per phase group that has operators (`operator_groups`, if at hand)."""
    operators = operator_groups(result) if operators is None else operators
    found = []
    for phase in phase_groups(result):
        own = [group for group in operators if group.phase == phase.label]
        if own and phase.cycles:
            found.append(_judge(result, phase, own))
    return found


def _judge(result: Result, phase: PhaseGroup, operators: list[OperatorGroup]) -> PhaseVerdict:
    shares: dict[str, float] = {}
    losses: dict[str, float] = {}
    for group in operators:
        shares[group.bound] = shares.get(group.bound, 0.0) + group.share
        for cause, cycles in group.time_cycles.items():
            if cause != COMPUTE:
                losses[cause] = losses.get(cause, 0.0) + cycles / phase.cycles
    bound = max(shares, key=lambda name: shares[name])
    matrix = sum(g.compute_bound_cycles for g in operators if g.macs)
    others = [g for g in operators if not g.macs]
    links = sum(g.compute_bound_cycles for g in others if g.kind == "collective")
    vector = sum(g.compute_bound_cycles for g in others) - links
    memory = sum(g.memory_bound_cycles for g in operators)
    return PhaseVerdict(
        phase=phase,
        bound=bound,
        bound_cycles=max(matrix, vector, memory, links),
        memory_busy=phase.memory_busy_seconds / phase.seconds,
        utilisation=phase.utilisation,
        losses=tuple(sorted(losses.items(), key=lambda item: -item[1])),
        top=max(operators, key=lambda group: group.share),
        units_in_memory=next(
            (use for use in unit_uses(result, phase) if use.name == MEMORY_UNITS and use.busy), None
        ),
    )


def sentence(result: Result, verdict: PhaseVerdict) -> str:
    """Two or three sentences: what bounds the phase, how near it is, what would help."""
    phase = verdict.phase
    bound_s = verdict.bound_cycles / clock_hz(result)
    text = (
        f"{phase.label} {_judgement(verdict)}: main memory is busy {percent(verdict.memory_busy)} "
    )
    if verdict.units_in_memory is None:
        text += f"of the time and {percent(verdict.utilisation)} of the peak MACs are used; "
    else:
        have_work = percent(verdict.units_in_memory.busy)
        text += (
            f"of the time, the units in it have work {have_work} of it, "
            f"and {percent(verdict.utilisation)} of the peak MACs outside of it are used; "
        )
    if verdict.bound_cycles:
        text += (
            f"its roofline bound is {seconds(bound_s)}, simulated {seconds(phase.seconds)} "
            f"({ratio(phase.cycles / verdict.bound_cycles)}). "
        )
    else:
        text += f"simulated {seconds(phase.seconds)}. "
    where = ", on the units in the memory," if verdict.top.unit == MEMORY_UNITS else ""
    text += f"{verdict.top.name}{where} takes {percent(verdict.top.share)} of it. "
    return text + advice(result, verdict)


def _judgement(verdict: PhaseVerdict) -> str:
    """The bound, unless the memory that should be it idles while the units are busy."""
    shares = dict(verdict.losses)
    waiting = shares.get("memory_read", 0.0) + shares.get("memory_write", 0.0)
    held_up = verdict.memory_busy < SATURATED and shares.get(OVERHEAD, 0.0) > waiting
    if verdict.bound == "memory" and held_up:
        return "has memory as its roof, but overhead inside the units keeps it below"
    return f"is {bound_phrase(verdict.bound)}"


def advice(result: Result, verdict: PhaseVerdict) -> str:
    """What would shorten the phase, with the most it could save."""
    shares = dict(verdict.losses)
    if verdict.bound == "memory" and not verdict.phase.macs:
        return "Keeping operands on chip or more bandwidth would help."
    if verdict.bound == "memory":
        return memory_advice(
            waiting=shares.get("memory_read", 0.0) + shares.get("memory_write", 0.0),
            overhead=shares.get(OVERHEAD, 0.0),
            intensity=verdict.phase.macs / max(verdict.phase.dram_bytes, 1),
            balance=balance_macs_per_byte(result, verdict.phase.macs, verdict.phase.peak_cycles),
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
    if verdict.bound == "link":
        return "Links of more bandwidth, or fewer devices, would help."
    if verdict.bound == "port":
        return "Wider or more on-chip ports would help."
    if verdict.top.unit == MEMORY_UNITS:
        return memory_units_advice(verdict.top)
    parts = [f"{percent(s)} {cause_phrase(c)}" for c, s in verdict.losses[:2]]
    return f"No roof is near; the time goes elsewhere: {listing(parts)}." if parts else ""


def memory_units_advice(group: OperatorGroup) -> str:
    """What would help attention in a memory that computes."""
    facts = group.mapping
    busiest = float(facts["estimated_cycles_of_the_busiest"])
    average = float(facts["estimated_cycles_on_average"])
    streaming = int(facts["cycles_to_stream_instead"])
    if busiest > streaming:
        return (
            f"Its keys and values come over the data buses in {count(streaming)} cycles: the "
            "matrix units may be faster (mapping.pim.attention: auto)."
        )
    text = ""
    if group.time_cycles.get(OVERHEAD, 0) > max(group.exclusive_cycles, 1) / 2:
        text = "Most of a tile is opening and closing its rows: more operands per row would help. "
    if busiest > UNEVEN * average:
        greedy = "mapping.pim.requests: greedy"
        policy = facts.get("heads_to_channels") or facts["requests_to_channels"]
        even = "" if policy == "greedy" else f", spread evenly ({greedy})"
        return text + (
            f"The busiest channel has {ratio(busiest / average)} the work of the average one: more "
            f"requests{even}, or fewer channels, would help."
        )
    if facts["row_buffers"] == 1:
        return text + "Row buffers of their own would let units work beside reads and writes."
    return text + "With enough requests, two sub-batches hide it behind the matrix units."


def arrays_advice(group: OperatorGroup) -> str:
    """What would help a product on arrays beside a cache, by the stage its steps wait for."""
    steps = f"Its {count(int(group.mapping['steps']))} steps are as long as"
    return {
        "memory": f"{steps} their weights take from main memory: more bandwidth would help.",
        "feed": f"{steps} the way from the cache into the arrays takes: wider feeds would help.",
        "arrays": f"{steps} the arrays build and look up: more or faster arrays would help.",
        "drain": f"{steps} sums take to leave the arrays: wider drains, or fewer and larger "
        "groups of weights, would help.",
        "conversion": f"{steps} the conversion arrays take, however many others work: more of "
        "them (conversion_arrays_per_slice), or larger groups of weights, would help.",
        "cores": f"{steps} the cores take with the sums: more cores, or conversion in arrays, "
        "would help.",
    }[str(group.mapping["slowest_stage"])]


def memory_advice(waiting: float, overhead: float, intensity: float, balance: float) -> str:
    """What would help work with MACs that is bound by memory.

    waiting, overhead: shares of its time spent waiting for memory and on overhead
        inside the unit. intensity, balance: MACs per byte it does, and that would
        keep the matrix units busy.
    """
    text = (
        f"It does {significant(intensity)} MACs per byte moved where {significant(balance)} "
        "would keep the matrix units busy"
    )
    if waiting >= overhead:
        return (
            f"{text}, and waits for memory {percent(waiting)} of the time: a larger batch, fewer "
            "bits per weight or more bandwidth would help."
        )
    return (
        f"{text}. But it waits for memory only {percent(waiting)} of the time, since "
        f"{percent(overhead)} go {cause_phrase(OVERHEAD)}: more bandwidth alone would save no more "
        "than that wait; a larger batch would help with both."
    )
