"""Random small experiments for property tests: any machine, any workload, any mapping."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.mapping.small import machine_document

FORMATS = (
    ("int8", "int8", "int32"),
    ("int4", "int4", "int16"),
    ("bf16", "bf16", "fp32"),
    ("fp16", "fp16", "fp32"),
)
DATAFLOWS = ("weight_stationary", "output_stationary", "input_stationary")
GEMM_PATTERNS = ("gemm", "gemm*", "*")
MODEL_PATTERNS = ("*_proj", "lm_head", "*")


@st.composite
def units(draw: st.DrawFn, formats: tuple[str, str, str]) -> dict[str, Any]:
    dataflow = draw(st.sampled_from(DATAFLOWS))
    serial = dataflow == "output_stationary" and draw(st.booleans())
    return {
        "count": draw(st.integers(1, 3)),
        "rows": draw(st.integers(1, 32)),
        "columns": draw(st.integers(1, 32)),
        "dataflow": dataflow,
        "input_format": formats[0],
        "weight_format": formats[1],
        "accumulator_format": formats[2],
        "double_buffer": draw(st.booleans()),
        "input_register": draw(st.booleans()),
        "drain": "serial" if serial or dataflow != "output_stationary" else "parallel",
        "edge": draw(st.sampled_from(["true_size", "padded"])),
    }


def _width(draw: st.DrawFn) -> int:
    return draw(st.sampled_from([1, 4, 64, 1024]))


@st.composite
def machines(draw: st.DrawFn, formats: tuple[str, str, str]) -> dict[str, Any]:
    """A machine whose units multiply `formats`, as plain data."""
    capacity = draw(st.sampled_from([200, 2_000, 10_000, 50_000, 500_000]))
    has_accumulator = draw(st.booleans())
    document = machine_document(
        accumulator_bytes=draw(st.sampled_from([100, 2_000, 100_000])) if has_accumulator else None,
        unit=draw(units(formats)),
        scratchpad={
            "capacity_bytes": capacity,
            "read_bytes_per_cycle": _width(draw),
            "write_bytes_per_cycle": _width(draw),
            "ports": draw(st.integers(1, 2)),
            "buffers": draw(st.integers(1, 3)),
        },
        dma={
            "outstanding": draw(st.integers(1, 4)),
            "bytes_per_cycle": draw(st.sampled_from([0, 1, 16])),
        },
        core={"queue_depth": draw(st.sampled_from([1, 2, 16]))},
        memory={
            "bandwidth_bytes_per_s": draw(st.sampled_from([0.7e9, 4e9, 31.3e9, 1e12])),
            "latency_s": draw(st.sampled_from([0.0, 1e-9, 57e-9, 1e-6])),
            "queue_depth": draw(st.sampled_from([1, 3, 64])),
            "arbitration_bytes": draw(st.sampled_from([1, 64, 4096])),
        },
        cores=draw(st.integers(1, 3)),
    )
    if has_accumulator:
        document["core"]["accumulator"]["buffers"] = draw(st.integers(1, 2))
    vector_hz = draw(st.sampled_from([None, 0.7e9, 2e9]))
    if vector_hz is not None:
        document["vector_clock"] = {"frequency_hz": vector_hz}
    return document


@st.composite
def gemm_lists(draw: st.DrawFn) -> dict[str, Any]:
    size = st.integers(1, 70)
    listed = [
        {"m": draw(size), "n": draw(size), "k": draw(size), "count": draw(st.integers(1, 3))}
        for _ in range(draw(st.integers(1, 3)))
    ]
    return {"gemms": listed}


@st.composite
def model_configs(draw: st.DrawFn) -> dict[str, Any]:
    """`config.json` of a tiny transformer of any kind."""
    kind = draw(st.sampled_from(["llama", "mixtral", "opt", "bert", "bitnet"]))
    kv_heads, shared = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    heads, head_dim = kv_heads * shared, 2 * draw(st.integers(1, 6))
    inner = draw(st.integers(1, 40))
    config: dict[str, Any] = {
        "model_type": kind,
        "hidden_size": heads * head_dim,
        "num_hidden_layers": draw(st.integers(1, 12)),
        "num_attention_heads": heads,
        "vocab_size": draw(st.integers(1, 60)),
        "max_position_embeddings": 512,
    }
    if kind == "opt":
        return config | {"ffn_dim": inner, "do_layer_norm_before": draw(st.booleans())}
    config["intermediate_size"] = inner
    if kind == "bert":
        return config
    config["num_key_value_heads"] = kv_heads
    if kind == "mixtral":
        config["num_local_experts"] = draw(st.integers(1, 5))
        config["num_experts_per_tok"] = draw(st.integers(1, config["num_local_experts"]))
    elif kind == "llama":
        config["attention_bias"] = config["mlp_bias"] = draw(st.booleans())
        config["tie_word_embeddings"] = draw(st.booleans())
    return config


@st.composite
def requests(draw: st.DrawFn, encoder: bool) -> dict[str, Any]:
    """What a transformer is asked to do: keys of `workload`."""
    prompt = st.integers(1, 60)
    if encoder:
        return {"batch": draw(st.integers(1, 3)), "prefill_tokens": draw(prompt)}
    if draw(st.booleans()):
        return {
            "batch": draw(st.integers(1, 3)),
            "prefill_tokens": draw(prompt),
            "decode_steps": draw(st.integers(0, 2)),
        }
    listed: list[dict[str, int]] = []
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            listed.append({"prefill_tokens": draw(prompt), "decode_steps": 1})
        else:
            listed.append({"context_tokens": draw(prompt), "decode_steps": 2})
    return {"requests": listed}


@st.composite
def mappings(draw: st.DrawFn, patterns: tuple[str, ...]) -> dict[str, Any]:
    mapping: dict[str, Any] = {
        "fuse_elementwise": draw(st.booleans()),
        "fuse_attention": draw(st.sampled_from(["auto", "auto", "always", "never"])),
        "keep_activations": draw(st.booleans()),
        "resident_fraction": draw(st.sampled_from([0.0, 0.5, 0.9])),
    }
    if draw(st.integers(0, 3)) == 0:
        size = st.none() | st.integers(8, 80)
        choice = {key: draw(size) for key in "mnk"}
        choice["order"] = draw(st.sampled_from([None, "mn", "nm"]))
        given = {key: value for key, value in choice.items() if value is not None}
        mapping["operators"] = {draw(st.sampled_from(patterns)): given}
    return mapping


@st.composite
def links(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "device": "board",
        "bandwidth_bytes_per_s": draw(st.sampled_from([0.9e9, 7e9, 1e12])),
        "latency_s": draw(st.sampled_from([0.0, 1e-9, 333e-9])),
        "topology": draw(st.sampled_from(["ring", "switch"])),
    }


WIDTHS = (
    "hidden_size",
    "num_attention_heads",
    "num_key_value_heads",
    "intermediate_size",
    "ffn_dim",
)


def widened(model: dict[str, Any], times: int) -> dict[str, Any]:
    """A model so many times as wide: what as many devices can share."""
    return {key: value * times if key in WIDTHS else value for key, value in model.items()}


@st.composite
def experiments(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """An experiment without its model, and the model's `config.json` (None for GEMMs)."""
    formats = draw(st.sampled_from(FORMATS))
    inputs, weights, _ = formats
    floating = not inputs.startswith("int")
    stored = draw(st.sampled_from(["fp8_e4m3", "int4", weights] if floating else [weights, "int4"]))
    precision: dict[str, Any] = {"activations": inputs, "weights": stored}
    if draw(st.integers(0, 3)) == 0:
        precision |= {"weight_group_size": draw(st.sampled_from([3, 16]))}
    model = draw(model_configs()) if draw(st.booleans()) else None
    if model is None:
        workload = draw(gemm_lists())
    else:
        workload = draw(requests(encoder=model["model_type"] == "bert"))
        workload["tensor_parallel"] = draw(st.sampled_from([1, 1, 2, 3]))
        workload["pipeline_parallel"] = draw(st.sampled_from([1, 1, 1, 2]))
        model = widened(model, workload["tensor_parallel"])
        cached = st.sampled_from([weights, weights, "int4"])
        precision["kv_cache"] = draw(cached) if model["model_type"] != "bert" else inputs
    document = {
        "name": "random",
        "machine": draw(machines(formats)) | {"links": draw(links())},
        "workload": workload | {"precision": precision},
        "mapping": draw(mappings(GEMM_PATTERNS if model is None else MODEL_PATTERNS)),
    }
    return document, model
