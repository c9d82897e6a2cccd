"""What planning a GEMM kernel needs to know of it, whatever the machine."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from simulator.mapping.kernels import Kernel
from simulator.mapping.planning import KernelJob, Planning
from simulator.mapping.spec import GEMM_SETTINGS
from simulator.workload.operators import (
    AttentionShape,
    Context,
    GemmShape,
    MatMul,
    Operator,
    Scores,
)


class GemmKernelPlanner:
    """A GEMM kernel's shapes, operands and epilogue, and what the user fixed of its mapping."""

    def __init__(self, planning: Planning, job: KernelJob) -> None:
        self.planning = planning
        self.job = job
        self.choice, self.pattern = planning.fixed(job.kernel.name, GEMM_SETTINGS)
        self.op = job.kernel.operators[0]
        self.shapes = gemm_shapes(job.kernel)
        self.outputs = sum(shape.count * shape.m * shape.n for shape in self.shapes)
        self.weight, self.inputs = self.op.inputs[:2]
        surplus = max(0, job.facts.weight_surplus(self.weight, self.shapes))
        self.parameter_bytes = surplus + job.facts.parameter_bytes
        self.parameters = [self.weight] * (surplus > 0) + job.facts.parameters
        self.epilogue = [("add", 1.0)] if isinstance(self.op, MatMul) and self.op.bias else []
        self.epilogue += [(v.function, v.elements / self.outputs) for v in job.kernel.epilogue]

    def group_of(self, shape: GemmShape, scaled: bool) -> int:
        """Elements of k whose sum has to be scaled apart; 0 if whole columns, or weights, are."""
        if not isinstance(self.op, MatMul) or scaled:
            return 0
        return self.op.group_of(shape.k)


def group_work(op: Operator) -> tuple[str, ...]:
    """Vector functions on each group's sum: its scale, and before it its zero point."""
    if not isinstance(op, MatMul) or not op.weight_group:
        return ()
    return ("scale_add", "scale_add") if op.corrected else ("scale_add",)


def dense_share(op: Operator, shapes: Sequence[GemmShape]) -> int | Fraction:
    """Share of the inputs' rectangle that is in memory: masked probabilities are not."""
    if not isinstance(op, Context):
        return 1
    return Fraction(op.inputs[1].elements, sum(s.count * s.m * s.k for s in shapes))


def gemm_shapes(kernel: Kernel) -> tuple[GemmShape, ...]:
    """The products of a kernel's first operator, whatever kind it is."""
    op = kernel.operators[0]
    if isinstance(op, MatMul):
        return op.shapes
    assert isinstance(op, Scores | Context)
    return tuple(_as_gemm(shape, kernel.kind) for shape in op.shapes)


def _as_gemm(shape: AttentionShape, kind: str) -> GemmShape:
    """Spilled attention multiplies whole rectangles: the mask is applied afterwards."""
    rows = shape.query_heads * shape.query_tokens
    if kind == "scores":
        return GemmShape(shape.count, rows, shape.context_tokens, shape.head_dim)
    return GemmShape(shape.count, rows, shape.head_dim, shape.context_tokens)


def operand_formats(op: object) -> tuple[str, str]:
    """Formats of an operator's activations and of what they are multiplied by."""
    if isinstance(op, MatMul):
        return op.input_format, op.weight_format
    if isinstance(op, Scores):
        return op.input_format, op.key_format
    assert isinstance(op, Context)
    return op.input_format, op.value_format
