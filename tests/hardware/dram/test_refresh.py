"""Refreshes: as many as there are intervals, soon after they are due, each bank in turn."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.names import COMMANDS
from simulator.hardware.dram.spec import DramDeviceSpec
from tests.hardware.dram.devices import NAMES, device, logged, serve
from tests.hardware.dram.table import Table
from tests.hardware.dram.workloads import ARRAY_ROWS, Shape, rowrot

PER_BANK = [name for name in NAMES if "REFpb" in device(name).commands]
REQUESTS = 6000


def random_requests(spec: DramDeviceSpec, writes: float, cycles_apart: float) -> NDArray[np.int64]:
    """Requests to all banks and some rows, as fast as they are asked for."""
    generator = np.random.default_rng(11)
    count = REQUESTS
    arrive = np.sort(generator.uniform(0, count * cycles_apart, count))
    return np.stack(
        [
            arrive,
            generator.random(count) < writes,
            generator.integers(0, spec.banks, count),
            generator.integers(0, ARRAY_ROWS, count),
            generator.integers(0, spec.bursts_per_row, count),
        ],
        axis=1,
    ).astype(np.int64)


def refreshes(log: NDArray[np.int64], command: str) -> NDArray[np.int64]:
    """Tick and bank of each refresh."""
    return log[log[:, 1] == COMMANDS[command]][:, [0, 2]]


def latest(spec: DramDeviceSpec, column: tuple[str, ...]) -> int:
    """Ticks within which refreshes issue behind their due time; column: commands in use.

    Nothing new is begun. At most four rows per nFAW were opened within the last nRCD; the
    requests that they were opened for are served, no two further apart than the longest
    wait between column commands. Then the rows are closed, behind the longest of nRAS,
    nRTP and write recovery. One scope after the other is precharged, which takes nRP.
    """
    table = Table(spec)
    activate = "ACT1" if spec.split_activation else "ACT"
    to_column = longest(table, (activate,), column)
    opened = 4 * (1 + to_column // table.ticks("nFAW"))
    drain = to_column + opened * longest(table, column, column)
    close = max(
        longest(table, (activate,), ("PRE", "PREA")),
        drain + longest(table, column, ("PRE", "PREA")),
    )
    precharge = longest(table, ("PRE", "PREA"), ("REFab", "REFpb")) + 2 * spec.ticks_per_clock
    return close + precharge * (spec.banks // table.scope_banks)


def longest(table: Table, before: tuple[str, ...], after: tuple[str, ...]) -> int:
    """The longest wait between commands of two kinds."""
    names = list(table.device.commands)
    pairs = [(names.index(b), names.index(a)) for b in before for a in after if a in names]
    return max(int(table.needs[pair].max()) for pair in pairs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("writes", [0, 0.4])
def test_one_refresh_of_each_scope_per_interval(name: str, writes: float) -> None:
    spec = device(name)
    table = Table(spec)
    result, log = logged(spec, random_requests(spec, writes, cycles_apart=20))
    interval = table.ticks(spec.refresh_interval)
    done = refreshes(log, "REFab")
    scopes = range(0, spec.banks, table.scope_banks)
    slowest = latest(spec, ("RD", "WR") if writes else ("RD",))
    for first in scopes:
        ticks = done[done[:, 1] == first][:, 0]
        expected = int(result.cycles * spec.ticks_per_clock) // interval
        assert abs(len(ticks) - expected) <= 1
        due = interval * np.arange(1, len(ticks) + 1)
        assert (ticks >= due).all()
        assert (ticks <= due + slowest).all()
    assert result.refresh_late_cycles * spec.ticks_per_clock == late(done, interval, len(scopes))
    assert "REFpb" not in spec.commands or not len(refreshes(log, "REFpb"))


def late(done: NDArray[np.int64], interval: int, at_once: int) -> int:
    """The longest that one of refreshes, `at_once` per interval, came behind its due time."""
    due = interval * (1 + np.arange(len(done)) // at_once)
    return int((done[:, 0] - due).max())


@pytest.mark.parametrize("name", NAMES)
def test_a_refresh_of_an_idle_channel_is_on_time(name: str) -> None:
    """Rows are still open: they are precharged first."""
    spec = device(name)
    table = Table(spec)
    interval = spec.timing.cycles["nREFI"]
    apart = np.array([[0, 0, 0, 1, 0], [5 * interval, 0, 0, 1, 0]])
    result, log = logged(spec, apart)
    done = refreshes(log, "REFab")[:, 0]
    node = table.target("REFab", 0)
    precharge = table.need("PREA", "REFab", node, node)
    ticks = interval * spec.ticks_per_clock
    edges = spec.ticks_per_clock - 1
    scopes = spec.banks // table.scope_banks
    assert 0 <= done[0] - ticks - precharge <= edges
    assert (done[scopes::scopes] - ticks * np.arange(2, 2 + len(done[scopes::scopes])) <= 1).all()
    assert result.row_misses == 2


@pytest.mark.parametrize("name", PER_BANK)
def test_per_bank_refresh_visits_all_banks_in_turn(name: str) -> None:
    spec = device(name)
    table = Table(spec)
    assert spec.bank_refresh_interval is not None
    interval = table.ticks(spec.bank_refresh_interval)
    controller = ControllerSpec(refresh="per_bank")
    result, log = logged(spec, random_requests(spec, 0.3, cycles_apart=12), controller)
    done = refreshes(log, "REFpb")
    np.testing.assert_array_equal(done[:, 1], np.arange(len(done)) % spec.banks)
    assert len(done) > spec.banks
    assert not len(refreshes(log, "REFab"))
    expected = int(result.cycles * spec.ticks_per_clock) // interval
    backlog = 1 + latest(spec, ("RD", "WR")) // interval
    assert expected - backlog <= len(done) <= expected + 1
    assert result.refresh_late_cycles * spec.ticks_per_clock == late(done, interval, 1)
    assert late(done, interval, 1) <= latest(spec, ("RD", "WR"))


@pytest.mark.parametrize("name", PER_BANK)
def test_per_bank_refresh_leaves_the_other_banks_at_work(name: str) -> None:
    """Bank 0 is refreshed first; a stream of the others goes on meanwhile."""
    spec = device(name)
    stream = rowrot(Shape.of(spec), 2000)
    stream = stream[stream[:, 2] != 0]
    per_bank = serve(spec, stream, ControllerSpec(refresh="per_bank", page="closed"))
    none = serve(spec, stream, ControllerSpec(refresh="none", page="closed"))
    assert per_bank.commands["REFpb"] > 5
    assert none.cycles <= per_bank.cycles < 1.5 * none.cycles


@pytest.mark.parametrize("name", NAMES)
def test_no_refresh_issues_none(name: str) -> None:
    spec = device(name)
    result = serve(spec, random_requests(spec, 0.4, 20), ControllerSpec(refresh="none"))
    assert result.commands["REFab"] == result.commands.get("REFpb", 0) == 0
    assert result.commands["PREA"] == 0
    assert result.refresh_late_cycles == 0


@pytest.mark.parametrize("name", ["ddr4-3200", "lpddr4-2400"])
def test_a_device_without_per_bank_refresh_says_so(name: str) -> None:
    with pytest.raises(ValueError, match=f"refresh: {name!r} has no per-bank refresh"):
        serve(
            device(name), random_requests(device(name), 0, 20), ControllerSpec(refresh="per_bank")
        )
