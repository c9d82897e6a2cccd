"""Staggered refresh: one rank after the other, and the others at work meanwhile."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.names import COMMANDS
from simulator.hardware.dram.spec import DramDeviceSpec
from tests.hardware.dram.checker import violations
from tests.hardware.dram.devices import logged, organised, serve
from tests.hardware.dram.table import Table

STAGGERED = ControllerSpec(refresh="staggered")
TWO_SCOPES = {
    "ddr4-3200": {"ranks": 2},
    "ddr5-4800": {"ranks": 2},
    "hbm2-2000": {"pseudo_channels": 2},  # which it refreshes one by one, both ranks of each
    "hbm2-neupims-dual": {"ranks": 2},
    "lpddr5-6400": {"ranks": 2},
}
INTERVALS = 12


def two_scopes(name: str) -> DramDeviceSpec:
    return organised(name, **TWO_SCOPES[name])


def reads(spec: DramDeviceSpec, cycles_apart: int, banks: range) -> NDArray[np.int64]:
    """Reads of some banks and rows for some intervals."""
    count = INTERVALS * spec.cycles(spec.refresh_interval) // cycles_apart
    generator = np.random.default_rng(5)
    stream = np.zeros((count, 5), dtype=np.int64)
    stream[:, 0] = np.arange(count) * cycles_apart
    stream[:, 2] = generator.integers(banks.start, banks.stop, count)
    stream[:, 3] = generator.integers(0, 3, count)
    return stream


@pytest.mark.parametrize("name", TWO_SCOPES)
def test_each_scope_once_per_interval_and_half_an_interval_apart(name: str) -> None:
    spec = two_scopes(name)
    table = Table(spec)
    result, log = logged(spec, reads(spec, 40, range(spec.banks)), STAGGERED)
    assert violations(spec, log) == []
    done = log[log[:, 1] == COMMANDS["REFab"]]
    interval = table.ticks(spec.refresh_interval)
    assert abs(len(done) - 2 * result.cycles * spec.ticks_per_clock / interval) < 2
    np.testing.assert_array_equal(
        done[:, 2], table.scope_banks * (np.arange(len(done)) % 2), "the scopes in turn"
    )
    late = done[:, 0] - interval // 2 * np.arange(1, len(done) + 1)
    assert late.min() >= 0
    assert late.max() == result.refresh_late_cycles * spec.ticks_per_clock < interval / 20


@pytest.mark.parametrize("name", TWO_SCOPES)
def test_an_idle_channel_is_refreshed_in_time(name: str) -> None:
    """No row is open: each refresh comes in the very tick, but for the edge of a clock."""
    spec = two_scopes(name)
    far = np.array([[3 * spec.cycles(spec.refresh_interval) + 5, 0, 0, 0, 0]])
    result, log = logged(spec, far, STAGGERED)
    done = log[log[:, 1] == COMMANDS["REFab"], 0]
    half = Table(spec).ticks(spec.refresh_interval) // 2
    assert done[:6].tolist() == [half * turn for turn in range(1, 7)]
    assert result.refresh_late_cycles == 0


@pytest.mark.parametrize("name", ["ddr4-3200", "ddr5-4800", "hbm2-neupims-dual"])
def test_the_other_rank_is_served_while_one_waits_for_its_refresh(name: str) -> None:
    """The first refresh is due while rows of both ranks are in use: rank 0 opens none any more."""
    spec = two_scopes(name)
    half = spec.cycles(spec.refresh_interval) // 2
    rank_1 = spec.banks // 2
    stream = reads(spec, 10, range(rank_1, spec.banks))
    stream = stream[stream[:, 0] < half + 1000]
    last = np.array([[half - 25, 0, 0, 1, 0]])  # opens a row that may not be closed for nRAS
    stream = np.concatenate([stream, last])
    stream = stream[np.argsort(stream[:, 0], kind="stable")]
    served = {}
    for refresh, due in (("staggered", half), ("all_bank", 2 * half)):
        shifted = stream + np.array([due - half, 0, 0, 0, 0])
        controller = ControllerSpec(refresh=refresh)
        _, log = logged(spec, shifted, controller)
        assert violations(spec, log) == []
        first = log[(log[:, 1] == COMMANDS["REFab"]) & (log[:, 2] == 0)][0, 0]
        assert first > due
        waits = log[(log[:, 0] > due) & (log[:, 0] < first)]
        opened = waits[waits[:, 1] == COMMANDS["ACT"], 2]
        served[refresh] = len(opened)
        assert (opened >= rank_1).all()
    assert served["staggered"] > served["all_bank"] == 0


@pytest.mark.parametrize("name", TWO_SCOPES)
def test_a_stream_of_the_other_scope_hardly_knows_of_a_refresh(name: str) -> None:
    """It is refreshed itself; the refreshes of the first scope cost it next to nothing."""
    spec = two_scopes(name)
    half = Table(spec).scope_banks
    stream = reads(spec, 40, range(half, spec.banks))
    staggered = serve(spec, stream, STAGGERED)
    all_bank = serve(spec, stream, ControllerSpec())
    assert staggered.latency_mean_cycles <= 1.02 * all_bank.latency_mean_cycles


def test_one_scope_is_refreshed_as_by_all_bank_refresh() -> None:
    spec = organised("ddr4-3200", ranks=1)
    stream = reads(spec, 25, range(spec.banks))
    _, staggered = logged(spec, stream, STAGGERED)
    _, all_bank = logged(spec, stream, ControllerSpec())
    refreshes = [log[log[:, 1] == COMMANDS["REFab"], 0] for log in (staggered, all_bank)]
    assert len(refreshes[0]) == len(refreshes[1])
    assert np.abs(refreshes[0] - refreshes[1]).max() < spec.timing.cycles["nRC"]
