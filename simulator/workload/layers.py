"""Whole layers and the ends of a model, as segments."""

from __future__ import annotations

from itertools import groupby

from simulator.workload.attention import OUTPUT as PROJECTED
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
    """Add one layer, with its norms where the model has them."""
    model = builder.model
    residual = builder.activation(RESIDUAL_IN, builder.batch.tokens * model.hidden_size)
    if model.parallel:
        _add_parallel(builder, residual, loads)
        return
    before = model.norm_place in ("before", "around")
    behind = model.norm_place in ("behind", "around")
    behind_sums = model.norm_place == "behind_sums"
    x = builder.norm("input_norm", residual, "attention_input") if before else residual
    y = builder.summed("attention_all_reduce", add_attention(builder, x), PROJECTED)
    if behind:
        y = builder.norm("attention_norm", y, "attention_block_normed")
    residual = x = builder.added("attention_residual", y, residual, "attention_sum")
    if before:
        x = builder.norm("post_norm", residual, "mlp_input")
    elif behind_sums:
        residual = x = builder.norm("post_norm", residual, "mlp_input")
    y = builder.summed("mlp_all_reduce", _add_mlp(builder, x, loads), OUTPUT)
    if behind:
        y = builder.norm("mlp_norm", y, "mlp_block_normed")
    y = builder.added("mlp_residual", y, residual, "mlp_sum" if behind_sums else RESIDUAL_OUT)
    if behind_sums:
        builder.norm("output_norm", y, RESIDUAL_OUT)


def _add_parallel(builder: GraphBuilder, residual: Tensor, loads: Loads | None) -> None:
    """Add attention and MLP that read the same: what both put out is added, summed up once."""
    x = builder.norm("input_norm", residual, "attention_input")
    attention = add_attention(builder, x)
    if not builder.model.shared_norm:
        x = builder.norm("post_norm", residual, "mlp_input")
    outputs = (_add_mlp(builder, x, loads), attention)
    share = builder.elementwise("block_sum", "add", outputs, builder.share_of("block_output"))
    y = builder.summed("block_all_reduce", share, "block_output")
    builder.added("block_residual", y, residual, RESIDUAL_OUT)


def _add_mlp(builder: GraphBuilder, x: Tensor, loads: Loads | None) -> Tensor:
    return add_mlp(builder, x) if loads is None else add_mixture(builder, x, loads)
