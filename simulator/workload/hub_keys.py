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


def llama(config: JsonObject, act: str = "silu") -> Values:
    """A Llama, which many others are but for a few keys."""
    return common(config) | {
        "kv_heads": config.integer("num_key_value_heads", None),
        "intermediate_size": config.integer("intermediate_size"),
        "vocab_size": config.integer("vocab_size"),
        "activation": config.choice("hidden_act", ACTIVATIONS, act),
        "qkv_bias": config.flag("attention_bias", False),
        "output_bias": config.flag("attention_bias", False),
        "mlp_bias": config.flag("mlp_bias", False),
        "tied_embeddings": config.flag("tie_word_embeddings", False),
        "max_context": config.integer("max_position_embeddings"),
    }
