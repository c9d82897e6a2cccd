"""Decoders that followed Llama: parameters as published, graphs, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.config import ConfigError
from simulator.workload import (
    PrecisionSpec,
    Request,
    TransformerSpec,
    WorkloadSpec,
    build_phases,
    load_workload,
    parameters,
)
from simulator.workload.huggingface import read_model
from simulator.workload.json_object import JsonObject
from simulator.workload.operators import GemmShape, MatMul, Operator, Vector

SMALL: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 100,
    "max_position_embeddings": 256,
}
EXPERTS = {"moe_intermediate_size": 48, "num_experts": 4, "num_experts_per_tok": 2}
SHARED = EXPERTS | {"shared_expert_intermediate_size": 80}
RMSNORMS, WIDE, NARROW = 2 * 64, 8 * 16, 2 * 16


def read(config: dict[str, Any]) -> TransformerSpec:
    return read_model(JsonObject(config, "config.json"), "m")


def small(kind: str, **keys: Any) -> TransformerSpec:
    return read(SMALL | {"model_type": kind} | keys)


def shape(hidden: int, mlp: int, layers: int, heads: int, kv_heads: int, words: int) -> Any:
    return {
        "hidden_size": hidden,
        "intermediate_size": mlp,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": words,
        "max_position_embeddings": 4096,
    }


def layer(model: TransformerSpec, tokens: int = 3, **precision: str) -> dict[str, Operator]:
    """Operators of a layer in a prefill, by name."""
    formats = PrecisionSpec.model_validate(precision).resolve(model)
    (phase,) = build_phases(model, [Request(tokens)], formats)
    return {op.name: op for op in phase.segments[1].operators()}


def ends(model: TransformerSpec) -> list[str]:
    (phase,) = build_phases(model, [Request(3)], PrecisionSpec().resolve(model))
    return [op.name for index in (0, -1) for op in phase.segments[index].operators()]


def names(op: Operator) -> list[str]:
    return [tensor.name for tensor in op.inputs]


# Tied tables count once. Counts of the checkpoints on the Hub; those that nobody publishes to
# the last digit are left to the hand arithmetic below.
PUBLISHED: dict[str, tuple[dict[str, Any], int]] = {
    "qwen2": (shape(896, 4864, 24, 14, 2, 151936) | {"tie_word_embeddings": True}, 494_032_768),
    "qwen3": (
        shape(1024, 3072, 28, 16, 8, 151936) | {"head_dim": 128, "tie_word_embeddings": True},
        596_049_920,
    ),
    "qwen2_moe": (
        shape(2048, 5632, 24, 16, 16, 151936)
        | {"moe_intermediate_size": 1408, "shared_expert_intermediate_size": 5632}
        | {"num_experts": 60, "num_experts_per_tok": 4},
        14_315_784_192,
    ),
    "gemma": (shape(3072, 24576, 28, 16, 16, 256000) | {"head_dim": 256}, 8_537_680_896),
    "gemma2": (shape(2304, 9216, 26, 8, 4, 256000) | {"head_dim": 256}, 2_614_341_888),
    "gemma3_text": (shape(1152, 6912, 26, 4, 1, 262144) | {"head_dim": 256}, 999_885_952),
    "phi": (
        shape(2560, 10240, 32, 32, 32, 51200) | {"partial_rotary_factor": 0.4},
        2_779_683_840,
    ),
    "gpt_neox": (shape(2048, 8192, 16, 8, 8, 50304), 1_011_781_632),
}


@pytest.mark.parametrize(("kind", "config", "count"), [(k, *v) for k, v in PUBLISHED.items()])
def test_parameters_are_the_published_ones(kind: str, config: dict[str, Any], count: int) -> None:
    assert parameters(read(config | {"model_type": kind})) == count


def test_falcon_40b_has_two_norms_and_eight_groups() -> None:
    config = shape(8192, 0, 60, 128, 8, 65024) | {"num_kv_heads": 8}
    model = read(config | {"model_type": "falcon", "new_decoder_architecture": True})
    matrices = 2 * 8192**2 + 2 * 8192 * 512 + 8 * 8192**2
    norms = 2 * 2 * 8192
    assert parameters(model) == 60 * (matrices + norms) + 65024 * 8192 + 2 * 8192
    assert "post_norm" in layer(model)


# One layer by hand: 64 wide, 8 query heads and 2 key/value heads of 16, MLP of 96, 100 words.
ATTENTION = 64 * (2 * WIDE + 2 * NARROW)
GATED, PLAIN = 3 * 64 * 96, 2 * 64 * 96
QKV_BIAS = WIDE + 2 * NARROW
LAYERS = {
    "qwen2": ATTENTION + QKV_BIAS + GATED + RMSNORMS,
    "qwen3": ATTENTION + 2 * 16 + GATED + RMSNORMS,
    "qwen3_moe": ATTENTION + 2 * 16 + 4 * 3 * 64 * 48 + 4 * 64 + RMSNORMS,
    # The shared expert and its gate, a column of 64.
    "qwen2_moe": ATTENTION + QKV_BIAS + 4 * 3 * 64 * 48 + 4 * 64 + 3 * 64 * 80 + 64 + RMSNORMS,
    "gemma": ATTENTION + GATED + RMSNORMS,
    "gemma2": ATTENTION + GATED + 2 * RMSNORMS,
    "gemma3_text": ATTENTION + 2 * 16 + GATED + 2 * RMSNORMS,
    "phi3": ATTENTION + GATED + RMSNORMS,
    # One LayerNorm, of a scale and a shift; biases of all matrices.
    "phi": ATTENTION + QKV_BIAS + 64 + PLAIN + 96 + 64 + 2 * 64,
    "starcoder2": ATTENTION + QKV_BIAS + 64 + PLAIN + 96 + 64 + 2 * 2 * 64,
    "granite": ATTENTION + GATED + RMSNORMS,
    "olmo2": ATTENTION + WIDE + NARROW + GATED + RMSNORMS,
}
TIED = ("gemma", "gemma2", "gemma3_text", "starcoder2")


@pytest.mark.parametrize("kind", LAYERS)
def test_a_small_layer_by_hand(kind: str) -> None:
    model = small(kind, **SHARED)
    table, final = 100 * 64, 64 * (2 if model.norm == "layernorm" else 1)
    ends_of_it = table * (1 if kind in TIED else 2) + final + (100 if kind == "phi" else 0)
    assert parameters(model) == 2 * LAYERS[kind] + ends_of_it
    assert model.kv_elements_per_token == 2 * 2 * 2 * 16


def test_falcon_7b_has_one_norm_and_one_key_value_head() -> None:
    config = SMALL | {"model_type": "falcon", "head_dim": None}
    model = read(config)
    per_layer = 64 * (2 * 64 + 2 * 8) + 8 * 64**2 + 2 * 64
    assert parameters(model) == 2 * per_layer + 100 * 64 + 2 * 64
    assert model.kv_elements_per_token == 2 * 2 * 8
    assert read(config | {"multi_query": False}).kv_heads == 8


def test_a_neox_layer_has_two_norms_even_where_it_is_parallel() -> None:
    model = small("gpt_neox", head_dim=None)
    per_layer = 4 * (64 * 64 + 64) + PLAIN + 96 + 64 + 2 * 2 * 64
    assert parameters(model) == 2 * per_layer + 2 * 100 * 64 + 2 * 64
    assert "block_sum" in layer(model)
    assert "mlp_residual" in layer(small("gpt_neox", use_parallel_residual=False))


# -- graphs -----------------------------------------------------------------------------
def test_queries_and_keys_are_normalised_ahead_of_the_rotation() -> None:
    """Three tokens, of 8 + 2 heads of 16 elements; the values go straight to the cache."""
    found = layer(small("qwen3"))
    assert list(found)[:5] == ["input_norm", "qkv_proj", "qk_norm", "rope", "attention_scores"]
    norm, projection, rope = found["qk_norm"], found["qkv_proj"], found["rope"]
    assert isinstance(norm, Vector) and isinstance(rope, Vector)
    assert (norm.elements, norm.row_elements) == (3 * 10 * 16, 16)
    assert norm.inputs[0].elements == 2 * 16
    assert [t.name for t in projection.outputs] == ["queries_and_keys", "values"]
    assert [t.elements for t in projection.outputs] == [3 * 10 * 16, 3 * 2 * 16]
    assert [(t.name, t.kind) for t in rope.outputs] == [("queries", "activation"), ("keys", "kv")]
    assert rope.elements == 3 * 10 * 16


def test_olmo_normalises_all_heads_of_a_token_together() -> None:
    found = layer(small("olmo2"))
    queries, keys = found["query_norm"], found["key_norm"]
    assert isinstance(queries, Vector) and isinstance(keys, Vector)
    assert (queries.elements, queries.row_elements) == (3 * WIDE, WIDE)
    assert (keys.elements, keys.row_elements) == (3 * NARROW, NARROW)
    assert next(iter(found)) == "qkv_proj" and "input_norm" not in found
    assert names(found["attention_residual"]) == ["attention_block_normed", "residual_in"]
    assert names(found["gate_up_proj"])[1] == "attention_sum"


def test_gemma_2_normalises_on_both_sides() -> None:
    assert [*layer(small("gemma2"))] == [
        "input_norm",
        "qkv_proj",
        "rope",
        "attention_scores",
        "attention_softmax",
        "attention_context",
        "out_proj",
        "attention_norm",
        "attention_residual",
        "post_norm",
        "gate_up_proj",
        "gelu_multiply",
        "down_proj",
        "mlp_norm",
        "mlp_residual",
    ]


def test_soft_caps_are_work_of_the_softmax_and_of_the_logits() -> None:
    capped = small("gemma2", attn_logit_softcapping=50.0, final_logit_softcapping=30.0)
    softmax, plain = (layer(m)["attention_softmax"] for m in (capped, small("gemma2")))
    assert isinstance(softmax, Vector) and isinstance(plain, Vector)
    assert (softmax.function, plain.function) == ("capped_softmax", "softmax")
    assert softmax.elements == plain.elements == 8 * (1 + 2 + 3)
    scaled = ["token_embedding", "embedding_scale", "final_norm", "lm_head"]
    assert ends(capped) == [*scaled, "logits_cap"]
    assert ends(small("gemma2")) == scaled


def test_parallel_attention_and_mlp_read_one_norm_and_are_added_once() -> None:
    """Falcon: the quantised input is shared, too."""
    found = layer(small("falcon", head_dim=None), activations="int8")
    assert [*found][:2] == ["input_norm", "qkv_proj_quantise"]
    assert names(found["qkv_proj"])[1] == names(found["fc1"])[1] == "attention_input_quantised"
    assert "fc1_quantise" not in found and "post_norm" not in found
    assert [*found][-2:] == ["block_sum", "block_residual"]
    assert names(found["block_sum"]) == ["mlp_output", "attention_projected"]
    assert names(found["block_residual"]) == ["block_output", "residual_in"]


def test_only_a_part_of_the_heads_is_rotated() -> None:
    """A quarter of 8 + 8 heads of 8 elements: 2 of each; two fifths of 80 are 32 (Phi-2)."""
    rope = layer(small("gpt_neox", head_dim=None))["rope"]
    assert isinstance(rope, Vector) and rope.elements == 3 * 16 * 2
    assert small("phi", head_dim=80, partial_rotary_factor=0.4).rotary_dim == 32
    assert small("phi3").rotary_dim == 16
    newer = {"rope_parameters": {"partial_rotary_factor": 0.75}}
    assert small("phi3", **newer).rotary_dim == 12


def test_multipliers_of_a_granite() -> None:
    scaled = small("granite", embedding_multiplier=12.0, residual_multiplier=0.22, logits_scaling=8)
    functions = {op.name: op.function for op in layer(scaled).values() if isinstance(op, Vector)}
    assert functions["attention_residual"] == functions["mlp_residual"] == "scale_add"
    assert ends(scaled) == [
        "token_embedding", "embedding_scale", "final_norm", "lm_head", "logits_scale",
    ]  # fmt: skip
    # Where they are 1, nothing is left of them.
    llama = small("llama")
    assert small("granite", embedding_multiplier=1.0, residual_multiplier=1) == llama


def test_a_shared_expert_works_on_every_token() -> None:
    found = layer(small("qwen2_moe", **SHARED), tokens=5)
    gate, first, added = (
        found[name] for name in ("shared_gate", "shared_gate_up_proj", "shared_add")
    )
    assert isinstance(gate, MatMul) and isinstance(first, MatMul) and isinstance(added, Vector)
    assert gate.shapes == (GemmShape(1, 5, 1, 64),)
    assert first.shapes == (GemmShape(1, 5, 2 * 80, 64),)
    assert added.elements == 5 * 64
    assert names(added) == ["shared_output", "combined", "shared_gate_value"]
    assert "shared_gate" not in layer(small("qwen3_moe", **EXPERTS))


def test_devices_sum_a_parallel_block_up_once(tmp_path: Path) -> None:
    file = tmp_path / "falcon.json"
    grouped = {"new_decoder_architecture": True, "num_kv_heads": 2}
    file.write_text(json.dumps(SMALL | {"model_type": "falcon", "head_dim": None} | grouped))
    spec = WorkloadSpec(model=str(file), prefill_tokens=3, tensor_parallel=2)
    found = [op.name for op in load_workload(spec).phases[0].segments[1].operators()]
    assert found[-3:] == ["block_sum", "block_all_reduce", "block_residual"]
    assert "attention_all_reduce" not in found


# -- windows ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "keys", "context"),
    [
        ("qwen2", {"sliding_window": 100}, 256),
        ("qwen2", {"sliding_window": 100, "use_sliding_window": True}, 256),
        ("qwen2", {"sliding_window": 9, "use_sliding_window": True, "max_window_layers": 1}, 9),
        ("qwen3_moe", {"sliding_window": 9, "use_sliding_window": True}, 9),
        ("gemma", {"sliding_window": 100}, 256),
        ("gemma2", {"sliding_window": 100}, 100),
        ("gemma2", {"sliding_window": 100, "layer_types": ["full_attention"] * 2}, 256),
        ("gemma3_text", {"sliding_window": 100, "layer_types": ["sliding_attention"] * 2}, 100),
        (
            "qwen3",
            {
                "sliding_window": 9,
                "use_sliding_window": True,
                "layer_types": ["full_attention", "sliding_attention"],
            },
            9,
        ),
        ("phi3", {"sliding_window": 2047}, 256),
        ("phi3", {"sliding_window": None}, 256),
        ("starcoder2", {"sliding_window": 100}, 100),
    ],
)
def test_contexts_end_where_a_window_would_hide_something(
    kind: str, keys: dict[str, Any], context: int
) -> None:
    assert small(kind, **EXPERTS, **keys).max_context == context


# -- refused ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "keys", "message"),
    [
        ("falcon", {"alibi": True}, r"alibi: .*ALiBi.* not supported"),
        (
            "falcon",
            {"new_decoder_architecture": True, "parallel_attn": False},
            "parallel_attn: a new_decoder_architecture without parallel attention",
        ),
        ("qwen3_moe", {"decoder_sparse_step": 2}, "decoder_sparse_step: layers without experts"),
        ("qwen2_moe", {"mlp_only_layers": [0]}, "mlp_only_layers: layers without experts"),
        ("qwen2_moe", {"shared_expert_intermediate_size": None}, "intermediate_size: the key is"),
        ("qwen3", {"head_dim": None}, "head_dim: the key is null, expected an integer"),
        ("gemma2", {"num_key_value_heads": None}, "num_key_value_heads: the key is null"),
        ("gemma2", {"attn_logit_softcapping": "50"}, 'softcapping: found "50", expected a number'),
        ("gemma3_text", {"use_bidirectional_attention": True}, "both directions is not supported"),
        ("gemma2", {"layer_types": ["linear_attention"]}, "layer_types: .*'linear_attention'"),
        (
            "gemma2",
            {"layer_types": ["full_attention"]},
            "1 layers are listed, expected num_hid",
        ),
        ("qwen2", {"layer_types": ["x", "x"]}, "layer_types: .*'x'"),
        ("gemma2", {"layer_types": [1]}, "layer_types: found 1 in the list, expected a string"),
        ("phi", {"partial_rotary_factor": 1.5}, "partial_rotary_factor: found 1.5, expected"),
        ("phi", {"partial_rotary_factor": float("nan")}, "partial_rotary_factor: found nan"),
        ("phi", {"partial_rotary_factor": 0.2}, "even rotary_dim, not 3"),
        ("phi", {"partial_rotary_factor": 0.01}, "rotary_dim is 0"),
        ("phi3", {"rope_parameters": 1}, "rope_parameters: found 1, expected an object"),
        (
            "phi3",
            {"rope_parameters": {"partial_rotary_factor": "x"}},
            r"rope_parameters\.partial_rotary_factor: found",
        ),
        ("granite", {"logits_scaling": True}, "logits_scaling: found true, expected a number"),
    ],
)
def test_what_is_not_supported(kind: str, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        small(kind, **(SHARED | keys))
