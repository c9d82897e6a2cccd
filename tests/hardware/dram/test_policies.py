"""What each policy of the controller promises, seen in the order of commands."""

from __future__ import annotations

import subprocess
import sys
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.names import COMMANDS
from tests.hardware.dram.devices import NAMES, device, logged, serve, with_bursts
from tests.hardware.dram.random_streams import streams

ROOT = Path(__file__).parents[3]
COLUMN = {COMMANDS[name]: name[:2] for name in ("RD", "RDA", "WR", "WRA")}
PRECHARGES = tuple(COMMANDS[name] for name in ("PRE", "PREA", "RDA", "WRA"))


def columns(log: NDArray[np.int64]) -> list[tuple[str, int, int]]:
    """Read or write, bank and row of each column command."""
    return [(COLUMN[c], bank, row) for _, c, bank, row in log.tolist() if c in COLUMN]


def controller(**settings: object) -> ControllerSpec:
    return ControllerSpec.model_validate({"refresh": "none", **settings})


def reads(bank: int, row: int, bursts: range, arrive: int = 0) -> list[tuple[int, ...]]:
    return [(arrive, 0, bank, row, burst) for burst in bursts]


def writes(bank: int, row: int, bursts: range, arrive: int = 0) -> list[tuple[int, ...]]:
    return [(arrive, 1, bank, row, burst) for burst in bursts]


@given(st.sampled_from(NAMES), st.data())
@settings(max_examples=60)
def test_fcfs_serves_each_queue_strictly_in_order(name: str, data: st.DataObject) -> None:
    spec = device(name)
    stream = data.draw(streams(spec.banks))
    _, log = logged(spec, stream, controller(scheduler="fcfs", forward_writes=False))
    for op, kind in enumerate(("RD", "WR")):
        asked = [(kind, bank, row) for _, _, bank, row, _ in stream[stream[:, 1] == op].tolist()]
        assert [each for each in columns(log) if each[0] == kind] == asked


def test_fr_fcfs_serves_what_is_ready_first_then_the_oldest() -> None:
    """Behind a miss, hits of an open row of another bank go first, in their own order."""
    stream = [*reads(0, 0, range(1)), *reads(4, 1, range(1), 200), *reads(0, 0, range(1, 3), 200)]
    _, log = logged(device("ddr4-3200"), np.array(stream), controller())
    assert [bank for _, bank, _ in columns(log)] == [0, 0, 0, 4]


@pytest.mark.parametrize("cap", [1, 3, 7])
@pytest.mark.parametrize("name", ["ddr4-3200", "hbm3-6400", "lpddr5-6400"])
def test_a_row_hit_cap_lets_another_row_go_first(name: str, cap: int) -> None:
    """Reads of two rows in turn, all waiting: no more than `cap` of one row at a time."""
    stream = np.array(
        [
            each
            for burst in range(20)
            for row in (0, 1)
            for each in reads(0, row, range(burst, burst + 1))
        ]
    )
    _, log = logged(device(name), stream, controller(row_hit_cap=cap, read_queue=64))
    rows = [row for _, _, row in columns(log)]
    assert rows.count(0) == rows.count(1) == 20
    last = rows[-1]
    both_wait = rows[: len(rows) - rows[::-1].index(1 - last)]
    assert max(len(list(run)) for _, run in groupby(both_wait)) <= cap


def test_without_a_cap_all_hits_of_a_row_go_first() -> None:
    stream = np.array([*reads(0, 0, range(20)), *reads(0, 1, range(10))])
    _, log = logged(device("ddr4-3200"), stream, controller())
    assert [row for _, _, row in columns(log)] == 20 * [0] + 10 * [1]


def test_a_row_hit_cap_does_not_hold_up_what_is_older() -> None:
    stream = np.array([*reads(0, 0, range(20)), *reads(0, 1, range(10))])
    _, log = logged(device("ddr4-3200"), stream, controller(row_hit_cap=2))
    assert [row for _, _, row in columns(log)] == 20 * [0] + 10 * [1]


def test_a_cap_does_not_hold_up_hits_that_nobody_waits_behind() -> None:
    stream = np.array([*reads(0, 0, range(20)), *reads(4, 1, range(1))])
    result = serve(device("ddr4-3200"), stream, controller(row_hit_cap=2))
    assert result.commands["PRE"] == 0


def drained(held: int, **marks: float) -> int:
    """Writes that go before the last read, of some that come while reads come all the time.

    The rows are open, so that every request is one column command.
    """
    opening = [*writes(4, 0, range(1)), *reads(0, 0, range(1), 300)]
    stream = np.array(
        [
            *opening,
            *reads(0, 0, range(1, 21), 600),
            *writes(4, 0, range(1, 1 + held), 602),
            *reads(0, 0, range(21, 61), 700),
        ]
    )
    settings = controller(write_queue=10, read_queue=64, requests_per_clock=64, **marks)
    _, log = logged(device("ddr4-3200"), stream, settings)
    kinds = [kind for kind, _, _ in columns(log)][len(opening) :]
    assert kinds.count("WR") == held
    return kinds[: len(kinds) - kinds[::-1].index("RD")].count("WR")


def test_writes_are_drained_from_the_high_mark_to_the_low_one() -> None:
    """Of 10 writes that fit, more than 8 start a drain, and it ends below 2."""
    assert drained(8) == 0
    assert drained(9) == 8
    assert drained(10) == 9


