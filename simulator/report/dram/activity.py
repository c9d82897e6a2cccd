"""Activity of banks over time, as pictures show it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.names import LEVELS
from simulator.report.dram.limits import (
    ACTIVATIONS,
    READS,
    REFRESHES,
    WRITES,
    joined,
    nodes_of,
    spacing,
)
from simulator.report.dram.result import TraceRun

Floats = NDArray[np.float64]
MOST_ROWS = 256
"""Rows of a picture; with more banks, a row is a bank group, or what is above that."""
MOST_NAMES = 16
LEAST_BURSTS = 4
SHORT = {"channel": "ch", "pseudo_channel": "pc", "rank": "rank", "bank_group": "bg"}


@dataclass(frozen=True)
class Activity:
    """Rows are banks, or larger parts of the channels; columns are bins of time.

    edges_s: of the bins. read, write: bytes per second of all rows, [bins]. bus: share
    of a pseudo channel's data bus, [rows, bins]. activations: per second. refreshing:
    share of the time. level: what a row is. groups: name and number of rows of the
    parts that rows are grouped by; borders: rows above which a larger part begins.
    """

    edges_s: Floats
    read: Floats
    write: Floats
    bus: Floats
    activations: Floats
    refreshing: Floats
    level: str
    groups: list[tuple[str, int]]
    borders: list[int]


def bank_activity(run: TraceRun) -> Activity:
    """The activity of all banks, until the end of the run."""
    total, device = run.total, run.device
    # Bins that hold some bursts, so that no bin seems to have more than the bus can do.
    counts, width = joined(
        total.activity.astype(float), total.bin_cycles, LEAST_BURSTS * device.burst_cycles
    )
    # The last data may return after the last bin of commands, which then is a longer one.
    bins = min(max(1, math.ceil(run.cycles / width)), counts.shape[2])
    counts = counts[:, :, :bins]
    edges = np.append(np.arange(bins) * width, run.cycles)
    lengths = np.maximum(np.diff(edges), width / 2)
    level = next((name for name in reversed(LEVELS) if nodes_of(run, name) <= MOST_ROWS), LEVELS[0])
    rows = nodes_of(run, level)
    banks_per_row = counts.shape[1] // rows
    summed = counts.reshape(len(counts), rows, banks_per_row, bins).sum(axis=2)
    seconds = lengths * run.seconds / run.cycles
    moved = counts.sum(axis=1) * device.burst_bytes / seconds
    refresh = np.stack([_lasting(row, lengths, _refresh_cycles(run)) for row in summed[REFRESHES]])
    return Activity(
        edges_s=edges * run.seconds / run.cycles,
        read=moved[READS],
        write=moved[WRITES],
        bus=np.minimum(1.0, (summed[READS] + summed[WRITES]) * device.burst_cycles / lengths),
        activations=summed[ACTIVATIONS] / seconds,
        refreshing=refresh / banks_per_row,
        level=level,
        groups=_groups(run, level),
        borders=_borders(run, level),
    )


def _refresh_cycles(run: TraceRun) -> int:
    """How long a bank is taken by a refresh, of the kind that the controller asks for."""
    command = "REFpb" if run.controller.refresh == "per_bank" else "REFab"
    activate = "ACT1" if run.device.split_activation else "ACT"
    return spacing(run.device, command, activate)


def _lasting(counts: Floats, lengths: Floats, cycles: int) -> Floats:
    """Share of each bin that events take which begin in a bin and last for `cycles`."""
    width = float(lengths[0])
    taken = np.zeros(len(counts))
    left = cycles * counts
    for place in range(len(counts)):
        # What does not fit a bin goes on in the next.
        taken[place] = min(left[place], width)
        if place + 1 < len(counts):
            left[place + 1] += left[place] - taken[place]
    return np.minimum(1.0, taken / lengths)


def _sizes(run: TraceRun) -> dict[str, int]:
    """Parts of each level within one of the level above; channels are the first."""
    counts = run.device.organisation.counts
    return {
        "channel": run.trace.channels,
        "pseudo_channel": counts.pseudo_channels,
        "rank": counts.ranks,
        "bank_group": counts.bank_groups,
        "bank": counts.banks_per_group,
    }


def _groups(run: TraceRun, level: str) -> list[tuple[str, int]]:
    """Names of the finest parts that are few enough to be named, with their rows."""
    rows = nodes_of(run, level)
    above = [name for name in LEVELS if name in SHORT and nodes_of(run, name) <= rows]
    named = [name for name in above if nodes_of(run, name) <= MOST_NAMES]
    finest = named[-1] if named else "channel"
    nodes = nodes_of(run, finest)
    if nodes == 1 and rows <= MOST_NAMES:
        return [(f"bank {row}", 1) for row in range(rows)]
    return [(_name(run, finest, node), rows // nodes) for node in range(nodes)]


def _name(run: TraceRun, level: str, node: int) -> str:
    """`pc 1 bg 2`: the node of a level, by the levels there are more than one of."""
    parts: list[str] = []
    for name in reversed(LEVELS[: LEVELS.index(level) + 1]):
        size = _sizes(run)[name]
        if size > 1:
            parts.insert(0, f"{SHORT[name]} {node % size}")
        node //= size
    return " ".join(parts) or "all banks"


def _borders(run: TraceRun, level: str) -> list[int]:
    """Rows above which another rank, pseudo channel or channel begins."""
    rows, parts = nodes_of(run, level), nodes_of(run, "rank")
    if parts > rows:
        return []
    return [rows // parts * place for place in range(1, parts)]
