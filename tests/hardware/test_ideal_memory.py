"""The ideal memory: bandwidth, latency, fairness, nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.hardware.memory.ideal import IdealMemory
from simulator.hardware.memory.spec import IdealMemorySpec

PERIOD_FS = 1_000_000


def memory(
    bytes_per_cycle: float = 64,
    latency_s: float = 0.0,
    arbitration_bytes: int = 4096,
    clients: int = 4,
    period_fs: int = PERIOD_FS,
) -> IdealMemory:
    spec = IdealMemorySpec(
        device="test",
        capacity_bytes=2**40,
        bandwidth_bytes_per_s=bytes_per_cycle * 1e9,
        latency_s=latency_s,
        arbitration_bytes=arbitration_bytes,
    )
    return IdealMemory(spec, period_fs, clients)


def drain(model: IdealMemory) -> list[tuple[int, int]]:
    """Run to the end: (cycle, client) of each completion."""
    now, done = 0, []
    while (cycles := model.next_completion()) is not None:
        model.advance(cycles)
        now += cycles
        done += [(now, client) for client in model.collect()]
    return done


def test_a_transfer_takes_whole_beats_and_then_the_latency() -> None:
    model = memory(latency_s=100e-9)
    model.submit(0, 65, is_write=False)
    assert drain(model) == [(2 + 100, 0)]


@pytest.mark.parametrize(
    ("latency_s", "period_fs", "cycles"),
    [
        (100e-9, PERIOD_FS, 100),  # no binary rounding
        (3e-7, PERIOD_FS, 300),
        (100.5e-9, PERIOD_FS, 101),
        (100e-9, 1_063_830, 94),  # 94.0000… at 940 MHz rounded to whole femtoseconds: 93.99998
        (0.0, PERIOD_FS, 0),
    ],
)
def test_latency_is_rounded_up_to_cycles(latency_s: float, period_fs: int, cycles: int) -> None:
    assert memory(latency_s=latency_s, period_fs=period_fs).latency_cycles == cycles


@pytest.mark.parametrize(
    ("bytes_per_cycle", "size", "beats"),
    [(64, 1, 1), (64, 64, 1), (64, 65, 2), (0.5, 1, 2), (7.3, 73, 10), (7.3, 74, 11), (900, 1, 1)],
)
def test_beats(bytes_per_cycle: float, size: int, beats: int) -> None:
    assert memory(bytes_per_cycle).beats(size) == beats


def test_latency_is_pipelined() -> None:
    model = memory(latency_s=50e-9)
    for _ in range(3):
        model.submit(0, 640, is_write=False)
    assert drain(model) == [(60, 0), (70, 0), (80, 0)]


def test_clients_take_turns_of_the_arbitration_size() -> None:
    model = memory(arbitration_bytes=128)
    model.submit(2, 64 * 5, is_write=False)
    model.submit(0, 64 * 3, is_write=True)
    # Client 0: beats 1 2, 5; client 2: beats 3 4, 6 7, 8.
    assert drain(model) == [(5, 0), (8, 2)]
    assert (model.counters.read_bytes, model.counters.write_bytes) == (320, 192)
    assert model.counters.busy_cycles == 8


def test_a_turn_goes_on_into_the_next_transfer() -> None:
    model = memory(arbitration_bytes=256)
    for _ in range(3):
        model.submit(0, 64 * 3, is_write=False)
    model.submit(1, 64 * 4, is_write=False)
    # Client 0 has beats 1–4 (all of the first transfer, one beat of the second),
    # client 1 beats 5–8, client 0 the rest.
    assert drain(model) == [(3, 0), (8, 1), (10, 0), (13, 0)]


def test_the_first_competitor_is_served_at_once() -> None:
    model = memory(arbitration_bytes=640)
    model.submit(0, 64 * 100, is_write=False)
    model.advance(3)
    model.submit(1, 64 * 2, is_write=False)
    assert model.next_completion() == 2
    assert drain(model) == [(2, 1), (99, 0)]


def test_the_order_of_arrivals_in_a_cycle_does_not_matter() -> None:
    finished = []
    for order in ((0, 1, 2), (2, 0, 1)):
        model = memory(arbitration_bytes=64)
        for client in order:
            model.submit(client, 64 * (3 + client), is_write=False)
        finished.append(drain(model))
    assert finished[0] == finished[1]


def test_a_long_contest_is_closed_form() -> None:
    model = memory(arbitration_bytes=64)
    for client in range(4):
        model.submit(client, 64 * 10**12, is_write=False)
    # Turns of one beat: client i ends with beat i + 1 of the last round.
    assert drain(model) == [(4 * 10**12 - 3 + client, client) for client in range(4)]


# -- laws ------------------------------------------------------------------------
class OneBeatAtATime:
    """The same memory written as a loop over beats: who is served in each cycle."""

    def __init__(self, model: IdealMemory) -> None:
        self.model = model
        self.waiting: list[list[int]] = [[] for _ in range(4)]
        self.last, self.turn, self.now = 3, 0, 0
        self.done: list[tuple[int, int]] = []

    def step(self) -> None:
        self.now += 1
        active = [client for client in range(4) if self.waiting[client]]
        if not active:
            self.turn = 0
            return
        if not (self.turn and self.last in active):
            self.last = min(active, key=lambda client: (client <= self.last, client))
            self.turn = self.model.turn_beats
        self.turn = self.turn - 1 if len(active) > 1 else 0
        self.waiting[self.last][0] -= 1
        if not self.waiting[self.last][0]:
            self.waiting[self.last].pop(0)
            self.done.append((self.now + self.model.latency_cycles, self.last))


ARRIVALS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 3), st.integers(1, 2000), st.booleans()),
    min_size=1,
    max_size=15,
)


@given(ARRIVALS, st.sampled_from([1, 64, 200, 640]), st.sampled_from([0.0, 1e-9, 20e-9]))
def test_it_equals_the_memory_stepped_beat_by_beat(
    arrivals: list[tuple[int, int, int, bool]], arbitration_bytes: int, latency_s: float
) -> None:
    model = memory(latency_s=latency_s, arbitration_bytes=arbitration_bytes)
    stepped = OneBeatAtATime(model)
    now, done, busy = 0, [], 0
    for gap, client, size, is_write in arrivals:
        for _ in range(gap):
            busy += any(stepped.waiting)
            stepped.step()
        # In one step, or in steps: it makes no difference.
        while (cycles := model.next_completion()) is not None and cycles <= gap:
            model.advance(cycles)
            now, gap = now + cycles, gap - cycles
            done += [(now, each) for each in model.collect()]
        model.advance(gap)
        now += gap
        model.submit(client, size, is_write)
        stepped.waiting[client].append(model.beats(size))
    done += [(now + cycle, client) for cycle, client in drain(model)]
    while any(stepped.waiting):
        busy += 1
        stepped.step()
    assert done == stepped.done
    # Work conserving: a beat in every cycle with a transfer waiting, and no other.
    assert model.counters.busy_cycles == busy
    assert model.counters.busy_cycles == sum(model.beats(size) for _, _, size, _ in arrivals)
    # Nothing lost.
    assert model.counters.read_bytes == sum(size for _, _, size, write in arrivals if not write)
    assert model.counters.write_bytes == sum(size for _, _, size, write in arrivals if write)


@given(ARRIVALS, st.lists(st.integers(0, 30), max_size=20))
def test_advancing_in_steps_is_advancing_at_once(
    arrivals: list[tuple[int, int, int, bool]], steps: list[int]
) -> None:
    at_once, in_steps = memory(arbitration_bytes=200), memory(arbitration_bytes=200)
    for gap, client, size, is_write in arrivals:
        at_once.advance(gap)
        for step in steps:
            in_steps.advance(min(step, gap))
            gap -= min(step, gap)
        in_steps.advance(gap)
        assert at_once.signature() == in_steps.signature()
        at_once.submit(client, size, is_write)
        in_steps.submit(client, size, is_write)
    assert drain(at_once) == drain(in_steps)


@given(st.lists(st.integers(1, 20_000), min_size=2, max_size=4), st.integers(1, 3000))
def test_shares_differ_by_no_more_than_a_turn(sizes: list[int], arbitration_bytes: int) -> None:
    model = memory(arbitration_bytes=arbitration_bytes)
    for client, size in enumerate(sizes):
        model.submit(client, size, is_write=False)
    smallest = min(model.beats(size) for size in sizes)
    first, _ = drain(model)[0]
    # Whoever is through first has waited for at most one turn more of each other.
    others = len(sizes) - 1
    assert first <= smallest * len(sizes) + others * model.turn_beats
    assert sum(model.beats(size) for size in sizes) == model.counters.busy_cycles