@pytest.mark.parametrize(("high", "low"), [(0.5, 0.2), (0.35, 0.3), (0.95, 0.55)])
def test_other_marks(high: float, low: float) -> None:
    starts, ends = int(10 * high) + 1, -int(-10 * low // 1) - 1
    assert drained(starts - 1, write_high=high, write_low=low) == 0
    assert drained(starts, write_high=high, write_low=low) == starts - ends


def test_a_high_mark_of_all_of_the_queue_drains_a_full_queue() -> None:
    assert drained(10, write_high=1) > 0


def test_a_low_mark_of_nothing_drains_all_and_goes_on() -> None:
    """In a process of its own, which can be stopped; the kernel is compiled before."""
    assert serve(device("ddr4-3200"), np.array(reads(0, 0, range(1)))).reads == 1
    program = (
        "import numpy as np\n"
        "from simulator.hardware.dram.controller import ControllerSpec\n"
        "from tests.hardware.dram.devices import device, serve\n"
        "stream = np.array([[0, int(n % 3 > 0), n % 16, n // 16, 0] for n in range(300)])\n"
        "print(serve(device('ddr4-3200'), stream, ControllerSpec(write_low=0)).reads)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=15,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout == "100\n"


def test_writes_wait_for_no_reads() -> None:
    """Without reads, a single write is served at once."""
    _, log = logged(device("ddr4-3200"), np.array(writes(0, 0, range(1))), controller())
    assert log[0].tolist() == [1, COMMANDS["ACT"], 0, 0]


@pytest.mark.parametrize("cap", [1, 2, 5])
@pytest.mark.parametrize("name", [name for name in NAMES if not device(name).data_clock])
def test_closed_page_closes_a_row_after_its_accesses(name: str, cap: int) -> None:
    """At the latest with the access behind the cap; the last row before the late read."""
    stream = np.array([*reads(0, 0, range(24)), (9000, 0, 1, 0, 0)])
    _, log = logged(with_bursts(name, 24), stream, controller(page="closed", page_cap=cap))
    lengths, length = [], 0
    for _, command, bank, _ in log.tolist():
        if bank == 0 or command == COMMANDS["PREA"]:
            length += command in COLUMN
            if command in PRECHARGES:
                lengths.append(length)
                length = 0
    assert sum(lengths) + length == 24
    assert max(lengths) <= cap + 1
    assert length < cap


def test_open_page_closes_nothing_without_need() -> None:
    stream = np.array([*reads(0, 0, range(24)), (9000, 0, 1, 0, 0)])
    result = serve(device("ddr4-3200"), stream, controller(page="open", page_cap=1))
    assert result.commands["PRE"] == result.commands["RDA"] == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_read_of_a_waiting_write_is_answered_in_a_cycle(name: str) -> None:
    """Reads keep writes waiting; then one asks for what the last of them holds."""
    spec = with_bursts(name, 20)
    busy = reads(0, 0, range(20))
    stream = np.array([*busy, (2, 1, 1, 3, 7), (30, 0, 1, 3, 7), (30, 0, 1, 3, 6)])
    result, log = logged(spec, stream, controller())
    assert result.forwarded_reads == 1
    assert result.reads == 22
    assert result.latency_counts[: spec.ticks_per_clock + 1].sum() == 1
    assert [kind for kind, _, _ in columns(log)].count("RD") == 21
    without = serve(spec, stream, controller(forward_writes=False))
    assert without.forwarded_reads == 0
    assert without.commands["RD"] == 22


@pytest.mark.parametrize("name", NAMES)
def test_a_write_to_a_waiting_write_replaces_it(name: str) -> None:
    stream = np.array([*reads(0, 0, range(20)), *[(2, 1, 1, 3, 7)] * 3, (2, 1, 1, 3, 8)])
    result = serve(with_bursts(name, 20), stream, controller())
    assert (result.writes, result.coalesced_writes) == (4, 2)
    assert result.commands["WR"] == 2


@pytest.mark.parametrize("name", ["ddr4-3200", "hbm3-6400"])
def test_no_more_requests_enter_per_clock_than_may(name: str) -> None:
    """Requests that all come at once enter one per clock; their mean wait tells when.

    latency = data complete - entered, and the log says when the data was complete.
    """
    spec = device(name)
    stream = np.array(reads(0, 0, range(20)))
    result, log = logged(spec, stream, controller(requests_per_clock=1, read_queue=64))
    ticks = log[log[:, 1] == COMMANDS["RD"], 0]
    complete = ticks / spec.ticks_per_clock + spec.cycles(spec.read_latency)
    entered = complete.mean() - result.latency_mean_cycles
    assert entered == pytest.approx(np.arange(20).mean(), abs=0.5)


@pytest.mark.parametrize("depth", [1, 4, 32])
def test_a_queue_holds_no_more_than_its_depth(depth: int) -> None:
    """Conflicts: a request waits at most for those before it in the queue, and one in service."""
    spec = device("ddr4-3200")
    stream = np.array([(0, 0, 0, row, 0) for row in range(100)])
    result = serve(spec, stream, controller(read_queue=depth))
    longest = result.latency_max_cycles
    row_cycle = spec.timing.cycles["nRC"]
    assert (depth - 1) * row_cycle < longest <= (depth + 2) * row_cycle
