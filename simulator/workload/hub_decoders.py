"""Decoders that followed Llama, by `model_type`: where each differs from it.

Keys and defaults are those of the configuration classes of the `transformers` library, what
they mean is read off its models. Where the library's default of a size is not that of
other models (`head_dim` and `num_key_value_heads` of a Gemma or a Qwen), the key must be there.
"""

from __future__ import annotations

from typing import Any

from simulator.workload.hub_keys import ACTIVATIONS, Values, common, llama
from simulator.workload.json_object import JsonObject

QWEN_WINDOW_LAYERS = 28
"""Layers of a Qwen with `use_sliding_window` that have no window nevertheless."""

WINDOW = 4096
"""Tokens of the window of a Qwen or a Gemma 2 with `sliding_window` left out."""

MLP_RATIO = 4
"""Width of a Falcon's MLP over that of the model."""

WINDOWED, WHOLE = "sliding_attention", "full_attention"


def qwen2(config: JsonObject) -> Values:
    """Llama with biases of queries, keys and values; a window only if it is switched on."""
    values = llama(config) | {
        "kv_heads": config.integer("num_key_value_heads"),
        "qkv_bias": True,
        "output_bias": False,
        "mlp_bias": False,
    }
    return _in_qwen_window(config, values)


def qwen3(config: JsonObject) -> Values:
    """Llama with norms over each head's queries and keys."""
    values = llama(config) | {
        "head_dim": config.integer("head_dim"),
        "kv_heads": config.integer("num_key_value_heads"),
        "mlp_bias": False,
        "qk_norm": "head",
    }
    return _in_qwen_window(config, values)


def qwen3_moe(config: JsonObject) -> Values:
    """Qwen 3 with experts in every layer, `intermediate_size` is then of no use."""
    values = llama(config) | _qwen_experts(config)
    values |= {
        "kv_heads": config.integer("num_key_value_heads"),
        "mlp_bias": False,
        "qk_norm": "head",
    }
    uses = config.flag("use_sliding_window", False)
    return _in_window(config, values, config.integer("sliding_window", WINDOW) if uses else None)


def qwen2_moe(config: JsonObject) -> Values:
    """Qwen 2 with experts in every layer, and one with a gate that works on every token."""
    values = llama(config) | _qwen_experts(config)
    values |= {
        "kv_heads": config.integer("num_key_value_heads"),
        "qkv_bias": config.flag("qkv_bias", True),
        "output_bias": False,
        "mlp_bias": False,
        "shared_expert_size": config.integer("shared_expert_intermediate_size"),
    }
    return _in_qwen_window(config, values)


def gemma(config: JsonObject) -> Values:
    """Llama with GeGLU and a scaled embedding, which is the LM head, too."""
    default = config.text("hidden_act", "gelu_pytorch_tanh")
    return llama(config, act="gelu_pytorch_tanh") | {
        "head_dim": config.integer("head_dim"),
        "kv_heads": config.integer("num_key_value_heads"),
        "activation": config.choice("hidden_activation", ACTIVATIONS, default),
        "mlp_bias": False,
        "scaled_embedding": True,
        "tied_embeddings": config.flag("tie_word_embeddings", True),
    }


def gemma2(config: JsonObject) -> Values:
    """Gemma with norms on both sides of attention and MLP, and soft caps."""
    values = gemma(config) | {
        "norm_place": "around",
        "capped_scores": bool(config.number("attn_logit_softcapping", None)),
        "capped_logits": bool(config.number("final_logit_softcapping", None)),
    }
    return _in_window(config, values, config.integer("sliding_window", WINDOW))


def gemma3(config: JsonObject) -> Values:
    """Gemma 2 with norms over each head's queries and keys."""
    if config.flag("use_bidirectional_attention", False):
        raise config.error(
            "attention in both directions is not supported in a decoder",
            "use_bidirectional_attention",
            found=True,
        )
    return gemma2(config) | {"qk_norm": "head"}


def phi3(config: JsonObject) -> Values:
    """Llama, of whose heads only a part may be rotated."""
    values = llama(config) | {"qkv_bias": False, "output_bias": False, "mlp_bias": False}
    values["rotary_dim"] = _rotary_dim(config, values, "partial_rotary_factor", 1.0)
    return _in_window(config, values, config.integer("sliding_window", None))


def phi(config: JsonObject) -> Values:
    """Attention and a plain MLP side by side, behind one LayerNorm; biases everywhere."""
    values = llama(config, act="gelu_new") | {
        "gated_mlp": False,
        "norm": "layernorm",
        "parallel": True,
        "shared_norm": True,
        "qk_norm": "head" if config.flag("qk_layernorm", False) else "none",
        "qkv_bias": True,
        "output_bias": True,
        "mlp_bias": True,
        "head_bias": True,
    }
    return values | {"rotary_dim": _rotary_dim(config, values, "partial_rotary_factor", 0.5)}


