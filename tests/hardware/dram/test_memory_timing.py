"""Memory of DRAM channels: cycles worked out with a pencil, and who shares with whom."""

from __future__ import annotations

from itertools import pairwise

import pytest

from simulator.hardware.dram.memory_spec import DramMemorySpec
from tests.hardware.dram.transfers import (
    BURST_BYTES,
    CHANNELS,
    CLIENTS,
    FAR_AWAY,
    MEBIBYTE,
    NO_REFRESH,
    STRIPE_BYTES,
    Transfer,
    let_pass,
    memory,
    memory_spec,
    read,
    tick_by_tick,
    write,
)


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


def test_latency_grows_with_the_load() -> None:
    """The mean latency of reads: from the controller on, so that it is bound by its queue."""
    latencies = [
        let_pass(memory(), stream(0, False, 0, count)).statistics["latency_cycles"]
        for count in (1, 4, 40)
    ]
    assert all(a < b for a, b in pairwise(latencies))
    assert latencies[0] > 30 and latencies[-1] < 200
