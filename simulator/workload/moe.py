"""Mixture of experts: router, top-k choice, experts, weighted sum."""

from __future__ import annotations

from collections import Counter

from simulator.workload.graph import GraphBuilder
from simulator.workload.mlp import OUTPUT, add_mlp_on_rows, first_projection
from simulator.workload.operators import Gather, GemmShape, Tensor, Vector

Loads = tuple[int, ...]
"""Tokens per expert, sorted: experts are alike, so only the multiset matters."""


def add_mixture(builder: GraphBuilder, x: Tensor, loads: Loads) -> Tensor:
    """Add the mixture over `x` `[tokens, hidden]`; returns this device's share of its output.

    loads: tokens of every expert, `experts_per_token` · tokens in all. Experts
    without tokens take no part: their weights are not read. A router that is not in
    the residual format shares its quantised input with the experts.
    """
    model, tokens, router = builder.model, builder.batch.tokens, builder.formats.router
    assert router is not None, "formats are resolved for a model"
    routed = tokens * model.experts_per_token
    logits = builder.activation("router_logits", tokens * model.experts)
    shape = GemmShape(1, tokens, model.experts, model.hidden_size)
    operand = builder.project_in("router", router, x, logits, shape)
    routing = builder.activation("routing", routed)
    # Every logit is looked at: the work is that of the inputs, not of the k outputs.
    builder.add(
        Vector(
            "topk_softmax", (logits,), (routing,), "topk_softmax", logits.elements, model.experts
        )
    )
    if operand is x:
        operand = builder.quantised(first_projection(builder), x)
    rows = Tensor("dispatched", routed * model.hidden_size, operand.bits_per_element, operand.kind)
    builder.add(Gather("dispatch", (operand, routing), (rows,), rows=routed))
    groups = tuple((count, load) for load, count in sorted(Counter(loads).items()) if load)
    outputs = add_mlp_on_rows(builder, rows, groups, "expert_output")
    y = builder.activation(builder.share_of(OUTPUT), tokens * model.hidden_size)
    # One multiply-add per expert's row; the rows of a token come from different GEMMs.
    builder.add(
        Vector(
            "combine",
            (outputs, routing),
            (y,),
            "scale_add",
            outputs.elements,
            model.experts_per_token,
        )
    )
    return y
