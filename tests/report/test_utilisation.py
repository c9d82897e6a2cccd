"""How busy units are: shares by hand, and their picture."""

from __future__ import annotations

import pytest

from simulator.api import run
from simulator.report import plots
from simulator.report.aggregate import PhaseGroup, phase_groups
from simulator.report.result import Result
from simulator.report.utilisation import BUS, UnitUse, unit_uses
from tests.report.cases import one_operator


def uses(result: Result) -> dict[str, UnitUse]:
    (phase,) = phase_groups(result)
    return {use.name: use for use in unit_uses(result, phase)}


def with_queues(**busy: int) -> Result:
    """One phase whose queues were busy for so many cycles; `__` stands for a dot."""
    result = one_operator("compute", 1000, {})
    phase = result.phases[0]
    phase.busy_cycles = {name.replace("__", "."): cycles for name, cycles in busy.items()}
    phase.cycles = 1000
    return result


def test_cores_are_averaged() -> None:
    found = uses(with_queues(core0__systolic_array=400, core1__systolic_array=600))
    use = found["systolic_array"]
    assert (use.busy, use.least, use.most) == (0.5, 0.4, 0.6)


def test_transfers_and_launches_are_left_out() -> None:
    found = uses(with_queues(core0__dma_load=900, core0__vector_unit=100, gpu__launch=5))
    assert set(found) == {"vector_unit", BUS}


def test_channels_of_a_memory_that_computes_are_one_unit() -> None:
    found = uses(with_queues(memory__channel0=100, memory__channel1=0, memory__channel2=200))
    assert found["pim"] == UnitUse("pim", pytest.approx(0.1), 0.0, 0.2, None)


def test_a_cores_work_for_the_memory_is_its_own() -> None:
    found = uses(with_queues(core0__vector_unit=100, memory__vector_unit=50, memory__channel0=1))
    assert found["vector_unit"].busy == pytest.approx(0.15)


def test_macs_at_peak_are_within_busy_time() -> None:
    result = run(
        {
            "name": "gemm",
            "machine": "tpuv3_core",
            "workload": {"gemms": [{"name": "g", "m": 512, "n": 512, "k": 512}]},
        }
    )
    use = uses(result)["systolic_array"]
    assert use.at_peak is not None and 0 < use.at_peak <= use.busy <= 1
    assert use.at_peak == pytest.approx(result.utilisation)
    assert uses(result)[BUS].busy == pytest.approx(
        result.phases[0].memory_busy_seconds / result.seconds
    )


def test_nothing_happened() -> None:
    result = one_operator("compute", 1000, {})
    assert unit_uses(result, PhaseGroup("empty", "decode", [])) == []


def test_picture_names_units_and_shares() -> None:
    result = with_queues(core0__systolic_array=400, memory__channel0=100, memory__channel1=300)
    (axes,) = plots.plot_utilisation(result).axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["systolic array", "units in the memory", "memory bus"]
    said = [text.get_text().replace("\N{NO-BREAK SPACE}", " ") for text in axes.texts]
    assert said[0].startswith("40 %") and said[1] == "20 %"
    assert axes.get_xlim() == (0, 1), "shares end at the whole"
