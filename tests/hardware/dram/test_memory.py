"""Memory of DRAM channels: when transfers complete, what is counted, who shares with whom."""

from __future__ import annotations

from dataclasses import asdict
from itertools import accumulate, pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simulator.hardware.dram.kernel import layout
from simulator.hardware.dram.memory import DramMemory
from simulator.hardware.dram.memory_spec import DramMemorySpec
from tests.hardware.dram.transfers import (
    BURST_BYTES,
    CHANNELS,
    CLIENTS,
    MEMORIES,
    SPECS,
    STRIPE_BYTES,
    ApartMemory,
    Outcome,
    Transfer,
    bursts,
    let_pass,
    loads,
    memory_spec,
    tick_by_tick,
)

EXAMPLES = settings(max_examples=25)
MEBIBYTE = 1 << 20
FAR_AWAY = 1 << 25
NO_REFRESH = {"refresh": "none"}


def memory(spec: DramMemorySpec | None = None) -> DramMemory:
    return DramMemory(spec or SPECS["plain"], CLIENTS)


def read(size_bytes: int, address: int = 0, gap: int = 0, client: int = 0) -> Transfer:
    return Transfer(gap, client, size_bytes, False, address)


def write(size_bytes: int, address: int = 0, gap: int = 0, client: int = 1) -> Transfer:
    return Transfer(gap, client, size_bytes, True, address)


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
    before = [group.state.copy() for group in asked._groups]
    answers = [
        (asked.next_completion(), asdict(asked.counters), asked.statistics()) for _ in range(2)
    ]
    assert answers[0] == answers[1]
    for group, state in zip(asked._groups, before, strict=True):
        assert (group.state == state).all()


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


# -- channels in the same state are simulated once ---------------------------------
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


