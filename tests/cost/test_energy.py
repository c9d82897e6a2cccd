"""Energy of runs: clocks apart from data, registers that wait, wires by the floor plan."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.cost.energy import CLOCK_ACTIVE, energy, waits
from simulator.cost.estimate import Estimate
from simulator.cost.floorplan import floorplan, wire_energy_j
from simulator.hardware.primitives import Action, ActionCounts, Part
from tests.cost.helpers import dram, flip_flops, register_file, sram, technology


def mm2(value: float) -> Estimate:
    """An area that is not in doubt."""
    return Estimate(value, value, value)


def test_the_clock_is_apart_from_data():
    base = technology("45nm")
    joules = energy(ActionCounts({Action("pe.sum", flip_flops(32), "write"): 10**12}), base)
    assert list(joules) == ["pe.sum", CLOCK_ACTIVE]
    assert joules["pe.sum"].value == pytest.approx(32 * 0.0039)
    assert joules[CLOCK_ACTIVE].value == pytest.approx(32 * 0.0058 * 1.4)
    assert joules["pe.sum"].low == 0  # data that stays


def test_registers_wait_when_they_are_not_written():
    counts = ActionCounts({Action("a", flip_flops(8), "write"): 30})
    counts.add(Action("b", flip_flops(16), "write"), 10)
    counts.add(Action("file", register_file(4, 8), "write"), 8)
    parts = [
        Part("a", flip_flops(8), 2),
        Part("twin", flip_flops(8), 1),
        Part("b", flip_flops(16), 1),
        Part("file", register_file(4, 8), 1),
        Part("sram", sram(65536, 256), 1),
    ]
    # Three banks of 8 bits for 20 cycles less 30 writes; 20 - 10; a write clocks 1 word of 4.
    assert dict(waits(parts, counts, 20)) == {
        flip_flops(8): 30,
        flip_flops(16): 10,
        register_file(4, 8): 18,
    }


@given(st.integers(1, 64), st.integers(1, 50), st.integers(0, 400))
def test_clockings_and_waits_are_all_cycles(bits, cycles, writes):
    writes = min(writes, 8 * cycles)
    counts = ActionCounts()
    counts.add(Action("a", flip_flops(bits), "write"), writes)
    ((_, waited),) = waits([Part("a", flip_flops(bits), 8)], counts, cycles)
    assert waited + writes == 8 * cycles


def test_lengths_by_hand():
    areas = {"core.scratchpad": mm2(8.0), "core.array": mm2(24.0), "chip.l2": mm2(4.0)}
    plan = floorplan(areas, cores=2, pieces={})
    # A scratchpad of 4 mm² in a core of 16: 3/4 · 2 + 1/2 · 4. The chip is 6 mm wide.
    assert plan.lengths_mm["core.scratchpad"] == pytest.approx(3.5)
    assert plan.lengths_mm["chip.l2"] == pytest.approx(0.75 * 2 + 0.5 * 6)
    assert plan.memory_mm == 0  # the cache takes it over at the edge
    # Without one, half of what four cores of 4 mm are wider than one: 1/2 · (8 - 4).
    many = floorplan({"core.scratchpad": mm2(64.0)}, cores=4, pieces={})
    assert many.memory_mm == pytest.approx(2)
    # In four pieces, each beside a quarter of the core: half as long.
    pieces = floorplan(areas, cores=2, pieces={"core.scratchpad": 4})
    assert pieces.lengths_mm["core.scratchpad"] == pytest.approx(3.5 / 2)


def test_bits_and_millimetres_by_hand():
    plan = floorplan({"core.scratchpad": mm2(16.0)}, cores=4, pieces={})
    counts = ActionCounts({Action("core.scratchpad", sram(65536, 256), "read"): 3})
    counts.add(Action("core.scratchpad", sram(65536, 256), "write"), 1)
    counts.add(Action("memory", dram("hbm2"), "read"), 5)
    counts.add(Action("core.sum", flip_flops(8), "write"), 7)
    assert plan.bit_mm(counts) == pytest.approx(
        {"core.scratchpad": 4 * 256 * (0.75 * 2 + 0.5 * 2), "memory": 5 * 8 * 1.0}
    )


def test_wires_by_hand():
    base = technology("45nm")
    joules = wire_energy_j(1e12, base)
    assert joules.value == pytest.approx(0.0405)
    # Lengths may be off by a factor of two either way, on top of the capacitance.
    assert joules.low == pytest.approx(0.0405 * 0.9 / 2)
    assert joules.high == pytest.approx(0.0405 * 1.5 * 2)


@given(st.floats(0.1, 100), st.floats(0.1, 100), st.integers(1, 64))
def test_equal_cores_have_equal_wires(buffer, rest, cores):
    """What one core alone has, each of many has, whatever their number."""
    alone = floorplan({"core.a": mm2(buffer), "core.b": mm2(rest)}, 1, {})
    many = floorplan({"core.a": mm2(buffer * cores), "core.b": mm2(rest * cores)}, cores, {})
    assert many.lengths_mm["core.a"] == pytest.approx(alone.lengths_mm["core.a"])
    width = sqrt(buffer + rest)
    assert alone.memory_mm == 0
    assert many.memory_mm == pytest.approx(width * (sqrt(cores) - 1) / 2)