def falcon(config: JsonObject) -> Values:
    """Attention and a plain MLP side by side; one key/value head, or groups of queries.

    `new_decoder_architecture` (Falcon-40B) has a norm for each, if `num_ln_in_parallel_attn`
    is not 1. Without `parallel_attn` it is a sequence as in others.
    """
    if config.flag("alibi", False):
        raise config.error(
            "biases of scores by distance (ALiBi) are not supported, only rotary positions",
            "alibi",
            found=True,
        )
    bias, grouped = config.flag("bias", False), config.flag("new_decoder_architecture", False)
    parallel = config.flag("parallel_attn", True)
    if grouped and not parallel:
        raise config.error(
            "a new_decoder_architecture without parallel attention is not supported",
            "parallel_attn",
            found=False,
        )
    values = common(config)
    heads, multi_query = values["heads"], config.flag("multi_query", True)
    kv_heads = config.integer("num_kv_heads", heads) if grouped or not multi_query else 1
    two_norms = grouped and config.integer("num_ln_in_parallel_attn", 2) == 2
    return values | {
        "kv_heads": kv_heads,
        "intermediate_size": config.integer("ffn_hidden_size", MLP_RATIO * values["hidden_size"]),
        "vocab_size": config.integer("vocab_size"),
        "gated_mlp": False,
        "activation": config.choice("activation", ACTIVATIONS, "gelu"),
        "norm": "layernorm",
        "parallel": parallel,
        "shared_norm": parallel and not two_norms,
        "qkv_bias": bias,
        "output_bias": bias,
        "mlp_bias": bias,
        "tied_embeddings": config.flag("tie_word_embeddings", True),
        "max_context": config.integer("max_position_embeddings", 2048),
    }


def gpt_neox(config: JsonObject) -> Values:
    """Attention and a plain MLP side by side, each behind its LayerNorm, or in sequence."""
    bias = config.flag("attention_bias", True)
    values = llama(config, act="gelu") | {
        "kv_heads": None,
        "gated_mlp": False,
        "norm": "layernorm",
        "parallel": config.flag("use_parallel_residual", True),
        "qkv_bias": bias,
        "output_bias": bias,
        "mlp_bias": True,
    }
    return values | {"rotary_dim": _rotary_dim(config, values, "rotary_pct", 0.25)}


def starcoder2(config: JsonObject) -> Values:
    """LayerNorms, a plain MLP, biases, and a window."""
    bias = config.flag("use_bias", True)
    values = llama(config, act="gelu_pytorch_tanh") | {
        "kv_heads": config.integer("num_key_value_heads"),
        "gated_mlp": False,
        "norm": "layernorm",
        "qkv_bias": bias,
        "output_bias": bias,
        "mlp_bias": bias,
        "tied_embeddings": config.flag("tie_word_embeddings", True),
    }
    return _in_window(config, values, config.integer("sliding_window", None))


def granite(config: JsonObject) -> Values:
    """Llama with multipliers, none of which counts where it is 1.

    That of the scores takes the place of 1/√head_dim, which the softmax contains.
    """
    return llama(config) | {
        "scaled_embedding": config.number("embedding_multiplier", 1.0) != 1,
        "scaled_branches": config.number("residual_multiplier", 1.0) != 1,
        "scaled_logits": config.number("logits_scaling", 1.0) != 1,
    }


def olmo2(config: JsonObject) -> Values:
    """Llama with norms behind attention and MLP, and over all queries and all keys of a token."""
    return llama(config) | {"norm_place": "behind", "qk_norm": "token", "mlp_bias": False}


def _qwen_experts(config: JsonObject) -> Values:
    """Experts of a Qwen; raises ConfigError where some layers have none.

    Whether the chosen weights are normalised (`norm_topk_prob`) makes no difference here:
    the top-k softmax looks at all logits either way.
    """
    step, dense = config.integer("decoder_sparse_step", 1), config.data.get("mlp_only_layers")
    reason = "layers without experts between those with are not supported: all have to be alike"
    if step != 1:
        raise config.error(reason, "decoder_sparse_step", found=step, expected="1")
    if dense:
        raise config.error(reason, "mlp_only_layers", found=dense, expected="[]")
    return {
        "intermediate_size": config.integer("moe_intermediate_size"),
        "experts": config.integer("num_experts"),
        "experts_per_token": config.integer("num_experts_per_tok"),
    }


def _in_qwen_window(config: JsonObject, values: Values) -> Values:
    """A window in the layers listed, or from `max_window_layers` on, if it is switched on."""
    listed = bool(config.names("layer_types"))
    free = config.integer("max_window_layers", QWEN_WINDOW_LAYERS)
    on = config.flag("use_sliding_window", False) and (listed or free < values["layers"])
    return _in_window(config, values, config.integer("sliding_window", WINDOW) if on else None)


def _in_window(config: JsonObject, values: Values, window: int | None) -> Values:
    """Contexts limited to the window of some layers or all, inside which it hides nothing."""
    kinds = config.names("layer_types")
    for kind in kinds:
        if kind not in (WINDOWED, WHOLE):
            raise config.error(
                f"layers with {kind!r} are not supported; supported: {WHOLE}, {WINDOWED}",
                "layer_types",
                found=kind,
            )
    if kinds and len(kinds) != values["layers"]:
        raise config.error(
            f"{len(kinds)} layers are listed, expected num_hidden_layers, {values['layers']}",
            "layer_types",
        )
    if window is None or (kinds and WINDOWED not in kinds):
        return values
    return values | {"max_context": min(window, values["max_context"])}


def _rotary_dim(config: JsonObject, values: Values, key: str, default: float) -> int:
    """Rotated elements of a head: a share of them, cut to a whole number.

    Newer files have the share in `rope_parameters`.
    """
    newer = config.child("rope_parameters")
    share = config.number(key, newer.number("partial_rotary_factor", default))
    if not 0 < share <= 1:
        raise config.error(f"found {share}, expected a share of the head", key, found=share)
    head_dim: Any = values["head_dim"]
    if head_dim is None:
        head_dim = values["hidden_size"] // max(values["heads"], 1)
    return int(head_dim * share)
