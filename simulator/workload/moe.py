"""Mixture of experts: router, top-k choice, experts, weighted sum, and a shared expert."""

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
    outputs = add_mlp_on_rows(builder, rows, groups, model.intermediate_size, "expert_output")
    output = builder.share_of(OUTPUT)
    combined = "combined" if model.shared_expert_size else output
    y = builder.activation(combined, tokens * model.hidden_size)
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
    return _add_shared_expert(builder, x, operand, y, output) if model.shared_expert_size else y


def _add_shared_expert(
    builder: GraphBuilder, x: Tensor, operand: Tensor, combined: Tensor, output: str
) -> Tensor:
    """Add the expert that every token takes, times the sigmoid of its gate, to the others' sum."""
    tokens, router = builder.batch.tokens, builder.formats.router
    assert router is not None, "formats are resolved for a model"
    gate = builder.activation("shared_gate_output", tokens)
    wide = router.element == builder.formats.residual
    builder.project(
        "shared_gate",
        x if wide else operand,
        (gate,),
        (GemmShape(1, tokens, 1, builder.model.hidden_size),),
        weights=router,
        input_format=builder.formats.residual if wide else None,
        format_key="router",
    )
    # A sigmoid costs no more than a SiLU, which contains one.
    gate = builder.elementwise("shared_gate_sigmoid", "silu", (gate,), "shared_gate_value")
    groups, width = ((1, tokens),), builder.model.shared_expert_size
    y = add_mlp_on_rows(builder, operand, groups, width, "shared_output", "shared_")
    return builder.elementwise("shared_add", "scale_add", (y, combined, gate), output)
