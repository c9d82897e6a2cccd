"""Blocks of fused attention: registers, places for keys, and time, by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simulator.config import load_preset, validate
from simulator.hardware.gpu import GpuSpec
from simulator.mapping.gpu.attention import GpuAttentionCosts, attention_use, key_slots
from simulator.mapping.gpu.resources import GpuResources
from simulator.mapping.in_step.attention import AttentionGrid, cut, steps_of
from simulator.workload.operators import AttentionShape
from tests.mapping.gpu.small import gpu_document
from tests.mapping.result_laws import check_result, findings
from tests.mapping.small import INT8, run, transformer

A100 = validate(GpuSpec, load_preset("machines", "a100"))
SHAPE = AttentionShape(32, 1, 2048, 2048, 128, causal=True)


def grid(shape: AttentionShape = SHAPE, **changes: Any) -> AttentionGrid:
    values: dict[str, Any] = {
        "shape": shape,
        "query_bits": 16,
        "key_bits": 16,
        "value_bits": 16,
        "queries_on_chip": False,
        "cache_on_chip": False,
        "converted_bits": 0,
        "probability_bits": 16,
        "accumulator_bits": 32,
        "result_bits": 16,
        "store_bits": 16,
        "epilogue": (),
    }
    return AttentionGrid(**values | changes)


def test_steps_leave_masked_blocks_out() -> None:
    # 2048 queries in blocks of 64 see 1, 2, … 32 blocks of 64 keys.
    assert steps_of(SHAPE, 64, 64) == (32 * 33 // 2, 32)
    assert steps_of(replace(SHAPE, causal=False), 64, 64) == (32 * 32, 32)
    # One new token behind 99 others: two blocks of 64 keys.
    assert steps_of(AttentionShape(1, 1, 1, 100, 128, causal=True), 1, 64) == (2, 2)


def test_registers_ask_for_warps() -> None:
    """64 rows: 64 · (64 + 128) sums of 32 bits and 64 · 64 probabilities of 16."""
    use = attention_use(cut(grid(), 64, 64, 108), A100.core)
    words = (64 * 192 * 32 + 64 * 64 * 16) // 32
    assert use.threads == 4 * 32
    assert use.registers_per_thread == words // (4 * 32) + 40
    # Twice the rows need eight warps, and 512 keys' scores are too many.
    assert attention_use(cut(grid(), 128, 64, 108), A100.core).threads == 8 * 32
    assert attention_use(cut(grid(), 128, 512, 108), A100.core).registers_per_thread > 255
    assert key_slots(cut(grid(), 128, 512, 108), A100.core) == 0


def test_places_for_keys_and_values() -> None:
    """Queries are 16 KiB, a step's keys and values 32 KiB; registers hold two blocks."""
    block = cut(grid(), 64, 64, 108)
    assert block.key_value_bytes == 2 * 64 * 128 * 2
    # One block of 164 KiB: (164 - 16) // 32 = 4; two of 82 KiB: 2 · (66 // 32) = 4.
    assert key_slots(block, A100.core) == 4


def test_every_warp_reads_all_keys() -> None:
    block = cut(grid(), 64, 64, 108)
    resources = GpuResources(A100)
    costs = GpuAttentionCosts(resources, resources.matrix_units[0])
    for product in block.products():
        assert costs.near_cycles(block, product) == 4 * 64 * 128 * 2 // 128


def test_fewer_blocks_than_sms_share_keys() -> None:
    decode = AttentionShape(8, 4, 1, 4096, 128, causal=True)
    block = cut(grid(decode), 1, 64, 108)
    assert block.blocks == 8
    assert block.split == -(-108 // 8)
    assert block.rounds == max(-(-8 * 64 // 108), -(-64 // 14))


@pytest.mark.parametrize("shared", [2048, 4096, 8192])
@pytest.mark.parametrize("precision", [INT8, {**INT8, "kv_cache": "int4"}])
def test_small_shared_memories(tmp_path: Any, shared: int, precision: dict[str, str]) -> None:
    """Whatever room there is for keys, converted or not, the kernel ends."""
    work = {"model": transformer(tmp_path), "prefill_tokens": 70, "decode_steps": 2}
    document = gpu_document(
        core={"shared_memory": {"capacity_bytes": shared, "bytes_per_cycle": 128}}
    )
    result = run({**work, "precision": precision}, document)
    check_result(result)
    again = run({**work, "precision": precision}, document, every_event=True)
    assert findings(result) == findings(again)
