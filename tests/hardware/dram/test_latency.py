"""Latency of a single read on an idle channel, written out by hand.

A request's first command issues one cycle after it has arrived. Delays count to and
from the last cycle of a command; read data follows the first cycle of a read.
"""

from __future__ import annotations

import numpy as np
import pytest

from simulator.hardware.dram.controller import ControllerSpec
from tests.hardware.dram.devices import NAMES, device, logged, serve
from tests.hardware.dram.table import Table

# Read of a closed bank: 1 + nRCD + nCL + nBL, with what is special of the device.
MISS_CYCLES = {
    "ddr4-3200": 1 + 22 + 22 + 4,
    "ddr4-3200-dramsim3": 1 + 22 + 22 + 4,
    "ddr5-4800": 1 + 36 + 36 + 8,  # ACT and RD both take two cycles
    "ddr5-6400": 1 + 46 + 46 + 8,
    "gddr6-14000": 1 + 27 + 24 + 2,
    "hbm2-2000": 1 + (1 + 14) + 14 + 2,  # ACT takes a second cycle
    "hbm2-2000-dramsim3": 1 + (1 + 14) + 14 + 2,
    "hbm2-2000-dramsys": 1 + (1 + 12) + 17 + 2,
    "hbm2-2000-samsung": 1 + (1 + 14) + 20 + 2,
    "hbm2-2400": 1 + (1 + 17) + 17 + 2,
    "hbm2-neupims-dual": 1 + 14 + 14 + 2,
    "hbm2-newton-single": 1 + 14 + 14 + 2,
    "hbm2-samsung-pim": 1 + (1 + 14) + 20 + 2,
    "hbm2e-3200": 1 + (1 + 23) + 23 + 2,
    # The first rising edge is half a clock away; ACT takes 1.5 clocks, RD 1, and RD waits
    # half a clock more for a rising edge.
    "hbm3-6400": 0.5 + (0.5 + 31 + 0.5) + 20 + 2,
    "hbm3-6400-attacc": 0.5 + (0.5 + 23 + 0.5) + 23 + 2,
    "hbm3-attacc-bank": 1 + (1 + 19) + 19 + 2,
    "hbm3-attacc-bank-group": 1 + (1 + 19) + 19 + 2,
    "hbm3-attacc-buffer": 1 + (1 + 19) + 19 + 2,
    "lpddr4-2400": 1 + 15 + 17 + 8,
    "lpddr5-6400": 1 + 15 + 1 + 17 + 2,  # CAS starts the data clock in the cycle before RD
}
# Another row is open: nRP more, with what is special of the device.
CONFLICT_MORE_CYCLES = {
    "ddr4-3200": 22,
    "ddr4-3200-dramsim3": 22,
    "ddr5-4800": 36 - 1,  # the second cycle of ACT is the one that waits for nRP
    "ddr5-6400": 46 - 1,
    "gddr6-14000": 27,
    "hbm2-2000": 14 - 1,
    "hbm2-2000-dramsim3": 14 - 1,
    "hbm2-2000-dramsys": 14 - 1,
    "hbm2-2000-samsung": 14 - 1,
    "hbm2-2400": 17 - 1,
    "hbm2-neupims-dual": 14,
    "hbm2-newton-single": 14,
    "hbm2-samsung-pim": 14 - 1,
    "hbm2e-3200": 23 - 1,
    "hbm3-6400": 26 - 1,  # PRE half a clock, ACT one and a half
    "hbm3-6400-attacc": 23 - 1,
    "hbm3-attacc-bank": 19 - 1,
    "hbm3-attacc-bank-group": 19 - 1,
    "hbm3-attacc-buffer": 19 - 1,
    "lpddr4-2400": 15,
    "lpddr5-6400": 15,
}
FIRST_COMMAND_CYCLES = {"hbm3-6400": 0.5, "hbm3-6400-attacc": 0.5}
CAS_CYCLES = {"lpddr5-6400": 1}
QUIET_CYCLES = 1000
"""Long enough for all that the request before has to wait for, and no refresh yet."""
NO_REFRESH = ControllerSpec(refresh="none")


def latency(name: str, *places: tuple[int, int]) -> float:
    """Latency of the last of some reads, each of a (row, burst) of bank 0, far apart."""
    spec = device(name)
    stream = np.array(
        [(QUIET_CYCLES * index, 0, 0, row, burst) for index, (row, burst) in enumerate(places)]
    )
    return serve(spec, stream, NO_REFRESH).cycles - QUIET_CYCLES * (len(places) - 1)


@pytest.mark.parametrize("name", MISS_CYCLES)
def test_a_read_of_a_closed_bank(name: str) -> None:
    assert latency(name, (3, 0)) == MISS_CYCLES[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_row_hit_has_the_read_latency_behind_its_command(name: str) -> None:
    spec = device(name)
    read = spec.timing.cycles["nCL"] + spec.burst_cycles
    first = FIRST_COMMAND_CYCLES.get(name, 1) + CAS_CYCLES.get(name, 0)
    assert latency(name, (3, 0), (3, 1)) == first + read


@pytest.mark.parametrize("name", CONFLICT_MORE_CYCLES)
def test_a_row_conflict_waits_for_the_precharge_as_well(name: str) -> None:
    assert latency(name, (3, 0), (4, 0)) == MISS_CYCLES[name] + CONFLICT_MORE_CYCLES[name]


@pytest.mark.parametrize("name", NAMES)
def test_latency_statistics_of_one_read(name: str) -> None:
    result = serve(device(name), np.array([[0, 0, 0, 0, 0]]), NO_REFRESH)
    assert result.latency_mean_cycles == result.latency_max_cycles == result.cycles
    assert result.latency_percentile(0.5) == result.cycles
    assert result.row_open_cycles > 0
    assert result.busy_cycles == device(name).burst_cycles


@pytest.mark.parametrize("name", ["ddr4-3200", "hbm2-2000"])
def test_a_read_during_refresh_waits_for_its_end(name: str) -> None:
    """tREFI: refresh; a read that arrives in the same cycle waits for nRFC, then is a miss."""
    spec = device(name)
    cycles = spec.timing.cycles
    arrive = cycles["nREFI"]
    act_more = Table(spec).length("ACT") - 1
    result, log = logged(spec, np.array([[arrive, 0, 0, 0, 0]]))
    refresh = log[log[:, 1] == 7]
    assert refresh[0, 0] == arrive
    expected = cycles["nRFC"] - act_more + MISS_CYCLES[name] - 1
    assert result.latency_max_cycles == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_lone_write_ends_with_its_command(name: str) -> None:
    spec = device(name)
    result, log = logged(spec, np.array([[0, 1, 0, 0, 0]]), NO_REFRESH)
    table = Table(spec)
    names = [table.names[number] for number in log[:, 1].tolist()]
    assert [each for each in names if each not in ("ACT2", "CAS_WR")] == [names[0], "WR"]
    assert result.cycles * spec.ticks_per_clock == log[-1, 0]
    assert result.latency_counts.sum() == 0
    wait = table.need(names[0], "WR", table.target("WR", 0), table.target("WR", 0))
    cas = CAS_CYCLES.get(name, 0) * spec.ticks_per_clock
    edge = (1 + wait) % 2 == 0 and spec.ticks_per_clock == 2
    assert log[-1, 0] == log[0, 0] + wait + cas + edge
