"""The roofline of energy: coefficients and balances by hand, points, nothing cut off."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from simulator.report import plots
from simulator.report.aggregate import operator_groups
from simulator.report.plots.energy_model import EnergyModel, energy_model
from simulator.report.plots.energy_roofline import energy_points
from simulator.report.result import ZERO, Estimate, Result
from tests.report.cases import one_operator

PJ = 1e-12


def exact(value: float) -> Estimate:
    return Estimate(value, value, value)


def model(operation_pj: float, byte_pj: float, static_w: float) -> EnergyModel:
    """A machine of 100 GOP/s and 10 GB/s: its time balances at 10 operations per byte."""
    return EnergyModel(exact(operation_pj * PJ), exact(byte_pj * PJ), exact(static_w), 100e9, 10e9)


def run(energy: dict[str, Estimate], macs: int = 10**9, read: int = 10**8) -> Result:
    """A second of one operator that takes all of `energy`."""
    base = one_operator("compute", 1000, {}, macs=macs, read=read)
    total = sum(energy.values(), ZERO)
    phase = replace(base.phases[0], energy_j=total, seconds=1.0)
    operator = replace(base.operators[0], energy_j=total)
    return replace(
        base,
        seconds=1.0,
        energy_j=total,
        energy_by_component=energy,
        phases=[phase],
        operators=[operator],
    )


ENERGY = {
    "core.matrix_unit.systolic_array.pe.adder": Estimate(1.0e-3, 0.5e-3, 2.0e-3),
    "core.scratchpad": exact(0.4e-3),
    "wires.core.scratchpad": exact(0.3e-3),
    "wires.memory": exact(0.1e-3),
    "clock.active": exact(0.2e-3),
    "clock.idle": exact(1e-3),
    "memory.activate": exact(2e-3),
    "memory.io": exact(1e-3),
    "memory.refresh": exact(0.5e-3),
    "memory.background": exact(0.5e-3),
    "static": exact(2e-3),
}


def test_coefficients_by_hand() -> None:
    found = energy_model(run(ENERGY))
    # 1.0 + 0.4 + 0.3 + 0.1 + 0.2 = 2.0 mJ over 2 · 10⁹ operations
    assert found.operation_j.value == pytest.approx(1e-12)
    assert found.operation_j.low == pytest.approx(0.75e-12)
    assert found.operation_j.high == pytest.approx(1.5e-12)
    # 2 + 1 = 3 mJ over 10⁸ bytes; 1 + 0.5 + 0.5 + 2 = 4 mJ over a second
    assert found.byte_j.value == pytest.approx(30e-12)
    assert found.static_w.value == pytest.approx(4e-3)
    assert found.energy_balance == pytest.approx(30.0)


def test_an_ideal_memory_is_one_component() -> None:
    found = energy_model(run({"memory": exact(2e-3), "static": exact(1e-3)}))
    assert found.byte_j.value == pytest.approx(20e-12)
    assert found.operation_j == ZERO and found.energy_balance is None


@pytest.mark.parametrize(
    ("operation_pj", "byte_pj", "static_w", "half"),
    [
        (1.0, 40.0, 0.0, 40.0),  # no static power: where the asymptotes meet
        (1.0, 40.0, 0.1, 20.0),  # 40 / (1 + 0.1 W / 100 GOP/s = 1)
        # 5 / 2 lies left of the time balance: (5 + 0.1 W / 10 GB/s = 10) / (2 · 2 - 1) = 5
        (1.0, 5.0, 0.1, 5.0),
    ],
)
def test_half_of_the_best(
    operation_pj: float, byte_pj: float, static_w: float, half: float
) -> None:
    own = model(operation_pj, byte_pj, static_w)
    assert own.half_best == pytest.approx(half)
    assert 1 / own.joules_per_operation(half).value == pytest.approx(own.best / 2)


def test_asymptotes_and_the_bound_between() -> None:
    own = model(2.0, 50.0, 0.3)
    assert own.time_balance == 10.0 and own.energy_balance == 25.0
    # far right 2 pJ + 0.3 W / 100 GOP/s = 5 pJ; far left (50 pJ + 0.3 W / 10 GB/s) / I
    assert own.best == pytest.approx(1 / (5 * PJ))
    assert own.joules_per_operation(1e9).value == pytest.approx(5 * PJ)
    assert own.joules_per_operation(1e-6).value * 1e-6 == pytest.approx(80 * PJ, rel=1e-4)
    # at 5 operations per byte: 2 + 50 / 5 + 0.3 W / (5 · 10 GB/s) = 2 + 10 + 6
    assert own.joules_per_operation(5.0).value == pytest.approx(18 * PJ)


def test_lines_that_are_drawn() -> None:
    (axes,) = plots.plot_energy_roofline(run(ENERGY)).axes
    lines = [line.get_xydata() for line in axes.lines]
    bound, memory, chip, time, energy, ring = [np.asarray(line) for line in lines]
    found = energy_model(run(ENERGY))
    for x, y in bound[::30]:
        assert y == pytest.approx(1 / found.joules_per_operation(x).value)
    assert memory[1] == pytest.approx((30.0, 1e12)) and chip[0] == pytest.approx((30.0, 1e12))
    assert memory[0][1] / memory[0][0] == pytest.approx(1 / 30e-12)
    assert time[:, 0] == pytest.approx(found.time_balance)
    assert energy[:, 0] == pytest.approx(30.0)
    assert ring[0] == pytest.approx((found.half_best, found.best / 2))
    names = [text.get_text() for text in axes.figure.legends[0].get_texts()]  # type: ignore[union-attr]
    assert "energy balance 30.0 OP/B" in names
    assert "without static power (4.00\N{NO-BREAK SPACE}mW)" in names


def test_every_operator_is_a_point_below_the_band(result: Result) -> None:
    points, found = energy_points(result), energy_model(result)
    assert len(points) == sum(bool(g.macs and g.dram_bytes) for g in operator_groups(result))
    for point in points:
        assert point.value < 1 / found.joules_per_operation(point.intensity).low
    (axes,) = plots.plot_energy_roofline(result).axes
    drawn = [c for c in axes.collections if isinstance(c, PathCollection)]
    assert sum(len(np.asarray(c.get_offsets())) for c in drawn) == len(points)
    (left, right), (floor, top) = axes.get_xlim(), axes.get_ylim()
    assert all(left < p.intensity < right and floor < p.value < top for p in points)


@pytest.mark.parametrize(
    ("energy", "macs", "read", "lines"),
    [
        ({"core.vector_unit": exact(1e-3), "static": exact(1e-3)}, 0, 10**8, 2),  # static
        ({"memory": exact(1e-3), "core.scratchpad": exact(1e-3)}, 0, 10**8, 3),  # memory
        ({"core.scratchpad": exact(1e-3), "static": exact(1e-3)}, 10**9, 0, 3),  # chip, static
        ({}, 10**9, 10**8, 0),
    ],
)
def test_what_a_run_lacks_is_not_drawn(
    energy: dict[str, Estimate], macs: int, read: int, lines: int
) -> None:
    (axes,) = plots.plot_energy_roofline(run(energy, macs, read)).axes
    assert len(axes.lines) == lines
    assert bool(axes.texts and "nothing" in axes.texts[0].get_text()) == (not lines)


def test_nothing_is_cut_off_or_covered(result: Result) -> None:
    figure = plots.plot_energy_roofline(result)
    figure.canvas.draw()
    (axes,) = figure.axes
    boxes = [*figure.legends, *axes.texts, axes.xaxis.label, axes.yaxis.label]
    extents = [box.get_window_extent() for box in boxes]
    for number, extent in enumerate(extents):
        assert figure.bbox.x0 <= extent.x0 and extent.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= extent.y0 and extent.y1 <= figure.bbox.y1
        level = [e for b, e in zip(boxes, extents, strict=True) if not _turned(b)]
        if not _turned(boxes[number]):
            assert sum(extent.overlaps(other) for other in level) == 1
    assert isinstance(axes, Axes)


def _turned(box: object) -> bool:
    return bool(getattr(box, "get_rotation", lambda: 0)())
