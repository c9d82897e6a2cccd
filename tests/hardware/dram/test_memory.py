"""Memory of DRAM channels: time passes in any pieces, nothing is late, nothing is lost."""

from __future__ import annotations

from dataclasses import asdict
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simulator.hardware.dram.kernel import layout
from simulator.hardware.dram.memory_spec import DramMemorySpec
from tests.hardware.dram.transfers import (
    BURST_BYTES,
    CLIENTS,
    FAR_AWAY,
    MEMORIES,
    NO_REFRESH,
    SPECS,
    STRIPE_BYTES,
    ApartMemory,
    Transfer,
    bursts,
    let_pass,
    loads,
    memory,
    memory_spec,
    read,
    tick_by_tick,
    write,
)

EXAMPLES = settings(max_examples=25)


# -- time passes in any pieces -----------------------------------------------------
@settings(max_examples=50)
@given(MEMORIES, loads(), st.lists(st.integers(1, 200), min_size=1, max_size=8))
@example(
    "bank by bank",
    [
        Transfer(49, 1, 7731, False, 6_814_848),
        Transfer(32, 0, 197, False, 7336),
        Transfer(1, 0, 6016, True, 16_266),
    ],
    [1],
)
@example(
    "half clocks",
    [Transfer(1, 2, 11_451, False, 9856), Transfer(8, 2, 3368, True, 33_945_043)],
    [1],
)
def test_time_may_pass_in_any_pieces(
    name: str, transfers: list[Transfer], pieces: list[int]
) -> None:
    spec = SPECS[name]
    stepped = tick_by_tick(memory(spec), transfers)
    assert let_pass(memory(spec), transfers) == stepped
    assert let_pass(memory(spec), transfers, pieces) == stepped


@settings(max_examples=50)
@given(MEMORIES.filter(lambda name: name != "two steps"), loads())
@example("plain", [read(1), read(640, 66_306_048), write(1, client=0)])
@example("one read at a time", [read(768), write(104, 19_075_072, client=0)])
@example("half clocks", [write(12_672, client=0), read(1)])
def test_nothing_is_done_in_a_tick_that_has_passed(name: str, transfers: list[Transfer]) -> None:
    """Reads and writes issue in the tick in which they are counted.

    Not so where a CAS command comes one tick before them (LPDDR): both are done at once.
    """
    busy = ApartMemory(SPECS[name], CLIENTS)
    device = SPECS[name].device
    read_ticks = device.cycles(device.read_latency) * device.ticks_per_clock
    ends = let_pass(memory(SPECS[name]), transfers).end
    waiting = list(transfers)
    gap, counted = waiting[0].gap, (0, 0)
    for now in range(ends + 1):
        while waiting and not gap:
            busy.submit(*waiting.pop(0)[1:])
            gap = waiting[0].gap if waiting else -1
        busy.advance(1)
        gap -= 1
        busy.collect()
        busy._pass_time()
        state = busy._groups[0].present()
        before, counted = counted, (int(state[layout.C_READS]), int(state[layout.C_WRITES]))
        if counted[0] > before[0]:
            assert state[layout.C_LAST_READ] - read_ticks == now + 1
        if counted[1] > before[1]:
            assert state[layout.C_LAST_WRITE] == now + 1


def check_announcements(spec: DramMemorySpec, transfers: list[Transfer]) -> None:
    """Asked in every tick, it names one that nothing has completed before."""
    due = {tick for tick, _ in tick_by_tick(memory(spec), transfers).completions}
    asked = memory(spec)
    now, waiting = 0, list(transfers)
    gap = waiting[0].gap
    announced: list[int] = []
    while due:
        while waiting and not gap:
            asked.submit(*waiting.pop(0)[1:])
            gap = waiting[0].gap if waiting else -1
            announced = []  # with nothing else submitted
        cycles = asked.next_completion()
        if cycles is not None:
            assert cycles >= 1
            announced.append(now + cycles)
        asked.advance(1)
        now, gap = now + 1, gap - 1
        if asked.collect():
            assert now in due, "asking has changed nothing"
            due.remove(now)
            assert max(announced) <= now
            announced = []
    assert asked.next_completion() is None
    assert not waiting


@settings(max_examples=50)
@given(MEMORIES, loads())
def test_the_next_completion_is_never_later_than_announced(
    name: str, transfers: list[Transfer]
) -> None:
    check_announcements(SPECS[name], transfers)


@pytest.mark.parametrize(
    "controller",
    [
        {},
        {"read_queue": 1},
        {"read_queue": 2, "write_queue": 5},
        {"requests_per_clock": 1},
        {"requests_per_clock": 2, "scheduler": "fcfs"},
    ],
)
def test_a_write_that_slips_in_between_reads_is_announced_in_time(
    controller: dict[str, Any],
) -> None:
    """With a short queue, or few requests in a cycle, no read waits every now and then."""
    for size in (8, 5 * STRIPE_BYTES):
        reads = [read(400 * STRIPE_BYTES), read(400 * STRIPE_BYTES, 8 * FAR_AWAY, client=2)]
        writes = [write(size, FAR_AWAY, gap=gap) for gap in (0, 3, 100)]
        check_announcements(memory_spec(controller=controller), [*reads, *writes])


