"""What a command-level main memory did in each phase: a table, and words beside the ideal one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.report.aggregate import phase_groups
from simulator.report.machine_facts import bandwidth_bytes_per_second
from simulator.report.result import PhaseResult, Result
from simulator.report.units import percent, ratio, seconds, si

NOTABLE_SHARE = 0.005
LIKE_IDEAL = 1.01
"""Below this ratio the two memories are called alike."""


def has_dram(result: Result) -> bool:
    """Whether the run's memory was modelled by commands."""
    return any(phase.dram for phase in result.phases)


def dram_rows(result: Result) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and a row per phase group: the data bus, rows, commands, latency.

    Latency is of reads, from the controller's queue to the last of their data.
    """
    header = ("DRAM", "data bus", "row hit", "closed", "conflict", "ACT", "refresh", "from queue")
    rows = []
    for group in phase_groups(result):
        facts = [phase.dram for phase in group.phases if phase.dram]
        if facts:
            rows.append((group.label, *_cells(facts, result)))
    return header, rows


def _cells(facts: list[dict[str, Any]], result: Result) -> tuple[str, ...]:
    cycles = sum(f["cycles"] for f in facts)
    hits, misses, conflicts = (
        sum(f[name] for f in facts) for name in ("row_hits", "row_misses", "row_conflicts")
    )
    requests = max(1, hits + misses + conflicts)
    reads = max(1, sum(f["reads"] for f in facts))
    latency = sum(f["latency_cycles"] * f["reads"] for f in facts) / reads
    busy = sum(f["busy_share"] * f["cycles"] for f in facts) / cycles if cycles else 0.0
    return (
        percent(busy),
        percent(hits / requests),
        percent(misses / requests),
        percent(conflicts / requests),
        si(sum(_activations(f) for f in facts), ""),
        si(sum(_refreshes(f) for f in facts), ""),
        seconds(latency * float(result.machine["memory_clock_s"])),
    )


def dram_paragraphs(result: Result, ideal_seconds: Mapping[str, float]) -> list[str]:
    """Per phase: what the commands cost, beside a memory of bandwidth and latency alone.

    ideal_seconds: what each phase takes with an ideal memory of the same peak rate
        and latency.
    """
    return [
        _paragraph(result, phase, ideal_seconds[phase.name])
        for phase in result.phases
        if phase.dram and phase.seconds
    ]


def _paragraph(result: Result, phase: PhaseResult, ideal_s: float) -> str:
    facts = phase.dram or {}
    peak = bandwidth_bytes_per_second(result)
    moved = (phase.dram_read_bytes + phase.dram_write_bytes) / phase.seconds
    slower = phase.seconds / ideal_s if ideal_s else 1.0
    text = (
        f"{phase.name}: the {facts['channels']} channels of {facts['device']} moved "
        f"{si(moved, 'B/s')} of {si(peak, 'B/s')}, {percent(moved / peak)}. "
    )
    if facts.get("unit_tiles") and slower < 1:
        return (
            f"{text}An ideal memory of the same peak and latency, which does not compute, would "
            f"take {seconds(ideal_s)}; with its units this one takes {seconds(phase.seconds)}, "
            f"{ratio(1 / slower)} as fast."
        )
    if slower < LIKE_IDEAL:
        text += (
            f"An ideal memory of the same peak and latency would take {seconds(ideal_s)}, "
            f"as good as the same ({seconds(phase.seconds)}): memory is seldom waited for."
        )
        return text
    return (
        f"{text}An ideal memory of the same peak and latency would take {seconds(ideal_s)}; "
        f"the commands make it {seconds(phase.seconds)}, {ratio(slower)} as long. {_why(facts)}"
    )


def _why(facts: dict[str, Any]) -> str:
    """Where a data bus that is never idle for want of requests loses its time."""
    requests = max(1, facts["row_hits"] + facts["row_misses"] + facts["row_conflicts"])
    reasons = []
    if facts["refresh_share"] >= NOTABLE_SHARE:
        reasons.append(
            f"refresh keeps the banks closed for {percent(facts['refresh_share'])} of the time"
        )
    opened = (facts["row_misses"] + facts["row_conflicts"]) / requests
    if opened >= NOTABLE_SHARE:
        reasons.append(
            f"{percent(opened)} of the bursts found their row closed "
            f"({percent(facts['row_conflicts'] / requests)} another one open)"
        )
    writes = facts["writes"] / max(1, facts["reads"] + facts["writes"])
    if writes >= NOTABLE_SHARE:
        reasons.append(f"{percent(writes)} are writes, and the bus turns around between kinds")
    return f"Of that, {'; '.join(reasons)}." if reasons else ""


def _activations(facts: dict[str, Any]) -> int:
    return int(facts["commands"].get("ACT", 0) + facts["commands"].get("ACT1", 0))


def _refreshes(facts: dict[str, Any]) -> int:
    return int(facts["commands"].get("REFab", 0) + facts["commands"].get("REFpb", 0))
