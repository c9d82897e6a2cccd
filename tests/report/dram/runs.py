"""Small traces of known bounds, simulated."""

from __future__ import annotations

from functools import cache

import numpy as np

from simulator.dram_command import energy
from simulator.hardware.dram.load import load_channel
from simulator.hardware.dram.replay import replay
from simulator.report.dram.result import TraceFacts, TraceRun

Rows = list[tuple[int, int, int, int, int]]
"""Requests: arrival, 0 or 1 for a write, bank, row, burst."""


def stream(count: int) -> Rows:
    """Reads of one HBM2 pseudo channel: bank groups in turn, 32 bursts per row."""
    return [(0, 0, n % 4 * 4 + n // 128 % 4, n // 512, n // 4 % 32) for n in range(count)]


def conflict(count: int) -> Rows:
    """Reads, each of another row of one bank."""
    return [(0, 0, 0, n, 0) for n in range(count)]


def rotation(count: int) -> Rows:
    """Reads, each of another row, banks of all 4 × 4 in turn."""
    return [(0, 0, n % 4 * 4 + n // 4 % 4, n // 16, 0) for n in range(count)]


def one_group(count: int) -> Rows:
    """Reads of open rows of one bank group after the other, 128 bursts each (DDR4)."""
    return [(0, 0, n // 128 % 4 * 4, n // 512, n % 128) for n in range(count)]


def mixed(count: int) -> Rows:
    """Two reads and a write in turn, of three streams in banks of their own."""
    rows = []
    for n, (_, _, bank, row, burst) in enumerate(stream(count)):
        shift = n % 3
        rows.append((0, int(shift == 2), bank // 4 * 4 + shift, row + 999 * shift, burst))
    return rows


def sparse(count: int) -> Rows:
    """A read every 200 cycles."""
    return [(200 * n, 0, 5 * n % 16, n, 0) for n in range(count)]


def writes(count: int) -> Rows:
    """A stream that is written."""
    return [(0, 1, bank, row, burst) for _, _, bank, row, burst in stream(count)]


@cache
def simulated(pattern: str, count: int, device: str, *settings: str, channels: int = 1) -> TraceRun:
    """A pattern on a device; with more channels, each serves the whole of it."""
    rows: Rows = globals()[pattern](count)
    setup = load_channel(device, settings)
    chunk = [np.array(rows, dtype=np.int64)] * channels
    results = replay(setup.spec.device, setup.spec.controller, [chunk])
    return TraceRun(
        trace=TraceFacts(pattern, "coordinates", count * channels, rows[-1][0], channels),
        device=setup.spec.device,
        controller=setup.spec.controller,
        results=tuple(results),
        configuration=setup.resolved(),
        configuration_hash=setup.configuration_hash(),
        sources=setup.sources(),
        version="0",
        energy_j=energy(setup.spec.device, results),
    )


ONE = "device.organisation.counts.pseudo_channels=1"
"""HBM2 with one pseudo channel, as the patterns use it."""
