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
    rows = ((1, builder.batch.tokens),)
    width = builder.model.intermediate_size
    return add_mlp_on_rows(builder, operand, rows, width, builder.share_of(OUTPUT))


def first_projection(builder: GraphBuilder) -> str:
    """Name of the GEMM that reads the MLP's input."""
    return "gate_up_proj" if builder.model.gated_mlp else "fc1"


def add_mlp_on_rows(
    builder: GraphBuilder, x: Tensor, groups: RowGroups, width: int, output: str, prefix: str = ""
) -> Tensor:
    """Add first projection, activation and second projection; returns the output.

    x: rows of all groups, `[rows, hidden]`, ready as an operand. Each MLP of a
    group has weights of its own. width: of the MLP inside. prefix: of names.
    """
    model = builder.model
    rows = sum(count * m for count, m in groups)
    first = prefix + first_projection(builder)
    second = prefix + ("down_proj" if model.gated_mlp else "fc2")
    wide = width * (2 if model.gated_mlp else 1)
    projected = builder.activation(f"{first}_output", rows * wide)
    builder.project(
        first, x, (projected,), _shapes(groups, wide, model.hidden_size), bias=model.mlp_bias
    )
    inner = _add_activation(builder, projected, rows * width, prefix)
    if model.sub_norms:
        inner = builder.norm(f"{prefix}mlp_sub_norm", inner, f"{prefix}mlp_normed", width)
    y = builder.activation(output, rows * model.hidden_size)
    builder.project(
        second,
        builder.quantised(second, inner),
        (y,),
        _shapes(groups, model.hidden_size, width),
        bias=model.mlp_bias,
    )
    return y


def _shapes(groups: RowGroups, n: int, k: int) -> tuple[GemmShape, ...]:
    return tuple(GemmShape(count, m, n, k) for count, m in groups)


def _add_activation(builder: GraphBuilder, x: Tensor, elements: int, prefix: str) -> Tensor:
    """Apply the activation to the first projection, and multiply by the up half if gated."""
    name, gated = builder.model.activation, builder.model.gated_mlp
    if gated and name in FUSED_GATES:
        fused = FUSED_GATES[name]
        return builder.elementwise(prefix + fused, fused, (x,), f"{prefix}mlp_inner", elements)
    y = x
    for step, function in UNFUSED_STEPS[name]:
        operator = prefix + step
        y = builder.elementwise(operator, function, (y,), f"{operator}_output", elements)
    if gated:
        inner = f"{prefix}mlp_inner"
        y = builder.elementwise(f"{prefix}gate_multiply", "multiply", (y, x), inner, elements)
    return y
