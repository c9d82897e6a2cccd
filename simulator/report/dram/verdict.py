"""What bounds a trace, and what would help, in sentences earned from its counts."""

from __future__ import annotations

from simulator.report.dram.limits import (
    BUS,
    COLUMNS,
    COMMANDS,
    READS,
    ROWS,
    WRITES,
    Limit,
    Limits,
    nodes_of,
)
from simulator.report.dram.result import TraceRun
from simulator.report.units import count, percent, significant
from simulator.report.words import listing

KEPT_UP = 0.95
"""A memory that is done this soon behind the last arrival kept up with its requests."""
FULL = 0.9
"""Share of its depth from which on the read queue is called full."""
BUSY = 0.5
"""Below this share of the time, no resource is anywhere near its limit."""
UNEVEN = 0.9
"""Below this share of the busiest, the mean over data buses is told as well."""
WORTH_SAYING = 0.01
WORTH_TURNING = 0.05


def verdict(run: TraceRun, limits: Limits) -> str:
    """Two or three sentences: the limit, what else takes time, what would help."""
    limit = limits.first
    if limits.arrival >= KEPT_UP and limits.queue < FULL and not limits.certain:
        text = (
            f"The trace itself is the limit: its requests arrive over "
            f"{count(run.trace.last_arrival_cycle)} of the {count(round(run.cycles))} cycles, and "
            f"the memory keeps up. {_capital(_name(run, limit))} is taken most, "
            f"{percent(limit.share)} of the time."
        )
        return f"{text} {_unused(run)}".rstrip()
    if not limits.certain and limit.share < BUSY:
        text = (
            f"No resource is near its limit: {_name(run, limit)} is taken most, "
            f"{percent(limit.share)} of the time."
        )
    else:
        start = "is the limit" if limits.certain else "comes closest to a limit"
        text = f"{_capital(_name(run, limit))} {start}: {_fills(run, limit)}{_others(limits)}."
    help_text = _advice(run, limit, limits) if limits.certain else _waiting(run, limits)
    return " ".join(part for part in (text, help_text, _unused(run)) if part)


def _name(run: TraceRun, limit: Limit) -> str:
    node = limit.level.replace("_", " ")
    if limit.kind == COMMANDS:
        return "the command bus" if node == "command" else f"the {node} command bus"
    many = nodes_of(run, limit.level) > 1
    node = f"the busiest {node}" if many else f"the {node}"
    if limit.kind == BUS:
        return "the busiest data bus" if many else "the data bus"
    if limit.kind == COLUMNS:
        return f"the rate of reads and writes to {node}"
    kind = "the row cycle" if limit.level == "bank" else "the activation rate"
    return f"{kind} of {node}"


def _fills(run: TraceRun, limit: Limit) -> str:
    cycles = significant(limit.cycles, 3) if limit.cycles % 1 else count(int(limit.cycles))
    share = f"{percent(limit.share)} of the time"
    if limit.kind == BUS:
        text = f"bursts of {cycles} cycles fill it {share}"
        mean = f" ({percent(run.bus_share)} on average over all)"
        return text + mean if _is_uneven(run, limit) else text
    if limit.kind == COMMANDS:
        return f"it carries commands {share}"
    if limit.kind == ROWS:
        return f"{limit.spacing} = {cycles} cycles per activation take {share}"
    burst = run.device.burst_cycles
    return f"{limit.spacing} = {cycles} cycles each, where a burst takes {burst}, take {share}"


def _is_uneven(run: TraceRun, limit: Limit) -> bool:
    """Whether other data buses have less to do than the busiest one."""
    return run.bus_share < UNEVEN * limit.share


def _others(limits: Limits) -> str:
    """What else takes time."""
    parts = []
    if limits.refresh >= WORTH_SAYING:
        parts.append(f"refreshes {percent(limits.refresh)}")
    if limits.turn_share >= WORTH_SAYING:
        parts.append(
            f"about {count(limits.turns)} turns from reads to writes and back "
            f"{percent(limits.turn_share)}"
        )
    return f", {listing(parts)}" if parts else ""


def _advice(run: TraceRun, limit: Limit, limits: Limits) -> str:
    node = limit.level.replace("_", " ")
    if limit.kind == BUS:
        more = "more channels or a faster device"
        if _is_uneven(run, limit):
            more = "requests that are spread evenly over all data buses"
        if limits.turn_share >= WORTH_TURNING:
            return f"A deeper write queue would turn less often; beyond that, {more} would help."
        return f"{_capital(more)} would help."
    if limit.kind == COLUMNS:
        return (
            f"Requests that take turns between {node}s, or a deeper queue that finds such, would "
            "use the data bus better."
        )
    if limit.kind == ROWS and node == "bank":
        return "Requests to other banks, or to rows that are open, would not wait for it."
    if limit.kind == ROWS:
        return "More requests per open row would need fewer activations."
    return "More requests per open row would need fewer commands."


def _waiting(run: TraceRun, limits: Limits) -> str:
    """Where no resource is taken all the time, requests wait for each other."""
    depth = run.controller.read_queue
    if limits.queue >= FULL:
        return (
            f"The rest is waiting: the read queue of {count(depth)} is full nearly all of the "
            "time, and what is in it cannot all proceed at once. A deeper one may find more to do."
        )
    return "The rest is waiting: too few requests are under way at a time."


def _unused(run: TraceRun) -> str:
    """Pseudo channels and channels that no burst went to."""
    counts = run.device.organisation.counts
    bursts = (run.total.activity[READS] + run.total.activity[WRITES]).sum(axis=1)
    parts = []
    for noun, nodes in (
        ("channel", run.trace.channels),
        ("pseudo channel", run.trace.channels * counts.pseudo_channels),
    ):
        unused = int((bursts.reshape(nodes, -1).sum(axis=1) == 0).sum())
        if unused:
            are = "is" if unused == 1 else "are"
            parts.append(f"{count(unused)} of {count(nodes)} {noun}s {are} never used")
            break
    return f"{_capital(parts[0])}." if parts else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
