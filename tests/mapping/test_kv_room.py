"""Room for keys and values, in bytes and in rows of channels."""

from __future__ import annotations

import pytest

from simulator.config import CyclelabError
from simulator.experiment import load_experiment
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.mapping.kv_room import ChannelRoom, SharedRoom
from simulator.mapping.pim.layout import CachedRequest, rows_beside


@pytest.fixture(scope="module")
def memory() -> DramMemorySpec:
    """32 channels with rows of 32 KB over all banks."""
    found = load_experiment("neupims_gpt3_7b_b64").spec.machine.memory
    assert isinstance(found, DramMemorySpec)
    return found


def room(memory: DramMemorySpec, rows: int = 1000, policy: str = "greedy") -> ChannelRoom:
    """For two layers of eight heads of 128."""
    return ChannelRoom(
        memory=memory,
        shape=lambda tokens: CachedRequest(tokens, 8, 1, 128, None),
        layers=2,
        rows=rows,
        policy=policy,  # type: ignore[arg-type]
    )


def test_bytes_are_shared() -> None:
    shared = SharedRoom(1000, lambda tokens: 10 * tokens)
    assert shared.admit(1, 40, 60) and shared.used_share == 0.6
    assert not shared.admit(2, 41, 41)
    assert shared.admit(2, 40, 40)
    assert shared.grow(1, 60), "60 have been reserved"
    assert not shared.grow(1, 61)
    assert set(shared.rivals_of(1)) == {1, 2}
    shared.release(2)
    assert shared.grow(1, 61) and shared.used_bytes == 610


def test_bytes_of_one_request() -> None:
    with pytest.raises(CyclelabError, match=r"1,010 bytes of KV cache.*10 bytes missing"):
        SharedRoom(1000, lambda tokens: 10 * tokens).check(101)


def test_rows_of_a_request(memory: DramMemorySpec) -> None:
    """100 tokens: 4 tiles for each of 2 x 4 heads' keys, 4 for each of 8 heads' values: 40 rows
    in each of 2 layers."""
    made = room(memory, rows=80)
    made.check(100)
    with pytest.raises(CyclelabError, match=r"takes 84 rows .* there are 80 \(131,072 bytes miss"):
        made.check(129)  # a tile more of keys for both halves of the heads: 2 x 42 rows
    assert made.admit(0, 100, 100) and made.held[0] == 80


def test_requests_stay_on_their_channel_and_grow_there(memory: DramMemorySpec) -> None:
    made = room(memory, rows=168)
    assert all(made.admit(each, 100, 100) for each in range(33))
    first, last = made.channel_of(0), made.channel_of(32)
    assert first == last == 0, "the 33rd joins the first"
    assert set(made.rivals_of(0)) == {0, 32}
    assert made.grow(0, 129) and made.channel_of(0) == 0
    assert made.grow(32, 129), "84 + 84 rows of 168"
    assert not made.grow(0, 161), "another tile of keys"
    made.release(32)
    assert made.grow(0, 161)


def test_greedy_takes_the_channel_with_least_work(memory: DramMemorySpec) -> None:
    made = room(memory, rows=30_000)
    assert made.admit(0, 2000, 2000)
    for each in range(1, 32):
        made.admit(each, 500, 500)
    assert {made.channel_of(each) for each in range(32)} == set(range(32))
    for each in range(32, 63):
        made.admit(each, 500, 500)
    assert made.channel_of(0) not in {made.channel_of(each) for each in range(32, 63)}


def test_round_robin_takes_the_next_channel(memory: DramMemorySpec) -> None:
    made = room(memory, rows=100, policy="round_robin")
    for each in range(32):
        made.admit(each, 30, 30)
        assert made.channel_of(each) == each
    made.release(5)
    assert made.admit(40, 100, 100) and made.channel_of(40) == 5, "no other has room"


def test_weights_take_rows_of_all_channels(memory: DramMemorySpec) -> None:
    """A row of all banks of all 32 channels is 1 MiB; one is for vectors."""
    assert rows_beside(memory, 0) == 32_767
    assert rows_beside(memory, 2**20 + 1) == 32_765
