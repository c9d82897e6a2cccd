"""Energy per token, EDP, TOPS/W and TOPS/mm²: by hand, and what must hold for all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.explore.compare import compare
from simulator.explore.spec import load_comparison
from simulator.report.aggregate import PhaseGroup
from simulator.report.efficiency import efficiency_of
from simulator.report.result import ZERO, Estimate
from tests.explore.comparisons import written

ENERGY_J, AREA_MM2 = Estimate(4.0, 2.0, 8.0), Estimate(10.0, 5.0, 20.0)


def group(kind: str, tokens: int = 0, generated: int = 0) -> PhaseGroup:
    """3 · 10¹² MACs in 2 s, for 4 J."""
    return PhaseGroup(
        label=kind,
        kind=kind,
        phases=[],
        tokens=tokens,
        generated=generated,
        seconds=2.0,
        macs=3 * 10**12,
        energy_j=ENERGY_J,
    )


def test_by_hand() -> None:
    found = efficiency_of(group("prefill", tokens=8, generated=1), AREA_MM2)
    assert found.energy_per_token_j == Estimate(0.5, 0.25, 1.0)  # 4 J / 8 tokens taken in
    assert found.edp_js == Estimate(8.0, 4.0, 16.0)  # 4 J · 2 s
    # 6 · 10¹² operations for 4 J; in 2 s on 10 mm². The most energy gives the least of it.
    assert found.tops_per_w == Estimate(1.5, 0.75, 3.0)
    assert found.tops_per_mm2 == Estimate(0.3, 0.15, 0.6)


def test_tokens_of_a_decode_are_those_generated() -> None:
    found = efficiency_of(group("decode", tokens=16, generated=2), AREA_MM2)
    assert found.energy_per_token_j == Estimate(2.0, 1.0, 4.0)


def test_gemms_have_no_tokens() -> None:
    assert efficiency_of(group("gemm"), AREA_MM2).energy_per_token_j is None


def test_nothing_is_divided_by_what_may_be_nothing() -> None:
    found = efficiency_of(group("gemm"), ZERO)
    assert found.tops_per_mm2 is None and found.tops_per_w is not None


sizes = st.floats(min_value=1e-6, max_value=1e6)


@given(low=sizes, more=sizes, most=sizes)
def test_bounds_stay_around_the_value(low: float, more: float, most: float) -> None:
    area = Estimate(low + more, low, low + more + most)
    found = efficiency_of(group("prefill", tokens=3), area)
    for each in (found.energy_per_token_j, found.edp_js, found.tops_per_w, found.tops_per_mm2):
        assert each is not None and 0 < each.low <= each.value <= each.high
    assert found.tops_per_mm2 is not None
    assert found.tops_per_mm2.value * area.value * 2.0 == pytest.approx(6.0)


def test_of_a_run(tmp_path: Path) -> None:
    """One GEMM of 256 · 512 · 512 MACs, whatever the machine."""
    for case in compare(load_comparison(written(tmp_path))).cases:
        (phase,) = case.phases
        found, operations = phase.efficiency, 2 * 256 * 512 * 512
        assert found.tops_per_w is not None and found.tops_per_mm2 is not None
        assert found.tops_per_w.value * phase.energy_j.value == pytest.approx(operations / 1e12)
        rate = found.tops_per_mm2.value * case.area_mm2.value
        assert rate * phase.seconds == pytest.approx(operations / 1e12)
        peak = 2 * case.units.macs_per_cycle * case.clock_hz / 1e12
        assert rate == pytest.approx(peak * phase.of_peak, rel=1e-3)
