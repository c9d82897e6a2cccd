"""SRAM banks: CACTI's points exactly, log-log between, refusal beyond."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import ConfigError, CyclelabError, find
from simulator.cost.sram import SramTable
from simulator.hardware.primitives import Primitive
from tests.cost.helpers import sram, technology

TABLE = find("technologies", "45nm").parent / "tables" / "cacti_sram.csv"
ROWS = list(csv.DictReader(x for x in TABLE.read_text().splitlines() if x[0] != "#"))


def test_every_point_of_the_table_is_exact():
    assert len(ROWS) == 40
    for row in ROWS:
        table = SramTable(TABLE, row["cell"], float(row["tech_nm"]))
        bank = table.bank(int(row["size_bytes"]), int(row["width_bits"]))
        assert (bank.macros, bank.width_bits) == (1, int(row["width_bits"]))
        assert bank.read_pj.value == pytest.approx(float(row["read_nJ"]) * 1e3, rel=1e-12)
        assert bank.write_pj.value == pytest.approx(float(row["write_nJ"]) * 1e3, rel=1e-12)
        assert bank.leakage_w.value == pytest.approx(float(row["leak_mW"]) * 1e-3, rel=1e-12)
        assert bank.area_um2.value == pytest.approx(float(row["area_mm2"]) * 1e6, rel=1e-12)


def test_presets_quote_the_table_at_its_own_nodes():
    # CACTI: 64 KiB, 256 bit, hp: 12.8837 pJ per read at 22 nm and 0.8 V, the supply of both.
    bank = sram(65536, 256)
    assert technology("22nm").action_energy_pj(bank, "read").value == pytest.approx(12.8837)
    assert technology("22nm").action_energy_pj(bank, "write").value == pytest.approx(14.4551)
    assert technology("22nm").primitive_leakage_w(bank).value == pytest.approx(8.77095e-3)
    assert technology("22nm").primitive_area_um2(bank).value == pytest.approx(47600.240352)


def test_one_supply_for_logic_and_sram():
    # CACTI's 45 nm is at 1.0 V, where switching takes 0.8612, the technology at 0.9 V: 0.69885.
    bank = sram(65536, 256)
    energy = technology("45nm").action_energy_pj(bank, "read").value
    assert energy == pytest.approx(41.7095 * 0.69885 / 0.8612)
    assert technology("45nm").primitive_leakage_w(bank).value == pytest.approx(0.9 * 59.8119e-3)


def test_ports_off_the_table_are_refused():
    two = replace(sram(65536, 256), ports=2)
    with pytest.raises(CyclelabError, match=r"no sram bank with 2 ports .* macros with 1"):
        technology("22nm").primitive_area_um2(two)


def test_16_nm_scales_22_nm():
    bank = sram(65536, 256)
    # Bit cells: 0.074 / (146 * 0.022²) = 1.047.
    area = technology("16nm").primitive_area_um2(bank)
    assert area.value == pytest.approx(47600.240352 * 1.047)
    # 22 nm at 0.8 V between 32 nm (0.358308) and 20 nm (0.1532): 0.182008; 16 nm: 0.120272.
    energy = technology("16nm").action_energy_pj(bank, "read")
    assert energy.value == pytest.approx(12.8837 * 0.120272 / 0.182008, rel=1e-3)


@given(st.sampled_from([45, 32, 22]), st.data())
def test_larger_banks_take_more(node, data):
    table = SramTable(TABLE, "itrs-hp", node)
    one, other = (data.draw(st.integers(16384, 262144)) for _ in range(2))
    small, large = (table.bank(size, 256) for size in sorted((one, other)))
    for quantity in ("area_um2", "read_pj", "write_pj", "leakage_w"):
        assert getattr(small, quantity).value <= getattr(large, quantity).value * (1 + 1e-12)


def test_half_way_in_logarithm_is_the_geometric_mean():
    # 64 bit, 22 nm: 4096 bytes lies half way between 2048 and 8192.
    bank = SramTable(TABLE, "itrs-hp", 22).bank(4096, 64)
    assert bank.read_pj.value == pytest.approx((0.603036 * 1.50402) ** 0.5)


def test_a_wide_bank_is_macros_side_by_side():
    table = SramTable(TABLE, "itrs-hp", 22)
    wide, one = table.bank(65536, 128), table.bank(32768, 64)
    assert (wide.macros, wide.width_bits) == (2, 64)
    assert wide.read_pj.value == pytest.approx(2 * one.read_pj.value)
    assert wide.area_um2.value == pytest.approx(2 * one.area_um2.value)
    # Where both exist, two halves cost about what CACTI says of the whole.
    whole, halves = table.bank(131072, 512), table.bank(65536, 256)
    assert 2 * halves.read_pj.value == pytest.approx(whole.read_pj.value, rel=0.1)
    assert 2 * halves.leakage_w.value == pytest.approx(whole.leakage_w.value, rel=0.05)


@pytest.mark.parametrize(
    ("size", "bits"), [(255, 64), (2**21, 64), (32768, 96), (4096, 8), (0, 64)]
)
def test_off_the_table_is_refused_with_its_ranges(size, bits):
    with pytest.raises(CyclelabError) as caught:
        technology("22nm").action_energy_pj(sram(size, bits), "read")
    for word in (f"{size} bytes", f"{bits}-bit", "itrs-hp cells at 22 nm"):
        assert word in str(caught.value)
    assert "64 bits: 2048 to 1048576 bytes" in str(caught.value)
    assert "256 bits: 16384 to 262144 bytes" in str(caught.value)


def test_a_small_bank_costs_no_less_than_in_proportion_and_no_more_than_the_smallest():
    # 22 nm, 64 bits: from 8192 to 2048 bytes the read energy falls from 1.50402 to 0.603036 pJ,
    # so to 1024 bytes by the square root of that, or by a half, or not at all.
    bank = SramTable(TABLE, "itrs-hp", 22).bank(1024, 64)
    assert bank.read_pj.value == pytest.approx(0.603036 * (0.603036 / 1.50402) ** 0.5)
    assert (bank.read_pj.low, bank.read_pj.high) == pytest.approx((0.603036 / 2, 0.603036))
    (line,) = bank.sources
    assert "sram of 1024 bytes with 64 bits: macros 2 times smaller than the smallest" in line
    # An array of 128 rows of 256 bits: four such macros.
    array = technology("22nm").primitive_area_um2(sram(4096, 256))
    assert array.value == pytest.approx(4 * bank.area_um2.value)


@pytest.mark.parametrize("node", [45, 32, 22])
def test_the_smallest_macro_is_within_what_is_extrapolated_from_larger_ones(node, tmp_path):
    """The table without its smallest 64-bit macro, of 2 KiB, still prices it within bounds."""
    path = tmp_path / "table.csv"
    rows = TABLE.read_text().splitlines()
    left = [row for row in rows if not row.startswith(f"{node},itrs-hp,1,2048,64")]
    assert len(left) == len(rows) - 1
    path.write_text("\n".join(left))
    known = SramTable(TABLE, "itrs-hp", node).bank(2048, 64)
    found = SramTable(path, "itrs-hp", node).bank(2048, 64)
    for quantity in ("area_um2", "read_pj", "write_pj", "leakage_w"):
        true, bounds = getattr(known, quantity).value, getattr(found, quantity)
        assert bounds.low <= true <= bounds.high
        assert bounds.value == pytest.approx(true, rel=0.21)


def test_a_small_array_that_computes_has_no_larger_bound_than_a_whole_one():
    """The smallest macro bounds it from above; its logic is a share of what it is, not of that."""
    tech = technology("22nm")
    sizes = [Primitive("compute_sram", bits=256, capacity_bytes=rows * 32) for rows in (256, 64)]
    whole, small = (tech.primitive_area_um2(each) for each in sizes)
    assert small.value < whole.value / 2
    assert small.high < 1.05 * whole.high


@given(st.integers(256, 8192), st.integers(256, 8192))
def test_small_banks_grow_with_their_capacity(one, other):
    table = SramTable(TABLE, "itrs-hp", 22)
    small, large = (table.bank(size, 64) for size in sorted((one, other)))
    for quantity in ("area_um2", "read_pj", "write_pj", "leakage_w"):
        assert getattr(small, quantity).value <= getattr(large, quantity).value * (1 + 1e-12)
        assert getattr(small, quantity).low <= getattr(large, quantity).low * (1 + 1e-12)


def test_a_missing_node_or_table_is_said():
    with pytest.raises(ConfigError, match="no rows for itrs-lstp cells at 22 nm"):
        SramTable(TABLE, "itrs-lstp", 22)
    with pytest.raises(ConfigError, match="no such file"):
        SramTable(TABLE.with_name("nothing.csv"), "itrs-hp", 22)


def test_a_wrong_row_is_said(tmp_path):
    broken = tmp_path / "broken.csv"
    broken.write_text(TABLE.read_text().replace("0.00235132", "-1", 1))
    with pytest.raises(ConfigError, match="row 1 of the sram table: a number is not positive"):
        SramTable(broken, "itrs-hp", 45)
    for wrong in ("nan", "inf"):
        broken.write_text(TABLE.read_text().replace("0.00235132", wrong, 1))
        with pytest.raises(ConfigError, match="not finite"):
            SramTable(broken, "itrs-hp", 45)
    broken.write_text(TABLE.read_text().replace("cell,ports", "cells,ports", 1))
    with pytest.raises(ConfigError, match=r"expected numbers in the columns tech_nm, .* a cell"):
        SramTable(broken, "itrs-hp", 45)
    broken.write_text(TABLE.read_text().replace("45,itrs-hp,1,8192", "45,itrs-hp,1,2048", 1))
    with pytest.raises(ConfigError, match="two rows for itrs-hp cells at 45 nm have one size"):
        SramTable(broken, "itrs-hp", 45)