@pytest.mark.parametrize("burst_cycles", [2, 4, 8])
def test_the_end_of_a_perfect_stream_is_announced_in_time(burst_cycles: int) -> None:
    """All rows open, every cycle of both data buses used, whatever a burst takes of them."""
    spec = memory_spec(
        "hbm2-1760",
        *(f"timing.cycles.{name}={burst_cycles}" for name in ("nBL", "nCCDS", "nCCDL")),
        channels=1,
        controller=NO_REFRESH,
    )
    check_announcements(spec, [read(256 * BURST_BYTES)])
    check_announcements(spec, [read(255 * BURST_BYTES, BURST_BYTES)])


@EXAMPLES
@given(MEMORIES, loads(), st.integers(0, 300))
def test_asking_changes_nothing(name: str, transfers: list[Transfer], ticks: int) -> None:
    asked = memory(SPECS[name])
    for each in transfers:
        asked.advance(each.gap)
        asked.submit(*each[1:])
    asked.advance(ticks)
    asked._pass_time()
    before = [group.present().copy() for group in asked._groups]
    answers = [
        (asked.next_completion(), asdict(asked.counters), asked.statistics()) for _ in range(2)
    ]
    assert answers[0] == answers[1]
    for group, state in zip(asked._groups, before, strict=True):
        assert (group.present() == state).all()


def test_a_memory_with_nothing_to_do_has_nothing_due() -> None:
    idle = memory()
    assert idle.next_completion() is None
    idle.advance(10_000)
    assert idle.collect() == [] and idle.next_completion() is None
    # Two refreshes of 4 channels' 2 pseudo channels each, in 10,000 of 3430 cycles.
    assert idle.statistics().commands["REFab"] == 2 * 4 * 2


# -- nothing is lost ---------------------------------------------------------------
@EXAMPLES
@given(MEMORIES, loads())
def test_every_burst_is_moved_once(name: str, transfers: list[Transfer]) -> None:
    spec = SPECS[name]
    found = let_pass(memory(spec), transfers)
    reads, writes = (
        bursts(transfers, is_write, spec.device.burst_bytes) for is_write in (False, True)
    )
    counted, commands = found.statistics, found.statistics["commands"]
    assert (counted["reads"], counted["writes"]) == (reads, writes)
    assert commands["RD"] + commands["RDA"] == reads
    assert commands["WR"] + commands["WRA"] == writes
    opened = counted["row_hits"], counted["row_misses"], counted["row_conflicts"]
    assert sum(opened) == reads + writes
    activations = commands.get("ACT", 0) + commands.get("ACT1", 0)
    assert activations == commands.get("ACT2", activations)
    assert activations >= counted["row_misses"]
    assert found.bytes == tuple(
        sum(each.size_bytes for each in transfers if each.is_write == is_write)
        for is_write in (False, True)
    )
    # Each burst has a data bus to itself for its time, and the average is over all buses.
    device = spec.device
    buses = spec.channels * device.organisation.counts.pseudo_channels
    burst_ticks = device.burst_cycles * device.ticks_per_clock
    assert counted["busy_share"] * found.end * buses == pytest.approx(
        (reads + writes) * burst_ticks
    )
    assert counted["busy_share"] <= 1


@EXAMPLES
@given(MEMORIES, loads())
def test_a_clients_transfers_complete_in_order(name: str, transfers: list[Transfer]) -> None:
    """Bytes are counted transfer by transfer, each when its client is named."""
    busy = memory(SPECS[name])
    for each in transfers:
        busy.submit(*each[1:])
    sums = [
        [0, *accumulate(each.size_bytes for each in transfers if each.client == client)]
        for client in range(CLIENTS)
    ]
    completed = [0] * CLIENTS
    while (cycles := busy.next_completion()) is not None:
        busy.advance(cycles)
        for client in busy.collect():
            completed[client] += 1
        moved = busy.counters.read_bytes + busy.counters.write_bytes
        assert moved == sum(sizes[count] for sizes, count in zip(sums, completed, strict=True))
    assert completed == [len(sizes) - 1 for sizes in sums]


@pytest.mark.parametrize(
    ("address", "size_bytes", "expected"),
    [
        (0, 32, 1),
        (0, 33, 2),
        (31, 1, 1),
        (31, 2, 2),
        (127, 2, 2),  # the last byte of the stripe's last chunk, and one of the next stripe
        (16, 512, 17),
        (128, 128, 4),
    ],
)
def test_partial_bursts_at_the_ends(address: int, size_bytes: int, expected: int) -> None:
    found = let_pass(memory(), [read(size_bytes, address)])
    assert found.statistics["reads"] == expected
    assert found.bytes == (size_bytes, 0)


def test_what_the_engine_reads() -> None:
    spec = memory_spec(queue_depth=5)
    plain = memory(spec)
    assert plain.slots == 5
    assert plain.alignment_bytes == STRIPE_BYTES
    assert plain.period_fs == 1_137_000
    assert memory(memory_spec("hbm3-6400")).period_fs == 625_000 // 2, "ticks are half clocks"
