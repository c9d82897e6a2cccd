"""The MLP of one layer: one for all tokens, or one per expert."""

from __future__ import annotations

from simulator.workload.graph import GraphBuilder
from simulator.workload.operators import GemmShape, Tensor

FUSED_GATES = {"silu": "silu_multiply", "gelu": "gelu_multiply"}
"""Vector functions that apply the gate's activation and multiply in one go."""

UNFUSED_STEPS = {
    "silu": (("silu", "silu"),),
    "gelu": (("gelu", "gelu"),),
    "relu": (("relu", "relu"),),
    "relu_squared": (("relu", "relu"), ("activation_square", "multiply")),
}
"""Operators of an activation on its own: their names and vector functions."""

OUTPUT = "mlp_output"

RowGroups = tuple[tuple[int, int], ...]
"""`(number of MLPs, rows that each of them works on)`: (1, tokens) without experts."""


def add_mlp(builder: GraphBuilder, x: Tensor) -> Tensor:
    """Add a dense MLP over `x` `[tokens, hidden]`; returns this device's share of its output."""
    operand = builder.quantised(first_projection(builder), x)
    return add_mlp_on_rows(builder, operand, ((1, builder.batch.tokens),), builder.share_of(OUTPUT))


def first_projection(builder: GraphBuilder) -> str:
    """Name of the GEMM that reads the MLP's input."""
    return "gate_up_proj" if builder.model.gated_mlp else "fc1"


def add_mlp_on_rows(builder: GraphBuilder, x: Tensor, groups: RowGroups, output: str) -> Tensor:
    """Add first projection, activation and second projection; returns the output.

    x: rows of all groups, `[rows, hidden]`, ready as an operand. Each MLP of a
    group has weights of its own.
    """
    model = builder.model
    rows = sum(count * m for count, m in groups)
    first, second = first_projection(builder), "down_proj" if model.gated_mlp else "fc2"
    width = model.intermediate_size * (2 if model.gated_mlp else 1)
    projected = builder.activation(f"{first}_output", rows * width)
    builder.project(
        first, x, (projected,), _shapes(groups, width, model.hidden_size), bias=model.mlp_bias
    )
    inner = _add_activation(builder, projected, rows * model.intermediate_size)
    if model.sub_norms:
        inner = builder.norm("mlp_sub_norm", inner, "mlp_normed", model.intermediate_size)
    y = builder.activation(output, rows * model.hidden_size)
    builder.project(
        second,
        builder.quantised(second, inner),
        (y,),
        _shapes(groups, model.hidden_size, model.intermediate_size),
        bias=model.mlp_bias,
    )
    return y


def _shapes(groups: RowGroups, n: int, k: int) -> tuple[GemmShape, ...]:
    return tuple(GemmShape(count, m, n, k) for count, m in groups)


def _add_activation(builder: GraphBuilder, x: Tensor, elements: int) -> Tensor:
    """Apply the activation to the first projection, and multiply by the up half if gated."""
    name, gated = builder.model.activation, builder.model.gated_mlp
    if gated and name in FUSED_GATES:
        return builder.elementwise(
            FUSED_GATES[name], FUSED_GATES[name], (x,), "mlp_inner", elements
        )
    y = x
    for operator, function in UNFUSED_STEPS[name]:
        y = builder.elementwise(operator, function, (y,), f"{operator}_output", elements)
    if gated:
        y = builder.elementwise("gate_multiply", "multiply", (y, x), "mlp_inner", elements)
    return y
