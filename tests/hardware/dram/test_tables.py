"""What physics asks of every constraint table, whatever the standard."""

from __future__ import annotations

from itertools import product

import pytest

from tests.hardware.dram.devices import NAMES, organised
from tests.hardware.dram.table import BANK, Table

COLUMN = ("RD", "WR")
CLOSING = {"REFab": ("PRE", "PREA", "RDA", "WRA"), "REFpb": ("PRE", "RDA", "WRA")}
"""What may have closed a bank that is refreshed."""


def table_of(name: str) -> Table:
    return Table(organised(name, ranks=2))


@pytest.mark.parametrize("name", NAMES)
def test_bursts_of_a_pseudo_channel_never_meet_on_its_data_bus(name: str) -> None:
    """Wherever two column commands go: the second's data begins when the first's is over."""
    table = table_of(name)
    device = table.device
    data_ends = {
        "RD": table.ticks(device.read_latency),
        "WR": table.ticks(device.write_latency),
    }
    burst = device.burst_cycles * device.ticks_per_clock
    names = list(device.commands)
    for (first, second), shared in product(product(COLUMN, repeat=2), range(1, BANK + 1)):
        gap = int(table.needs[names.index(first), names.index(second), shared])
        apart = max(gap, table.length(first)) + data_ends[second] - data_ends[first]
        assert apart >= burst, f"{second} of a node that shares {shared} levels, behind {first}"


@pytest.mark.parametrize("name", NAMES)
def test_a_refresh_waits_for_idle_banks_as_an_activation_does(name: str) -> None:
    table = table_of(name)
    pairs = [(closing, refresh) for refresh in CLOSING for closing in CLOSING[refresh]]
    for closing, refresh in pairs:
        if refresh not in table.device.commands:
            continue
        first, second = table.target(closing, 0), table.target(refresh, 0)
        idle = table.until_idle(closing, 0) + 1 - table.length(refresh)
        wait = table.need(closing, refresh, first, second)
        assert wait >= idle, f"{refresh} {wait} ticks behind {closing}, the bank is idle at {idle}"


@pytest.mark.parametrize("name", NAMES)
def test_a_refresh_is_over_before_the_next_of_the_same_banks(name: str) -> None:
    table = table_of(name)
    for refresh in CLOSING:
        if refresh in table.device.commands:
            node = table.target(refresh, 0)
            over = table.until_idle(refresh, 0) + 1 - table.length(refresh)
            wait = table.need(refresh, refresh, node, node)
            assert wait >= over, f"{refresh} {wait} ticks behind another, which lasts {over}"


@pytest.mark.parametrize("name", NAMES)
def test_timings_of_rows_fit_together(name: str) -> None:
    cycles = table_of(name).device.timing.cycles
    assert cycles["nRC"] <= cycles["nRAS"] + cycles["nRP"] + 1
    read_delay = cycles.get("nRCD", cycles.get("nRCDRD", 0))
    assert read_delay < cycles["nRAS"]
    assert cycles["nRRDS"] <= cycles["nRRDL"] < cycles["nRC"]
    assert cycles["nCCDS"] <= cycles["nCCDL"]


@pytest.mark.parametrize("name", NAMES)
def test_a_data_bus_is_never_idle_between_streaming_reads(name: str) -> None:
    """Reads in different bank groups follow each other as closely as their bursts."""
    device = table_of(name).device
    assert device.timing.cycles["nCCDS"] == device.burst_cycles
