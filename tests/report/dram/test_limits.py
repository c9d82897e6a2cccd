"""What bounds a trace: the closed forms of streams, banks, activations and arrivals."""

from __future__ import annotations

import pytest

from simulator.report.dram.limits import BUS, COLUMNS, ROWS, find_limits, spacing
from simulator.report.dram.verdict import verdict
from tests.report.dram.runs import ONE, simulated


def test_a_stream_is_bound_by_its_data_bus() -> None:
    """cycles = bursts · nBL / (1 − (nRTP + nRP + nRFC + nRCD) / nREFI)."""
    run = simulated("stream", 20_000, "hbm2-2000", ONE)
    limits = find_limits(run)
    first = limits.first
    assert (first.kind, first.cycles, limits.certain) == (BUS, 2, True)
    assert first.share == pytest.approx(run.bus_share, rel=0.01)
    lost = (5 + 14 + 350 + 14) / 3900
    assert limits.refresh == pytest.approx(lost, rel=0.05)
    assert run.cycles == pytest.approx(40_000 / (1 - lost), rel=0.01)
    assert limits.explained == pytest.approx(1, abs=0.01)
    assert limits.turns == 0


def test_one_bank_is_bound_by_its_row_cycle() -> None:
    limits = find_limits(simulated("conflict", 2000, "hbm2-2000", ONE))
    first = limits.first
    assert (first.kind, first.level, first.spacing, first.cycles) == (ROWS, "bank", "nRC", 48)
    assert limits.certain and limits.explained == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("device", "level", "spacing", "cycles"),
    [
        ("hbm2-2000", "pseudo_channel", "nRRDS", 4),
        ("ddr4-3200", "rank", "nFAW / 4", 34 / 4),
    ],
)
def test_rows_of_all_banks_are_bound_by_activations(
    device: str, level: str, spacing: str, cycles: float
) -> None:
    settings = (ONE,) if device.startswith("hbm2") else ()
    limits = find_limits(simulated("rotation", 8000, device, *settings))
    first = limits.first
    assert (first.kind, first.level, first.spacing) == (ROWS, level, spacing)
    assert first.cycles == cycles
    assert limits.certain and limits.explained == pytest.approx(1, abs=0.04)


def test_one_bank_group_is_bound_by_its_column_commands() -> None:
    limits = find_limits(simulated("one_group", 8000, "ddr4-3200"))
    first = limits.first
    assert (first.kind, first.level, first.spacing) == (COLUMNS, "bank_group", "nCCDL")
    assert limits.certain


def test_turns_between_reads_and_writes_take_what_is_left() -> None:
    """From 26 waiting writes down to 6, each time 11 + 11 idle cycles of the data bus."""
    run = simulated("mixed", 9999, "hbm2-2000", ONE)
    limits = find_limits(run)
    assert limits.first.kind == BUS and limits.certain
    assert limits.turns == pytest.approx(3333 / 20, rel=0.03)
    assert limits.turn_share == pytest.approx(limits.turns * 22 / run.cycles, rel=0.02)
    assert limits.explained == pytest.approx(1, abs=0.05)
    fewer = simulated("mixed", 9999, "hbm2-2000", ONE, "controller.write_queue=128")
    assert find_limits(fewer).turns < limits.turns / 3
    assert fewer.cycles < run.cycles, "as the words say"


def test_a_sparse_trace_is_its_own_limit() -> None:
    run = simulated("sparse", 300, "hbm2-2000", ONE)
    limits = find_limits(run)
    assert limits.arrival > 0.99 and limits.queue < 0.02 and not limits.certain
    assert "The trace itself is the limit: its requests arrive over 59,800 of" in verdict(
        run, limits
    )


def test_a_lone_request_is_near_no_limit() -> None:
    run = simulated("stream", 1, "hbm2-2000")
    text = verdict(run, find_limits(run))
    assert text.startswith("No resource is near its limit")
    assert "1 of 2 pseudo channels is never used" in text


def test_a_queue_that_is_full_is_told() -> None:
    run = simulated("stream", 5000, "hbm2-2000", ONE, "controller.read_queue=2")
    limits = find_limits(run)
    assert limits.queue > 0.9 and not limits.certain
    assert "the read queue of 2 is full nearly all of the time" in verdict(run, limits)
    assert run.cycles > simulated("stream", 5000, "hbm2-2000", ONE).cycles


@pytest.mark.parametrize("pattern", ["stream", "conflict", "rotation", "mixed", "sparse"])
@pytest.mark.parametrize("device", ["hbm2-2000", "ddr4-3200", "lpddr5-6400", "gddr6-14000"])
@pytest.mark.parametrize("page", ["open", "closed"])
def test_no_share_is_more_than_all(pattern: str, device: str, page: str) -> None:
    run = simulated(pattern, 600, device, f"controller.page={page}")
    limits = find_limits(run)
    shares = [limit.share for limit in limits.resources]
    assert all(0 <= share <= 1.0001 for share in shares)
    assert 0 <= limits.refresh <= 1 and 0 <= limits.turn_share <= 1
    assert limits.explained < 1.1
    assert verdict(run, limits).endswith(".")


def test_equal_channels_have_the_limit_of_one() -> None:
    one = find_limits(simulated("stream", 3000, "hbm2-2000", ONE))
    four = find_limits(simulated("stream", 3000, "hbm2-2000", ONE, channels=4))
    assert four == one


def test_spacings_are_those_of_the_table() -> None:
    device = simulated("stream", 1, "hbm2-2000").device
    assert spacing(device, "RD", "WR") == 14 + 2 + 2 - 5
    assert spacing(device, "WR", "RD") == 5 + 2 + 8, "in the same bank group"
    assert spacing(device, "WR", "RD", largest=False) == 5 + 2 + 6
    assert spacing(device, "REFab", "ACT") == 350
    assert spacing(device, "REFab", "RD") == 0, "nothing said"
