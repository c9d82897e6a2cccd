"""Stacks by component group: what is in them, and that they add up."""

import pytest
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle

from simulator.report import plots
from simulator.report.aggregate import operator_groups
from simulator.report.plots.component_groups import (
    MEMORY,
    STATIC,
    component_group,
    group_colours,
    grouped,
)
from simulator.report.plots.stack import draw_stack
from simulator.report.plots.style import new_figure, place
from simulator.report.result import Estimate, Result
from tests.report.cases import one_operator


def bars(axes: object) -> list[Rectangle]:
    return list(axes.patches)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("core.matrix_unit.systolic_array.pe.adder", "matrix unit"),
        ("core.vector_unit.lane.adder", "vector unit"),
        ("core.scratchpad", "scratchpad"),
        ("chip.l2", "L2 cache"),
        ("memory", "main memory"),
        ("memory.activate", "main memory"),
        ("memory.refresh", "static"),
        ("static", "static"),
        ("clock.idle", "static"),
        ("clock.active", "clock"),
        ("wires.core.scratchpad", "wires"),
        ("wires.memory", "wires"),
        ("chip.network_on_chip", "network on chip"),
    ],
)
def test_groups_of_components(path: str, group: str) -> None:
    assert component_group(path) == group


def test_groups_are_stacked_from_the_arithmetic_outwards() -> None:
    one = Estimate(1.0, 0.5, 2.0)
    paths = (
        "static",
        "clock.active",
        "chip.odd",
        "memory",
        "core.scratchpad",
        "core.matrix_unit.x",
    )
    groups = grouped(dict.fromkeys((*paths, "clock.idle"), one))
    assert list(groups) == ["matrix unit", "scratchpad", "clock", MEMORY, "odd", STATIC]
    assert groups[STATIC] == Estimate(2.0, 1.0, 4.0)
    assert len(set(group_colours(list(groups)).values())) == len(groups)


def test_a_stack_has_shares_where_they_fit() -> None:
    axes = place(new_figure(5, 1), 0, 0, 4, 1)
    draw_stack(axes, {"matrix unit": 6.0, "scratchpad": 0.4, MEMORY: 3.6}, inches=4.0)
    assert [bar.get_x() for bar in bars(axes)] == pytest.approx([0.0, 6.0, 6.4])
    assert [text.get_text() for text in axes.texts] == [
        "60\N{NO-BREAK SPACE}%",
        "36\N{NO-BREAK SPACE}%",
    ]


@pytest.mark.parametrize("kind", ["energy", "area"])
def test_the_total_is_stacked_above_the_components(result: Result, kind: str) -> None:
    parts = getattr(result, f"{kind}_by_component")
    total = result.energy_j if kind == "energy" else result.area_mm2
    groups = grouped(parts)
    figure = getattr(plots, f"plot_{kind}_by_component")(result)
    stacks, components = figure.axes
    widths = [bar.get_width() for bar in bars(stacks)]
    for number, bound in enumerate(("low", "value", "high")):
        expected = [getattr(part, bound) / getattr(total, bound) for part in groups.values()]
        own = widths[number * len(groups) : (number + 1) * len(groups)]
        assert own == pytest.approx(expected) and sum(own) == pytest.approx(1.0)
    rows = [label.get_text().split(":")[0] for label in stacks.get_yticklabels()]
    assert rows == ["low", "value", "high"]
    assert len(figure.legends[0].get_texts()) == len(groups)
    assert len(bars(components)) == len(parts)
    (errors,) = [c for c in components.collections if isinstance(c, LineCollection)]
    assert len(errors.get_segments()) == len(parts)
    assert kind in components.get_xlabel()
    colours = {bar.get_facecolor() for bar in bars(stacks)}
    assert {bar.get_facecolor() for bar in bars(components)} == colours


def test_an_operators_energy_is_the_sum_of_its_parts(result: Result) -> None:
    for group in operator_groups(result):
        assert sum(group.energy_parts_j.values()) == pytest.approx(group.energy_j.value)
        assert min(group.energy_parts_j.values()) >= 0


def test_operators_stack_to_the_phase(result: Result) -> None:
    figure = plots.plot_energy_by_operator(result)
    phases = [result.phases[0].energy_j.value, sum(p.energy_j.value for p in result.phases[1:])]
    for strip, panel, joules in zip(figure.axes[::2], figure.axes[1::2], phases, strict=True):
        unit = {"energy (J)": 1.0, "energy (mJ)": 1e3}[panel.get_xlabel()]
        assert sum(bar.get_width() for bar in bars(strip)) == pytest.approx(joules)
        assert sum(bar.get_width() for bar in bars(panel)) == pytest.approx(joules * unit)


@pytest.mark.parametrize("name", ["energy_by_operator", "energy_by_component", "area_by_component"])
def test_nothing_is_cut_off(result: Result, name: str) -> None:
    lone = one_operator("vector", 100, {}, macs=0, read=0, memory_bound=0, kind="vector")
    for run in (result, lone):
        figure = getattr(plots, f"plot_{name}")(run)
        figure.canvas.draw()
        for artist in (*figure.axes, *figure.legends):
            box = artist.get_tightbbox(figure.canvas.get_renderer())
            assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
            assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1
