"""Layers shared by several devices: what one of them does (Megatron-LM, arXiv:1909.08053)."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.config import ConfigError, CyclelabError, Document, list_presets, validate
from simulator.workload import WorkloadSpec, load_workload
from simulator.workload.load import find_model, shard
from simulator.workload.operators import AttentionShape, MatMul, Phase, Scores, Workload


def load(model: str, devices: int, **workload: Any) -> Workload:
    keys = {"model": model, "tensor_parallel": devices, "layers": 1} | workload
    return load_workload(validate(WorkloadSpec, Document.from_data(keys, "workload")))


def gemms(phase: Phase) -> dict[str, tuple[int, int, int]]:
    """M, K and N of every projection of one shape, by name: [M, K] × [K, N]."""
    return {
        op.name: (op.shapes[0].m, op.shapes[0].k, op.shapes[0].n)
        for segment in phase.segments
        for op in segment.operators()
        if isinstance(op, MatMul)
    }


def attention(phase: Phase) -> AttentionShape:
    (scores,) = (
        op for segment in phase.segments for op in segment.operators() if isinstance(op, Scores)
    )
    return scores.shapes[0]


def test_gpt3_over_four_devices() -> None:
    """32 heads of 128 and an MLP of 16,384: a quarter of each, as NeuPIMs runs them."""
    (phase,) = load("gpt3-6.7b", 4, batch=64, context_tokens=99, decode_steps=1).phases
    found = gemms(phase)
    assert found["qkv_proj"] == (64, 4096, 3072)
    assert found["out_proj"] == (64, 1024, 4096)
    assert found["fc1"] == found["fc2"] == (64, 4096, 4096)
    assert found["lm_head"] == (64, 4096, 12_565), "50,257 words, rounded up"
    shape = attention(phase)
    assert (shape.count, shape.query_heads, shape.head_dim) == (64 * 8, 1, 128)


def test_grouped_queries_keep_their_groups() -> None:
    """Llama-3.1-8B: 32 query heads, 8 of keys. Over 4 devices 8 and 2, and a quarter each of the
    gate and up projections."""
    (phase,) = load("llama-3.1-8b", 4, batch=2, context_tokens=9, decode_steps=1).phases
    shape = attention(phase)
    assert (shape.count, shape.query_heads, shape.head_dim) == (2 * 2, 4, 128)
    assert gemms(phase)["qkv_proj"] == (2, 4096, (8 + 2 * 2) * 128)
    assert gemms(phase)["down_proj"] == (2, 14_336 // 4, 4096)


@pytest.mark.parametrize("name", ["gpt3-6.7b", "llama-2-7b", "llama-3.1-8b", "mixtral-8x7b"])
@pytest.mark.parametrize("devices", [2, 4, 8])
def test_all_devices_together_do_what_one_would(name: str, devices: int) -> None:
    """MACs and KV cache are divided exactly, the LM head but for a rounded vocabulary."""
    whole, share = (
        load(name, n, batch=3, context_tokens=49, decode_steps=1).phases[0] for n in (1, devices)
    )
    routers = sum(
        op.macs for segment in whole.segments for op in segment.operators() if "router" in op.name
    )
    hidden = find_model(name).hidden_size
    total, own = whole.macs() - routers, share.macs() - routers
    assert 0 <= devices * own - total < 3 * hidden * devices
    assert devices * share.kv_bytes_after == whole.kv_bytes_after
    assert whole.weight_bytes / devices <= share.weight_bytes


def test_prompts_are_shared_too() -> None:
    whole, share = (load("gpt3-small", n, prefill_tokens=100, batch=2).phases[0] for n in (1, 4))
    assert attention(share).count * 4 == attention(whole).count
    assert gemms(share)["fc1"] == (200, 768, 768)


def test_one_device_is_the_model_itself() -> None:
    for name in list_presets("models"):
        model = find_model(name)
        assert shard(model, 1) is model


def test_the_description_says_so() -> None:
    many, one = (load("gpt3-small", n, context_tokens=9, decode_steps=1) for n in (4, 1))
    assert many.description["tensor_parallel"] == 4
    assert "tensor_parallel" not in one.description


@pytest.mark.parametrize(
    ("model", "devices", "message"),
    [
        ("gpt3-6.7b", 3, "3 devices do not divide the 32 heads of gpt3-6.7b"),
        ("gpt3-6.7b", 64, "64 devices do not divide the 32 heads of gpt3-6.7b"),
        ("llama-3.1-8b", 16, "16 devices do not divide the 8 kv_heads of llama-3.1-8b"),
    ],
)
def test_what_cannot_be_divided(model: str, devices: int, message: str) -> None:
    with pytest.raises(CyclelabError) as caught:
        load(model, devices, context_tokens=9, decode_steps=1)
    assert str(caught.value) == f"tensor_parallel: {message}"


def test_an_mlp_that_cannot_be_divided() -> None:
    model = find_model("gpt3-small").model_copy(update={"intermediate_size": 3070})
    with pytest.raises(CyclelabError, match="4 devices do not divide the 3070 intermediate_size"):
        shard(model, 4)


@pytest.mark.parametrize("devices", [0, -1, 1025, "two"])
def test_numbers_of_devices_that_cannot_be(devices: object) -> None:
    document = Document.from_data({"model": "m", "tensor_parallel": devices}, "workload")
    with pytest.raises(ConfigError, match=r"tensor_parallel: found"):
        validate(WorkloadSpec, document)


def test_devices_have_no_meaning_for_gemms() -> None:
    document = Document.from_data({"gemms": "x", "tensor_parallel": 2}, "workload")
    with pytest.raises(ConfigError, match="tensor_parallel has no meaning in a workload of gemms"):
        validate(WorkloadSpec, document)
