"""Properties that every graph has, over random shapes, batches and formats."""

from __future__ import annotations

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import list_presets
from simulator.workload import PrecisionSpec, Request, build_phases, find_model, parameters
from simulator.workload.counts import (
    attention_weights,
    expert_weights,
    router_weights,
    shared_expert_weights,
    table_parameters,
)
from simulator.workload.model import ImageSpec, TransformerSpec
from simulator.workload.moe import Loads
from simulator.workload.operators import Context, MatMul, Operator, Phase, Scores, Vector
from simulator.workload.routing import RoutingSpec

FUNCTIONS = {
    "rmsnorm",
    "layernorm",
    "softmax",
    "rope",
    "add",
    "multiply",
    "silu",
    "gelu",
    "relu",
    "silu_multiply",
    "gelu_multiply",
    "quantise",
    "topk_softmax",
    "scale_add",
    "softcap",
    "capped_softmax",
}
FORMATS = st.sampled_from(["bf16", "fp16", "fp8_e4m3", "int8", "int4"])


@st.composite
def decoders(draw: st.DrawFn) -> TransformerSpec:
    kv_heads = draw(st.integers(1, 3))
    experts = draw(st.sampled_from([0, 0, 1, 4]))
    head_dim = 2 * draw(st.integers(1, 8))
    position = draw(st.sampled_from(["rotary", "learned", "none"]))
    norms = ["none", "head", "token"] if position == "rotary" else ["none"]
    norm_place = draw(st.sampled_from(["before", "behind", "around", "behind_sums"]))
    parallel = norm_place == "before" and draw(st.booleans())
    return TransformerSpec(
        name="random",
        hidden_size=draw(st.integers(1, 40)),
        layers=draw(st.integers(1, 4)),
        heads=kv_heads * draw(st.integers(1, 3)),
        kv_heads=kv_heads,
        head_dim=head_dim,
        intermediate_size=draw(st.integers(1, 50)),
        vocab_size=draw(st.integers(1, 99)),
        gated_mlp=draw(st.booleans()),
        activation=draw(st.sampled_from(["silu", "gelu", "relu", "relu_squared"])),
        norm=draw(st.sampled_from(["rmsnorm", "layernorm"])),
        norm_place=norm_place,
        parallel=parallel,
        shared_norm=parallel and draw(st.booleans()),
        qk_norm=draw(st.sampled_from(norms)),
        sub_norms=draw(st.booleans()),
        embedding_norm=draw(st.booleans()),
        position=position,
        position_rows=64,
        rotary_dim=2 * draw(st.integers(1, head_dim // 2)),
        qkv_bias=draw(st.booleans()),
        mlp_bias=draw(st.booleans()),
        head_bias=draw(st.booleans()),
        tied_embeddings=draw(st.booleans()),
        scaled_embedding=draw(st.booleans()),
        scaled_branches=draw(st.booleans()),
        scaled_logits=draw(st.booleans()),
        capped_scores=draw(st.booleans()),
        capped_logits=draw(st.booleans()),
        experts=experts,
        experts_per_token=draw(st.integers(1, experts)) if experts else 0,
        shared_expert_size=draw(st.sampled_from([0, 3])) if experts else 0,
        max_context=64,
    )


REQUESTS = st.lists(
    st.builds(Request, st.integers(1, 20), st.integers(0, 20), st.integers(0, 3))
    | st.builds(Request, st.just(0), st.integers(0, 20), st.integers(1, 3)),
    min_size=1,
    max_size=4,
)
PRECISIONS = st.builds(
    PrecisionSpec, weights=FORMATS, activations=FORMATS, kv_cache=st.none() | FORMATS
)


def check_graphs(phase: Phase) -> None:
    """What operators.py promises about every segment of a phase."""
    for segment in phase.segments:
        order = {name: index for index, name in enumerate(segment.graph)}
        operators = {op.name: op for op in segment.operators()}
        assert list(operators) == list(order)
        assert all(order[a] < order[b] for a, b in segment.graph.edges)
        for a, b, data in segment.graph.edges(data=True):
            assert data["tensor"] == data["tensors"][0]
            for tensor in data["tensors"]:
                assert tensor in operators[a].outputs
                (read,) = (t for t in operators[b].inputs if t.name == tensor.name)
                assert read.bits_per_element == tensor.bits_per_element
                # A cache is read whole, and of a sequence's tokens maybe the first only.
                assert read == tensor or read.kind == "kv" or segment.name == "output"
        check_names(list(operators.values()), segment.graph)


def check_names(operators: list[Operator], graph: nx.DiGraph[str]) -> None:
    """Tensor names are made once, read after that, and all edges are there."""
    made: dict[str, str] = {}
    for op in operators:
        for tensor in op.inputs:
            assert tensor.elements > 0
            if tensor.name in made:
                assert graph.has_edge(made[tensor.name], op.name)
            else:
                assert tensor.kind == "weight" or tensor.name in ("residual_in", "patches")
        for tensor in op.outputs:
            assert tensor.name not in made
            made[tensor.name] = op.name
        check_operator(op)


def check_operator(op: Operator) -> None:
    if isinstance(op, MatMul):
        weight, x = op.inputs[:2]
        assert weight.elements == sum(s.count * s.n * s.k for s in op.shapes)
        assert x.elements == sum(s.count * s.m * s.k for s in op.shapes)
        assert len(op.inputs) == 2 + op.bias
    elif isinstance(op, Vector):
        assert op.function in FUNCTIONS
        assert op.elements > 0 and op.row_elements > 0


def closed_form_macs(model: TransformerSpec, requests: list[Request]) -> int:
    """MACs of all phases: weights times tokens, pairs times widths."""
    macs = 0
    mlps = max(model.experts_per_token, 1)
    layer = attention_weights(model) + mlps * expert_weights(model) + router_weights(model)
    layer += shared_expert_weights(model)
    for request in requests:
        start, end = request.context_tokens, request.final_tokens
        macs += (end - start) * model.layers * layer
        pairs = sum(range(start + 1, end + 1))
        macs += model.layers * pairs * 2 * model.heads * model.head_dim
        outputs = request.decode_steps + (1 if request.prefill_tokens else 0)
        macs += outputs * model.vocab_size * model.hidden_size
    return macs


def weights_read(phase: Phase) -> int:
    """Weights, norms and biases that a pass reads, rows of tables left out."""
    return sum(
        segment.repeat * tensor.elements
        for segment in phase.segments
        for op in segment.operators()
        for tensor in op.inputs
        if tensor.kind == "weight" and not tensor.name.endswith("_rows")
    )


@given(decoders(), PRECISIONS)
def test_a_pass_reads_every_parameter_once(
    model: TransformerSpec, precision: PrecisionSpec
) -> None:
    # Of several experts some may have no tokens.
    model = model.model_copy(update={"experts": min(model.experts, 1)})
    model = model.model_copy(update={"experts_per_token": model.experts})
    (phase,) = build_phases(model, [Request(3)], precision.resolve(model))
    assert weights_read(phase) == parameters(model) - table_parameters(model)


@given(decoders(), REQUESTS, PRECISIONS, st.sampled_from(["random", "balanced"]))
def test_random_decoders(
    model: TransformerSpec, requests: list[Request], precision: PrecisionSpec, routing: str
) -> None:
    spec = RoutingSpec.model_validate({"routing": routing})
    phases = build_phases(model, requests, precision.resolve(model), spec)
    for phase in phases:
        check_graphs(phase)
        layers = [s.repeat for s in phase.segments if s.name.startswith("layers")]
        assert sum(layers) == model.layers
    assert sum(phase.macs() for phase in phases) == closed_form_macs(model, requests)
    cached = sum(request.final_tokens for request in requests)
    assert sum(p.generated for p in phases) == sum(
        r.decode_steps + (r.prefill_tokens > 0) for r in requests
    )
    assert phases[-1].kv_bytes_after >= cached * model.kv_elements_per_token * 4 // 8


@given(st.integers(1, 3), st.integers(1, 4), st.booleans(), st.integers(0, 5), PRECISIONS)
def test_random_vision_transformers(
    side: int, batch: int, pooler: bool, classes: int, precision: PrecisionSpec
) -> None:
    tokens = side * side + 1
    model = TransformerSpec(
        name="vit",
        family="encoder",
        hidden_size=12,
        layers=2,
        heads=3,
        kv_heads=3,
        head_dim=4,
        intermediate_size=20,
        gated_mlp=False,
        activation="gelu",
        position="learned",
        position_rows=tokens,
        image=ImageSpec(image_size=2 * side, patch_size=2),
        pooler=pooler,
        classes=classes,
        max_context=tokens,
    )
    (phase,) = build_phases(model, [Request(tokens)] * batch, precision.resolve(model))
    check_graphs(phase)
    layer = tokens * (4 * 12**2 + 2 * 12 * 20) + 2 * tokens**2 * 12
    ends = side * side * 12 * 12 + 12 * 12 * pooler + 12 * classes
    assert phase.macs() == batch * (2 * layer + ends)


def test_every_shipped_model_builds() -> None:
    for name in list_presets("models"):
        model = find_model(name)
        tokens = model.max_context if model.image else 8
        for phase in build_phases(model, [Request(tokens)], PrecisionSpec().resolve(model)):
            check_graphs(phase)
            graph = phase.to_networkx()
            assert nx.is_directed_acyclic_graph(graph)
            assert nx.is_weakly_connected(graph)


def test_a_llama_layer_in_order() -> None:
    model = find_model("llama-2-7b")
    (phase,) = build_phases(model, [Request(4)], PrecisionSpec().resolve(model))
    assert [op.name for op in phase.segments[1].operators()] == [
        "input_norm",
        "qkv_proj",
        "rope",
        "attention_scores",
        "attention_softmax",
        "attention_context",
        "out_proj",
        "attention_residual",
        "post_norm",
        "gate_up_proj",
        "silu_multiply",
        "down_proj",
        "mlp_residual",
    ]
    operators = {op.name: op for op in phase.segments[1].operators()}
    scores, context = operators["attention_scores"], operators["attention_context"]
    assert isinstance(scores, Scores) and isinstance(context, Context)
    assert scores.shapes == context.shapes
    assert scores.macs == context.macs == 32 * (1 + 2 + 3 + 4) * 128


def test_expanding_writes_the_layers_out() -> None:
    model = find_model("llama-2-7b")
    (phase,) = build_phases(model, [Request(4)], PrecisionSpec().resolve(model))
    graph = phase.to_networkx()
    assert len(graph) == 1 + 32 * 13 + 2
    assert (
        graph.edges["layers.2.mlp_residual", "layers.3.input_norm"]["tensor"].elements == 4 * 4096
    )
    assert graph.has_edge("layers.2.mlp_residual", "layers.3.attention_residual")
    assert graph.has_edge("embedding.token_embedding", "layers.0.input_norm")
    assert graph.has_edge("layers.31.mlp_residual", "output.final_norm")
    assert sum(data["op"].macs for _, data in graph.nodes(data=True)) == phase.macs()
    order = {name: index for index, name in enumerate(graph)}
    assert all(order[a] < order[b] for a, b in graph.edges)


def test_expanding_numbers_layers_across_routings() -> None:
    model = find_model("mixtral-8x7b")
    (phase,) = build_phases(model, [Request(64)], PrecisionSpec().resolve(model))
    assert len(phase.segments) > 3
    graph = phase.to_networkx()
    numbers = [int(name.split(".")[1]) for name in graph if name.endswith(".router")]
    assert numbers == list(range(32))
    assert nx.is_weakly_connected(graph)


def loads_of(phase: Phase) -> list[Loads]:
    """Tokens of the experts that take part, layer by layer."""
    found = []
    for segment in phase.segments:
        for op in segment.operators():
            if isinstance(op, MatMul) and op.name == "gate_up_proj":
                loads = tuple(s.m for s in op.shapes for _ in range(s.count))
                found += [loads] * segment.repeat
    return found


def test_experts_without_tokens_are_not_read() -> None:
    model = find_model("mixtral-8x7b")
    (phase,) = build_phases(model, [Request(0, 10, 1)], PrecisionSpec().resolve(model))
    assert loads_of(phase) == [(1, 1)] * 32
    assert len(phase.segments) == 3  # one token: every routing is alike
    operators = {op.name: op for op in phase.segments[1].operators()}
    assert operators["gate_up_proj"].inputs[0].elements == 2 * 2 * 4096 * 14336
    assert operators["down_proj"].inputs[0].elements == 2 * 4096 * 14336
