"""Which channel a request's keys and values are on, and in which rows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.config import CyclelabError
from simulator.mapping.pim.layout import (
    CachedRequest,
    channels_for,
    estimated_cycles,
    place_rows,
)
from tests.mapping.pim.requests import memory, request, requests

TWO, FOUR = memory(2), memory(4)
DEVICE = FOUR.device


def of_lengths(*contexts: int) -> list[CachedRequest]:
    return [request(context) for context in contexts]


# -- channels ----------------------------------------------------------------------
def test_greedy_by_hand() -> None:
    """Longest first, each to the channel with least to do; the first of equal ones."""
    cost = {context: estimated_cycles(DEVICE, request(context)) for context in (32, 64, 96, 128)}
    assert cost == {32: 3173, 64: 3386, 96: 3599, 128: 3876}
    # 128 to channel 0 (3876), 96 to 1 (3599), 64 to 1 (6985), 64 to 0 (7262), 32 to 1.
    assert channels_for(TWO, of_lengths(64, 128, 96, 32, 64), "greedy") == [1, 0, 1, 1, 0]


def test_greedy_keeps_the_order_of_equal_requests() -> None:
    assert channels_for(FOUR, of_lengths(70, 70, 70, 70, 70), "greedy") == [0, 1, 2, 3, 0]


def test_round_robin_takes_turns_in_the_order_given() -> None:
    assert channels_for(TWO, of_lengths(5, 900, 7, 900, 9), "round_robin") == [0, 1, 0, 1, 0]


def test_a_listed_channel_is_kept_and_counts() -> None:
    """A long one is on channel 0 already: 80 go to 1, 70 to 2, 60 to 3, which has least then."""
    listed = [request(2000, channel=0), *of_lengths(50, 60, 70, 80)]
    assert channels_for(FOUR, listed, "greedy") == [0, 3, 3, 2, 1]
    # Taking turns does not look at loads, and those listed take no turn.
    assert channels_for(FOUR, listed, "round_robin") == [0, 0, 1, 2, 3]


@pytest.mark.parametrize("channel", [4, 99, -1])
@pytest.mark.parametrize("policy", ["greedy", "round_robin"])
def test_a_channel_that_is_not_there(channel: int, policy: str) -> None:
    with pytest.raises(CyclelabError) as caught:
        channels_for(FOUR, [request(1234, channel=channel)], policy)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"workload.running: a request of 1,234 tokens is on channel {channel}; the memory has 4 "
        "channels, 0 to 3 (ch_idx in the file; channels: mapped gives them new ones)"
    )


@settings(max_examples=40)
@given(st.lists(requests(), min_size=1, max_size=12), st.integers(1, 5))
def test_greedy_is_never_far_from_the_best(group: list[CachedRequest], count: int) -> None:
    """List scheduling: the busiest channel has at most the average and one request more."""
    chosen = channels_for(memory(count), group, "greedy")
    assert len(chosen) == len(group) and set(chosen) <= set(range(count))
    loads = [0] * count
    for each, channel in zip(group, chosen, strict=True):
        loads[channel] += estimated_cycles(DEVICE, each)
    assert max(loads) <= sum(loads) / count + max(estimated_cycles(DEVICE, each) for each in group)


# -- rows --------------------------------------------------------------------------
def rows_of(
    group: list[CachedRequest], channels: list[int], first: list[int]
) -> list[tuple[int, int]]:
    return [
        (channel, row)
        for each, channel, begin in zip(group, channels, first, strict=True)
        for row in range(begin, begin + each.rows(DEVICE))
    ]


@given(st.lists(requests(300), min_size=1, max_size=8), st.integers(1, 3), st.data())
def test_requests_of_a_channel_share_no_row(
    group: list[CachedRequest], count: int, data: st.DataObject
) -> None:
    """Nor do they take row 0, from which vectors are loaded, or rows that are not there."""
    channels = [data.draw(st.integers(0, count - 1)) for _ in group]
    fullest = max(
        sum(r.rows(DEVICE) for r, c in zip(group, channels, strict=True) if c == channel)
        for channel in range(count)
    )
    spare = data.draw(st.sampled_from([1, 2, 10, 1000]))
    spec = memory(count, f"organisation.counts.rows={_power_of_two(fullest + spare)}")
    first = place_rows(spec, group, channels, 1)
    taken = rows_of(group, channels, first)
    assert len(set(taken)) == len(taken)
    assert all(0 < row < spec.device.organisation.counts.rows for _, row in taken)


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()


def test_rows_begin_in_the_middle_of_the_banks() -> None:
    """Weights and activations lie below. A request of 100 tokens takes 20 rows (4 + 4 × 4)."""
    half = DEVICE.organisation.counts.rows // 2
    assert place_rows(TWO, of_lengths(100, 100, 100), [0, 1, 0], 1) == [half, half, half + 20]


def test_a_cache_that_does_not_fit_says_by_how_much() -> None:
    """20 rows a request and layer, of 32 KiB in all banks: 3 × 20 × 2 of 64 rows, one of
    which the vectors take."""
    small = memory(2, "organisation.counts.rows=64")
    group = of_lengths(100, 100, 100, 100)
    with pytest.raises(CyclelabError) as caught:
        place_rows(small, group, [1, 1, 0, 1], 2)
    assert str(caught.value) == (
        "the KV cache does not fit channel 1 of the memory: its 3 requests need 120 rows of "
        f"every bank in 2 layers ({120 * 32768:,} bytes), and beside the weights there are 63 "
        f"({57 * 32768:,} bytes missing); use a smaller batch or more channels"
    )


def test_weights_take_room_on_every_channel() -> None:
    """63 rows, of which 20 × 3 are for a request in three layers, leave 3 for weights."""
    small = memory(2, "organisation.counts.rows=64")
    group = of_lengths(100)
    place_rows(small, group, [0], 3, weight_bytes=2 * 3 * 32768)
    with pytest.raises(CyclelabError, match=r"beside the weights there are 59 \(32,768 bytes miss"):
        place_rows(small, group, [0], 3, weight_bytes=2 * 3 * 32768 + 1)


def test_the_caches_of_all_micro_batches_take_room() -> None:
    small = memory(2, "organisation.counts.rows=64")
    group = of_lengths(100)
    place_rows(small, group, [0], 3)
    with pytest.raises(CyclelabError, match="1 requests of each of 2 micro-batches need 120 rows"):
        place_rows(small, group, [0], 3, 2)


def test_a_cache_fits_to_the_last_row() -> None:
    """63 rows of 64: 3 requests of 20 and one of 32 tokens and a single head of 64."""
    small = memory(1, "organisation.counts.rows=64")
    last = request(32, heads=1, head_dim=64)
    assert last.rows(DEVICE) == 1 + 2
    place_rows(small, [*of_lengths(100, 100, 100), last], [0] * 4, 1)
    with pytest.raises(CyclelabError, match=r"need 64 rows .* there are 63 \(32,768 bytes missing"):
        place_rows(small, [*of_lengths(100, 100, 100), request(64, 1, 1, 64)], [0] * 4, 1)
