"""Reads of an open row one behind the other: the same as if each had been chosen by itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.hardware.dram import tables
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.dram.names import RD
from simulator.hardware.dram.tables import ChannelTables
from tests.hardware.dram import transfers, unit_transfers
from tests.hardware.dram.devices import device

BESIDE_UNITS = unit_transfers.SPECS
ALONE = {
    # One command bus and bank groups that take reads as fast as the bus.
    "plain": transfers.memory_spec("ddr4-3200", "timing.cycles.nCCDL=4", "timing.cycles.nCCDS=4"),
    "two ranks": transfers.memory_spec("hbm2-neupims-dual"),
}


def chosen_one_by_one(patch: pytest.MonkeyPatch) -> None:
    """Every read is chosen among all commands, and every command binds and is bound."""
    patch.setattr(tables, "ticks_between_hits", lambda *_: 0)
    patch.setattr(tables, "never_issued", lambda spec, controller: set())


@settings(max_examples=60)
@given(st.sampled_from(sorted(BESIDE_UNITS)), unit_transfers.loads())
def test_beside_units(name: str, actions: list[unit_transfers.Action]) -> None:
    spec = BESIDE_UNITS[name]
    found = unit_transfers.let_pass(unit_transfers.new_memory(spec), actions)
    with pytest.MonkeyPatch.context() as patch:
        chosen_one_by_one(patch)
        assert found == unit_transfers.let_pass(unit_transfers.new_memory(spec), actions)


@pytest.mark.parametrize("spec", ALONE.values(), ids=ALONE)
@settings(max_examples=30)
@given(transfers.loads())
def test_alone(spec: DramMemorySpec, loads: list[transfers.Transfer]) -> None:
    found = transfers.let_pass(transfers.memory(spec), loads)
    with pytest.MonkeyPatch.context() as patch:
        chosen_one_by_one(patch)
        assert found == transfers.let_pass(transfers.memory(spec), loads)


@pytest.mark.parametrize(
    ("name", "ticks"),
    [
        ("hbm2-neupims-dual", 2),  # nCCDS = nCCDL = nBL: any read waits two cycles for the last
        ("ddr4-3200", 0),  # another bank group may be read before nCCDL is over
        ("hbm2-2000", 0),  # another pseudo channel may, at any time
    ],
)
def test_where_the_next_read_of_a_row_is_legal_first(name: str, ticks: int) -> None:
    made = ChannelTables(device(name), ControllerSpec(), clients=1)
    nodes = made._ancestors().reshape(made.geometry.banks, -1)
    assert tables.ticks_between_hits(made.constraints, nodes, RD) == ticks
