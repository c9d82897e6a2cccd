"""Who takes what of a GEMM among arrays: every column once, and more arrays never slower."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.hardware.sram_pim.unit import SramPim
from simulator.mapping.cpu.arrays import ArrayModel
from simulator.mapping.in_step.problem import StepGemm
from tests.mapping.cpu.small import arrays_document, cpu, cpu_document
from tests.mapping.cpu.test_arrays import ON_ARRAYS, on_arrays, product
from tests.mapping.small import INT8, gemms, run


def test_the_last_block_of_columns_is_as_narrow_as_it_is() -> None:
    """257 columns are one block of 256 and one of a single column: 64 · 257 / 2 bytes."""
    document = cpu_document(arrays=arrays_document({"basis_weights": 4}))
    (op,) = on_arrays(product(1, 257, 64), document).operators
    assert op.bytes["dram_read"] == -(-64 * 257 // 2) + 64
    assert op.bytes["dram_write"] == 257
    assert op.macs == 257 * 64


def test_many_narrow_products() -> None:
    """Each of 200 products of 16 columns has an array to itself, and moves only those."""
    workload = gemms((1, 16, 64, 200)) | {"precision": {**INT8, "weights": "int4"}}
    document = cpu_document(arrays=arrays_document({"basis_weights": 4}))
    (op,) = run(workload, document, ON_ARRAYS).operators
    assert op.bytes["dram_read"] == 200 * (64 * 16 // 2 + 64)
    assert op.bytes["dram_write"] == 200 * 16
    assert op.macs == 200 * 16 * 64


@given(
    st.integers(1, 7), st.integers(1, 900), st.integers(1, 400), st.integers(1, 5), st.booleans()
)
def test_steps_have_every_column_once(m: int, n: int, k: int, count: int, groups: bool) -> None:
    spec = cpu(arrays=arrays_document(conversion_arrays_per_slice=2))
    assert spec.arrays is not None
    problem = StepGemm(count, m, n, k, 8, 4, True, False, 32, group=32 if groups else 0)
    model = ArrayModel(spec, problem, SramPim(spec.arrays.array), 1 << 19, converts=groups)
    for sharing in model.sharings():
        steps = model.steps(sharing)
        assert sum(step.columns * step.times for step in steps) == count * n
        assert sum(step.blocks * step.times for step in steps) == sharing.blocks
        assert max(step.blocks for step in steps) == min(sharing.at_once, sharing.blocks)
        assert sharing.depth * (sharing.k_ways - 1) < k <= sharing.depth * sharing.k_ways
        busy = sum(step.times * model.step(sharing, step).busy for step in steps)
        assert model.least_cycles(sharing) == pytest.approx(busy * model.cycles_per_array_cycle)


@pytest.mark.parametrize("size", [(8, 2048, 1024), (1, 4096, 96), (3, 700, 512)])
def test_more_arrays_are_not_slower(size: tuple[int, int, int]) -> None:
    cycles = [
        on_arrays(
            product(*size, weight_group_size=32),
            cpu_document(
                arrays=arrays_document(arrays_per_slice=many, conversion_arrays_per_slice=many)
            ),
        ).cycles
        for many in (1, 2, 4, 8, 16)
    ]
    assert all(more <= 1.01 * fewer for fewer, more in pairwise(cycles))
