"""Registers, shared memory and cycles of thread blocks, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.config import load_preset, validate
from simulator.hardware.gpu import GpuSpec
from simulator.mapping.gpu.occupancy import block_use, occupancy, slab_cycles, slab_traffic
from simulator.mapping.gpu.problem import Block
from simulator.mapping.gpu.resources import GpuResources
from simulator.mapping.in_step.problem import StepGemm

A100 = validate(GpuSpec, load_preset("machines", "a100"))
FP16 = A100.core.build_matrix_units()[0]


def problem(**changes: Any) -> StepGemm:
    values: dict[str, Any] = {
        "count": 1,
        "m": 4096,
        "n": 4096,
        "k": 4096,
        "input_bits": 16,
        "weight_bits": 16,
        "inputs_on_chip": False,
        "weights_on_chip": False,
        "accumulator_bits": 32,
    }
    return StepGemm(**values | changes)


def test_a_block_of_an_a100() -> None:
    block = Block(128, 128, 32, 2, 2, stages=3)
    use = block_use(problem(), block, FP16, A100.core)
    # 64x64 sums of a warp over 32 threads are 128 registers; two fragments of 8 x (64 + 64)
    # FP16 values are 4096 bytes, 32 registers per thread; 40 to spare.
    assert use.registers_per_thread == 128 + 32 + 40
    assert use.threads == 128
    assert use.register_bytes == 200 * 128 * 4
    assert use.shared_bytes == 3 * 32 * 256 * 2
    # Registers hold 262144 / 102400 = 2 blocks, shared memory 167936 / 49152 = 3.
    assert occupancy(use, A100.core) == 2


def test_too_many_registers_per_thread() -> None:
    block = Block(256, 256, 32, 2, 2, stages=2)  # 128 x 128 sums: 512 registers per thread
    assert occupancy(block_use(problem(), block, FP16, A100.core), A100.core) == 0


def test_shared_memory_is_read_by_every_warp() -> None:
    block = Block(128, 64, 32, 4, 2, stages=2)
    traffic = slab_traffic(problem(), block, 32, FP16)
    rows, columns = 128 * 32 * 2, 64 * 32 * 2
    assert traffic.near_write == rows + columns
    assert traffic.near_read == 2 * rows + 4 * columns


def test_cycles_at_the_peak_of_the_tensor_cores() -> None:
    block = Block(128, 128, 32, 2, 2, stages=3)
    cycles = slab_cycles(problem(), block, 32, 2, FP16, A100.core)
    assert cycles.compute == 2 * 128 * 128 * 32 // (4 * 256)
    assert cycles.busy == cycles.compute


def test_a_block_of_fewer_warps_leaves_sub_cores_idle() -> None:
    one, four = (
        slab_cycles(problem(), Block(64, 64, 32, warps, 1, 2), 32, 1, FP16, A100.core)
        for warps in (1, 4)
    )
    assert one.compute == 4 * four.compute


def test_shared_memory_is_the_limit_of_thin_warps() -> None:
    block = Block(16, 128, 32, 1, 16, stages=2)  # 16 warps read the same 16 rows
    cycles = slab_cycles(problem(), block, 32, 1, FP16, A100.core)
    read, written = 16 * 16 * 64 + 128 * 64, (16 + 128) * 64
    assert cycles.busy == (read + written) / 128
    assert cycles.compute == 16 * 128 * 32 / 1024


@pytest.mark.parametrize("name", ["a100_lut_4x", "a100_lut_8x"])
def test_operands_of_lut_cores_fit_the_registers_ports(name: str) -> None:
    """An array reads 64 bytes of weights and 20 of tables per step, and sums once per slab."""
    machine = validate(GpuSpec, load_preset("machines", name))
    unit = GpuResources(machine).matrix_units[0]
    lut = problem(input_bits=20, weight_bits=2)
    block = Block(64, 512, 32, 2, 2, stages=2)
    traffic = slab_traffic(lut, block, 32, unit)
    arrays = machine.core.matrix_units[0].count
    steps = 64 * 512 * 32 // (2 * 64 * 4)
    sums = 64 * 512 * 4
    assert traffic.register_read == steps * (2 * 32 + 2 * 10) + sums
    cycles = slab_cycles(lut, block, 32, 1, unit, machine.core)
    assert cycles.compute == 2 * steps / arrays
