"""Channels in the same state are simulated once, and it makes no difference."""

from __future__ import annotations

from hypothesis import given, settings

from simulator.hardware.dram.memory_spec import DramMemorySpec
from tests.hardware.dram.transfers import (
    BURST_BYTES,
    CHANNELS,
    CLIENTS,
    MEMORIES,
    NO_REFRESH,
    SPECS,
    STRIPE_BYTES,
    ApartMemory,
    Outcome,
    Transfer,
    let_pass,
    loads,
    memory,
    memory_spec,
    read,
)


def together_and_apart(spec: DramMemorySpec, transfers: list[Transfer]) -> Outcome:
    apart = let_pass(ApartMemory(spec, CLIENTS), transfers)
    assert let_pass(memory(spec), transfers) == apart
    return apart


@settings(max_examples=100)
@given(MEMORIES, loads(most=8))
def test_channels_simulated_once_do_as_channels_by_themselves(
    name: str, transfers: list[Transfer]
) -> None:
    together_and_apart(SPECS[name], transfers)


def test_only_what_differs_is_simulated_apart() -> None:
    shared = memory()
    shared.submit(*read(10 * STRIPE_BYTES)[1:])
    assert shared.statistics().groups == 1
    # Eight bytes on the second channel: it has a burst to read, the others have none.
    shared.submit(*read(8, BURST_BYTES)[1:])
    assert shared.statistics().groups == 2


def test_channels_are_one_again_when_they_are_idle_in_the_same_state() -> None:
    spec = memory_spec()
    met = memory(spec)
    met.submit(*read(8, BURST_BYTES)[1:])
    met.advance(5000)  # a refresh has closed the row
    met.collect()
    # Of three clients' turns, one has begun on the second channel: the same for all.
    met.submit(*read(8)[1:])
    met.advance(5000)
    for channel in (2, 3):
        met.submit(*read(8, channel * BURST_BYTES)[1:])
        met.advance(5000)
    assert len(met._groups) > 1
    met.submit(*read(STRIPE_BYTES)[1:])
    assert len(met._groups) == 1
    assert met.statistics().reads == 4


def one_after_the_other(gap: int, then: Transfer) -> list[Transfer]:
    """A burst of the same row on each channel, `gap` ticks apart, and what comes then."""
    lines = [read(8, channel * BURST_BYTES, gap) for channel in range(CHANNELS)]
    return [*lines, then]


def test_rows_that_were_opened_at_different_times_have_been_open_since() -> None:
    """Channels meet with open rows, which each has had open for a time of its own."""
    transfers = one_after_the_other(300, read(STRIPE_BYTES, gap=1000))
    found = together_and_apart(memory_spec(controller=NO_REFRESH), transfers)
    # Each row is open from the activation, a tick behind its first read, to the end.
    opened = [300 * (channel + 1) + 1 for channel in range(CHANNELS)]
    assert found.statistics["row_open_cycles"] == sum(found.end - tick for tick in opened)


def test_a_transfer_on_its_way_arrives_when_its_last_channel_is_done() -> None:
    """Channels meet while data is still on the path; they had it ready at different times."""
    spec = memory_spec(path_latency_s=1e-6)
    path = 880  # 1 us in cycles of 1.137 ns: 879.5
    found = together_and_apart(spec, one_after_the_other(100, read(STRIPE_BYTES, gap=100)))
    misses = [(100 * (channel + 1) + 30 + path, 0) for channel in range(CHANNELS)]
    assert found.completions == [*misses, (500 + 16 + path, 0)]


def test_the_latest_refresh_of_a_channel_is_not_forgotten() -> None:
    """One channel is reading when the first refresh is due; after the second all are alike."""
    interval = memory_spec().device.timing.cycles["nREFI"]
    lines = [read(8, channel * BURST_BYTES, gap=100) for channel in (0, 2, 3)]
    transfers = [
        read(8, BURST_BYTES, gap=interval - 10),
        *lines,
        read(STRIPE_BYTES, gap=2 * interval),
    ]
    found = together_and_apart(memory_spec(), transfers)
    # ACT one cycle behind the arrival, 9 before the refresh; a row is open for nRAS at
    # least, PREA closes it, nRP later the refresh issues, then that of the other half.
    assert found.statistics["refresh_late_cycles"] == -9 + (1 + 30) + 13 + 1


def test_a_row_that_is_half_open_is_not_idle() -> None:
    """LPDDR5 opens rows in two steps. Two channels open different rows of one bank together.

    The second channel reads the last burst of the seventh row, in bank 15 ^ 7; the
    first channel the first burst of the eighth row, in bank 0 ^ 8.
    """
    spec = memory_spec(
        "lpddr5-6400",
        channels=2,
        controller=NO_REFRESH | {"address_mapping": {"xor_banks_with_row": 4}},
    )
    row_bytes = 2 * spec.device.banks * spec.device.bursts_per_row * BURST_BYTES
    both = read(2 * BURST_BYTES, 8 * row_bytes - BURST_BYTES)
    for gap in range(1, 8):
        behind = read(8, 100 * row_bytes, gap)
        again = both._replace(gap=100)
        found = together_and_apart(spec, [both, behind, again])
        assert found.statistics["row_hits"] == 2
