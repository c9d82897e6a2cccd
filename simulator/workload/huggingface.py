"""Transformer shapes from Hugging Face `config.json` files.

Keys and defaults are those of the `transformers` library's configuration classes
(LlamaConfig, MistralConfig, …) in version 4.57.1; sizes have no default here, since guessing
a shape would be silent. A `head_dim` is understood in every architecture. Where a default is
a number and null means something else, an absent key and null differ, as they do there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulator.config import ConfigError, nearest
from simulator.workload import hub_decoders as decoders
from simulator.workload.hub_keys import ACTIVATIONS, Values, common, llama, unless_null
from simulator.workload.json_object import JsonObject
from simulator.workload.model import TransformerSpec

MISTRAL_WINDOW = 4096
"""MistralConfig's sliding_window (4.34.0 to 4.57.1); MixtralConfig had it, too (4.36.0), and
has none any more (4.57.1)."""
GROUPED_HEADS = 8
"""num_key_value_heads of MistralConfig and MixtralConfig."""
BITNET_HEADS = 5
"""num_key_value_heads of BitNetConfig."""
OPT_POSITION_OFFSET = 2
"""OPTLearnedPositionalEmbedding reserves two rows in front."""

DEFAULT_LABELS = 2
"""Classes of a classification head when neither num_labels nor id2label is given."""


def load_model(path: Path | str, name: str | None = None) -> TransformerSpec:
    """Read the shape in a `config.json`; `name` is the file's stem if absent.

    Raises ConfigError for unreadable files, unknown architectures, missing keys,
    wrong types and shapes that contradict themselves.
    """
    config = JsonObject.load(path)
    path = Path(path)
    default = path.parent.name if path.name == "config.json" else path.stem
    return read_model(config, name or default or "model")


def read_model(config: JsonObject, name: str) -> TransformerSpec:
    """Shape of the model that `config` describes; errors as in `load_model`."""
    from pydantic import ValidationError

    kind = config.text("model_type")
    if kind not in MODEL_TYPES:
        raise config.error(
            f"{kind!r} is not supported; supported: {', '.join(MODEL_TYPES)}",
            "model_type",
            found=kind,
            nearest=nearest(kind, MODEL_TYPES),
        )
    values = MODEL_TYPES[kind](config)
    try:
        return TransformerSpec(name=name, source=config.text("_source", ""), **values)
    except ValidationError as error:
        raise _shape_error(config, error) from None


def _shape_error(config: JsonObject, error: Any) -> ConfigError:
    problems = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"])
        text = problem["msg"].removeprefix("Value error, ")
        text = text.replace("Input should be", "expected a whole number")
        if place:
            text = f"{place} is {problem['input']!r}: {text}"
        problems.append(config.error(text))
    return ConfigError.of(problems)


def _mistral(config: JsonObject, window: int | None = MISTRAL_WINDOW) -> Values:
    """Llama with an attention window; contexts are limited to it, where it hides nothing.

    window: without the key.
    """
    values = llama(config, kv_heads=GROUPED_HEADS)
    context = values["max_context"]
    window = unless_null(config, "sliding_window", window)
    return values | {
        "qkv_bias": False,
        "output_bias": False,
        "mlp_bias": False,
        "max_context": context if window is None else min(window, context),
    }


def _mixtral(config: JsonObject) -> Values:
    return _mistral(config, window=None) | {
        "experts": config.integer("num_local_experts"),
        "experts_per_token": config.integer("num_experts_per_tok"),
    }


def _bitnet(config: JsonObject) -> Values:
    return llama(config, act="relu2", kv_heads=BITNET_HEADS) | {"sub_norms": True}


def _opt(config: JsonObject) -> Values:
    bias = config.flag("enable_bias", True)
    embedding = config.integer("word_embed_proj_dim", config.integer("hidden_size"))
    if embedding != config.integer("hidden_size"):
        raise config.error(
            "an embedding narrower than hidden_size is not supported",
            "word_embed_proj_dim",
            found=embedding,
        )
    pre_norm = config.flag("do_layer_norm_before", True)
    context = config.integer("max_position_embeddings")
    return common(config) | {
        "intermediate_size": config.integer("ffn_dim"),
        "vocab_size": config.integer("vocab_size"),
        "gated_mlp": False,
        "activation": config.choice("activation_function", ACTIVATIONS, "relu"),
        "norm": "layernorm",
        "norm_place": "before" if pre_norm else "behind_sums",
        "final_norm": pre_norm and not config.flag("_remove_final_layer_norm", False),
        "position": "learned",
        "position_rows": context + OPT_POSITION_OFFSET,
        "qkv_bias": bias,
        "output_bias": bias,
        "mlp_bias": bias,
        "tied_embeddings": config.flag("tie_word_embeddings", True),
        "max_context": context,
    }


def _gpt2(config: JsonObject) -> Values:
    hidden = config.integer("n_embd")
    return {
        "hidden_size": hidden,
        "layers": config.integer("n_layer"),
        "heads": config.integer("n_head"),
        "head_dim": config.integer("head_dim", None),
        "intermediate_size": config.integer("n_inner", 4 * hidden),
        "vocab_size": config.integer("vocab_size"),
        "gated_mlp": False,
        "activation": config.choice("activation_function", ACTIVATIONS, "gelu_new"),
        "norm": "layernorm",
        "position": "learned",
        "position_rows": config.integer("n_positions"),
        "qkv_bias": True,
        "output_bias": True,
        "mlp_bias": True,
        "tied_embeddings": config.flag("tie_word_embeddings", True),
        "max_context": config.integer("n_positions"),
    }


def _encoder(config: JsonObject) -> Values:
    return common(config) | {
        "family": "encoder",
        "intermediate_size": config.integer("intermediate_size"),
        "gated_mlp": False,
        "activation": config.choice("hidden_act", ACTIVATIONS, "gelu"),
        "norm": "layernorm",
        "position": "learned",
        "output_bias": True,
        "mlp_bias": True,
    }


def _classes(config: JsonObject, architecture: str) -> int:
    """Classes of the head if `architectures` names the classification model, else 0."""
    names = config.data.get("architectures") or []
    if not isinstance(names, list) or architecture not in names:
        return 0
    labels = config.size_of("id2label", DEFAULT_LABELS)
    return int(config.integer("num_labels", labels))


def _bert(config: JsonObject) -> Values:
    """Encoder and pooler (BertModel), with a classifier if the architecture has one."""
    context = config.integer("max_position_embeddings")
    return _encoder(config) | {
        "vocab_size": config.integer("vocab_size"),
        "norm_place": "behind_sums",
        "final_norm": False,
        "embedding_norm": True,
        "position_rows": context,
        "token_types": config.integer("type_vocab_size", 2),
        "qkv_bias": True,
        "pooler": True,
        "classes": _classes(config, "BertForSequenceClassification"),
        "max_context": context,
    }


def _vit(config: JsonObject) -> Values:
    """ViTForImageClassification, or ViTModel with its pooler."""
    image = {
        "image_size": config.integer("image_size"),
        "patch_size": config.integer("patch_size"),
        "channels": config.integer("num_channels", 3),
    }
    patch = image["patch_size"]
    tokens = (image["image_size"] // patch) ** 2 + 1 if patch > 0 else 1
    classes = _classes(config, "ViTForImageClassification")
    return _encoder(config) | {
        "image": image,
        "position_rows": tokens,
        "qkv_bias": config.flag("qkv_bias", True),
        "pooler": not classes,
        "classes": classes,
        "max_context": tokens,
    }


MODEL_TYPES: dict[str, Callable[[JsonObject], Values]] = {
    "llama": llama,
    "mistral": _mistral,
    "mixtral": _mixtral,
    "qwen2": decoders.qwen2,
    "qwen3": decoders.qwen3,
    "qwen2_moe": decoders.qwen2_moe,
    "qwen3_moe": decoders.qwen3_moe,
    "gemma": decoders.gemma,
    "gemma2": decoders.gemma2,
    "gemma3_text": decoders.gemma3,
    "phi": decoders.phi,
    "phi3": decoders.phi3,
    "falcon": decoders.falcon,
    "gpt_neox": decoders.gpt_neox,
    "starcoder2": decoders.starcoder2,
    "granite": decoders.granite,
    "olmo2": decoders.olmo2,
    "bitnet": _bitnet,
    "opt": _opt,
    "gpt2": _gpt2,
    "bert": _bert,
    "vit": _vit,
}
"""Readers of the supported architectures, by `model_type`."""
