"""Stretches of a stream that were served before are passed, and it makes no difference."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.hardware.dram import memory as memory_module
from simulator.hardware.dram import stretches, tables
from simulator.hardware.dram.kernel import layout
from simulator.hardware.dram.memory import DramMemory
from simulator.hardware.dram.memory_spec import DramMemorySpec
from tests.hardware.dram.transfers import (
    CHANNELS,
    CLIENTS,
    FAR_AWAY,
    MEBIBYTE,
    MEMORIES,
    NO_REFRESH,
    SPECS,
    STRIPE_BYTES,
    Outcome,
    Transfer,
    let_pass,
    memory,
    memory_spec,
    read,
    write,
)

PATHS_S = (0.0, 40e-9, 300e-9)


@st.composite
def streams(draw: st.DrawFn) -> list[Transfer]:
    """A few long transfers and short ones, once or several times over."""
    transfers = []
    for _ in range(draw(st.integers(1, 5))):
        size = draw(st.integers(1, 300).map(lambda n: n * STRIPE_BYTES) | st.integers(1, 9000))
        place = draw(st.sampled_from([0, 1 << 13, 1 << 20, 1 << 24]))
        offset = draw(st.sampled_from([0, 0, 128, 4096, 40_960]))
        gap = draw(st.sampled_from([0, 0, 3, 50, 400, 2000]))
        is_write = draw(st.sampled_from([False, False, True]))
        transfers.append(Transfer(gap, draw(st.integers(0, 2)), size, is_write, place + offset))
    return transfers * draw(st.integers(1, 4))


def passed(busy: DramMemory) -> int:
    """Stretches that were not served burst by burst."""
    return int(busy._kernel.stretches[layout.X_PASSED])


def served(spec: DramMemorySpec, transfers: list[Transfer], pieces: list[int]) -> Outcome:
    """Every burst by itself."""
    return let_pass(DramMemory(spec, CLIENTS, every_event=True), transfers, pieces)


@pytest.fixture
def short_stretches() -> Iterator[None]:
    """So that even small transfers have some."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "STRETCH_BURSTS", 8)
        patch.setattr(memory_module, "STEP_TICKS", 300)
        yield


@settings(max_examples=100)
@given(
    MEMORIES,
    streams(),
    st.sampled_from([4, 8, 16]),
    st.sampled_from([64, 300, 1024]),
    st.lists(st.integers(1, 700), max_size=3),
    st.sampled_from(PATHS_S),
)
def test_passing_does_as_serving(
    name: str,
    transfers: list[Transfer],
    stretch: int,
    step: int,
    pieces: list[int],
    path_s: float,
) -> None:
    spec = SPECS[name].model_copy(update={"path_latency_s": path_s})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "STRETCH_BURSTS", stretch)
        patch.setattr(memory_module, "STEP_TICKS", step)
        assert let_pass(memory(spec), transfers) == served(spec, transfers, pieces)


@pytest.mark.parametrize("name", sorted(set(SPECS) - {"closed page"}))
@pytest.mark.parametrize("is_write", [False, True])
def test_a_long_stream_is_passed_but_for_what_is_new(name: str, is_write: bool) -> None:
    """Rows, refreshes and their places come together in new ways for a while."""
    busy = memory(SPECS[name])
    transfers = [Transfer(0, 0, 32 * MEBIBYTE, is_write, 0)]
    found = let_pass(busy, transfers)
    assert found == served(SPECS[name], transfers, [])
    per_channel = found.statistics["writes" if is_write else "reads"] / SPECS[name].channels
    assert passed(busy) * tables.STRETCH_BURSTS > 0.5 * per_channel


def test_what_never_comes_again_is_looked_for_rarely() -> None:
    """Reads that close their rows run against each other ever differently here."""
    busy = memory(SPECS["closed page"])
    found = let_pass(busy, [read(128 * MEBIBYTE)])
    assert passed(busy) < 100
    stretches_served = found.statistics["reads"] / CHANNELS / tables.STRETCH_BURSTS
    assert busy._kernel.stretches[layout.X_MISSED] < 0.4 * stretches_served


@pytest.mark.parametrize("name", ["plain", "path", "bank by bank"])
def test_channels_meet_again_all_the_same(short_stretches: None, name: str) -> None:
    """Passing leaves behind nothing by which idle channels would look different."""
    transfers = [read(1000 * n, 4096 * n, gap=3000) for n in range(1, 30)]
    groups = []
    for every_event in (False, True):
        busy = DramMemory(SPECS[name], CLIENTS, every_event=every_event)
        let_pass(busy, transfers)
        groups.append((busy.statistics().groups, len(busy._groups)))
    assert groups[0] == groups[1]


def test_nothing_is_passed_when_every_event_is_wanted() -> None:
    every = DramMemory(memory_spec(), CLIENTS, every_event=True)
    let_pass(every, [read(MEBIBYTE)])
    assert not len(every._kernel.stretches)


def test_a_write_that_waits_does_not_hinder(short_stretches: None) -> None:
    """It waits as long as there are reads, and grows older; only its place in line counts."""
    busy = memory()
    transfers = [read(MEBIBYTE), write(STRIPE_BYTES, FAR_AWAY, gap=20)]
    found = let_pass(busy, transfers)
    assert found == served(SPECS["plain"], transfers, [])
    assert found.completions[-1][1] == 1, "the write is last"
    assert passed(busy) * 8 > 0.5 * MEBIBYTE / STRIPE_BYTES


def test_memory_that_is_full_is_cleared(short_stretches: None) -> None:
    transfers = [read(256 * 1024), write(256 * 1024, FAR_AWAY), read(256 * 1024, MEBIBYTE)] * 3
    whole = memory()
    found = let_pass(whole, transfers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "TABLE_SIZE", 64)
        small = memory()
        assert let_pass(small, transfers) == found
    assert small._kernel.stretches[layout.X_STORED] <= 32 < whole._kernel.stretches[layout.X_STORED]


def test_without_refresh_a_stream_is_one_stretch_again_and_again(short_stretches: None) -> None:
    """Rows come in turn: after one round through all banks nothing is new."""
    spec = memory_spec(controller=NO_REFRESH, channels=1)
    busy = memory(spec)
    counts = spec.device.organisation.counts
    rounds = spec.device.bursts_per_row * spec.device.banks * spec.device.burst_bytes
    let_pass(busy, [read(8 * rounds)])
    learned = int(busy._kernel.stretches[layout.X_STORED])
    assert learned <= 2 * rounds // spec.device.burst_bytes // 8
    assert counts.pseudo_channels == 2 and CHANNELS == 4
    let_pass(busy, [read(16 * rounds, 8 * rounds)])
    assert busy._kernel.stretches[layout.X_STORED] - learned <= learned // 10


def test_constraints_that_last_for_ever_are_not_remembered() -> None:
    """An image has 31 bits for the time to a first legal tick."""
    settings = ("timing.cycles.nFAW=2000000000", "timing.cycles.nREFI=3000000000")
    slow = memory_spec("hbm2-1760", *settings, controller=NO_REFRESH)
    assert len(memory(memory_spec())._kernel.stretches)
    assert not len(memory(slow)._kernel.stretches)
