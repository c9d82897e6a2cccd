"""The machine as a whole: clocks, peaks, parts, and what YAML may say about it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import ConfigError, Document, list_presets, validate
from simulator.config.presets import load_preset
from simulator.hardware.machine import ClockSpec
from simulator.hardware.npu import NpuSpec
from simulator.mapping.resources import NpuResources
from tests.mapping.small import machine, machine_document


def refused(document: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as error:
        validate(NpuSpec, Document.from_data(document, "machine"))
    return str(error.value)


@pytest.mark.parametrize(
    "frequency_hz, period_fs",
    [
        (1e9, 1_000_000),
        (940e6, 1_063_830),  # 1,063,829.787…
        (1050e6, 952_381),  # 952,380.95…
        (1e12, 1_000),
        (1, 10**15),
    ],
)
def test_clock_periods(frequency_hz: float, period_fs: int) -> None:
    assert ClockSpec(frequency_hz=frequency_hz).period_fs == period_fs


@given(st.floats(1, 1e12))
def test_period_is_a_whole_number_within_a_thousandth(frequency_hz: float) -> None:
    period = ClockSpec(frequency_hz=frequency_hz).period_fs
    assert period >= 1 and abs(period * frequency_hz / 1e15 - 1) <= 5.001e-4


@pytest.mark.parametrize("frequency_hz", [0, -1, 0.5, 1e-300, 1.1e12])
def test_impossible_clocks(frequency_hz: float) -> None:
    message = refused(machine_document() | {"clock": {"frequency_hz": frequency_hz}})
    assert "clock.frequency_hz" in message


@pytest.mark.parametrize(
    "name, macs",
    # TPUv3: two arrays of 128 x 128. TPUv4i: four. Gemmini: one of 16 x 16.
    [("tpuv3_core", 2 * 128 * 128), ("tpuv4i", 4 * 128 * 128), ("gemmini_16x16", 256)],
)
def test_peak_of_shipped_machines(name: str, macs: int) -> None:
    spec = validate(NpuSpec, load_preset("machines", name))
    assert spec.peak_macs_per_cycle == macs
    assert name in list_presets("machines")


def test_peak_counts_cores_and_the_fastest_kind() -> None:
    document = machine_document(cores=3, unit={"count": 2})
    small = document["core"]["matrix_units"][0]
    document["core"]["matrix_units"] = [small, small | {"rows": 8, "count": 1}]
    spec = validate(NpuSpec, Document.from_data(document, "machine"))
    # 3 cores x max(2 x 16, 1 x 32).
    assert spec.peak_macs_per_cycle == 96


def test_parts_of_all_cores() -> None:
    def totals(cores: int) -> Counter[str]:
        found: Counter[str] = Counter()
        for part in machine(cores=cores, unit={"count": 2}).parts():
            found[part.path] += part.count
        return found

    one, three = totals(1), totals(3)
    assert one["core.matrix_unit.systolic_array.pe.multiplier"] == 2 * 16
    assert one["core.vector_unit.lane.adder"] == 4
    assert one["core.scratchpad"] == (1 << 20) // 32768
    assert three == Counter({path: 3 * count for path, count in one.items()})
    assert not any(path.startswith("memory") for path in one)


def test_resources() -> None:
    # 4 GB/s at 1 GHz are 4 bytes per cycle; 57 ns are 57 cycles, 57.2 ns are 58.
    resources = NpuResources(machine(memory={"latency_s": 57e-9}))
    assert resources.bytes_per_cycle == 4
    assert resources.latency_cycles == 57
    assert NpuResources(machine(memory={"latency_s": 57.2e-9})).latency_cycles == 58
    assert resources.memory_cycles(4) == 1 and resources.memory_cycles(5) == 2
    names = [queue.name for queue in resources.queues]
    assert names == [
        "core0.dma_load",
        "core0.dma_store",
        "core0.vector_unit",
        "core0.systolic_array",
    ]


@given(st.floats(1, 1e18), st.floats(0, 1))
def test_resources_of_any_memory(bandwidth: float, latency_s: float) -> None:
    memory = {"bandwidth_bytes_per_s": bandwidth, "latency_s": latency_s}
    resources = NpuResources(machine(memory=memory))
    assert resources.bytes_per_cycle > 0
    assert resources.memory_cycles(1) >= 1
    assert 0 <= resources.latency_cycles <= 10**9


# -- what is wrong is said -------------------------------------------------------
def test_unknown_matrix_unit() -> None:
    message = refused(machine_document(unit={"kind": "systolic_aray"}))
    for part in ("core.matrix_units", "'systolic_aray'", "did you mean 'systolic_array'"):
        assert part in message


def test_identical_units_want_a_count() -> None:
    document = machine_document()
    document["core"]["matrix_units"] *= 2
    assert "use `count` instead" in refused(document)


def test_no_matrix_unit() -> None:
    document = machine_document()
    document["core"]["matrix_units"] = []
    assert "core.matrix_units" in refused(document)


@pytest.mark.parametrize(
    "changes, key",
    [
        ({"cores": 0}, "cores"),
        ({"cores": "two"}, "cores"),
        ({"scratchpad": {"capacity_bytes": -1}}, "core.scratchpad.capacity_bytes"),
        ({"scratchpad": {"capacity_bytes": 1.5}}, "core.scratchpad.capacity_bytes"),
        ({"scratchpad": {"ports": 3}}, "core.scratchpad.ports"),
        ({"dma": {"outstanding": 0}}, "core.dma.outstanding"),
        ({"memory": {"bandwidth_bytes_per_s": 0}}, "memory.bandwidth_bytes_per_s"),
        ({"memory": {"bandwidth_bytes_per_s": 1e-300}}, "memory.bandwidth_bytes_per_s"),
        ({"memory": {"latency_s": -1e-9}}, "memory.latency_s"),
        ({"unit": {"rows": 0}}, "core.matrix_units.0.rows"),
        ({"unit": {"colums": 4}}, "core.matrix_units.0.colums"),
        ({"unit": {"weight_format": "int99"}}, "core.matrix_units.0.weight_format"),
    ],
)
def test_wrong_values_are_named(changes: dict[str, Any], key: str) -> None:
    assert key in refused(machine_document(**changes))
