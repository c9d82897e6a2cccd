"""Totals of the shipped models, against hand arithmetic and published counts."""

from __future__ import annotations

import pytest

from simulator.config import find, list_presets
from simulator.workload import load_model, matmul_weights, parameters
from simulator.workload.model import TransformerSpec


def shipped(name: str) -> TransformerSpec:
    return load_model(find("models", name))


# Per layer: attention (queries, keys, values, output), then MLP; then the LM head.
MATMUL_WEIGHTS = {
    "llama-2-7b": 32 * (4 * 4096**2 + 3 * 4096 * 11008) + 32000 * 4096,
    "llama-2-13b": 40 * (4 * 5120**2 + 3 * 5120 * 13824) + 32000 * 5120,
    # 64 query heads and 8 key/value heads of 128.
    "llama-2-70b": 80 * (2 * 8192**2 + 2 * 8192 * 1024 + 3 * 8192 * 28672) + 32000 * 8192,
    "llama-3.1-8b": 32 * (2 * 4096**2 + 2 * 4096 * 1024 + 3 * 4096 * 14336) + 128256 * 4096,
    "opt-6.7b": 32 * 12 * 4096**2 + 50272 * 4096,
    "opt-30b": 48 * 12 * 7168**2 + 50272 * 7168,
    "opt-175b": 96 * 12 * 12288**2 + 50272 * 12288,
    "gpt3-small": 12 * 12 * 768**2 + 50257 * 768,
    "gpt3-medium": 24 * 12 * 1024**2 + 50257 * 1024,
    "gpt3-large": 24 * 12 * 1536**2 + 50257 * 1536,
    "gpt3-xl": 24 * 12 * 2048**2 + 50257 * 2048,
    "gpt3-2.7b": 32 * 12 * 2560**2 + 50257 * 2560,
    "gpt3-6.7b": 32 * 12 * 4096**2 + 50257 * 4096,
    # 40 heads of 128 are 5120 wide, in a model of width 5140.
    "gpt3-13b": 40 * (4 * 5140 * 5120 + 8 * 5140**2) + 50257 * 5140,
    "gpt3-30b": 48 * 12 * 7168**2 + 50257 * 7168,
    "gpt3-175b": 96 * 12 * 12288**2 + 50257 * 12288,
    "bitnet-b1.58-3b": 26 * (4 * 3200**2 + 3 * 3200 * 8640) + 32002 * 3200,
    # 8 experts and a router in each layer.
    "mixtral-8x7b": 32 * (2 * 4096**2 + 2 * 4096 * 1024 + 8 * 3 * 4096 * 14336 + 8 * 4096)
    + 32000 * 4096,
    # 28 query heads and 4 key/value heads of 128.
    "qwen2.5-7b": 28 * (2 * 3584**2 + 2 * 3584 * 512 + 3 * 3584 * 18944) + 152064 * 3584,
    "qwen3-8b": 36 * (2 * 4096**2 + 2 * 4096 * 1024 + 3 * 4096 * 12288) + 151936 * 4096,
    # 32 heads of 128 are 4096 wide; 128 experts of width 768, and a router.
    "qwen3-30b-a3b": 48 * (2 * 2048 * 4096 + 2 * 2048 * 512 + 128 * 3 * 2048 * 768 + 128 * 2048)
    + 151936 * 2048,
    # 16 heads of 256 are 4096 wide, 8 of keys and of values 2048.
    "gemma-2-9b": 42 * (2 * 3584 * 4096 + 2 * 3584 * 2048 + 3 * 3584 * 14336) + 256000 * 3584,
    "phi-3-mini": 32 * (4 * 3072**2 + 3 * 3072 * 8192) + 32064 * 3072,
    # One key/value head of 64 for 71 of queries.
    "falcon-7b": 32 * (2 * 4544**2 + 2 * 4544 * 64 + 8 * 4544**2) + 65024 * 4544,
    "gpt-neox-20b": 44 * 12 * 6144**2 + 50432 * 6144,
    "starcoder2-3b": 30 * (2 * 3072**2 + 2 * 3072 * 256 + 8 * 3072**2) + 49152 * 3072,
    "olmo-2-7b": 32 * (4 * 4096**2 + 3 * 4096 * 11008) + 100352 * 4096,
    # The pooler; no LM head.
    "bert-base": 12 * 12 * 768**2 + 768**2,
    "bert-large": 24 * 12 * 1024**2 + 1024**2,
    # Patches of 16 x 16 x 3 = 768 values; 1000 classes.
    "vit-base": 12 * 12 * 768**2 + 768 * 768 + 768 * 1000,
    "vit-large": 24 * 12 * 1024**2 + 768 * 1024 + 1024 * 1000,
}


