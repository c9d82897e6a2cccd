"""What bounds a trace: how much of the time each resource could do no more.

A resource takes a command per so many cycles: a data bus a burst, a rank a fourth of
its activation window, a bank an activation per row cycle. Counts of commands per bank
and bin of time, times these cycles, say how much of each bin the busiest resource of a
kind was taken. Nothing here is fitted; `turns` alone is an estimate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.names import LEVELS
from simulator.hardware.dram.spec import ConstraintSpec, DramDeviceSpec
from simulator.report.dram.result import TraceRun

READS, WRITES, ACTIVATIONS, REFRESHES = range(4)
"""Kinds of `ChannelResult.activity`."""
BUS = "data bus"
COLUMNS, ROWS, COMMANDS = "column commands", "activations", "commands"
WIDE, NARROW = 64, 16
"""Commands that a bin of time must hold at least: so many that chance does not matter
(which of many banks is busiest), and that at least its edges do not."""
PERIOD = 4
"""Times a write queue is emptied, in which reads fill it up again."""
EXPLAINED = 0.95
"""A resource is the limit if it, refreshes and turns take this share of the time."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A kind of resource and the share of the time that the busiest of it was taken.

    kind: BUS, COLUMNS, ROWS or COMMANDS. level: what there is one of, such as `bank`;
        of COMMANDS the name of the bus. spacing: between two commands, in names of
        timings. cycles: the same as a number.
    """

    kind: str
    level: str
    spacing: str
    cycles: float
    share: float


@dataclass(frozen=True, slots=True)
class Limits:
    """All that takes time.

    resources: the busiest first. certain: whether the first is the limit, or only comes
        closest to one. refresh: share of the time in which refreshes of all
        banks, and closing and opening rows around them, allow no transfer. turns: of
        the bus, from reads to writes and back, and turn_share the time they take,
        estimated from the marks of the write queue. arrival: when the last request
        arrived, as a share of the time. queue: mean number of reads under way, as a
        share of the read queue's depth.
    """

    resources: tuple[Limit, ...]
    certain: bool
    refresh: float
    turns: int
    turn_share: float
    arrival: float
    queue: float

    @property
    def first(self) -> Limit:
        """The resource that is the limit, or closest to it."""
        return self.resources[0]

    @property
    def explained(self) -> float:
        """Share of the time that the first, refreshes and turns account for."""
        return self.first.share + self.refresh + self.turn_share


def find_limits(run: TraceRun) -> Limits:
    """The limits of a simulated trace.

    Of resources that account for all of the time the one highest up is the limit: a
    bank is not to blame where its whole rank can activate no more.
    """
    refresh = _refresh_share(run)
    turns, turn_share = _turns(run)
    left = EXPLAINED - refresh - turn_share
    resources = _resources(run, WIDE)
    limit = min((r for r in resources if r.share >= left), key=_height, default=None)
    if limit is None:
        resources = _resources(run, NARROW)
        limit = max(resources, key=lambda resource: resource.share)
        certain = False
    else:
        certain = True
    cycles = run.cycles or 1.0
    depth = run.controller.read_queue * run.trace.channels
    others = sorted((r for r in resources if r is not limit), key=lambda r: -r.share)
    return Limits(
        resources=(limit, *others),
        certain=certain,
        refresh=refresh,
        turns=turns,
        turn_share=max(0.0, min(turn_share, 1 - refresh - limit.share)),
        arrival=run.trace.last_arrival_cycle / cycles,
        queue=run.total.reads * run.total.latency_mean_cycles / cycles / depth,
    )


def _height(limit: Limit) -> int:
    return LEVELS.index(limit.level) if limit.level in LEVELS else len(LEVELS)


def _resources(run: TraceRun, commands_per_bin: int) -> list[Limit]:
    return [
        _bus(run, commands_per_bin),
        *_columns(run, commands_per_bin),
        *_activations(run, commands_per_bin),
        *_command_buses(run),
    ]


def spacing(device: DramDeviceSpec, before: str, after: str, largest: bool = True) -> int:
    """Cycles from one command to another, by the strictest row of the device (or the mildest)."""
    delays = [
        device.cycles(row.delay)
        for row in device.constraints
        if before in row.before and after in row.after and row.window == 1 and not row.siblings
    ]
    return (max if largest else min)(delays, default=0)


def _bus(run: TraceRun, commands_per_bin: int) -> Limit:
    cycles = run.device.burst_cycles
    counts = run.total.activity[READS] + run.total.activity[WRITES]
    share = busiest_share(run, counts * cycles, "pseudo_channel", cycles, commands_per_bin)
    return Limit(BUS, "pseudo_channel", "burst", cycles, share)


def _columns(run: TraceRun, commands_per_bin: int) -> Iterator[Limit]:
    """Column commands, where a node takes fewer than its data bus would."""
    activity, device = run.total.activity, run.device
    reads, writes = _slowest(device, "RD"), _slowest(device, "WR")
    for level in reads.keys() | writes.keys():
        text, read = reads.get(level, ("", 0.0))
        other, write = writes.get(level, (text, 0.0))
        cycles = max(read, write)
        if cycles > device.burst_cycles:
            taken = activity[READS] * read + activity[WRITES] * write
            share = busiest_share(run, taken, level, cycles, commands_per_bin)
            yield Limit(COLUMNS, level, text or other, cycles, share)


def _activations(run: TraceRun, commands_per_bin: int) -> Iterator[Limit]:
    name = "ACT1" if run.device.split_activation else "ACT"
    for level, (text, cycles) in _slowest(run.device, name).items():
        taken = run.total.activity[ACTIVATIONS] * cycles
        share = busiest_share(run, taken, level, cycles, commands_per_bin)
        yield Limit(ROWS, level, text, cycles, share)


def _command_buses(run: TraceRun) -> Iterator[Limit]:
    """Every command on its bus; no count says when, so this is over the whole time."""
    taken: dict[str, float] = {}
    for name, command in run.device.commands.items():
        used = run.total.commands.get(name, 0) * command.clocks
        taken[command.bus] = taken.get(command.bus, 0.0) + used
    for bus, cycles in taken.items():
        share = cycles / ((run.cycles or 1.0) * run.trace.channels)
        yield Limit(COMMANDS, bus, "command", 1.0, min(1.0, share))


def _slowest(device: DramDeviceSpec, command: str) -> dict[str, tuple[str, float]]:
    """By level, the strictest spacing of a command to itself: in words, in cycles."""
    found: dict[str, tuple[str, float]] = {}
    for row in device.constraints:
        if command in row.before and command in row.after and not row.siblings:
            cycles = device.cycles(row.delay) / row.window
            if cycles > found.get(row.level, ("", 0.0))[1]:
                found[row.level] = (_in_words(row), cycles)
    return found


def _in_words(row: ConstraintSpec) -> str:
    return row.delay if row.window == 1 else f"{row.delay} / {row.window}"


def busiest_share(
    run: TraceRun, taken_cycles: NDArray[Any], level: str, cycles: float, commands_per_bin: int
) -> float:
    """Share of the time for which, bin by bin, the busiest node of a level was taken.

    taken_cycles: [banks, bins]. cycles: of one command, as many as `commands_per_bin` of
        which a bin has to be wide; bins are joined for that.
    """
    bins = taken_cycles.shape[1]
    nodes = taken_cycles.reshape(nodes_of(run, level), -1, bins).sum(axis=1)
    nodes, width = joined(nodes, run.total.bin_cycles, commands_per_bin * cycles)
    # Behind the last command of all nothing has to wait.
    nodes = nodes.astype(float)
    last = np.flatnonzero(nodes.any(axis=0))[-1:]
    nodes[:, last] = np.maximum(0.0, nodes[:, last] - cycles)
    starts = np.arange(nodes.shape[1]) * width
    lengths = np.clip(run.cycles - starts, 0, width)
    return float(np.minimum(nodes.max(axis=0), lengths).sum() / run.cycles) if run.cycles else 0.0


def joined(rows: NDArray[Any], width: float, least: float) -> tuple[NDArray[Any], float]:
    """[…, bins] with bins added up in pairs until they are as wide as `least`."""
    while width < least and rows.shape[-1] > 1:
        padded = np.concatenate([rows, np.zeros_like(rows[..., : rows.shape[-1] % 2])], axis=-1)
        rows = padded.reshape(*padded.shape[:-1], -1, 2).sum(axis=-1)
        width *= 2
    return rows, width


def nodes_of(run: TraceRun, level: str) -> int:
    """Nodes of a level in all channels."""
    counts = run.device.organisation.counts
    sizes = (counts.pseudo_channels, counts.ranks, counts.bank_groups, counts.banks_per_group)
    return run.trace.channels * math.prod(sizes[: LEVELS.index(level)])


def _refresh_share(run: TraceRun) -> float:
    """All-bank refreshes of a scope: (tRTP + tRP + tRFC + tRCD) each."""
    device = run.device
    activate = "ACT1" if device.split_activation else "ACT"
    each = (
        spacing(device, "RD", "PREA")
        + spacing(device, "PREA", "REFab")
        + spacing(device, "REFab", activate)
        + spacing(device, activate, "RD")
    )
    per_scope = run.total.commands.get("REFab", 0) / nodes_of(run, device.refresh_scope)
    return min(1.0, per_scope * each / run.cycles) if run.cycles else 0.0


def _turns(run: TraceRun) -> tuple[int, float]:
    """How often writes are served in between reads, and the share of time the bus idles.

    As many as if the write queue filled up each time; only writes count that are served
    at about the time of reads.
    """
    control, device = run.controller, run.device
    high = math.floor(control.write_high * control.write_queue) + 1
    low = math.ceil(control.write_low * control.write_queue)
    burst = device.burst_cycles
    moved = run.total.activity[[READS, WRITES]].sum(axis=1)
    reads, writes = joined(moved, run.total.bin_cycles, PERIOD * high * burst)[0]
    turns = float(writes[reads > 0].sum()) / max(1, high - low + 1) / run.trace.channels
    if not turns or not run.cycles:
        return 0, 0.0
    idle = max(0, spacing(device, "RD", "WR") - burst)
    idle += max(0, spacing(device, "WR", "RD", largest=False) - burst)
    return round(turns), min(1.0, turns * idle / run.cycles)
