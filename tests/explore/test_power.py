"""Main units of equal power: what busy units take, and sizing by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from simulator.config import CyclelabError
from simulator.cost.unit import unit_cost
from simulator.experiment import Experiment
from simulator.explore.compare import compare
from simulator.explore.main_units import main_units
from simulator.explore.sizing import experiments_of
from simulator.explore.spec import load_comparison
from simulator.explore.table import WIDTH, text
from tests.explore.comparisons import written


def power_w(experiment: Experiment) -> float:
    """Of the main units at their peak."""
    return main_units(experiment.spec.machine).amount(experiment.technology, "power")


def test_power_by_hand(tmp_path: Path) -> None:
    """2 × 128 × 128 MACs per cycle at 940 MHz, each for so many pJ, and leakage."""
    experiment = experiments_of(load_comparison(written(tmp_path)))["unpacked"]
    units, technology = main_units(experiment.spec.machine), experiment.technology
    one, found = unit_cost(units.unit, technology), units.busy_power_w(technology)
    for bound in ("value", "low", "high"):
        pj, leakage = (getattr(each, bound) for each in (one.energy_pj_per_mac, one.leakage_w))
        by_hand = 2 * (128 * 128 * 940e6 * pj * 1e-12 + leakage)
        assert getattr(found, bound) == pytest.approx(by_hand)


def test_leakage_does_not_depend_on_the_clock(tmp_path: Path) -> None:
    experiment = experiments_of(load_comparison(written(tmp_path)))["tables"]
    units, technology = main_units(experiment.spec.machine), experiment.technology
    slow, fast, more = (
        replace(units, **changes).busy_power_w(technology).value
        for changes in ({"clock_hz": 1e9}, {"clock_hz": 2e9}, {"clock_hz": 1e9, "count": 3 * 345})
    )
    leakage = 345 * unit_cost(units.unit, technology).leakage_w.value
    assert 2 * (slow - leakage) == pytest.approx(fast - leakage)
    assert more == pytest.approx(3 * slow)


def test_equal_power_within_half_a_step(tmp_path: Path) -> None:
    spec = load_comparison(written(tmp_path, **{"equal: none": "equal: power"}))
    first, narrow, tables = experiments_of(spec).values()
    target = power_w(first)
    columns = narrow.spec.machine.core.matrix_units[0].columns  # type: ignore[attr-defined]
    count = tables.spec.machine.core.matrix_units[0].count
    # A column of either array, or a core, is what the sizes differ by at least.
    assert power_w(narrow) == pytest.approx(target, rel=0.51 / columns)
    assert power_w(tables) == pytest.approx(target, rel=0.51 / count)


def test_half_the_clock_twice_the_columns(tmp_path: Path) -> None:
    """Units of one kind: energy per MAC hardly depends on the columns, leakage is small."""
    slow = "npu_w8a8, machine.clock.frequency_hz: 470000000"
    spec = load_comparison(
        written(tmp_path, npu_w4a8_lut=slow, bipolar4="int4", **{"equal: none": "equal: power"})
    )
    first, _, tables = experiments_of(spec).values()
    columns = tables.spec.machine.core.matrix_units[0].columns  # type: ignore[attr-defined]
    leakage = unit_cost(main_units(first.spec.machine).unit, first.technology).leakage_w.value * 2
    share = leakage / power_w(first)
    assert 256 / (1 + share) * 0.98 < columns < 256 * 1.02


def test_the_table_shows_power(tmp_path: Path) -> None:
    outcome = compare(load_comparison(written(tmp_path, **{"equal: none": "equal: power"})))
    shown = text(outcome)
    assert "units, W" in shown and "power, relative" in shown and "when busy" in shown
    assert max(map(len, shown.splitlines())) <= WIDTH
    for case in outcome.cases:
        assert case.units.relative == pytest.approx(1, rel=0.01)


def test_powers_are_of_one_technology(tmp_path: Path) -> None:
    changes = {"npu_w4a8_lut": "gemmini_16x16", "equal: none": "equal: power"}
    with pytest.raises(CyclelabError, match="powers are compared within one technology"):
        experiments_of(load_comparison(written(tmp_path, **changes)))


def test_heads_make_room_for_names(tmp_path: Path) -> None:
    """Two lines of heads, where one would cut names."""
    changes = {
        "- name: tables": "- name: tables of four bits, quite",
        "equal: none": "equal: power",
    }
    shown = text(compare(load_comparison(written(tmp_path, **changes))))
    assert "tables of four bits, quite" in shown and "power,\n" in shown
    assert max(map(len, shown.splitlines())) <= WIDTH


def test_heads_of_one_line_stay_so(tmp_path: Path) -> None:
    """Long names make heads of two lines; those without a comma to break at have but one."""
    name = "tables of four bits, in columns, so"
    shown = text(
        compare(load_comparison(written(tmp_path, **{"- name: tables": f'- name: "{name}"'})))
    )
    assert "\n\n\n" not in shown
