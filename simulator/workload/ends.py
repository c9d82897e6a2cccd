"""The ends of a model: embedding in front, logits or pooled output behind."""

from __future__ import annotations

from collections.abc import Callable

from simulator.workload.batch import Batch
from simulator.workload.graph import RESIDUAL_IN, RESIDUAL_OUT, GraphBuilder
from simulator.workload.model import TransformerSpec
from simulator.workload.operators import Collective, Gather, GemmShape, Segment, Tensor
from simulator.workload.precision import Formats

TOKEN_BITS = 32
"""Of a token's number."""

Step = Callable[[Tensor, str], Tensor]
"""Adds operators for a tensor; the second argument names what comes out."""


def embedding_segment(model: TransformerSpec, batch: Batch, formats: Formats) -> Segment:
    """Tokens to vectors: a table look-up, or a GEMM over patches; then position and type."""
    builder = GraphBuilder(model, batch, formats)
    steps: list[Step] = []
    if model.scaled_embedding:
        steps.append(lambda x, y: builder.elementwise("embedding_scale", "multiply", (x,), y))
    if model.position == "learned":
        rows = batch.distinct_positions()
        steps.append(lambda x, output: _add_rows(builder, "position_add", rows, x, output))
    if model.token_types:
        types = min(model.token_types, batch.tokens)
        steps.append(lambda x, output: _add_rows(builder, "token_type_add", types, x, output))
    if model.embedding_norm:
        steps.append(lambda x, output: builder.norm("embedding_norm", x, output))
    outputs = ["embedded", *(f"embedded_{index}" for index in range(1, len(steps) + 1))]
    outputs[-1] = RESIDUAL_OUT
    y = _embed_patches(builder, outputs[0]) if model.image else _embed_tokens(builder, outputs[0])
    for step, output in zip(steps, outputs[1:], strict=True):
        y = step(y, output)
    return Segment("embedding", builder.graph)


def _add_rows(builder: GraphBuilder, name: str, rows: int, x: Tensor, output: str) -> Tensor:
    """Add to each token a row of a table, of which `rows` different ones are read."""
    table = builder.parameters(f"{name}_rows", rows * builder.model.hidden_size)
    return builder.elementwise(name, "add", (table, x), output, x.elements)


def _embed_tokens(builder: GraphBuilder, output: str) -> Tensor:
    tokens = builder.batch.tokens
    rows = builder.parameters("token_embedding_rows", tokens * builder.model.hidden_size)
    share = builder.activation(builder.share_of(output), rows.elements)
    builder.add(Gather("token_embedding", (rows,), (share,), rows=tokens))
    return builder.summed("embedding_all_reduce", share, output)


def _embed_patches(builder: GraphBuilder, output: str) -> Tensor:
    """Embed patches: a convolution whose stride is its kernel is a GEMM.

    The output has room for each sequence's class token, whose row is a parameter.
    """
    model, image = builder.model, builder.model.image
    assert image is not None
    rows = len(builder.batch.sequences) * image.patches
    patches = builder.activation("patches", rows * image.patch_elements)
    y = builder.activation(output, builder.batch.tokens * model.hidden_size)
    shape = GemmShape(1, rows, model.hidden_size, image.patch_elements)
    name = "patch_embedding"
    builder.project(name, builder.quantised(name, patches), (y,), (shape,), bias=True)
    return y


def output_segment(
    model: TransformerSpec, batch: Batch, formats: Formats, stages: int = 1
) -> Segment | None:
    """What follows the last layer; None if nothing does.

    stages: of a pipeline, from whose last one new tokens go back to the first.

    Decoders: final norm and LM head on the last token of each request, the only
    one whose logits are needed. Encoders: final norm on all tokens, then pooler
    and classifier on the first token of each sequence.
    """
    builder = GraphBuilder(model, batch, formats)
    sequences, hidden = len(batch.sequences), model.hidden_size
    rows = sequences if model.family == "decoder" else batch.tokens
    y = builder.activation(RESIDUAL_IN, rows * hidden)
    if model.final_norm:
        y = builder.norm("final_norm", y, "final_normed")
    if model.family == "decoder":
        _add_lm_head(builder, y)
        if stages > 1:
            _add_token_return(builder)
    # The first tokens only, of the tensor that holds all of them.
    y = builder.activation(y.name, sequences * hidden)
    if model.pooler:
        y = builder.dense("pooler", y, "pooler_output", hidden, bias=True, rows=sequences)
        # A tanh costs no more than the tanh form of GELU, which contains one.
        y = builder.elementwise("pooler_tanh", "gelu", (y,), "pooled")
    if model.classes:
        builder.dense("classifier", y, "logits", model.classes, bias=True, rows=sequences)
    return Segment("output", builder.graph, stage=stages - 1) if len(builder.graph) else None


def _add_lm_head(builder: GraphBuilder, x: Tensor) -> None:
    """Logits of `x`'s rows, of the whole vocabulary on every device.

    Devices scale and cap their own share.
    """
    model, formats = builder.model, builder.formats
    rows = x.elements // model.hidden_size
    steps = [("logits_scale", "multiply")] * model.scaled_logits
    steps += [("logits_cap", "softcap")] * model.capped_logits
    outputs = ["logits_projected", *(f"{name}d" for name, _ in steps)]
    outputs[-1] = builder.share_of("logits")
    y = builder.activation(outputs[0], rows * model.vocab_size)
    shape = GemmShape(1, rows, model.vocab_size, model.hidden_size)
    builder.project_in("lm_head", formats.lm_head, x, y, shape, bias=model.head_bias)
    for (name, function), output in zip(steps, outputs[1:], strict=True):
        y = builder.elementwise(name, function, (y,), output)
    builder.gathered("logits_all_gather", y, "logits")


def _add_token_return(builder: GraphBuilder) -> None:
    """Send the new token of each request; that it is chosen among the logits is not counted."""
    tokens = len(builder.batch.sequences)
    x, y = (Tensor(name, tokens, TOKEN_BITS, "activation") for name in ("logits", "next_tokens"))
    builder.add(Collective("token_return", (x,), (y,), function="send"))
