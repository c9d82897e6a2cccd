"""From what the engine measured to a result: shares, bounds, energy, clocks."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import simulator as sim
from simulator.cost import load_technology
from simulator.cost.difference import Amounts, difference
from simulator.engine import run_program
from simulator.hardware.primitives import Primitive
from simulator.report.build import STATIC
from simulator.report.result import Result
from simulator.runner import run_with_amounts
from tests.mapping.result_laws import check_result, check_sum
from tests.mapping.small import (
    INT8,
    experiment,
    gemms,
    machine,
    machine_document,
    programs,
    run,
    transformer,
)

TECHNOLOGY = load_technology("45nm")


def one_tile() -> Result:
    """A 4x4x4 GEMM in one tile: 46 cycles, see tests/mapping/test_gemm_cycles.py."""
    return run(gemms((4, 4, 4)))


def picojoules(primitive: Primitive, verb: str) -> float:
    return TECHNOLOGY.action_energy_pj(primitive, verb).value


def test_energy_of_one_tile() -> None:
    # 64 multiplies and adds; 32 bytes read and 16 written in main memory; 46 ns of leakage.
    result = one_tile()
    found = {path: energy.value for path, energy in result.energy_by_component.items()}
    unit = "core.matrix_unit.systolic_array.pe"
    multiply = Primitive("multiplier", ("int8", "int8"))
    assert found[f"{unit}.multiplier"] == pytest.approx(64e-12 * picojoules(multiply, "operate"))
    memory = Primitive("dram", device="hbm2")
    moved = 32 * picojoules(memory, "read") + 16 * picojoules(memory, "write")
    assert found["memory"] == pytest.approx(1e-12 * moved)
    # The accumulator is written once per output, 4 bytes each: 64 bytes in words of 32.
    word = Primitive("sram", bits=256, capacity_bytes=32768)
    psums = 2 * picojoules(word, "write") + 2 * picojoules(word, "read")
    assert found["core.accumulator"] == pytest.approx(1e-12 * psums)
    # The rest of the whole is static.
    check_sum(result.energy_by_component.values(), result.energy_j)
    twice = run(gemms((4, 4, 4), (4, 4, 4)))
    assert twice.energy_by_component[STATIC].value == pytest.approx(
        found[STATIC] * twice.cycles / 46
    )


def test_bytes_by_level() -> None:
    # Two loads of 16 bytes write a word of 32 bytes each, and the array reads them both; it
    # writes 16 sums of 4 bytes, which the store reads.
    (operator,) = one_tile().operators
    assert operator.bytes == {
        "dram_read": 32,
        "dram_write": 16,
        "scratchpad_write": 64,
        "scratchpad_read": 32,
        "accumulator_write": 64,
        "accumulator_read": 64,
    }


@pytest.mark.parametrize(
    "size, bound",
    [
        # 16 MACs and 4 bytes per cycle.
        ((512, 512, 512), "compute"),  # 8.4 M cycles against 0.2 M
        ((1, 512, 512), "memory"),  # 16 K against 66 K
        ((4, 4, 4), "latency"),  # 4 against 12, of 46
    ],
)
def test_what_bounds_an_operator(size: tuple[int, int, int], bound: str) -> None:
    (operator,) = run(gemms(size)).operators
    assert operator.bound == bound
    m, n, k = size
    assert operator.compute_bound_cycles == -(-m * n * k // 16)
    assert operator.memory_bound_cycles == -(-(m * k + k * n + m * n) // 4)


def vector_bound(folder: Path, **changes: Any) -> Result:
    model = transformer(folder, num_hidden_layers=1, model_type="bert", num_key_value_heads=4)
    workload = {"model": model, "prefill_tokens": 64, "precision": INT8 | {"residual": "bf16"}}
    fast = {"bandwidth_bytes_per_s": 1e15, "latency_s": 0}
    return run(workload, machine_document(memory=fast, **changes))


def test_vector_bound(tmp_path: Path) -> None:
    # A norm of 64 x 16 elements on 4 lanes, and as many quantised behind it: 2 x 256 cycles.
    result = vector_bound(tmp_path)
    norm = next(op for op in result.operators if op.name == "post_norm")
    assert (norm.bound, norm.compute_bound_cycles) == ("vector", 512)
    assert 512 <= norm.cycles < 2 * 512
    assert norm.macs == 0 and norm.utilisation == 0


def test_clocks_of_their_own_are_reported_in_the_machines(tmp_path: Path) -> None:
    """A vector unit at 0.7 GHz: its operators' cycles are still those of the 1 GHz clock."""
    same, slow = (
        vector_bound(tmp_path, **extra) for extra in ({}, {"vector_clock": {"frequency_hz": 7e8}})
    )
    for result in (same, slow):
        check_result(result)
    before, after = (
        next(op for op in result.operators if op.name == "post_norm") for result in (same, slow)
    )
    assert after.cycles == pytest.approx(before.cycles / 0.7, rel=0.02)
    assert after.compute_bound_cycles == -(-512 * 10 // 7)
    busy = [each.phases[0].busy_cycles["core0.vector_unit"] for each in (same, slow)]
    assert busy[1] == pytest.approx(busy[0] / 0.7, abs=1)


def test_static_energy_is_shared_by_the_time_put_off() -> None:
    result = run(gemms((64, 64, 64), (4, 4, 4)))
    static = result.energy_by_component[STATIC].value
    large, small = result.operators
    assert large.exclusive_cycles + small.exclusive_cycles == result.cycles
    dynamic = result.energy_j.value - static
    assert large.energy_j.value + small.energy_j.value == pytest.approx(static + dynamic)
    assert large.energy_j.value > small.energy_j.value


@pytest.mark.parametrize("machine", [None, "tpuv3_core_hbm2"])
def test_parts_of_an_operators_energy_add_up(machine: str | None) -> None:
    """By operator and component, with a memory of bytes and with one of commands."""
    workload = gemms((64, 64, 64), (8, 4, 4))
    if machine is not None:
        workload["precision"] = {"weights": "bf16", "activations": "bf16"}
    result = run(workload, machine)
    sums: dict[str, float] = {}
    for operator in result.operators:
        assert sum(operator.energy_parts_j.values()) == pytest.approx(operator.energy_j.value)
        for path, joules in operator.energy_parts_j.items():
            sums[path] = sums.get(path, 0.0) + joules
    assert {"wires", "clock.active", "clock.idle", "core.matrix_unit", "memory"} <= set(sums)
    for path, joules in sums.items():
        prefix = f"{path}." if path in ("wires", "core.matrix_unit") else path
        whole = [e.value for p, e in result.energy_by_component.items() if p.startswith(prefix)]
        if path == "memory":  # what goes with time is apart
            by_time = ("memory.background", "memory.refresh")
            whole.append(-sum(sums.get(each, 0.0) for each in by_time))
        assert joules == pytest.approx(sum(whole))


def test_wires_and_clocks_of_one_tile_by_hand() -> None:
    result = one_tile()
    found = {path: energy.value for path, energy in result.energy_by_component.items()}
    # The accumulator's four accesses of 256 bits, over 3/4 of its side and half of the core.
    wire = picojoules(Primitive("wire", bits=1, length_um=1000), "move")
    areas = {path: area.value for path, area in result.area_by_component.items()}
    length_mm = 0.75 * areas["core.accumulator"] ** 0.5 + 0.5 * sum(areas.values()) ** 0.5
    moved = found["wires.core.accumulator"]
    assert moved == pytest.approx(1e-12 * wire * 4 * 256 * length_mm)
    assert "wires.memory" not in found
    registers = sum(
        part.count * part.primitive.bits
        for part in machine().parts()
        if part.primitive.kind == "flip_flop"
    )
    pin = TECHNOLOGY.clock_energy_pj(Primitive("flip_flop", bits=1)).value
    # All registers for 46 cycles: clocked when they are written, and in a tenth of the others.
    clocked = found["clock.active"] + found["clock.idle"] / 0.1
    assert clocked == pytest.approx(1e-12 * registers * 46 * pin)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_amounts_of_equal_operators_add_up(count: int) -> None:
    """As many operators of equal cost are as many, in what comparisons are made of, too."""
    sizes = [(4, 4, 4)] * count
    one, many = experiment(gemms((4, 4, 4))), experiment(gemms(*sizes))
    (single,), (all_of_them,) = (run_with_amounts(each)[1] for each in (one, many))
    multiply = (Primitive("multiplier", ("int8", "int8")), "operate")
    assert all_of_them.counts[multiply] == count * single.counts[multiply]
    result, amounts = run_with_amounts(many)
    energy = difference(Amounts(), amounts[0], TECHNOLOGY)
    assert energy.value == pytest.approx(result.energy_j.value)
    # All registers in all cycles: written, or waiting.
    word = Primitive("flip_flop", bits=32)
    registers = sum(p.count for p in machine().parts() if p.primitive == word)
    written, waited = amounts[0].counts[word, "write"], amounts[0].counts[word, "wait"]
    assert written + waited == registers * result.cycles


def test_waiting_for_another_unit_is_no_low_utilisation() -> None:
    """Two arrays: attention on the second waits for projections on the first."""
    result = sim.run("llama2_7b_w4a8", {"workload.layers": 1, "workload.decode_steps": 0})
    attention = next(op for op in result.operators if op.name == "attention")
    assert attention.active_cycles < attention.cycles / 2
    assert attention.utilisation > 0.8 and attention.bound == "compute"
    for op in result.operators:
        assert op.utilisation <= 1 and op.active_cycles <= op.cycles


def test_spans_stay_inside_their_phase(tmp_path: Path) -> None:
    workload = {"model": transformer(tmp_path), "prefill_tokens": 20, "decode_steps": 2}
    result = run(workload | {"precision": INT8 | {"residual": "bf16"}})
    places = {p.name: (p.start_cycle, p.start_cycle + p.cycles) for p in result.phases}
    queues = set(result.phases[0].busy_cycles)
    assert {span["phase"] for span in result.spans} == set(places)
    for span in result.spans:
        start, end = places[span["phase"]]
        assert start <= span["start_cycle"] <= span["end_cycle"] <= end
        assert span["queue"] in queues
    # A unit does one thing at a time.
    unit = [s for s in result.spans if s["queue"] == "core0.systolic_array"]
    assert all(a["end_cycle"] <= b["start_cycle"] for a, b in pairwise(unit))


def test_records_and_results_agree() -> None:
    """What the engine recorded is what the result says, operator by operator."""
    (program,) = programs(gemms((40, 40, 40), (8, 8, 8)))
    spec = machine()
    execution = run_program(program, spec.memory, reference_period_fs=spec.clock.period_fs)
    result = run(gemms((40, 40, 40), (8, 8, 8)))
    assert result.cycles == execution.duration_fs // spec.clock.period_fs
    for record, operator in zip(execution.records, result.operators, strict=True):
        assert operator.compute_cycles == record.compute_cycles
        assert operator.stall_cycles == record.stall_cycles