# -- with a pencil -----------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "cycles"),
    [
        # A request enters a cycle behind its arrival: ACT, then nRCD, then nCL and nBL.
        ("ddr4-3200", 1 + 22 + 22 + 4),
        ("hbm2-1760", 1 + (1 + 13) + 13 + 2),  # ACT takes two cycles
        ("lpddr5-6400", 1 + 15 + 1 + 17 + 2),  # CAS starts the data clock first
    ],
)
@pytest.mark.parametrize("path_s", [0.0, 100e-9])
def test_one_burst_from_an_idle_memory(name: str, cycles: int, path_s: float) -> None:
    spec = memory_spec(name, path_latency_s=path_s)
    clock_s = spec.device.timing.clock_ps * 1e-12
    path = -int(-path_s // clock_s)
    assert let_pass(memory(spec), [read(8)]).completions == [(cycles + path, 0)]


def test_a_row_hit_and_a_write() -> None:
    # The row is open: RD one cycle behind the arrival, 1 + nCL + nBL.
    hit = let_pass(memory(), [read(32), read(32, STRIPE_BYTES * 8, gap=100)])
    assert hit.completions == [(30, 0), (100 + 1 + 13 + 2, 0)]
    # ACT in cycle 1, WR 1 + nRCDWR later, its data nCWL + nBL behind it.
    assert let_pass(memory(), [write(32)]).completions == [(1 + (1 + 11) + 5 + 2, 1)]


def test_bursts_of_one_channel_alternate_between_pseudo_channels() -> None:
    # 8 bursts: ACTs to 2 pseudo channels and 4 bank groups from cycle 1, every second
    # one on the row bus, those of a pseudo channel nRRDL = 4 apart; the last at 15.
    found = let_pass(memory(memory_spec(channels=1)), [read(8 * BURST_BYTES)])
    assert found.completions == [(15 + (1 + 13) + 13 + 2, 0)]


@pytest.mark.parametrize("stripes", [1, 7, 64, 1000])
@pytest.mark.parametrize("is_write", [False, True])
def test_no_transfer_is_faster_than_the_peak(stripes: int, is_write: bool) -> None:
    spec = memory_spec()
    size = stripes * STRIPE_BYTES
    found = let_pass(memory(), [Transfer(0, 0, size, is_write, 0)])
    seconds = found.end * spec.device.timing.clock_ps * 1e-12
    assert seconds > size / spec.bandwidth_bytes_per_s
    # 32 bytes per cycle and channel, then what a single burst takes, then refreshes.
    assert found.end < (stripes + 60) * 1.15


def share_of_peak(spec: DramMemorySpec, size_bytes: int = 2 * MEBIBYTE) -> float:
    found = let_pass(memory(spec), [read(size_bytes)])
    seconds = found.end * spec.device.timing.clock_ps * 1e-12
    return size_bytes / seconds / spec.bandwidth_bytes_per_s


def test_a_long_read_reaches_the_peak_but_for_refresh() -> None:
    """Refresh leaves 1 - (nRTPL + nRP + nRFC + nRCDRD + 1) / nREFI = 1 - 340 / 3430 = 0.90."""
    share = share_of_peak(memory_spec())
    assert 0.85 < share < 0.93
    without = share_of_peak(memory_spec(controller=NO_REFRESH))
    assert without > 0.99
    assert without - share > 0.9 * (1 - share)
    cycles = memory_spec().device.timing.cycles
    lost = cycles["nRTPL"] + cycles["nRP"] + cycles["nRFC"] + cycles["nRCDRD"] + 1
    assert share == pytest.approx(1 - lost / cycles["nREFI"], rel=0.01)


def test_twice_the_channels_take_half_the_time() -> None:
    four, eight = (
        let_pass(memory(memory_spec(channels=channels, controller=NO_REFRESH)), [read(MEBIBYTE)])
        for channels in (4, 8)
    )
    assert four.end / eight.end == pytest.approx(2, rel=0.01)


def test_a_chunk_as_large_as_a_row_gives_the_same_rate_for_large_transfers() -> None:
    fine, coarse = (
        let_pass(memory(memory_spec(interleave_bytes=chunk)), [read(MEBIBYTE)])
        for chunk in (32, 1024)
    )
    assert fine.end == coarse.end
    # A small one is on one channel only.
    small = [let_pass(memory(memory_spec(interleave_bytes=c)), [read(1024)]) for c in (32, 1024)]
    assert small[0].end < small[1].end


# -- sharing -----------------------------------------------------------------------
def stream(client: int, is_write: bool, base: int, count: int) -> list[Transfer]:
    """Transfers of 4 KiB, one behind the other."""
    return [Transfer(0, client, 4096, is_write, base + 4096 * index) for index in range(count)]


def test_reads_and_writes_together_are_slower_per_byte() -> None:
    reads, writes = stream(0, False, 0, 60), stream(1, True, FAR_AWAY, 60)
    alone = [let_pass(memory(), each).end for each in (reads, writes)]
    both = let_pass(memory(), [*reads, *writes])
    assert both.end > 1.01 * sum(alone)
    # Each turn of the data bus costs nWTR and more, but there are many writes to a turn.
    assert both.end < 1.3 * sum(alone)


@pytest.mark.parametrize("clients", [2, 3])
@pytest.mark.parametrize("is_write", [False, True])
def test_clients_share_equally(clients: int, is_write: bool) -> None:
    """Each has 40 kB waiting all the time, in transfers of its own size."""
    shared = memory()
    bases = [0, 12_345 * BURST_BYTES, FAR_AWAY]
    sizes, waiting = [1000, 4000, 10_000], [40, 10, 4]
    moved, submitted = [0] * CLIENTS, [0] * CLIENTS

    def submit(client: int) -> None:
        address = bases[client] + sizes[client] * submitted[client]
        shared.submit(client, sizes[client], is_write, address)
        submitted[client] += 1

    for client in range(clients):
        for _ in range(waiting[client]):
            submit(client)
    while sum(moved) < 2 * MEBIBYTE:
        cycles = shared.next_completion()
        assert cycles is not None
        shared.advance(cycles)
        for client in shared.collect():
            moved[client] += sizes[client]
            submit(client)
    shares = [each / sum(moved) * clients for each in moved[:clients]]
    assert shares == pytest.approx([1] * clients, rel=0.03)


def test_a_short_transfer_does_not_wait_for_a_long_one() -> None:
    long = read(MEBIBYTE)
    short = Transfer(1000, 2, 4096, False, FAR_AWAY)
    found = let_pass(memory(), [long, short])
    (first, client), (last, _) = found.completions
    assert client == 2
    # In turns of 4 KiB, a turn each, and what is in the queues already: 32 bursts.
    assert first < 1000 + 3 * 4096 // STRIPE_BYTES + 32 + 60
    assert last > 8192


# -- the queue of writes -----------------------------------------------------------
@pytest.mark.parametrize(("stripes", "served"), [(25, 0), (26, 20)])
def test_a_few_writes_wait_until_reads_stop(stripes: int, served: int) -> None:
    """26 of a channel's queue of 32 are its high mark; then they are served until 6 are left."""
    busy = memory()
    busy.submit(*read(4096 * STRIPE_BYTES)[1:])
    busy.advance(100)
    busy.submit(*write(stripes * STRIPE_BYTES, FAR_AWAY)[1:])
    busy.advance(3000)
    assert busy.statistics().writes == served * CHANNELS
    ends = {}
    while (cycles := busy.next_completion()) is not None:
        busy.advance(cycles)
        ends |= dict.fromkeys(busy.collect(), busy.statistics().cycles)
    reader, writer = ends[0], ends[1]
    assert reader - 20 < writer < reader + 200


def test_writes_that_fill_the_queue_are_served_meanwhile() -> None:
    reads = read(4096 * STRIPE_BYTES)
    many = write(500 * STRIPE_BYTES, FAR_AWAY, gap=100)
    lone = memory()
    lone.submit(*reads[1:])
    lone.advance(100)
    lone.submit(*many[1:])
    lone.advance(2500)
    assert lone.statistics().writes > 400 * CHANNELS
    assert lone.collect() == [], "the last few wait until the reads are through"


def test_a_write_whose_row_is_open_already_does_not_wait_for_reads() -> None:
    """Its completion is announced, although reads that came later go before other writes."""
    transfers = [
        write(8),
        read(1024 * STRIPE_BYTES, FAR_AWAY, gap=3),
        Transfer(3, 2, 8, False, 2 * FAR_AWAY),
    ]
    found = let_pass(memory(), transfers)
    assert found == tick_by_tick(memory(), transfers)
    assert found.completions[0] == (20, 1)


def test_what_the_engine_reads() -> None:
    spec = memory_spec(queue_depth=5)
    plain = memory(spec)
    assert plain.slots == 5
    assert plain.alignment_bytes == STRIPE_BYTES
    assert plain.period_fs == 1_137_000
    assert not plain.repeats
    assert memory(memory_spec("hbm3-6400")).period_fs == 625_000 // 2, "ticks are half clocks"
    assert layout.READ == 0 and layout.WRITE == 1, "as `submit` numbers its queues"


def test_latency_grows_with_the_load() -> None:
    """The mean latency of reads: from the controller on, so that it is bound by its queue."""
    latencies = [
        let_pass(memory(), stream(0, False, 0, count)).statistics["latency_cycles"]
        for count in (1, 4, 40)
    ]
    assert all(a < b for a, b in pairwise(latencies))
    assert latencies[0] > 30 and latencies[-1] < 200
