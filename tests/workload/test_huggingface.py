"""The importer of Hugging Face configurations: keys, defaults, messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import ConfigError, CyclelabError, find, list_presets
from simulator.workload import TransformerSpec, load_model
from simulator.workload.huggingface import MODEL_TYPES, read_model
from simulator.workload.json_object import JsonObject

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "vocab_size": 100,
    "max_position_embeddings": 256,
}
GPT2 = {"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 9}
OPT = LLAMA | {"model_type": "opt", "ffn_dim": 256}


def read(config: dict[str, Any]) -> TransformerSpec:
    return read_model(JsonObject(config, "config.json"), "m")


def test_defaults_are_those_of_the_library() -> None:
    model = read(LLAMA)
    assert (model.kv_heads, model.head_dim) == (8, 8)
    assert (model.activation, model.norm, model.position) == ("silu", "rmsnorm", "rotary")
    assert not (model.tied_embeddings or model.qkv_bias or model.mlp_bias)


def test_null_counts_as_absent() -> None:
    assert read(LLAMA | {"num_key_value_heads": None, "head_dim": None}) == read(LLAMA)


def test_heads_may_be_wider_than_the_model() -> None:
    model = read(LLAMA | {"head_dim": 32, "num_key_value_heads": 2})
    assert (model.query_width, model.kv_width) == (256, 64)


def test_attention_bias_of_a_llama_is_on_all_four() -> None:
    model = read(LLAMA | {"attention_bias": True})
    assert model.qkv_bias and model.output_bias and not model.mlp_bias


def test_mistral_contexts_end_with_the_window() -> None:
    assert read(LLAMA | {"model_type": "mistral", "sliding_window": 100}).max_context == 100
    assert read(LLAMA | {"model_type": "mistral", "sliding_window": None}).max_context == 256


def test_gpt2_feed_forward_is_four_times_as_wide() -> None:
    model = read(GPT2 | {"n_positions": 16})
    assert (model.intermediate_size, model.gated_mlp, model.activation) == (256, False, "gelu")
    assert model.tied_embeddings and model.position_rows == 16


def test_opt_has_two_more_positions_than_context() -> None:
    model = read(OPT)
    assert (model.max_context, model.position_rows, model.activation) == (256, 258, "relu")
    assert model.final_norm and model.norm_place == "before"


def test_opt_350m_normalises_behind_the_residual() -> None:
    model = read(OPT | {"do_layer_norm_before": False})
    assert model.norm_place == "behind_sums" and not model.final_norm


def test_bitnet_squares_its_relu() -> None:
    model = read(LLAMA | {"model_type": "bitnet", "num_key_value_heads": 8})
    assert model.activation == "relu_squared" and model.sub_norms


def test_an_absent_key_is_no_null() -> None:
    """Defaults of MistralConfig, MixtralConfig and BitNetConfig in transformers 4.57.1."""
    bare = {key: value for key, value in LLAMA.items() if key != "num_key_value_heads"}
    bare |= {"num_attention_heads": 40, "hidden_size": 640, "max_position_embeddings": 32768}
    experts = {"num_local_experts": 4, "num_experts_per_tok": 2}
    for kind, kv_heads, context in (
        ("llama", 40, 32768),
        ("mistral", 8, 4096),
        ("mixtral", 8, 32768),
        ("bitnet", 5, 32768),
    ):
        config = bare | experts | {"model_type": kind}
        absent = read(config)
        assert (absent.kv_heads, absent.max_context) == (kv_heads, context)
        null = read(config | {"num_key_value_heads": None, "sliding_window": None})
        assert (null.kv_heads, null.max_context) == (40, 32768)
        given = read(config | {"num_key_value_heads": 4, "sliding_window": 512})
        window = 512 if kind in ("mistral", "mixtral") else 32768
        assert (given.kv_heads, given.max_context) == (4, window)


def test_a_vit_without_classifier_has_a_pooler() -> None:
    config = LLAMA | {"model_type": "vit", "image_size": 32, "patch_size": 8}
    assert read(config).pooler and read(config).max_context == 17
    labels = {"id2label": {"0": "cat", "1": "dog", "2": "owl"}}
    classifier = read(config | labels | {"architectures": ["ViTForImageClassification"]})
    assert (classifier.classes, classifier.pooler) == (3, False)


def test_a_folder_from_the_hub_gives_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "my-llama"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA))
    assert load_model(folder / "config.json").name == "my-llama"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "lama"}, r"model_type: 'lama' is not supported; supported: llama.*'llama'"),
        ({"model_type": None}, "model_type: the key is null"),
        ({"hidden_size": None}, "hidden_size: the key is null, expected an integer"),
        ({"hidden_size": "64"}, 'hidden_size: found "64", expected an integer'),
        ({"hidden_size": 64.5}, "hidden_size: found 64.5, expected an integer"),
        ({"hidden_size": True}, "hidden_size: found true, expected an integer"),
        ({"hidden_size": [64]}, "hidden_size: found a list, expected an integer"),
        ({"hidden_size": -64}, "hidden_size is -64"),
        ({"vocab_size": 0}, "vocab_size is 0"),
        ({"num_hidden_layers": 10**12}, "layers is 1000000000000"),
        ({"num_attention_heads": 0}, "heads is 0, expected at least 1"),
        ({"num_attention_heads": 7}, "7 heads do not divide hidden_size 64"),
        ({"num_key_value_heads": 3}, "kv_heads 3 does not divide heads 8"),
        ({"head_dim": 7}, "even head_dim"),
        ({"hidden_act": "selu"}, r"hidden_act: 'selu' is not supported.*did you mean 'silu'"),
        ({"attention_bias": 1}, "attention_bias: found 1, expected true or false"),
    ],
)
def test_mistakes_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read(LLAMA | change)
    assert str(caught.value).startswith("config.json: ")


def test_a_default_that_does_not_fit() -> None:
    with pytest.raises(ConfigError, match=r"num_key_value_heads: .* default of 5 does not divide"):
        read(LLAMA | {"model_type": "bitnet"})


def test_more_experts_per_token_than_experts() -> None:
    moe = {"model_type": "mixtral", "num_local_experts": 2, "num_experts_per_tok": 3}
    with pytest.raises(ConfigError, match="experts_per_token 3 is more than experts 2"):
        read(LLAMA | moe)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"model_type": "llama",\n "hidden_size": }', r"c\.json:2: not JSON"),
        (b"[1, 2]", "found a list, expected a JSON object"),
        (b"", "not JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"hidden_size": ' + b"9" * 5000 + b"}", "not JSON that can be read"),
        (b"[" * 100_000, "nested too deeply|not JSON"),
        (b" " * (2**20 + 1), "too large"),
    ],
)
def test_files_that_are_no_configuration(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "c.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_model(file)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_model(tmp_path / "config.json")


VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


@given(st.data())
def test_any_mutation_of_a_shipped_model_reads_or_is_refused(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list_presets("models")))
    config = json.loads(find("models", name).read_text())
    for key in data.draw(st.sets(st.sampled_from(sorted(config)), max_size=3)):
        config[key] = data.draw(VALUES | st.sampled_from(sorted(MODEL_TYPES)))
    try:
        model = read(config)
    except CyclelabError as error:
        assert str(error).startswith("config.json: ")
    else:
        assert model.heads * model.head_dim == model.query_width > 0
