"""Node scaling against Stillmaker & Baas by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import CyclelabError
from simulator.cost.scaling import NodeScaling
from tests.cost.helpers import adder, multiplier, technology

SCALING = NodeScaling(technology("45nm").spec.scaling)
NEIGHBOURS = [(45, 32), (32, 20), (20, 16), (16, 14), (14, 10), (10, 7)]


@pytest.mark.parametrize(
    ("from_nm", "to_nm", "ratio"),
    [(45, 45, 1), (45, 16, 0.19), (45, 7, 0.059), (32, 20, 0.46), (7, 45, 17), (130, 7, 0.0092)],
)
def test_area_on_the_table(from_nm, to_nm, ratio):
    assert SCALING.area_ratio(from_nm, to_nm) == ratio


def test_energy_by_hand():
    # 45 nm at 0.9 V: 1.018 * 0.81 - 0.3107 * 0.9 + 0.1539 = 0.69885
    # 16 nm at 0.8 V: 0.2958 * 0.64 - 0.1241 * 0.8 + 0.03024 = 0.120272
    # 7 nm at 0.75 V: 0.1776 * 0.5625 - 0.09097 * 0.75 + 0.02447 = 0.0561425
    assert SCALING.energy_ratio(45, 0.9, 16, 0.8) == pytest.approx(0.120272 / 0.69885)
    assert SCALING.energy_ratio(45, 0.9, 7, 0.75) == pytest.approx(0.0561425 / 0.69885)
    assert SCALING.energy_ratio(45, 0.9, 45, 0.9) == 1.0


def test_no_step_between_planar_nodes():
    """High-performance devices throughout: per node, energy at 0.9 V falls by 1.2 to 2.3."""
    steps = [SCALING.energy_ratio(small, 0.9, large, 0.9) for large, small in NEIGHBOURS]
    assert all(1.1 < step < 2.4 for step in steps)


def test_delay_by_hand():
    # 7 nm: 0.75 V: -28.58 * 0.421875 + 76.6 * 0.5625 - 70.26 * 0.75 + 24.69 = 3.0253125
    # 0.6 V: -28.58 * 0.216 + 76.6 * 0.36 - 70.26 * 0.6 + 24.69 = 3.93672
    ratio = SCALING.delay_ratio(7, 0.75, 0.6)
    assert ratio == pytest.approx(3.93672 / 3.0253125)
    with pytest.raises(CyclelabError, match=r"supply of 0\.4 V, expected 0\.5 to 1\.2 V"):
        SCALING.delay_ratio(7, 0.75, 0.4)


@given(st.floats(7, 130), st.floats(0.5, 1.2), st.floats(0.5, 1.2))
def test_a_higher_supply_is_never_slower(node, one, other):
    low, high = sorted((one, other))
    assert 0 < SCALING.delay_ratio(node, low, high) <= 1 + 1e-9


@pytest.mark.parametrize("node", [7, 16, 22, 28, 32, 45, 130])
def test_supplies_off_the_fits_are_refused(node):
    for supply in (0.25, 1.25, 2, 1e300):
        with pytest.raises(CyclelabError, match=r"expected 0\.5 to 1\.2 V"):
            SCALING.delay_ratio(node, supply, supply)


def test_22_nm_lies_between_its_neighbours_by_logarithm():
    # ln(22 / 20) / ln(32 / 20) = 0.20279: area 0.21^0.79721 * 0.46^0.20279 = 0.24619
    assert SCALING.area_ratio(45, 22) == pytest.approx(0.24619, rel=1e-4)


def test_presets_apply_the_factors():
    int8 = multiplier("int8", "int8")
    base, scaled = technology("45nm"), technology("16nm")
    assert scaled.primitive_area_um2(int8).value == pytest.approx(341.28 * 0.19)
    energy = scaled.action_energy_pj(adder("fp32"), "operate")
    assert energy.value == pytest.approx(0.9 * 0.120272 / 0.69885)
    # ±40 % across nodes, on top of what is unsure at 45 nm.
    before, after = base.primitive_area_um2(int8), scaled.primitive_area_um2(int8)
    assert after.low == pytest.approx(before.low * 0.19 * 0.6)
    assert after.high == pytest.approx(before.high * 0.19 * 1.4)


@given(st.floats(7, 130), st.floats(7, 130))
def test_a_smaller_node_is_smaller(one, other):
    small, large = sorted((one, other))
    assert SCALING.area_ratio(45, small) <= SCALING.area_ratio(45, large) * (1 + 1e-12)


@given(st.floats(0.7, 1.1), st.floats(0.7, 1.1))
def test_a_lower_supply_takes_less(one, other):
    low, high = sorted((one, other))
    assert SCALING.energy_ratio(45, 0.9, 16, low) <= SCALING.energy_ratio(45, 0.9, 16, high)


def test_off_the_table_is_refused():
    with pytest.raises(CyclelabError, match="5 nm: the table covers 7 to 130 nm"):
        SCALING.area_ratio(45, 5)
    with pytest.raises(CyclelabError, match=r"supply of 0\.1 V; use at least"):
        SCALING.energy_ratio(45, 0.9, 16, 0.1)
