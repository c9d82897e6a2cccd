"""What NeuPIMs' published simulator measures: tiles with refresh, reads beside the units."""

from __future__ import annotations

from functools import cache

import pytest

from simulator.hardware.dram.controller import AddressMappingSpec, ControllerSpec
from simulator.hardware.dram.names import COMMANDS
from simulator.hardware.dram.pim.channel import PimResult, simulate_runs
from simulator.hardware.dram.pim.gemv import Run
from tests.hardware.dram.pim.mixes import NAMES, pim_device

DUAL, SINGLE = NAMES
TILES = 64
RUN = Run(input_bank=0, input_row=0, first_row=1, tiles=TILES, segments=4, comps=8)
ORDER = AddressMappingSpec(order=("column", "bank", "bank_group", "rank", "row"))
ALONE = ControllerSpec(refresh="none", read_queue=128, address_mapping=ORDER)
WITH_REFRESH = {DUAL: 266, SINGLE: 271}
"""Cycles per tile from a fresh channel."""


@cache
def measured(name: str, refresh: str = "none", reads_beside: bool = False) -> PimResult:
    controller = ALONE.model_copy(update={"refresh": refresh})
    return simulate_runs(
        pim_device(name, "as_published"),
        controller,
        [RUN],
        reads_beside=reads_beside,
        log_commands=30_000,
    )


@pytest.mark.parametrize("name", NAMES)
def test_tiles_with_refresh(name: str) -> None:
    result = measured(name, "staggered")
    assert result.tiles == TILES
    assert result.cycles / TILES == pytest.approx(WITH_REFRESH[name], rel=0.03)
    assert result.commands["REFab"] == result.cycles // 1950  # a rank every half interval


@pytest.mark.parametrize("name", NAMES)
def test_no_refresh_meets_a_tile(name: str) -> None:
    """It is begun only if it fits: rows are opened once per tile, and refreshes are in time."""
    result = measured(name, "staggered")
    assert result.commands["G_ACT"] == 8 * TILES
    assert result.refresh_late_cycles < 100


def test_reads_go_on_beside_units_with_row_buffers_of_their_own() -> None:
    """About 71 % of the data bus is left to them, and tiles take a cycle or two more."""
    beside, alone = measured(DUAL, reads_beside=True), measured(DUAL)
    assert 0.68 <= beside.read_share <= 0.74
    assert alone.cycles <= beside.cycles < 1.01 * alone.cycles


def test_reads_wait_for_units_that_share_the_row_buffers() -> None:
    beside, alone = measured(SINGLE, reads_beside=True), measured(SINGLE)
    assert beside.read_share < 0.02
    assert beside.cycles == alone.cycles


@pytest.mark.parametrize("name", NAMES)
def test_reads_beside_are_counted_until_the_units_are_done(name: str) -> None:
    result = measured(name, reads_beside=True)
    log = result.log
    assert result.reads == ((log[:, 1] == COMMANDS["RD"]) & (log[:, 0] <= result.cycles)).sum()
