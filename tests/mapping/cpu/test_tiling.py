"""Tiles of columns: together they have every output and every byte, however they are cut."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import simulator
from simulator.mapping.cpu.tiling import ColumnTiling
from simulator.mapping.in_step.problem import StepGemm
from simulator.mapping.tiling import tile_bytes
from simulator.workload.bits import Bits

BITS = st.one_of(st.sampled_from([4, 8, 16]), st.fractions(Fraction(1), 16, max_denominator=700))


@given(
    *(st.integers(1, most) for most in (40, 50, 300, 500)),
    st.tuples(BITS, BITS),
    st.tuples(st.integers(1, 60), st.integers(1, 4000)),
)
def test_no_byte_is_left_behind(
    count: int, m: int, n: int, k: int, bits: tuple[Bits, Bits], cut: tuple[int, int]
) -> None:
    problem = StepGemm(count, m, n, k, *bits, False, False, 32)
    tiles = ColumnTiling(*cut, keep_weights=True, slots=2, estimated_cycles=0).tiles(problem)
    assert sum(times * tile.rows * tile.columns for tile, times in tiles) == count * m * n
    blocks = [min(cut[0], m - first) for first in range(0, m, cut[0])]
    inputs = sum(times * tile.input_bytes for tile, times in tiles)
    assert inputs == sum(tile_bytes(count * rows * k, bits[0]) for rows in blocks)
    weights = sum(times * tile.weight_bytes for tile, times in tiles)
    assert 0 <= weights - tile_bytes(count * n * k, bits[1]) < sum(times for _, times in tiles)
    assert len(tiles) <= 5 * len(blocks), "equal neighbours are one loop"


@pytest.mark.parametrize("machine", ["neoverse_n1", "neoverse_n1_sram_pim", "xeon_neural_cache"])
def test_products_of_columns_that_tiles_do_not_divide(machine: str) -> None:
    precision = {"weights": "int8", "activations": "int8"}
    work = {"gemms": [{"m": 1, "n": 37, "k": 128, "count": 32}], "precision": precision}
    (gemm,) = simulator.run({"name": "heads", "machine": machine, "workload": work}).operators
    assert gemm.bytes["dram_read"] == 32 * 128 + 32 * 37 * 128
    assert gemm.bytes["dram_write"] == 32 * 37 * 2


@pytest.mark.parametrize("model", ["gpt3-small", "llama-3.1-8b"])
def test_attention_in_kernels_of_its_own(model: str) -> None:
    formats = dict.fromkeys(("weights", "activations", "residual", "lm_head"), "int8")
    work = {"model": model, "layers": 1, "batch": 3, "prefill_tokens": 37, "precision": formats}
    mapping = {"fuse_attention": "never", "keep_activations": False}
    experiment = {"name": "spilled", "machine": "neoverse_n1", "workload": work}
    result = simulator.run(experiment | {"mapping": mapping})
    for op in result.operators:
        assert op.bytes["dram_read"] + op.bytes["dram_write"] >= op.compulsory_bytes
