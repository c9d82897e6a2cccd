"""How long tiles take without refresh: by hand, in closed form, command by command."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.names import COMMANDS
from simulator.hardware.dram.pim.channel import PimResult, simulate_runs
from simulator.hardware.dram.pim.closed_form import tile_cycles
from simulator.hardware.dram.pim.gemv import Run
from tests.hardware.dram.pim.mixes import NAMES, TIMINGS, pim_device
from tests.hardware.dram.table import Table

DUAL, SINGLE = NAMES
NO_REFRESH = ControllerSpec(refresh="none")
# 32 precharges and PIM_HEADER, a cycle each; from the first G_ACT to the last 3 nFAW, and a cycle
# since the second rank is behind the first; nRCD, and nRTP from the last COMP or result on:
CLOSE_AND_OPEN = 32 + 1 + 3 * 30 + 1 + 14 + 5
SHAPES = [(1, 1), (1, 6), (1, 7), (1, 32), (2, 8), (3, 5), (4, 8), (8, 4), (16, 2)]


def runs(tiles: int, segments: int, comps: int) -> list[Run]:
    return [Run(0, 0, 1, tiles, segments, comps)]


@cache
def steady(name: str, timing: str, segments: int, comps: int) -> float:
    """Cycles per tile once the first is done: what 6 tiles take more than 3."""
    spec = pim_device(name, timing)
    short = simulate_runs(spec, NO_REFRESH, runs(3, segments, comps))
    long = simulate_runs(spec, NO_REFRESH, runs(6, segments, comps))
    return (long.cycles - short.cycles) / 3


def by_hand(name: str, timing: str, segments: int, comps: int) -> int:
    """COMPs two cycles apart; results two behind the last COMP, and so is the next segment.

    A single buffer takes 6 cycles for a segment at least, composite commands 12.
    As published, the last composite command of a tile takes no time at all.
    """
    if name == SINGLE:
        return CLOSE_AND_OPEN + segments * max(2 * comps, 6) + 2 * (segments - 1)
    if timing == "as_published":
        return CLOSE_AND_OPEN + (segments - 1) * 2 * (max(comps, 6) + 1)
    return CLOSE_AND_OPEN + segments * max(2 * comps, 12) + 2 * (segments - 1)


def test_the_part_of_a_tile_that_no_product_changes() -> None:
    assert CLOSE_AND_OPEN == 143


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize("name", NAMES)
def test_tiles_take_what_a_pencil_says(name: str, timing: str, shape: tuple[int, int]) -> None:
    assert steady(name, timing, *shape) == by_hand(name, timing, *shape)


@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize("name", NAMES)
@given(segments=st.integers(1, 16), comps=st.integers(1, 32))
@settings(max_examples=25)
def test_tiles_take_what_the_closed_form_says(
    name: str, timing: str, segments: int, comps: int
) -> None:
    found = steady(name, timing, segments, comps)
    assert tile_cycles(pim_device(name, timing), segments, comps) == found
    assert by_hand(name, timing, segments, comps) == found


def test_values_that_are_published() -> None:
    """Q·Kᵀ has 4 × 8; S·V 1 × 32, which the published simulator lets pass in no time."""
    assert steady(DUAL, "as_published", 4, 8) == 197
    assert steady(SINGLE, "as_published", 4, 8) == 213
    assert steady(DUAL, "as_published", 1, 32) == 143
    assert steady(DUAL, "corrected", 1, 32) == 207
    assert steady(SINGLE, "corrected", 1, 32) == 207


OPENING = {  # G_ACT of both ranks, nFAW apart
    DUAL: [112, 113, 142, 143, 172, 173, 202, 203],
    SINGLE: [113, 114, 143, 144, 173, 174, 203, 204],
}
FIRST_TILE = {  # two segments of three COMPs
    DUAL: [
        (1, "ACT"),
        (1 + 14, "GWRITE"),
        (15 + 96, "PIM_HEADER"),
        *((tick, "G_ACT") for tick in OPENING[DUAL]),
        (203 + 14, "COMPS_READRES"),
        (217 + 12 + 2, "COMPS_READRES"),  # three COMPs, but at least 12 cycles, and nCCD
    ],
    SINGLE: [
        (1, "ACT"),
        (1 + 14, "GWRITE"),
        (15 + 96, "PRE"),  # the row of the input gives its place to that of the tile
        (112, "PIM_HEADER"),
        *((tick, "G_ACT") for tick in OPENING[SINGLE]),
        (204 + 14, "COMP"),
        (220, "COMP"),
        (222, "COMP"),
        (218 + 6, "READRES"),
        (226, "COMP"),
        (228, "COMP"),
        (230, "COMP"),
        (226 + 6, "READRES"),
    ],
}
LAST_RESULT_CYCLES = {
    (DUAL, "as_published"): 231 + 14 + 2,  # nCL + nBL behind the command
    (DUAL, "corrected"): 231 + 12 + 14 + 2,  # behind its last COMP
    (SINGLE, "as_published"): 232 + 14 + 2,
    (SINGLE, "corrected"): 232 + 14 + 2,
}


@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize("name", NAMES)
def test_the_first_tile_command_by_command(name: str, timing: str) -> None:
    result = first_tile(name, timing)
    spec = pim_device(name, timing)
    names = Table(spec).names
    assert [(tick, names[number]) for tick, number, _, _ in result.log.tolist()] == FIRST_TILE[name]
    opened = [bank for _, number, bank, _ in result.log.tolist() if number == COMMANDS["G_ACT"]]
    assert sorted(opened) == list(range(0, 32, 4))
    assert result.cycles == LAST_RESULT_CYCLES[name, timing]
    last = FIRST_TILE[name][-1][0]
    assert result.pim_cycles == result.cycles_per_tile == last + 1
    assert (result.tiles, result.comps) == (1, 6)
    assert result.multiplying_share == 6 * 2 / result.cycles


@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize("name", NAMES)
def test_rows_of_the_units_are_open_rows_too(name: str, timing: str) -> None:
    """Rank by rank: from ACT, or the first G_ACT, on; with one buffer the input's row is closed."""
    result = first_tile(name, timing)
    first, second = OPENING[name][:2]
    opened = {bank: tick for tick, _, bank, _ in result.log.tolist() if tick in (first, second)}
    since = {bank // 16: tick for bank, tick in opened.items()}
    rank_0 = result.cycles - 1 if name == DUAL else (111 - 1) + result.cycles - since[0]
    assert result.row_open_cycles == rank_0 + result.cycles - since[1]


@cache
def first_tile(name: str, timing: str) -> PimResult:
    return simulate_runs(pim_device(name, timing), NO_REFRESH, runs(1, 2, 3), log_commands=100)
