"""Attention of one layer: from normalised tokens to the output projection."""

from __future__ import annotations

from typing import NamedTuple

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
OUTPUT = "attention_projected"


def add_attention(builder: GraphBuilder, x: Tensor) -> Tensor:
    """Add one layer's attention to the graph; returns this device's share of its output.

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
    return builder.dense(
        "out_proj", y, builder.share_of(OUTPUT), model.hidden_size, bias=model.output_bias
    )


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
    """Project, normalise, rotate and quantise, until `queries`, `keys` and `values` are there.

    The rotary embedding splits the projection's output: it works on queries and
    keys, and hands the values on. Where queries and keys are normalised before, the
    projection's outputs are apart. Whatever is stored in another format than the residual
    is quantised last.
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
    projected = made
    if model.qk_norm != "none":
        projected = (*(rows.projected for rows in _normed_rows(builder)), made[2])
    elif model.position == "rotary":
        projected = (builder.activation("qkv", tokens * width),)
    builder.project(
        "qkv_proj",
        builder.quantised("qkv_proj", x),
        projected,
        (GemmShape(1, tokens, width, model.hidden_size),),
        bias=model.qkv_bias,
    )
    rotated = tokens * (model.heads + model.kv_heads) * model.rotary_dim
    if model.qk_norm != "none":
        normed = tuple(
            builder.norm(rows.name, rows.projected, f"{rows.name}ed", rows.width, rows.kinds)
            for rows in _normed_rows(builder)
        )
        builder.add(Vector("rope", normed, made[:2], "rope", rotated))
    elif model.position == "rotary":
        builder.add(Vector("rope", projected, made, "rope", rotated))
    if pending:
        sources = tuple(source for source in made if source not in final)
        elements = sum(y.elements for y in pending)
        builder.add(Vector("qkv_quantise", sources, tuple(pending), "quantise", elements))


class _NormedRows(NamedTuple):
    """A norm of queries and keys: of what the projection puts out, in rows of some kinds."""

    name: str
    projected: Tensor
    width: int
    kinds: int


def _normed_rows(builder: GraphBuilder) -> tuple[_NormedRows, ...]:
    """One norm over the heads of both, or one over all of a token's queries, one over its keys."""
    model, tokens = builder.model, builder.batch.tokens
    queries, keys = model.query_width, model.kv_width
    if model.qk_norm == "head":
        both = builder.activation("queries_and_keys", tokens * (queries + keys))
        return (_NormedRows("qk_norm", both, model.head_dim, 2),)
    return tuple(
        _NormedRows(
            f"{name}_norm", builder.activation(f"{name}_projected", tokens * width), width, 1
        )
        for name, width in (("query", queries), ("key", keys))
    )


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
    function = "capped_softmax" if model.capped_scores else "softmax"
    builder.add(Vector("attention_softmax", (scores,), (probabilities,), function, pairs, longest))
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
