"""The summary that `cyclelab dram` prints: plain text, at most 100 columns."""

from __future__ import annotations

from simulator.cost.estimate import ZERO
from simulator.report.dram.limits import find_limits
from simulator.report.dram.result import PERCENTILES, TraceRun
from simulator.report.dram.verdict import verdict
from simulator.report.lines import BOLD, DIM, side_by_side, styled, wrapped
from simulator.report.units import columns, count, estimate, percent, seconds, si

GAP = 5
BITS_PER_BYTE = 8


def trace_summary(run: TraceRun, colour: bool = False) -> str:
    """The whole summary; `colour` adds bold and dim only, never information."""
    heading, *tables = _tables(run)
    blocks = [
        [styled(run.trace.name, BOLD, colour), *_what_ran(run)],
        _totals(run),
        [styled(heading, BOLD, colour), *tables],
        _energy(run, colour),
        wrapped("", verdict(run, find_limits(run))),
        [styled(_provenance(run), DIM, colour)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _what_ran(run: TraceRun) -> list[str]:
    trace, device, control = run.trace, run.device, run.controller
    spread = ""
    if trace.channels > 1:
        spread = f" over {trace.channels} channels, {trace.interleave_bytes} B in turn"
    facts = [
        f"{count(trace.requests)} request{'s' if trace.requests > 1 else ''}",
        f"{trace.form}{spread}",
        f"last arrival at cycle {count(trace.last_arrival_cycle)}",
    ]
    settings = [
        f"{control.scheduler}, row hit cap {control.row_hit_cap}"
        if control.row_hit_cap
        else control.scheduler,
        f"{control.page} page",
        "no refresh" if control.refresh == "none" else f"{control.refresh} refresh",
        f"queues of {control.read_queue} reads and {control.write_queue} writes",
    ]
    row = device.bursts_per_row
    organisation = [
        device.name,
        f"peak {si(run.peak_bytes_per_s, 'B/s')}",
        _levels(run),
        f"rows of {row} bursts of {device.burst_bytes} B",
        f"clock {si(1e12 / device.timing.clock_ps, 'Hz')}",
    ]
    return [
        *wrapped("trace       ", " · ".join(facts)),
        *wrapped("device      ", " · ".join(organisation)),
        *wrapped("controller  ", " · ".join(settings)),
    ]


def _levels(run: TraceRun) -> str:
    """The levels there are more than one of, and the banks."""
    counts = run.device.organisation.counts
    levels = [
        (run.trace.channels, "channels"),
        (counts.pseudo_channels, "pseudo channels"),
        (counts.ranks, "ranks"),
        (counts.bank_groups, "bank groups"),
    ]
    named = [f"{size} {noun}" for size, noun in levels if size > 1]
    return " × ".join([*named, f"{counts.banks_per_group} banks"])


def _totals(run: TraceRun) -> list[str]:
    result = run.total
    late = whole(result.refresh_late_cycles)
    cycles = "cycle" if late == "1" else "cycles"
    refreshes = f"{count(run.refreshes)}, at most {late} {cycles} late" if run.refreshes else "none"
    rows = [
        ("cycles", whole(run.cycles), "bandwidth", si(run.bandwidth_bytes_per_s, "B/s")),
        (
            "time",
            seconds(run.seconds),
            "of peak",
            percent(run.bandwidth_bytes_per_s / run.peak_bytes_per_s),
        ),
        ("a row open", f"{percent(run.row_open_share)} of the time", "refreshes", refreshes),
    ]
    return [f"{a:<14}{b:<34}{c:<18}{d}".rstrip() for a, b, c, d in rows]


def _tables(run: TraceRun) -> list[str]:
    """Requests, latency and commands side by side."""
    return side_by_side([_requests(run), _latency(run), _commands(run)], GAP)


def _requests(run: TraceRun) -> list[str]:
    result = run.total
    rows = [("reads", result.reads), ("writes", result.writes)]
    rows += [("row hits", result.row_hits), ("row misses", result.row_misses)]
    rows += [("row conflicts", result.row_conflicts)]
    if result.forwarded_reads:
        rows.append(("from write queue", result.forwarded_reads))
    if result.coalesced_writes:
        rows.append(("writes replaced", result.coalesced_writes))
    total = max(1, run.trace.requests)
    table = [(name, count(number), percent(number / total)) for name, number in rows]
    return columns(("requests", "", ""), table, left={0})


def _latency(run: TraceRun) -> list[str]:
    result = run.total
    if not result.reads:
        return ["read latency: no reads"]
    values = [("mean", result.latency_mean_cycles)]
    values += [(f"p{share}", result.latency_percentile(share / 100)) for share in PERCENTILES]
    values += [("longest", result.latency_max_cycles)]
    table = [
        (name, _tenths(cycles), f"{run.nanoseconds(cycles):,.1f}{chr(0xA0)}ns")
        for name, cycles in values
    ]
    return columns(("read latency", "cycles", "time"), table, left={0})


def _commands(run: TraceRun) -> list[str]:
    used = [(name, count(number)) for name, number in run.total.commands.items() if number]
    return columns(("commands", ""), used, left={0})


def _energy(run: TraceRun, colour: bool) -> list[str]:
    """Energy by category, if the device says what its commands cost."""
    if run.energy_j is None:
        return []
    total = sum(run.energy_j.values(), ZERO)
    rows = [
        (name, percent(part.value / total.value if total.value else 0.0), estimate(part, "J"))
        for name, part in run.energy_j.items()
    ]
    rows.append(("all", "", estimate(total, "J")))
    if run.moved_bytes:
        per_bit = total.scaled(1 / (run.moved_bytes * BITS_PER_BYTE))
        rows.append(("per bit moved", "", estimate(per_bit, "J")))
    heading, *lines = columns(("energy", "", ""), rows, left={0, 2})
    return [styled(heading, BOLD, colour), *lines]


def _provenance(run: TraceRun) -> str:
    return f"cyclelab {run.version} · configuration {run.configuration_hash[:12]}"


def whole(cycles: float) -> str:
    """Cycles, of which devices with commands on half clocks have halves."""
    return count(int(cycles)) if cycles == int(cycles) else f"{cycles:,.1f}"


def _tenths(cycles: float) -> str:
    return whole(cycles) if cycles == int(cycles) else f"{cycles:,.1f}"
