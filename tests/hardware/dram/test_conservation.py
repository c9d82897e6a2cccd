"""Requests are served exactly once, whatever pieces they come in and whenever they come."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.hardware.dram.channel import Channel, ChannelResult, simulate_requests
from simulator.hardware.dram.controller import ControllerSpec
from tests.hardware.dram import workloads
from tests.hardware.dram.devices import NAMES, device, logged, serve
from tests.hardware.dram.laws import READS, check_conservation
from tests.hardware.dram.random_streams import Case, cases, streams
from tests.hardware.dram.workloads import Shape

LOG = 20_000


@pytest.mark.parametrize("kind", workloads.KINDS)
@pytest.mark.parametrize("name", ["ddr4-3200", "hbm2-2000", "hbm3-6400", "lpddr5-6400"])
def test_known_streams_are_served_once(name: str, kind: str) -> None:
    spec = device(name)
    stream = workloads.KINDS[kind](Shape.of(spec), 1000)
    result, log = logged(spec, stream)
    check_conservation(spec, stream, result, log)


@given(cases(), st.lists(st.integers(0, 50), max_size=8))
@settings(max_examples=100)
def test_any_pieces_give_what_the_whole_gives(case: Case, sizes: list[int]) -> None:
    whole = Channel(case.device, case.controller, bins=16, log_commands=LOG)
    whole.feed(case.stream, final=True)
    pieces = Channel(case.device, case.controller, bins=16, log_commands=LOG)
    start = 0
    for size in sizes:
        pieces.feed(case.stream[start : start + size], final=False)
        start += size
    pieces.feed(case.stream[start:], final=True)
    assert_same(pieces.result(), whole.result())
    np.testing.assert_array_equal(pieces.logged(), whole.logged())


@pytest.mark.parametrize("cut", range(1, 6))
def test_pieces_of_a_stream_with_a_row_hit_cap(cut: int) -> None:
    """A request for another row comes while a hit beyond the cap waits for its time."""
    stream = np.array([(0, 0, 0, 0, 0), (0, 0, 0, 0, 1), (25, 0, 0, 1, 0), (400, 0, 4, 0, 0)])
    controller = ControllerSpec(row_hit_cap=1, requests_per_clock=1)
    channel = Channel(device("ddr4-3200"), controller, log_commands=100)
    channel.feed(stream[:cut], final=False)
    channel.feed(stream[cut:], final=True)
    _, whole = logged(device("ddr4-3200"), stream, controller)
    np.testing.assert_array_equal(channel.logged(), whole)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ((0, 2, 0, 0, 0), "operation 2 of a request, expected 0 to 1"),
        ((0, 0, 16, 0, 0), "bank 16 of a request, expected 0 to 15"),
        ((0, 0, 0, -1, 0), "row -1 of a request"),
        ((0, 0, 0, 0, 128), "burst 128 of a request, expected 0 to 127"),
    ],
)
def test_requests_that_no_channel_has(request_: tuple[int, ...], message: str) -> None:
    channel = Channel(device("ddr4-3200"), ControllerSpec())
    with pytest.raises(ValueError, match=message):
        channel.feed(np.array([request_]), final=True)


@pytest.mark.parametrize("name", NAMES)
def test_latencies_add_up_from_arrival_to_data(name: str) -> None:
    """All fit into the queue at once, so that they enter it when they arrive."""
    spec = device(name)
    generator = np.random.default_rng(2)
    stream = np.zeros((60, 5), dtype=np.int64)
    stream[:, 0] = np.sort(generator.integers(0, 600, 60))
    stream[:, 2] = generator.integers(0, spec.banks, 60)
    stream[:, 3] = generator.integers(0, 3, 60)
    controller = ControllerSpec(read_queue=64, requests_per_clock=64)
    result, log = logged(spec, stream, controller)
    issued = log[np.isin(log[:, 1], READS), 0] / spec.ticks_per_clock
    complete = issued + spec.cycles(spec.read_latency)
    mean = complete.mean() - stream[:, 0].mean()
    assert result.latency_mean_cycles == pytest.approx(mean, abs=1e-9)
    shares = [result.latency_percentile(share) for share in (0.1, 0.5, 0.9, 1)]
    assert shares == sorted(shares)
    assert shares[-1] == result.latency_max_cycles


def test_a_full_log_ends_the_log_but_not_the_run() -> None:
    spec = device("ddr4-3200")
    stream = workloads.seqbg(Shape.of(spec), 100)
    result, log = logged(spec, stream, log_commands=10)
    assert result.reads == 100
    assert len(log) <= 10


def test_pieces_of_an_iterator_and_progress() -> None:
    spec = device("ddr4-3200")
    stream = workloads.rand(Shape.of(spec), 1000)
    seen: list[int] = []
    pieces = (stream[at : at + 300] for at in range(0, 1000, 300))
    result = simulate_requests(spec, ControllerSpec(), pieces, progress=seen.append)
    assert_same(result, serve(spec, stream), skip=("activity", "bin_cycles"))
    assert seen == [300, 600, 900, 1000]


def test_nothing_is_asked_for() -> None:
    result = simulate_requests(device("ddr4-3200"), ControllerSpec(), [])
    assert (result.cycles, result.reads, result.writes) == (0, 0, 0)
    assert result.latency_percentile(0.9) == 0
    assert not any(result.commands.values())


@given(st.sampled_from(NAMES), st.data())
@settings(max_examples=60)
def test_without_refresh_a_later_arrival_shifts_all_commands(
    name: str, data: st.DataObject
) -> None:
    spec, controller = device(name), ControllerSpec(refresh="none")
    stream = data.draw(streams(spec.banks))
    shift = data.draw(st.integers(1, 10**9))
    early, late = logged(spec, stream, controller), logged(spec, later(stream, shift), controller)
    assert_shifted(early, late, shift * spec.ticks_per_clock)


@given(st.sampled_from(NAMES), st.data())
@settings(max_examples=40)
def test_whole_refresh_intervals_later_all_is_as_before(name: str, data: st.DataObject) -> None:
    """Requests begin when the refresh before them is over, in an idle channel."""
    spec = device(name)
    interval = spec.timing.cycles["nREFI"]
    stream = later(data.draw(streams(spec.banks)), interval + interval // 2)
    shift = interval * data.draw(st.integers(1, 40))
    early, late = logged(spec, stream), logged(spec, later(stream, shift))
    assert_shifted(early, late, shift * spec.ticks_per_clock)


@pytest.mark.parametrize("name", NAMES)
def test_pictures_count_every_command(name: str) -> None:
    """Bins of time are halved in number again and again, and lose nothing."""
    spec = device(name)
    stream = workloads.triad(Shape.of(spec), 3000)
    channel = Channel(spec, ControllerSpec(), bins=16)
    channel.feed(stream, final=True)
    result = channel.result()
    reads, writes, activations, refreshes = result.activity.sum(axis=(1, 2))
    commands = result.commands
    assert reads == commands["RD"] + commands["RDA"]
    assert writes == commands["WR"] + commands["WRA"]
    assert activations == commands.get("ACT", commands.get("ACT1"))
    scope_banks = spec.banks // channel.tables.scopes
    assert refreshes == commands["REFab"] * scope_banks
    assert 16 * result.bin_cycles >= result.cycles > 4 * result.bin_cycles


def later(stream: NDArray[np.int64], cycles: int) -> NDArray[np.int64]:
    return stream + np.array([cycles, 0, 0, 0, 0])


def assert_shifted(
    early: tuple[ChannelResult, NDArray[np.int64]],
    late: tuple[ChannelResult, NDArray[np.int64]],
    ticks: int,
) -> None:
    """From the first request on, the later run does the same."""
    first = early[1].copy()
    second = late[1][len(late[1]) - len(first) :] - np.array([ticks, 0, 0, 0])
    begin = np.flatnonzero(first[:, 3] >= 0)[0]
    np.testing.assert_array_equal(first[begin:], second[begin:])
    for name in ("reads", "writes", "row_hits", "row_misses", "row_conflicts", "busy_cycles"):
        assert getattr(early[0], name) == getattr(late[0], name)
    assert early[0].latency_mean_cycles == late[0].latency_mean_cycles


def assert_same(one: ChannelResult, other: ChannelResult, skip: tuple[str, ...] = ()) -> None:
    for each in fields(ChannelResult):
        if each.name not in skip:
            np.testing.assert_equal(getattr(one, each.name), getattr(other, each.name), each.name)
