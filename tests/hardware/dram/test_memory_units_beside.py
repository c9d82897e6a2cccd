"""Transfers beside runs: with row buffers of their own, with the only ones, and on one channel."""

from __future__ import annotations

import pytest

from simulator.hardware.dram.memory import DramMemory
from tests.hardware.dram.unit_transfers import (
    BLOCKED,
    FAR_BYTES,
    QUIET,
    SPECS,
    STRIPE_BYTES,
    Action,
    a_run,
    let_pass,
    new_memory,
    on_units,
    units,
)


def read(size_bytes: int, gap: int = 0, channel: int = -1) -> Action:
    return Action(gap, 0, size_bytes, False, FAR_BYTES, channel)


def write(size_bytes: int, gap: int = 0, channel: int = -1) -> Action:
    return Action(gap, 1, size_bytes, True, FAR_BYTES, channel)


# -- transfers beside runs -----------------------------------------------------------
def test_a_single_row_buffer_makes_transfers_wait_for_the_units() -> None:
    """A read that comes while units work begins when they have done all that they have."""
    work = [on_units(0, a_run(tiles=4)), on_units(0, a_run(tiles=4))]
    (_, last), (_, alone) = (
        let_pass(new_memory(BLOCKED), actions).completions[0][::-1]
        for actions in (work[::-1], [read(64, channel=0)])
    )
    both = let_pass(new_memory(BLOCKED), [*work, read(64, gap=40, channel=0)])
    end_of_units = [tick for tick, client in both.completions if client == units(0)][-1]
    end_of_read = next(tick for tick, client in both.completions if client == 0)
    assert end_of_units == let_pass(new_memory(BLOCKED), work).completions[-1][0]
    # The last results are on their way when the read begins: its row has to be opened first.
    assert end_of_units - 16 < end_of_read < end_of_units + alone + 80
    assert last > 4 * 143


def test_two_row_buffers_let_transfers_go_on() -> None:
    """The same read is over long before; the units lose next to nothing."""
    work = [on_units(0, a_run(tiles=4)), on_units(0, a_run(tiles=4))]
    both = let_pass(new_memory(QUIET), [*work, read(64, gap=40, channel=0)])
    assert both.completions[0][1] == 0 and both.completions[0][0] < 200
    alone = let_pass(new_memory(QUIET), work)
    assert 0 <= both.completions[-1][0] - alone.completions[-1][0] <= 5


def test_units_with_a_single_row_buffer_wait_for_requests_that_have_entered() -> None:
    """By tick 380 the controller has taken in all 200 bursts; by tick 1 it has one or two."""
    alone = let_pass(new_memory(BLOCKED), [on_units(0, a_run())]).completions[0][0]
    for gap, least in ((380, 2 * 200), (1, 0)):
        work = [read(200 * 64, channel=0), on_units(0, a_run(), gap)]
        found = {client: tick for tick, client in let_pass(new_memory(BLOCKED), work).completions}
        if least:
            assert found[0] >= least and found[units(0)] > found[0] + alone - 40
        else:
            assert found[units(0)] < alone + 80 and found[0] > found[units(0)]


def test_a_transfer_to_one_channel_takes_all_of_its_bursts_there() -> None:
    """300 bytes are 5 bursts of one channel; spread, two of two and one of the third."""
    spread, single = (let_pass(new_memory(QUIET), [write(300, channel=c)]) for c in (-1, 2))
    assert spread.statistics["commands"]["WR"] == single.statistics["commands"]["WR"] == 5
    assert single.moved_bytes == spread.moved_bytes == (0, 300)
    assert single.completions[0][0] > spread.completions[0][0]
    size = 64 * STRIPE_BYTES
    one, three = (let_pass(new_memory(QUIET), [read(size, channel=c)]) for c in (1, -1))
    # 2 cycles a burst; a latency of 30 or so in front.
    assert one.completions[0][0] >= 2 * size // 64
    assert one.completions[0][0] > 2.5 * three.completions[0][0]


def test_transfers_of_different_channels_do_not_meet() -> None:
    """A write on channel 1 is as fast beside one on channel 2 as it is alone."""
    alone = let_pass(new_memory(QUIET), [write(6400, channel=1)]).completions
    both = let_pass(new_memory(QUIET), [write(6400, channel=1), read(6400, channel=2)])
    assert alone[0] in both.completions


# -- clients -------------------------------------------------------------------------
TRANSFERS = [read(40_000), write(300), read(6400), write(50_000, gap=30), read(64, gap=700)]


@pytest.mark.parametrize("movers", [(0, 1), (3, 4), (1, 3)])
def test_clients_that_move_nothing_take_no_turns(movers: tuple[int, int]) -> None:
    """Whoever else is there, two movers share the memory as if they were alone."""
    spec = SPECS["short turns"]
    plain = let_pass(DramMemory(spec, 2), TRANSFERS)
    renamed = [action._replace(client=movers[action.client]) for action in TRANSFERS]
    found = let_pass(DramMemory(spec, 5, movers=movers), renamed)
    assert found.completions == [(tick, movers[client]) for tick, client in plain.completions]
    assert found.statistics == plain.statistics
