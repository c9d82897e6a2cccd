"""Several devices in words: how they share the work, their links, the stages of a pipeline."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.report.aggregate import PhaseGroup, phase_groups
from simulator.report.result import Result
from simulator.report.units import count, seconds, si
from simulator.report.words import listing


def device_lines(result: Result) -> list[str]:
    """Nothing for one device; for several what they are, and what each stage takes."""
    if result.devices == 1:
        return []
    return [_devices(result), *_stages(result)]


def _devices(result: Result) -> str:
    ways = {key: result.workload.get(f"{key}_parallel", 1) for key in ("tensor", "pipeline")}
    parts = [f"{key} parallel {number}" for key, number in ways.items() if number > 1]
    rate = result.tokens_per_s_per_device
    each = f"; {si(rate, '')} tokens/s each" if rate is not None else ""
    return (
        f"{result.devices} ({' × '.join(parts)}) · {_links(result)} · tokens/s and "
        f"energy/token are of all, other figures of one{each}"
    )


def _links(result: Result) -> str:
    links = result.machine.get("links")
    if result.configuration.get("mapping", {}).get("collectives") == "free" or not links:
        return "what they send each other is not counted"
    bandwidth = si(links["bandwidth_bytes_per_s"], "B/s")
    return f"{links['topology']} of {bandwidth}, latency {seconds(links['latency_s'])}"


def _stages(result: Result) -> Iterator[str]:
    for group in phase_groups(result):
        if group.phases[0].pipeline:
            yield _stage_line(group)


def _stage_line(group: PhaseGroup) -> str:
    """What the first phase of a group says of its stages."""
    phase = group.phases[0]
    facts = phase.pipeline
    assert facts is not None
    stages = listing([count(each) for each in facts["stage_cycles"]])
    return (
        f"{phase.name}: stages take {stages} cycles, sends between them "
        f"{count(facts['between_cycles'])}: {facts['micro_batches']} micro-batches, of at most "
        f"{count(facts['micro_batch'])} of {count(facts['requests'])} requests, come round every "
        f"{count(facts['round_cycles'])}"
    )
