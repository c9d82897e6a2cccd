"""What a run on DRAM channels finds: cycles, bytes, and the energy of each command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator import api
from simulator.cost import ZERO
from simulator.cost.dram import CATEGORIES, command_energies
from simulator.report.build import STATIC
from simulator.report.result import Result
from tests.hardware.dram.devices import device
from tests.mapping.result_laws import check_result, check_sum, findings
from tests.mapping.small import INT8, gemms, machine_document, transformer

MACHINE = "tpuv3_core_hbm2"
SMALL: dict[str, Any] = machine_document() | {
    "memory": {"kind": "dram", "device": "hbm2-1760", "channels": 4, "interleave_bytes": 32}
}
"""The small machine of other tests with four channels of HBM2."""


def gemm(size: int = 256, machine: str = MACHINE, **settings: Any) -> Result:
    return api.gemm(size, size, size, machine, settings)


def test_runs_are_equal_however_they_are_simulated() -> None:
    once = gemm()
    assert gemm().to_dict() == once.to_dict()
    assert findings(gemm(**{"simulation.every_event": True})) == findings(once)


@pytest.mark.parametrize("size", [1, 33, 100, 256])
def test_results_obey_their_laws(size: int) -> None:
    check_result(gemm(size))


@pytest.mark.parametrize("size", [64, 256, 1000])
def test_no_faster_than_an_ideal_memory_of_its_peak(size: int) -> None:
    found = gemm(size)
    peak = found.machine["memory_bandwidth_bytes_per_s"]
    ideal = {"machine.memory.bandwidth_bytes_per_s": peak, "machine.memory.latency_s": 0}
    assert found.cycles >= gemm(size, "tpuv3_core", **ideal).cycles
    # 16 channels of 2 data buses with 8 bytes at both edges of a clock of 1.137 ns.
    assert peak == pytest.approx(16 * 2 * 8 * 2 / 1137e-12)


def test_a_transformer(tmp_path: Path) -> None:
    """Layers have weights of their own; decode steps too run on the memory."""
    document = {
        "name": "tiny",
        "machine": SMALL,
        "workload": {
            "model": transformer(tmp_path, num_hidden_layers=3),
            "prefill_tokens": 16,
            "decode_steps": 2,
            "precision": INT8 | {"residual": "bf16"},
        },
    }
    result = api.run(document)
    check_estimates_of(result)
    for phase in result.phases:
        assert phase.dram is not None
        burst_bytes = 32
        assert phase.dram["reads"] * burst_bytes >= phase.dram_read_bytes
        assert phase.dram["writes"] * burst_bytes >= phase.dram_write_bytes
    assert findings(api.run(document, {"simulation.every_event": True})) == findings(result)


def check_estimates_of(result: Result) -> None:
    check_sum(result.energy_by_component.values(), result.energy_j)
    check_sum((phase.energy_j for phase in result.phases), result.energy_j)
    for phase in result.phases:
        operators = [op.energy_j for op in result.operators if op.phase == phase.name]
        check_sum(operators, phase.energy_j)


# -- energy ------------------------------------------------------------------------
def test_energy_by_command() -> None:
    result = gemm()
    check_estimates_of(result)
    found = result.energy_by_component
    memory = {path for path in found if path.startswith("memory")}
    assert memory == {f"memory.{category}" for category in CATEGORIES}
    assert STATIC in found, "leakage on the chip"
    (phase,) = result.phases
    assert phase.dram is not None
    commands, each = phase.dram["commands"], command_energies(device("hbm2-1760"))
    moved = commands["RD"] + commands["WR"]
    expected = {
        "activate": each.activate_pj.scaled(commands["ACT"]),
        "read": each.read_pj.scaled(commands["RD"]),
        "write": each.write_pj.scaled(commands["WR"]),
        "refresh": each.refresh_all_pj.scaled(commands["REFab"]),
        "io": each.io_pj.scaled(moved),
    }
    for category, energy in expected.items():
        check_sum([energy.scaled(1e-12)], found[f"memory.{category}"])
    # Standby: between that of closed rows and that of open ones, over 16 channels.
    standby = found["memory.background"].value
    seconds = phase.dram["cycles"] * 1137e-12
    assert 16 * each.standby_closed_w.value * seconds < standby
    assert standby < 16 * each.standby_open_w.value * seconds
    # 256 x 256 inputs, weights and outputs of 2 bytes.
    assert moved * 32 == 3 * 256 * 256 * 2


def test_operators_have_traffic_by_their_bytes_and_the_rest_by_their_time() -> None:
    result = api.run({"name": "two", "machine": SMALL, "workload": gemms((64, 64, 64), (4, 4, 4))})
    check_estimates_of(result)
    found = result.energy_by_component
    by_time = found["memory.refresh"] + found["memory.background"] + found[STATIC]
    by_bytes = sum((found[f"memory.{each}"] for each in ("activate", "read", "write", "io")), ZERO)
    moved = [op.bytes["dram_read"] + op.bytes["dram_write"] for op in result.operators]
    parts = [
        by_time.scaled(op.exclusive_cycles / result.cycles) + by_bytes.scaled(each / sum(moved))
        for op, each in zip(result.operators, moved, strict=True)
    ]
    for op, part in zip(result.operators, parts, strict=True):
        assert op.energy_j.value > part.value, "what the chip does comes on top"
    on_chip = [found[path] for path in found if path != STATIC and not path.startswith("memory")]
    check_sum([*parts, *on_chip], result.energy_j)


def test_a_longer_run_refreshes() -> None:
    """Every 3430 cycles of the memory, each of two pseudo channels of 16 channels."""
    result = gemm(1000)
    (phase,) = result.phases
    assert phase.dram is not None
    intervals = int(phase.dram["cycles"] // 3430)
    assert intervals >= 2
    assert phase.dram["commands"]["REFab"] == pytest.approx(32 * intervals, abs=32)
    refresh = result.energy_by_component["memory.refresh"]
    assert refresh.low < refresh.value < refresh.high
    without = gemm(1000, **{"machine.memory.controller.refresh": "none"})
    assert without.energy_by_component["memory.refresh"].value == 0
    assert without.cycles < result.cycles
