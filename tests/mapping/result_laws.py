"""What every result obeys, whatever was run on whatever machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from simulator.cost import ZERO, Estimate
from simulator.report.result import PhaseResult, Result

HOW_IT_WAS_SIMULATED = ("simulation", "spans", "configuration", "configuration_hash")
"""What may differ between a run that skips repeats and one that does not."""


def findings(result: Result) -> dict[str, Any]:
    """All that a run found out, without how it was simulated."""
    document = result.to_dict()
    return {key: value for key, value in document.items() if key not in HOW_IT_WAS_SIMULATED}


def check_sum(parts: Iterable[Estimate], whole: Estimate) -> None:
    total = sum(parts, ZERO)
    for bound in ("value", "low", "high"):
        assert getattr(total, bound) == pytest.approx(getattr(whole, bound), rel=1e-9)


def check_result(result: Result) -> None:
    check_estimates(result)
    start = 0
    for phase in result.phases:
        assert phase.start_cycle == start
        start += phase.cycles
        check_phase(result, phase)
    assert result.cycles == start
    assert result.seconds == pytest.approx(sum(p.seconds for p in result.phases))
    for op in result.operators:
        assert op.cycles == op.compute_cycles + sum(op.stall_cycles.values())
        assert min(op.compute_cycles, *op.stall_cycles.values(), op.exclusive_cycles) >= 0
        assert op.bytes["dram_read"] + op.bytes["dram_write"] >= op.compulsory_bytes
        assert 0 <= op.utilisation <= 1
        assert all(count >= 0 for count in op.bytes.values())
        assert op.bound in ("compute", "memory", "vector", "link", "latency")
    assert 0 <= result.utilisation <= 1


def check_estimates(result: Result) -> None:
    """Parts sum to the whole, and bounds enclose values."""
    check_sum(result.area_by_component.values(), result.area_mm2)
    check_sum(result.energy_by_component.values(), result.energy_j)
    check_sum((phase.energy_j for phase in result.phases), result.energy_j)
    check_sum((op.energy_j for op in result.operators), result.energy_j)
    everything = [
        *result.area_by_component.values(),
        *result.energy_by_component.values(),
        *(op.energy_j for op in result.operators),
        result.power_w,
    ]
    assert all(0 <= e.low <= e.value <= e.high for e in everything)


def check_phase(result: Result, phase: PhaseResult) -> None:
    operators = [op for op in result.operators if op.phase == phase.name]
    assert sum(op.exclusive_cycles for op in operators) == phase.cycles
    assert sum(op.macs for op in operators) == phase.macs
    moved = Counter[str]()
    for op in operators:
        moved.update(op.bytes)
        assert phase.start_cycle <= op.start_cycle
        # Cycles are whole ones of the operator's own clock: its end may be rounded up.
        assert op.start_cycle + op.cycles <= phase.start_cycle + phase.cycles + 2
    assert moved["dram_read"] == phase.dram_read_bytes
    assert moved["dram_write"] == phase.dram_write_bytes
    assert phase.cycles * result.machine["peak_macs_per_cycle"] >= phase.macs
    bandwidth = result.machine["memory_bandwidth_bytes_per_s"]
    total = phase.dram_read_bytes + phase.dram_write_bytes
    assert phase.seconds * bandwidth >= total * (1 - 1e-9)
    assert total / bandwidth * (1 - 1e-9) <= phase.memory_busy_seconds <= phase.seconds
    for queue, cycles in phase.busy_cycles.items():
        assert 0 <= cycles <= phase.cycles, queue
