"""Whole layers and the ends of a model, as segments."""

from __future__ import annotations

from itertools import groupby

from simulator.workload.attention import add_attention
from simulator.workload.batch import Batch
from simulator.workload.graph import RESIDUAL_IN, RESIDUAL_OUT, GraphBuilder
from simulator.workload.mlp import OUTPUT, add_mlp
from simulator.workload.model import TransformerSpec
from simulator.workload.moe import Loads, add_mixture
from simulator.workload.operators import Segment, Tensor
from simulator.workload.precision import Formats


def layer_segments(
    model: TransformerSpec, batch: Batch, formats: Formats, loads: list[Loads] | None = None
) -> list[Segment]:
    """The layers of a model: one segment, or one per run of layers with equal routing.

    loads: tokens per expert of each layer, for a mixture of experts. Segments are
    then named by the layers they stand for, `layers[3:5]`; equal routings share
    one graph.
    """
    if loads is None:
        builder = GraphBuilder(model, batch, formats)
        _add_layer(builder, None)
        return [Segment("layers", builder.graph, model.layers)]
    runs = [(routing, len(list(run))) for routing, run in groupby(loads)]
    graphs = {}
    for routing, _ in runs:
        if routing not in graphs:
            builder = GraphBuilder(model, batch, formats)
            _add_layer(builder, routing)
            graphs[routing] = builder.graph
    if len(runs) == 1:
        return [Segment("layers", graphs[runs[0][0]], model.layers)]
    segments, first = [], 0
    for routing, repeat in runs:
        index = f"{first}" if repeat == 1 else f"{first}:{first + repeat}"
        segments.append(Segment(f"layers[{index}]", graphs[routing], repeat))
        first += repeat
    return segments


def _add_layer(builder: GraphBuilder, loads: Loads | None) -> None:
    """Add one layer; its norms come first, or last (`post_norm`)."""
    model = builder.model
    residual = builder.activation(RESIDUAL_IN, builder.batch.tokens * model.hidden_size)

    def mlp(x: Tensor) -> Tensor:
        share = add_mlp(builder, x) if loads is None else add_mixture(builder, x, loads)
        return builder.summed("mlp_all_reduce", share, OUTPUT)

    if model.post_norm:
        y = add_attention(builder, residual)
        y = builder.elementwise("attention_residual", "add", (y, residual), "attention_sum")
        x = builder.norm("post_norm", y, "mlp_input")
        y = builder.elementwise("mlp_residual", "add", (mlp(x), x), "mlp_sum")
        builder.norm("output_norm", y, RESIDUAL_OUT)
        return
    y = add_attention(builder, builder.norm("input_norm", residual, "attention_input"))
    x = builder.elementwise("attention_residual", "add", (y, residual), "attention_sum")
    y = mlp(builder.norm("post_norm", x, "mlp_input"))
    builder.elementwise("mlp_residual", "add", (y, x), RESIDUAL_OUT)
