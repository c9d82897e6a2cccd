"""Fused attention: keys and values once, nothing spilled; and what happens without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.mapping import NoMappingError
from simulator.report.result import OperatorResult, Result
from tests.mapping.small import INT8, machine_document, run, transformer

# One layer of 4 query heads on 2 key/value heads of 4 elements, all bytes.
HEAD_DIM, QUERY_HEADS, KV_HEADS = 4, 4, 2
# Activations and caches are bytes; the residual stream, and so scores and outputs, bf16.
PRECISION = INT8 | {"residual": "bf16"}


def one_layer(folder: Path, **workload: Any) -> dict[str, Any]:
    model = transformer(folder, num_hidden_layers=1)
    return {"model": model, "precision": PRECISION, **workload}


def named(result: Result, name: str) -> OperatorResult:
    (found,) = (op for op in result.operators if op.name == name)
    return found


def key_value_bytes(tokens: int) -> int:
    return 2 * tokens * KV_HEADS * HEAD_DIM


@pytest.mark.parametrize("keep", [True, False])
def test_prefill_reads_keys_and_values_once(tmp_path: Path, keep: bool) -> None:
    workload = one_layer(tmp_path, prefill_tokens=50)
    result = run(workload, mapping={"keep_activations": keep})
    attention = named(result, "attention")
    queries = 0 if keep else 50 * QUERY_HEADS * HEAD_DIM
    outputs = 0 if keep else 50 * QUERY_HEADS * HEAD_DIM
    assert attention.bytes["dram_read"] == key_value_bytes(50) + queries
    # The output goes to a quantiser, fused behind: bytes. No scores among them.
    assert attention.bytes["dram_write"] == outputs


def test_decode_reads_the_cache_once(tmp_path: Path) -> None:
    # 99 tokens in the cache and a new one; a batch of three has three caches.
    workload = one_layer(tmp_path, context_tokens=99, decode_steps=1, batch=3)
    attention = named(run(workload), "attention")
    assert attention.bytes["dram_read"] == 3 * key_value_bytes(100)
    assert attention.bytes["dram_write"] == 0


def test_keys_and_values_of_many_blocks_are_kept(tmp_path: Path) -> None:
    # Blocks of 8 queries need all keys before them, again and again; with room for a
    # head's 64 keys and values they are loaded once, without they are loaded per block.
    workload = one_layer(tmp_path, prefill_tokens=64)
    blocks = {"attention": {"query_tokens": 8, "keys": 8}}
    mapping = {"operators": blocks, "keep_activations": False}
    roomy = named(run(workload, mapping=mapping), "attention")
    assert roomy.mapping["keys_and_values_kept"]
    queries = 64 * QUERY_HEADS * HEAD_DIM
    assert roomy.bytes["dram_read"] == key_value_bytes(64) + queries
    # Per block: two buffers each of 8 x 4 keys and values, 16 x 4 queries, 16 x 4 outputs,
    # and 16 x 8 probabilities: 640 bytes. Kept: 16 blocks of keys and values, 1408.
    tight = machine_document(scratchpad={"capacity_bytes": 800})
    spilled = named(run(workload, tight, mapping), "attention")
    assert not spilled.mapping["keys_and_values_kept"]
    # Block i of 8 loads i x 8 keys and values: 8 + 16 + … + 64 = 288 of them.
    assert spilled.bytes["dram_read"] == key_value_bytes(288) + queries


def test_unfused_attention_spills_scores(tmp_path: Path) -> None:
    # Scores (bf16) and probabilities (bytes) of 4 heads x 50 x 51 / 2 visible pairs.
    workload = one_layer(tmp_path, prefill_tokens=50)
    mapping = {"fuse_attention": "never", "keep_activations": False}
    result = run(workload, mapping=mapping)
    pairs = 4 * 50 * 51 // 2
    scores, softmax, context = (
        named(result, f"attention_{part}") for part in ("scores", "softmax", "context")
    )
    assert scores.bytes["dram_write"] == pytest.approx(2 * pairs, abs=100)
    assert softmax.bytes["dram_read"] == pytest.approx(2 * pairs, abs=100)
    assert softmax.bytes["dram_write"] == pytest.approx(pairs, abs=100)
    assert context.bytes["dram_read"] == pytest.approx(pairs + key_value_bytes(50) / 2, abs=100)
    fused = run(workload, mapping={"keep_activations": False})
    assert fused.phases[0].dram_read_bytes < result.phases[0].dram_read_bytes - 3 * pairs + 300


def wide_heads(folder: Path) -> dict[str, Any]:
    """Heads of 64 elements, with which attention needs more place than anything else."""
    model = transformer(folder, num_hidden_layers=1, head_dim=64)
    return {"model": model, "precision": PRECISION, "prefill_tokens": 50}


def test_always_fused_or_an_error(tmp_path: Path) -> None:
    # The smallest block fills the array: two query tokens of 2 heads against 4 keys. It
    # needs everything twice: 2 x 4 x 64 bytes of keys and values, 4 x 64 of queries, as
    # much of outputs (quantised behind the attention) and 4 x 4 of probabilities: 2080.
    tight = machine_document(scratchpad={"capacity_bytes": 800})
    with pytest.raises(NoMappingError) as error:
        run(wide_heads(tmp_path), tight, {"fuse_attention": "always"})
    assert (error.value.operator, error.value.buffer) == ("attention", "scratchpad")
    assert (error.value.needed_bytes, error.value.available_bytes) == (2080, 800)
    assert "1,280 bytes missing" in str(error.value)
    enough = machine_document(scratchpad={"capacity_bytes": 2080})
    run(wide_heads(tmp_path), enough, {"fuse_attention": "always", "keep_activations": False})


def test_auto_falls_back_to_spilling(tmp_path: Path) -> None:
    tight = machine_document(scratchpad={"capacity_bytes": 800})
    result = run(wide_heads(tmp_path), tight, {"fuse_attention": "auto"})
    names = {op.name for op in result.operators}
    assert "attention" not in names
    assert {"attention_scores", "attention_softmax", "attention_context"} <= names


def test_grouped_queries_share_keys_and_values(tmp_path: Path) -> None:
    """The same queries on half the key/value heads: half the cache, the same work."""
    results = []
    for kv_heads in (4, 2):
        model = transformer(tmp_path, num_hidden_layers=1, num_key_value_heads=kv_heads)
        workload = {"model": model, "context_tokens": 63, "decode_steps": 1}
        results.append(named(run(workload | {"precision": PRECISION}), "attention"))
    separate, grouped = results
    assert separate.macs == grouped.macs == 2 * 4 * 64 * HEAD_DIM
    assert separate.bytes["dram_read"] == 2 * grouped.bytes["dram_read"]


def test_fixed_blocks_that_do_not_fit_are_an_error(tmp_path: Path) -> None:
    """Not a reason to spill, which is what is done if the mapper finds none."""
    tight = machine_document(scratchpad={"capacity_bytes": 10000})
    run(wide_heads(tmp_path), tight)
    with pytest.raises(NoMappingError, match=r"fixed by mapping.operators.att\* need"):
        run(wide_heads(tmp_path), tight, {"operators": {"att*": {"query_tokens": 50}}})
    with pytest.raises(NoMappingError, match=r"fixed by mapping.operators.attention need"):
        run(wide_heads(tmp_path), tight, {"operators": {"attention": {"keys": 5000}}})


@pytest.mark.parametrize("machine", ["small", "a100", "neoverse_n1"])
def test_soft_caps_cost_vector_work_and_nothing_else(tmp_path: Path, machine: str) -> None:
    """Attention stays one kernel, with the same products and bytes; energy goes up."""
    fp16 = {"weights": "fp16", "activations": "fp16"}
    capped, plain = (
        named(
            run(
                {
                    "model": transformer(
                        tmp_path, model_type="gemma2", head_dim=8, attn_logit_softcapping=cap
                    ),
                    "precision": PRECISION | {"lm_head": "int8"} if machine == "small" else fp16,
                    "prefill_tokens": 50,
                    "layers": 1,
                },
                machine_document() if machine == "small" else machine,
            ),
            "attention",
        )
        for cap in (50.0, None)
    )
    assert capped.kind == plain.kind == "attention"
    assert (capped.macs, capped.bytes["dram_read"]) == (plain.macs, plain.bytes["dram_read"])
    assert capped.cycles > plain.cycles
    assert capped.energy_j.value > plain.energy_j.value
