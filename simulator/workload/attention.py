"""Attention of one layer: from normalised tokens to the output projection."""

from __future__ import annotations

from simulator.workload.graph import GraphBuilder
from simulator.workload.operators import (
    AttentionShape,
    Context,
    GemmShape,
    Scores,
    Tensor,
    TensorKind,
    Vector,
)
from simulator.workload.storage import format_bits

QUERIES, KEYS, VALUES = "queries", "keys", "values"


def add_attention(builder: GraphBuilder, x: Tensor) -> Tensor:
    """Add one layer's attention to the graph; returns its output, that of all devices.

    x: `[tokens, hidden]`. Queries, keys and values come from one fused GEMM. In a
    decoder the new rows of keys and values are appended to the KV cache, in its
    format, by the operator that makes them.
    """
    _add_queries_keys_values(builder, x)
    shapes = attention_shapes(builder)
    y = _add_scores_softmax_context(builder, shapes)
    model = builder.model
    if model.sub_norms:
        y = builder.norm("attention_sub_norm", y, "attention_normed", model.query_width)
    output = "attention_projected"
    share = builder.dense(
        "out_proj", y, builder.share_of(output), model.hidden_size, bias=model.output_bias
    )
    return builder.summed("attention_all_reduce", share, output)


def attention_shapes(builder: GraphBuilder) -> tuple[AttentionShape, ...]:
    """Attention of the batch, requests of equal length together."""
    model = builder.model
    return tuple(
        AttentionShape(
            count=requests * model.kv_heads,
            query_heads=model.heads // model.kv_heads,
            query_tokens=sequence.tokens,
            context_tokens=sequence.context,
            head_dim=model.head_dim,
            causal=model.is_causal,
            requests=requests,
            channel=sequence.channel,
        )
        for sequence, requests in builder.batch.by_length()
    )


def key_value_format(builder: GraphBuilder) -> str:
    """Format of keys and values: the cache's, or that of operands without a cache."""
    formats = builder.formats
    return formats.kv_cache if builder.model.is_causal else formats.activations


def _key_value(builder: GraphBuilder, name: str, tokens: int) -> Tensor:
    """Keys or values of `tokens` tokens: rows of the cache in a decoder."""
    bits = format_bits(key_value_format(builder))
    kind: TensorKind = "kv" if builder.model.is_causal else "activation"
    return Tensor(name, tokens * builder.model.kv_width, bits, kind)


def _add_queries_keys_values(builder: GraphBuilder, x: Tensor) -> None:
    """Project, rotate and quantise, until `queries`, `keys` and `values` are there.

    The rotary embedding splits the projection's output: it works on queries and
    keys, and hands the values on. Whatever is stored in another format than the
    residual is quantised last.
    """
    model, tokens = builder.model, builder.batch.tokens
    width = model.query_width + 2 * model.kv_width
    final = (
        _queries(builder),
        _key_value(builder, KEYS, tokens),
        _key_value(builder, VALUES, tokens),
    )
    residual = builder.formats.residual
    formats = (builder.formats.activations, *[key_value_format(builder)] * 2)
    pending = [y for y, name in zip(final, formats, strict=True) if name != residual]
    made = tuple(
        builder.activation(f"{y.name}_unquantised", y.elements) if y in pending else y
        for y in final
    )
    is_rotary = model.position == "rotary"
    qkv = builder.activation("qkv", tokens * width)
    builder.project(
        "qkv_proj",
        builder.quantised("qkv_proj", x),
        (qkv,) if is_rotary else made,
        (GemmShape(1, tokens, width, model.hidden_size),),
        bias=model.qkv_bias,
    )
    if is_rotary:
        rotated = tokens * (model.query_width + model.kv_width)
        builder.add(Vector("rope", (qkv,), made, "rope", rotated))
    if pending:
        sources = tuple(source for source in made if source not in final)
        elements = sum(y.elements for y in pending)
        builder.add(Vector("qkv_quantise", sources, tuple(pending), "quantise", elements))


def _queries(builder: GraphBuilder) -> Tensor:
    elements = builder.batch.tokens * builder.model.query_width
    return builder.activation(QUERIES, elements, builder.formats.activations)


def _add_scores_softmax_context(
    builder: GraphBuilder, shapes: tuple[AttentionShape, ...]
) -> Tensor:
    """Scores, softmax, context; masked entries are neither computed nor stored.

    Probabilities are written by the softmax in the activations format: they lie
    in [0, 1], so their scale is fixed and rounding is part of writing them.
    """
    model, formats, batch = builder.model, builder.formats, builder.batch
    pairs = sum(s.count * s.query_heads * s.visible_pairs for s in shapes)
    scores = builder.activation("scores", pairs)
    probabilities = builder.activation("probabilities", pairs, formats.activations)
    output = builder.activation("attention_output", batch.tokens * model.query_width)
    kv_format = key_value_format(builder)
    builder.add(
        Scores(
            "attention_scores",
            (_key_value(builder, KEYS, batch.context), _queries(builder)),
            (scores,),
            shapes=shapes,
            input_format=formats.activations,
            key_format=kv_format,
        )
    )
    longest = max(shape.context_tokens for shape in shapes)
    builder.add(Vector("attention_softmax", (scores,), (probabilities,), "softmax", pairs, longest))
    builder.add(
        Context(
            "attention_context",
            (_key_value(builder, VALUES, batch.context), probabilities),
            (output,),
            shapes=shapes,
            input_format=formats.activations,
            value_format=kv_format,
        )
    )
    return output
