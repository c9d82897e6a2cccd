"""The mapper's estimate of a grid against its simulation, and its choice against others."""

from __future__ import annotations

import random
from contextlib import suppress
from itertools import product
from typing import Any

import pytest

import simulator
from simulator.config import load_preset, validate
from simulator.hardware.gpu import GpuSpec
from simulator.mapping.errors import NoMappingError
from simulator.mapping.gpu.estimate import GridEstimate
from simulator.mapping.gpu.problem import Block
from simulator.mapping.gpu.resources import GpuResources
from simulator.mapping.gpu.waves import Grid
from simulator.report.result import OperatorResult
from tests.mapping.gpu.test_occupancy import problem

ADDERS = {"machine.core.matrix_units.0.sums": "adders"}
"""No kernel that makes tables runs in front of the GEMM, and stores beside it."""
MACHINES: dict[str, dict[str, Any]] = {
    "a100": {},
    "h100": {},
    "a100_lut_4x": ADDERS,
    "h100_lut_8x": ADDERS,
}
M = (1, 16, 64, 100, 128, 256, 300, 512, 1000, 1024, 2048, 4096)
N = (512, 1000, 1024, 2048, 4096, 5120, 8192, 11008)
K = (512, 1000, 1024, 4096, 8192, 28672)
FIXED = "mapping.operators"


def gemm(machine: str, sizes: tuple[int, int, int], **changes: Any) -> OperatorResult:
    settings = MACHINES[machine] | changes
    (op,) = (op for op in simulator.gemm(*sizes, machine, set=settings).operators if op.macs)
    return op


def kernel_cycles(op: OperatorResult) -> int:
    return op.cycles - op.stall_cycles["launch"]


def estimated(op: OperatorResult) -> int:
    cycles = op.mapping["estimated_cycles"]
    assert isinstance(cycles, int)
    return cycles


@pytest.mark.parametrize("machine", MACHINES)
def test_estimates_are_within_a_tenth(machine: str) -> None:
    """Of chosen blocks, over GEMMs of every proportion; half of them within 2 %."""
    draw = random.Random(machine)
    problems = [(draw.choice(M), draw.choice(N), draw.choice(K)) for _ in range(30)]
    ratios = []
    for sizes in problems:
        op = gemm(machine, sizes)
        ratios.append(kernel_cycles(op) / estimated(op))
        assert 0.9 < ratios[-1] < 1.1, (sizes, op.mapping)
    assert sorted(abs(ratio - 1) for ratio in ratios)[15] < 0.02


@pytest.mark.parametrize(
    ("machine", "sizes"),
    [
        ("a100", (2048, 1024, 4096)),
        ("a100", (300, 8192, 1024)),
        ("h100", (1000, 5120, 1024)),
        ("a100_lut_4x", (2048, 1024, 28672)),
        ("a100_lut_4x", (1000, 2048, 512)),
        ("h100_lut_8x", (256, 4096, 4096)),
    ],
)
def test_no_other_block_is_much_faster(machine: str, sizes: tuple[int, int, int]) -> None:
    """Of all sides of blocks and depths of slabs, fixed one after the other."""
    chosen, others = gemm(machine, sizes), []
    for m, n, k in product((32, 64, 128, 256), (64, 128, 256, 512), (32, 64, 128)):
        with suppress(NoMappingError):
            fixed = {FIXED: {"gemm": {"m": m, "n": n, "k": k}}}
            others.append(kernel_cycles(gemm(machine, sizes, **fixed)))
    assert len(others) > 20
    assert kernel_cycles(chosen) < 1.05 * min(others)


def test_a_wave_of_few_warps_takes_as_long_as_a_full_one() -> None:
    """Four blocks of a warp fill an SM's four sub-cores; a lone one has one of them.

    [32 · 4 · 108, 28672] by 256 columns in blocks of 32 x 256 is a wave of four blocks per
    SM; one block more is a second wave, of the same time, by everything but memories.
    """
    spec = validate(GpuSpec, load_preset("machines", "a100_lut_4x"))
    resources, block = GpuResources(spec), Block(32, 256, 64, 1, 1, stages=3)

    def cycles(blocks: int) -> float:
        one = problem(m=32 * blocks, n=256, k=28672, input_bits=8, weight_bits=2)
        grid = Grid(one, block, spec.cores, 4, 1)
        estimate = GridEstimate(one, resources.matrix_units[0], resources, 1 << 40)
        return estimate.cycles(grid, 0, 0)

    full = cycles(4 * 108)
    assert cycles(4 * 108 + 1) == pytest.approx(2 * full, rel=0.02)
    assert cycles(108) > 0.98 * full


def test_making_tables_costs_time() -> None:
    """Lanes that add are as fast as tables, and nothing has to make tables for them."""
    for sizes in ((2048, 1024, 28672), (1024, 8192, 28672), (1024, 10240, 8192)):
        assert gemm("a100_lut_4x", sizes).cycles < simulator.gemm(*sizes, "a100_lut_4x").cycles