@pytest.mark.parametrize("name", list_presets("models"))
def test_matmul_weights(name: str) -> None:
    assert matmul_weights(shipped(name)) == MATMUL_WEIGHTS[name]


def test_llama_2_7b_has_6_607_077_376_matmul_weights() -> None:
    assert matmul_weights(shipped("llama-2-7b")) == 6_607_077_376


# Parameter counts that Hugging Face reports for the checkpoints.
PUBLISHED = {
    "llama-2-7b": 6_738_415_616,
    "llama-2-13b": 13_015_864_320,
    "llama-2-70b": 68_976_648_192,
    "llama-3.1-8b": 8_030_261_248,
    "mixtral-8x7b": 46_702_792_704,
    "opt-6.7b": 6_658_473_984,
    "opt-30b": 29_974_540_288,
    "bert-base": 109_482_240,
    "bert-large": 335_141_888,
    "vit-base": 86_567_656,
    "vit-large": 304_326_632,
    "qwen2.5-7b": 7_615_616_512,
    "qwen3-8b": 8_190_735_360,
    "qwen3-30b-a3b": 30_532_122_624,
    "gemma-2-9b": 9_241_705_984,
    "phi-3-mini": 3_821_079_552,
    "gpt-neox-20b": 20_554_567_680,
    "starcoder2-3b": 3_030_371_328,
    "olmo-2-7b": 7_298_617_344,
}


@pytest.mark.parametrize(("name", "count"), PUBLISHED.items())
def test_parameters_are_the_published_ones(name: str, count: int) -> None:
    assert parameters(shipped(name)) == count


# Brown et al. 2020, Table 2.1, rounded as printed there (small, medium: 125 M, 350 M).
@pytest.mark.parametrize(
    ("name", "millions", "tolerance"),
    [
        ("gpt3-small", 125, 0.5),
        ("gpt3-medium", 350, 6),
        ("gpt3-large", 760, 0.5),
        ("gpt3-xl", 1300, 50),
        ("gpt3-2.7b", 2700, 50),
        ("gpt3-6.7b", 6700, 50),
        ("gpt3-13b", 13000, 100),
        ("gpt3-30b", 30000, 100),
        ("gpt3-175b", 175000, 500),
    ],
)
def test_gpt3_sizes_have_their_nominal_parameters(
    name: str, millions: int, tolerance: float
) -> None:
    assert parameters(shipped(name)) == pytest.approx(millions * 1e6, abs=tolerance * 1e6)


def test_gpt3_small_is_gpt2_with_twice_the_context() -> None:
    # GPT-2 has 124,439,808 parameters with 1024 positions.
    assert parameters(shipped("gpt3-small")) == 124_439_808 + 1024 * 768


def test_opt_6_7b_parameters_by_hand() -> None:
    h = 4096
    tables = 50272 * h + (2048 + 2) * h
    matrices = 4 * (h * h + h) + (h * 4 * h + 4 * h) + (4 * h * h + h)
    norms = 2 * 2 * h
    assert parameters(shipped("opt-6.7b")) == tables + 32 * (matrices + norms) + 2 * h


def test_bitnet_has_sub_norms() -> None:
    norms = 26 * (2 * 3200 + 3200 + 8640) + 3200
    assert parameters(shipped("bitnet-b1.58-3b")) == MATMUL_WEIGHTS["bitnet-b1.58-3b"] + norms


def test_falcon_7b_counts_its_tied_embedding_once() -> None:
    # The checkpoint stores the LM head as well, 65,024 · 4544 = 295,469,056 more.
    assert parameters(shipped("falcon-7b")) == 7_217_189_760 - 295_469_056


def test_two_of_eight_experts_work_on_a_token() -> None:
    # Mixtral's 12.9 B active parameters (Jiang et al. 2024), embedding left out.
    layer = 2 * 4096**2 + 2 * 4096 * 1024 + 2 * 3 * 4096 * 14336 + 8 * 4096
    active = matmul_weights(shipped("mixtral-8x7b"), experts=2)
    assert active == 32 * layer + 32000 * 4096
    assert round((active + 32000 * 4096) / 1e9, 1) == 12.9


@pytest.mark.parametrize("name", list_presets("models"))
def test_every_shipped_model_states_its_source(name: str) -> None:
    assert "arXiv:" in shipped(name).source
