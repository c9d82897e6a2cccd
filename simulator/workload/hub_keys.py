"""Keys of `config.json` that most architectures have, read as the fields of a shape."""

from __future__ import annotations

from typing import Any

from simulator.workload.json_object import JsonObject

ACTIVATIONS = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu",
    "gelu_fast": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "relu": "relu",
    "relu2": "relu_squared",
}
"""Activation functions of `transformers` and what they are here."""

Values = dict[str, Any]
"""Fields of `TransformerSpec`."""


def common(config: JsonObject) -> Values:
    """What most architectures call by the same names."""
    return {
        "hidden_size": config.integer("hidden_size"),
        "layers": config.integer("num_hidden_layers"),
        "heads": config.integer("num_attention_heads"),
        "head_dim": config.integer("head_dim", None),
    }


def unless_null(config: JsonObject, key: str, absent: int | None) -> int | None:
    """An integer; `absent` without the key, None where it is null."""
    found: int | None = config.integer(key, None if key in config.data else absent)
    return found


def llama(config: JsonObject, act: str = "silu", kv_heads: int | None = None) -> Values:
    """A Llama, which many others are but for a few keys.

    kv_heads: without the key; as many as heads where it is null.
    """
    key, heads = "num_key_value_heads", config.integer("num_attention_heads")
    if kv_heads and key not in config.data and heads % kv_heads:
        raise config.error(
            f"the key is missing, and its default of {kv_heads} does not divide {heads} heads", key
        )
    return common(config) | {
        "kv_heads": unless_null(config, key, kv_heads),
        "intermediate_size": config.integer("intermediate_size"),
        "vocab_size": config.integer("vocab_size"),
        "activation": config.choice("hidden_act", ACTIVATIONS, act),
        "qkv_bias": config.flag("attention_bias", False),
        "output_bias": config.flag("attention_bias", False),
        "mlp_bias": config.flag("mlp_bias", False),
        "tied_embeddings": config.flag("tie_word_embeddings", False),
        "max_context": config.integer("max_position_embeddings"),
    }
