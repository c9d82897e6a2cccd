"""What phases hold: MACs, bytes and tokens by hand arithmetic, conservation laws."""

from __future__ import annotations

import math
from typing import Any

import pytest

from simulator.config import CyclelabError
from simulator.workload import (
    PrecisionSpec,
    Request,
    WorkloadSpec,
    build_phases,
    find_model,
    load_workload,
)
from simulator.workload.operators import (
    Context,
    Gather,
    MatMul,
    Operator,
    Phase,
    Scores,
    Vector,
    Workload,
)

BF16 = 2


def run(model: str, **keys: object) -> Workload:
    return load_workload(WorkloadSpec.model_validate({"model": model, **keys}))


def operator(phase: Phase, name: str, segment: int = 1) -> Operator:
    return {op.name: op for op in phase.segments[segment].operators()}[name]


def test_llama_2_7b_prefill_macs() -> None:
    (phase,) = run("llama-2-7b", prefill_tokens=2048).phases
    projections = 2048 * (4 * 4096**2 + 3 * 4096 * 11008)
    # Token i sees i + 1 keys: 2048 · 2049 / 2 pairs per head; scores and context.
    attention = 2 * 32 * (2048 * 2049 // 2) * 128
    head = 32000 * 4096  # logits of the last token only
    assert phase.macs() == 32 * (projections + attention) + head == 13_813_014_331_392
    assert (phase.kind, phase.tokens, phase.generated) == ("prefill", 2048, 1)


def test_llama_2_7b_decode_macs() -> None:
    _, phase = run("llama-2-7b", prefill_tokens=2048, decode_steps=1).phases
    assert phase.macs() == 6_607_077_376 + 32 * (2 * 32 * 2049 * 128)
    assert (phase.name, phase.kind, phase.tokens, phase.generated) == ("decode[0]", "decode", 1, 1)


def test_llama_2_7b_kv_cache_takes_half_a_mebibyte_per_token() -> None:
    phases = run("llama-2-7b", prefill_tokens=2048, decode_steps=3).phases
    per_token = 2 * 32 * 4096 * BF16
    assert per_token == 524_288
    assert [p.kv_bytes_after for p in phases] == [n * per_token for n in (2048, 2049, 2050, 2051)]


def test_llama_2_70b_shares_keys_among_eight_query_heads() -> None:
    (phase,) = run("llama-2-70b", prefill_tokens=100, batch=3).phases
    assert phase.kv_bytes_after == 3 * 100 * (2 * 80 * 8 * 128 * BF16)
    scores = operator(phase, "attention_scores")
    assert isinstance(scores, Scores)
    (shape,) = scores.shapes
    assert (shape.count, shape.query_heads, shape.head_dim) == (3 * 8, 8, 128)
    keys, queries = scores.inputs
    assert keys.elements == 3 * 100 * 8 * 128 and queries.elements == 3 * 100 * 64 * 128


def test_weight_bytes_are_the_parameters() -> None:
    (phase,) = run("llama-2-7b", prefill_tokens=1).phases
    assert phase.weight_bytes == 6_738_415_616 * BF16


def test_int4_weights_with_a_scale_per_128() -> None:
    precision = {"weights": "int4", "weight_group_size": 128}
    (phase,) = run("llama-2-7b", prefill_tokens=1, precision=precision).phases
    rest = 6_738_415_616 - 6_607_077_376  # embedding and norms stay in bf16
    # 4 bits and 16 / 128 of a scale: 4.125 bits per weight.
    assert phase.weight_bytes == 6_607_077_376 * 4125 // 8000 + rest * BF16
    weight = operator(phase, "qkv_proj").inputs[0]
    assert weight.bytes == 4096 * 12288 // 2 + 4096 * 12288 // 128 * 2


@pytest.mark.parametrize(
    ("precision", "bits"),
    [
        ({"weights": "mxfp4"}, 4 + 8 / 32),
        ({"weights": "nvfp4"}, 4 + 8 / 16),
        ({"weights": "ternary"}, 2),
        ({"weights": "ternary_base3"}, 1.6),
        ({"weights": "int3"}, 3),
        ({"weights": "uint4", "weight_group_size": 64, "weight_zero_point": "uint4"}, 4 + 20 / 64),
    ],
)
def test_bits_per_weight_count_scales(precision: dict[str, Any], bits: float) -> None:
    (phase,) = run("llama-2-7b", prefill_tokens=1, precision=precision).phases
    weight = operator(phase, "qkv_proj").inputs[0]
    assert weight.bytes == math.ceil(4096 * 12288 * bits / 8)
    rest = 6_738_415_616 - 6_607_077_376
    assert phase.weight_bytes == math.ceil(6_607_077_376 * bits / 8 + rest * BF16)


def test_scales_of_short_groups_count_whole() -> None:
    from simulator.workload import WorkloadSpec as Spec

    def weight_bytes(k: int, size: int) -> int:
        precision = {"weights": "int4", "activations": "int8", "weight_group_size": size}
        gemms = [{"m": 4, "n": 64, "k": k}]
        spec = Spec.model_validate({"gemms": gemms, "precision": precision})
        return load_workload(spec).phases[0].weight_bytes

    assert weight_bytes(16, 10**6) == 64 * 16 // 2 + 64 * 2
    assert weight_bytes(129, 128) == 64 * 129 // 2 + 64 * 2 * 2


def test_a_tied_head_is_stored_once_and_not_quantised() -> None:
    (phase,) = run("opt-6.7b", prefill_tokens=1, precision={"weights": "int8"}).phases
    layers = 32 * 12 * 4096**2
    assert phase.weight_bytes == layers + (6_658_473_984 - layers) * BF16
    head = operator(phase, "lm_head", segment=-1)
    assert isinstance(head, MatMul) and head.weight_format == "bf16"


def test_a_router_is_wide_unless_it_has_a_format() -> None:
    formats = {"weights": "int4", "activations": "int8"}
    (wide,) = run("mixtral-8x7b", prefill_tokens=9, precision=formats).phases
    (narrow,) = run(
        "mixtral-8x7b", prefill_tokens=9, precision={**formats, "router": "int8"}
    ).phases
    assert wide.weight_bytes - narrow.weight_bytes == 32 * 8 * 4096 * (BF16 - 1)
    for phase, name in ((wide, "bf16"), (narrow, "int8")):
        router = operator(phase, "router")
        assert isinstance(router, MatMul)
        assert (router.input_format, router.weight_format) == (name, name)
    # The experts take what the router has taken: it is quantised once.
    names = {op.name for op in narrow.segments[1].operators()}
    assert "router_quantise" in names and "gate_up_proj_quantise" not in names
    assert operator(narrow, "dispatch").inputs[0] == operator(narrow, "router").inputs[1]
    assert operator(wide, "dispatch").inputs[0].name.endswith("_quantised")


def test_only_mixtures_have_a_router() -> None:
    precision = run("llama-2-7b", prefill_tokens=1).description["precision"]
    assert isinstance(precision, dict) and "router" not in precision
    precision = run("mixtral-8x7b", prefill_tokens=1).description["precision"]
    assert isinstance(precision, dict) and precision["router"] == "bf16"


def test_decode_reads_the_cache_and_appends_one_row() -> None:
    phases = run("llama-2-7b", context_tokens=100, decode_steps=3).phases
    assert [p.name for p in phases] == ["decode[0]", "decode[1]", "decode[2]"]
    for step, phase in enumerate(phases):
        read = operator(phase, "attention_scores").inputs[0]
        _, keys, values = operator(phase, "rope").outputs
        assert (read.name, read.kind, read.elements) == ("keys", "kv", (101 + step) * 4096)
        assert (keys.name, keys.kind, keys.elements) == ("keys", "kv", 4096)
        assert (values.name, values.kind, values.elements) == ("values", "kv", 4096)


def test_a_chunk_behind_a_cached_prefix_sees_the_prefix() -> None:
    (phase,) = run("llama-2-7b", prefill_tokens=4, context_tokens=10).phases
    softmax = operator(phase, "attention_softmax")
    assert isinstance(softmax, Vector)
    assert softmax.elements == 32 * (11 + 12 + 13 + 14)
    assert softmax.row_elements == 14


LENGTHS = [Request(30, 0, 2), Request(0, 77, 3), Request(30, 0, 2), Request(9, 5, 1)]


def test_a_mixed_batch_does_what_its_requests_do_alone() -> None:
    model = find_model("llama-3.1-8b")
    formats = PrecisionSpec().resolve(model)
    together = build_phases(model, LENGTHS, formats)
    alone = [build_phases(model, [request], formats) for request in LENGTHS]
    assert [p.kind for p in together] == ["mixed", "decode", "decode"]
    assert sum(p.macs() for p in together) == sum(p.macs() for ps in alone for p in ps)
    assert sum(p.tokens for p in together) == sum(p.tokens for ps in alone for p in ps)
    last = sum(phases[-1].kv_bytes_after for phases in alone)
    assert together[-1].kv_bytes_after == last
    # First pass: 30 + 1 + 30 + 9 tokens of four requests; then three that have
    # steps left (77 has done one of three); then two.
    assert [(p.tokens, p.generated) for p in together] == [(70, 4), (4, 4), (3, 3)]


def test_requests_of_equal_length_share_a_shape() -> None:
    model = find_model("llama-3.1-8b")
    phase = build_phases(model, LENGTHS, PrecisionSpec().resolve(model))[0]
    scores = operator(phase, "attention_scores")
    assert isinstance(scores, Scores)
    found = [(s.count, s.query_tokens, s.context_tokens) for s in scores.shapes]
    assert found == [(2 * 8, 30, 30), (8, 1, 78), (8, 9, 14)]
    assert scores.inputs[0].elements == (30 + 30 + 78 + 14) * 8 * 128


def test_bert_attends_both_ways_and_has_no_cache() -> None:
    (phase,) = run("bert-base", prefill_tokens=128, batch=2).phases
    tokens, pairs = 2 * 128, 2 * 128 * 128
    layer = tokens * 12 * 768**2 + 2 * pairs * 768
    assert phase.macs() == 12 * layer + 2 * 768**2  # pooler: first tokens
    assert (phase.kind, phase.generated, phase.kv_bytes_after) == ("encode", 0, 0)
    kinds = {t.kind for op in phase.segments[1].operators() for t in (*op.inputs, *op.outputs)}
    assert kinds == {"weight", "activation"}
    names = [op.name for op in phase.segments[1].operators()]
    assert names[0] == "qkv_proj" and names[-1] == "output_norm"
    first = [op.name for op in phase.segments[0].operators()]
    assert first == ["token_embedding", "position_add", "token_type_add", "embedding_norm"]


def test_vit_embeds_196_patches_and_classifies_one_token() -> None:
    (phase,) = run("vit-base", batch=4).phases
    assert phase.tokens == 4 * 197
    patches = operator(phase, "patch_embedding", segment=0)
    assert isinstance(patches, MatMul)
    assert patches.macs == 4 * 196 * 768 * 768
    layer = 4 * (197 * 12 * 768**2 + 2 * 197 * 197 * 768)
    assert phase.macs() == patches.macs + 12 * layer + 4 * 768 * 1000


def test_positions_shared_by_requests_are_read_once() -> None:
    requests = [{"prefill_tokens": 100}, {"prefill_tokens": 60}, {"context_tokens": 149}]
    (phase,) = run("opt-6.7b", requests=[*requests[:2], {**requests[2], "decode_steps": 1}]).phases
    rows, _ = operator(phase, "position_add", segment=0).inputs
    assert rows.elements == (100 + 1) * 4096  # positions 0 to 99, and 149
    gather = operator(phase, "token_embedding", segment=0)
    assert isinstance(gather, Gather) and gather.rows == 161


def test_int8_operands_are_quantised_where_they_are_made() -> None:
    precision = {"weights": "int8", "activations": "int8"}
    (phase,) = run("llama-2-7b", prefill_tokens=8, precision=precision).phases
    assert [op.name for op in phase.segments[1].operators() if op.name.endswith("quantise")] == [
        "qkv_proj_quantise",
        "qkv_quantise",
        "out_proj_quantise",
        "gate_up_proj_quantise",
        "down_proj_quantise",
    ]
    for segment in phase.segments:
        for op in segment.operators():
            if isinstance(op, MatMul | Scores | Context):
                assert [t.bits_per_element for t in op.inputs[:2]] == [8, 8]
                assert op.outputs[0].bits_per_element == 16


def test_formats_as_wide_as_the_residual_need_no_quantising() -> None:
    (phase,) = run("llama-2-7b", prefill_tokens=8, precision={"weights": "int4"}).phases
    functions = [op.function for op in phase.segments[1].operators() if isinstance(op, Vector)]
    assert "quantise" not in functions


def test_a_narrow_cache_is_quantised_when_it_is_written() -> None:
    (phase,) = run("opt-6.7b", prefill_tokens=8, precision={"kv_cache": "int8"}).phases
    written = operator(phase, "qkv_quantise")
    assert [(t.name, t.bits_per_element, t.kind) for t in written.outputs] == [
        ("keys", 8, "kv"),
        ("values", 8, "kv"),
    ]
    assert phase.kv_bytes_after == 8 * 2 * 32 * 4096


@pytest.mark.parametrize(
    ("model", "keys", "message"),
    [
        ("llama-2-7b", {}, "nothing to do"),
        ("llama-2-7b", {"prefill_tokens": 4096, "decode_steps": 1}, "at most 4,096"),
        ("bert-base", {"prefill_tokens": 513}, "at most 512"),
        ("bert-base", {"prefill_tokens": 5, "decode_steps": 1}, "is an encoder"),
        ("vit-base", {"prefill_tokens": 100}, "takes 197 tokens per image"),
        ("llama-2-7b", {"prefill_tokens": 5, "moe": {"seed": 1}}, "no experts"),
    ],
)
def test_requests_that_the_model_cannot_take(
    model: str, keys: dict[str, object], message: str
) -> None:
    with pytest.raises(CyclelabError, match=message):
        run(model, **keys)


def test_the_full_context_fits() -> None:
    phases = run("llama-2-7b", prefill_tokens=4095, decode_steps=1).phases
    assert phases[-1].kv_bytes_after == 4096 * 524_288


def test_the_description_tells_what_was_run() -> None:
    description = run("llama-2-7b", prefill_tokens=7, decode_steps=2, batch=3).description
    assert description["parameters"] == 6_738_415_616
    assert description["batch"] == 3
    assert description["prefill_tokens"] == 21
    assert description["decode_steps"] == 2
