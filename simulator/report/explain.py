"""Why an operator takes the time it takes, in words, next to its roofline bounds."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from fnmatch import fnmatchcase

from simulator.config import CyclelabError, nearest
from simulator.report.aggregate import OperatorGroup, PhaseGroup, operator_groups, phase_groups
from simulator.report.dram_words import dram_paragraphs
from simulator.report.machine_facts import (
    balance_macs_per_byte,
    bandwidth_bytes_per_second,
    clock_hz,
    idle_lines,
    machine_line,
)
from simulator.report.result import MEMORY_UNITS, Result, whole_name
from simulator.report.tables import mapping_text
from simulator.report.units import count, estimate, percent, ratio, seconds, si
from simulator.report.verdict import (
    LOW_UTILISATION,
    arrays_advice,
    memory_advice,
    memory_units_advice,
    phase_verdicts,
    sentence,
)
from simulator.report.words import COMPUTE, OVERHEAD, bound_phrase, cause_phrase, listing

WIDTH = 96
TOP_OPERATORS = 3
COLLECTIVE = "collective"
NOTABLE_SHARE = 0.02
REREAD_RATIO = 1.1
"""Main-memory traffic above this multiple of the compulsory bytes is worth a sentence."""


def explain(result: Result, operator_pattern: str | None = None, phase: str | None = None) -> str:
    """Explain the operators that match, or the run as a whole without a pattern.

    operator_pattern: a name (`gate_up_proj`), a path (`layers.gate_up_proj`) or a
        glob pattern (`*_proj`). phase: a phase name, kind or glob pattern.
    Raises CyclelabError with the nearest name when nothing matches.
    """
    phases = _select_phases(result, phase)
    labels = {group.label: group for group in phases}
    operators = [g for g in operator_groups(result) if g.phase in labels]
    if operator_pattern is None:
        return _overall(result, operators)
    matching = [g for g in operators if _matches(g, operator_pattern)]
    if not matching:
        raise CyclelabError(_unknown("operator", operator_pattern, _names(operators)))
    return "\n\n".join(_paragraphs(result, labels[g.phase], g) for g in matching) + "\n"


def memory_in_words(
    result: Result, ideal_seconds: Mapping[str, float], phase: str | None = None
) -> list[str]:
    """Lines on a command-level memory beside an ideal one, for the phases that match."""
    names = {each.name for group in _select_phases(result, phase) for each in group.phases}
    texts = [t for t in dram_paragraphs(result, ideal_seconds) if t.split(":")[0] in names]
    return ["main memory at command level", *[_fill(text) for text in texts]]


def _select_phases(result: Result, pattern: str | None) -> list[PhaseGroup]:
    groups = phase_groups(result)
    if pattern is None:
        return groups
    names = {g.label: {g.label, g.kind, *(p.name for p in g.phases)} for g in groups}
    found = [
        g
        for g in groups
        if pattern in names[g.label] or any(fnmatchcase(n, pattern) for n in names[g.label])
    ]
    if not found:
        known = [name for group in groups for name in (group.kind, group.label)]
        raise CyclelabError(_unknown("phase", pattern, known))
    return found


def _matches(group: OperatorGroup, pattern: str) -> bool:
    """Whether an operator, or one that is fused behind it, has a name of this pattern.

    With or without the number of its sub-batch.
    """
    own = [group.name, whole_name(group.name), *group.mapping.get("fused", ())]
    names = own + [f"{group.block}.{name}" for name in own if group.block]
    return pattern in names or any(fnmatchcase(name, pattern) for name in names)


def _names(operators: list[OperatorGroup]) -> list[str]:
    own = [name for g in operators for name in (g.name, *g.mapping.get("fused", ()))]
    return [*own, *map(whole_name, own)]


def _unknown(what: str, pattern: str, names: list[str]) -> str:
    known = list(dict.fromkeys(names))
    hint = nearest(pattern, known)
    meant = f"; did you mean {hint!r}?" if hint else "."
    return f"no {what} matches {pattern!r}{meant}\nKnown: {', '.join(known)}"


def _overall(result: Result, operators: list[OperatorGroup]) -> str:
    parts = [
        _fill(
            f"{result.name}: {count(result.cycles)} cycles, {seconds(result.seconds)} on "
            f"{', '.join(machine_line(result))}."
        ),
        *[_fill(f"{line}.") for line in idle_lines(result.machine)],
    ]
    for verdict in phase_verdicts(result, operators):
        parts.append(_fill(sentence(result, verdict)))
        own = [g for g in operators if g.phase == verdict.phase.label]
        for group in sorted(own, key=lambda g: -g.share)[:TOP_OPERATORS]:
            parts.append(_paragraphs(result, verdict.phase, group))
    return "\n\n".join(parts) + "\n"


def _paragraphs(result: Result, phase: PhaseGroup, group: OperatorGroup) -> str:
    sentences = [
        _time_sentence(result, group),
        _work_sentence(group),
        _bounds_sentence(result, group),
        _split_sentence(group),
        _traffic_sentence(group),
        _width_sentence(group),
        _help_sentence(result, group),
    ]
    facts = mapping_text({k: v for k, v in group.mapping.items() if k != "shape"})
    text = _fill(" ".join(part for part in sentences if part))
    title = f"{phase.label} / {group.name}" + (f" (×{group.count})" if group.count > 1 else "")
    lines = [title, text]
    lines += [_fill(f"Mapping on {group.unit}: {facts}.")] if facts else []
    lines += [_fill(f"Energy: {estimate(group.energy_j, 'J')}.")] if group.energy_j.value else []
    return "\n".join(lines)


def _time_sentence(result: Result, group: OperatorGroup) -> str:
    each = round(group.exclusive_cycles / group.count)
    time = seconds(each / clock_hz(result))
    every = " each" if group.count > 1 else ""
    text = f"{count(each)} cycles{every} ({time}), {percent(group.share)} of the phase."
    overlap = group.cycles - group.exclusive_cycles
    if overlap > NOTABLE_SHARE * group.cycles:
        under_way = count(round(group.cycles / group.count))
        if group.kind == "matmul":
            text += (
                f" It is under way for {under_way} cycles, from when its units are free for it: "
                "the rest, in which weights come ahead of its inputs, overlaps with others."
            )
        else:
            text += (
                f" It is under way for {under_way} cycles, the rest of which overlaps with other "
                "operators."
            )
    return text


def _work_sentence(group: OperatorGroup) -> str:
    shape = group.mapping.get("shape")
    moved = group.dram_bytes / group.count
    if group.macs:
        work = f"It does {si(group.macs / group.count, 'MACs')}"
        work += f" ({shape})" if shape else ""
    elif group.kind == COLLECTIVE:
        work = _collective(group)
    else:
        work = f"It is {group.kind} work on {group.unit}"
    traffic = f"moves {si(moved, 'B')} to and from main memory" if moved else "stays on chip"
    joint = "and" if group.macs or group.kind != COLLECTIVE else "and otherwise"
    return f"{work} {joint} {traffic}."


def _collective(group: OperatorGroup) -> str:
    """What a collective does, with whom, and how much the device sends."""
    what, facts = str(group.mapping["collective"]).replace("_", "-"), group.mapping
    among = f" among {facts['devices']} devices" if "devices" in facts else " to the next stage"
    kind = "a send" if what == "send" else f"an {what}"
    sent = si(group.bytes.get("link_sent", 0) / group.count, "B")
    messages = facts["messages"]
    plural = "s" if messages != 1 else ""
    return f"It is {kind}{among}, in which each sends {sent} in {messages} message{plural},"


def _bounds_sentence(result: Result, group: OperatorGroup) -> str:
    compute = round(group.compute_bound_cycles / group.count)
    memory = round(group.memory_bound_cycles / group.count)
    roofs = []
    if compute:
        others = "the links" if group.kind == COLLECTIVE else "the vector unit"
        where = "compute" if group.macs else others
        roofs.append(f"{count(compute)} cycles for {where}")
    if memory:
        bandwidth = si(bandwidth_bytes_per_second(result), "B/s")
        needed = si(group.compulsory_bytes / group.count, "B")
        roofs.append(f"{count(memory)} cycles for memory ({needed} at {bandwidth})")
    if not roofs:
        return f"It is {bound_phrase(group.bound)}."
    noun = "bounds are" if len(roofs) > 1 else "bound is"
    text = f"Its {noun} {listing(roofs)}: it is {bound_phrase(group.bound)}"
    if group.exclusive_cycles < group.bound_cycles:
        return f"{text}, and partly hidden behind other operators."
    larger = "larger bound" if len(roofs) > 1 else "bound"
    return f"{text}, and takes {ratio(group.exclusive_cycles / group.bound_cycles)} its {larger}."


def _split_sentence(group: OperatorGroup) -> str:
    total = max(group.exclusive_cycles, 1)
    shares = sorted(
        ((c, n / total) for c, n in group.time_cycles.items() if n / total >= NOTABLE_SHARE / 2),
        key=lambda item: -item[1],
    )
    parts = [f"{percent(share)} {cause_phrase(cause)}" for cause, share in shares]
    return f"Where the cycles went: {listing(parts)}." if parts else ""


def _traffic_sentence(group: OperatorGroup) -> str:
    if not group.compulsory_bytes or group.dram_bytes <= REREAD_RATIO * group.compulsory_bytes:
        return ""
    times = ratio(group.dram_bytes / group.compulsory_bytes)
    return (
        f"It moves {times} the bytes that any mapping must move: larger buffers or other tiles "
        "would cut that."
    )


def _width_sentence(group: OperatorGroup) -> str:
    built = group.mapping.get("unit_built_for")
    if built is None:
        return ""
    return (
        f"Its weights run as {group.mapping['weights']} on units that are built for {built}, and "
        "take the area of these."
    )


def _help_sentence(result: Result, group: OperatorGroup) -> str:
    """What would help, by what bounds it and where its time goes."""
    time = max(group.exclusive_cycles, 1)
    port = group.time_cycles.get("port", 0) / time
    cause, share = group.main_loss
    if group.bound == "port" or (port > 0.25 and cause == "port"):
        return f"Wider or more on-chip ports would help: they cost {percent(port)} of its time."
    if group.bound == "memory":
        return _memory_help(result, group)
    if group.bound == "compute":
        text = f"It uses {percent(group.utilisation)} of the peak MACs. "
        if group.utilisation < LOW_UTILISATION and cause == OVERHEAD:
            return text + (
                "Its tiles fill the array badly: another tiling or dataflow, a smaller array or "
                "more rows of input (a larger batch) would help."
            )
        if group.time_cycles.get(COMPUTE, 0) / time < 0.5 and cause:
            return text + f"Less time {cause_phrase(cause)} ({percent(share)}) would help first."
        return text + "More or faster matrix units would help, and little else."
    if group.kind == COLLECTIVE:
        return _collective_help(group)
    if group.unit == MEMORY_UNITS:
        return memory_units_advice(group)
    if "slowest_stage" in group.mapping:
        return arrays_advice(group)
    if group.bound == "vector":
        return "More vector lanes, or fusing it behind the operator before, would help."
    if cause:
        return (
            f"No roof is near; most of it is {cause_phrase(cause)}. Larger tiles, deeper queues "
            "or fusing it with its neighbours would help more than faster units."
        )
    return "No roof is near: its start and end weigh more than its work."


def _collective_help(group: OperatorGroup) -> str:
    """What would shorten a collective, by what takes longest of it."""
    if group.bound == "latency":
        return (
            "Most of it is the way of messages, not their length: links of less latency, fewer "
            "devices or fewer messages (a switch instead of a ring) would help."
        )
    return "Links of more bandwidth would help, or work of another sub-batch beside it."


def _memory_help(result: Result, group: OperatorGroup) -> str:
    if not group.macs:
        return "Keeping its operands on chip (fusing it) or more bandwidth would help."
    time = max(group.exclusive_cycles, 1)
    waiting = group.time_cycles.get("memory_read", 0) + group.time_cycles.get("memory_write", 0)
    return memory_advice(
        waiting=waiting / time,
        overhead=group.time_cycles.get(OVERHEAD, 0) / time,
        intensity=group.macs / max(group.dram_bytes, 1),
        balance=balance_macs_per_byte(result, group.macs, group.compute_bound_cycles),
    )


def _fill(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  ")
