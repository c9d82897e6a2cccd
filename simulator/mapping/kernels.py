"""From operators to kernels: what runs together without leaving the chip.

A kernel is one operator, or several fused: element-wise operators behind the
GEMM (or norm) whose output they consume, and scores-softmax-context as one
attention kernel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from simulator.mapping.spec import MappingSpec
from simulator.workload.operators import (
    Collective,
    Context,
    Gather,
    MatMul,
    Operator,
    Scores,
    Segment,
    Tensor,
    Vector,
)

SOFTMAXES = frozenset(("softmax", "capped_softmax"))
"""Vector functions between the two products of an attention kernel."""

KernelKind = Literal["matmul", "attention", "scores", "context", "vector", "gather", "collective"]


@dataclass(slots=True)
class Kernel:
    """Operators that run as one, in order; `operators[0]` gives it its name.

    inputs: tensors that come from outside, weights and KV cache included.
    outputs: tensors that somebody outside reads, or that leave the phase.
    producers: indices of the segment's kernels that make its inputs.
    consumers: indices of those that read its outputs.
    reads_boundary: an input comes from the segment before.
    """

    kind: KernelKind
    operators: list[Operator]
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    producers: list[int] = field(default_factory=list)
    consumers: list[int] = field(default_factory=list)
    reads_boundary: bool = False

    @property
    def name(self) -> str:
        """Name in reports: that of its first operator, `attention` when fused."""
        return "attention" if self.kind == "attention" else self.operators[0].name

    @property
    def core_operators(self) -> int:
        """How many operators make the kernel itself; the rest is its epilogue."""
        return 3 if self.kind == "attention" else 1

    @property
    def epilogue(self) -> list[Vector]:
        """Element-wise operators fused behind the kernel."""
        return [op for op in self.operators[self.core_operators :] if isinstance(op, Vector)]


def build_kernels(segment: Segment, spec: MappingSpec, fuse_attention: bool) -> list[Kernel]:
    """Group a segment's operators into kernels, in execution order."""
    operators = segment.operators()
    readers = _readers(operators)
    made_by: dict[str, int] = {}
    kernels: list[Kernel] = []
    skip: set[str] = set()
    for index, op in enumerate(operators):
        if op.name in skip:
            continue
        trio = _attention_trio(operators, index, readers) if fuse_attention else None
        if trio:
            kernels.append(Kernel("attention", list(trio)))
            skip.update(part.name for part in trio)
        else:
            host = _fusion_host(op, kernels, made_by) if spec.fuse_elementwise else None
            if host is not None:
                kernels[host].operators.append(op)
            else:
                kernels.append(Kernel(_kind(op), [op]))
        owner = host if not trio and host is not None else len(kernels) - 1
        for part in trio or (op,):
            for tensor in part.outputs:
                made_by[tensor.name] = owner
    _link(kernels, made_by, readers)
    return kernels


def _kind(op: Operator) -> KernelKind:
    if isinstance(op, MatMul):
        return "matmul"
    if isinstance(op, Scores):
        return "scores"
    if isinstance(op, Context):
        return "context"
    if isinstance(op, Gather):
        return "gather"
    if isinstance(op, Collective):
        return "collective"
    return "vector"


def _readers(operators: list[Operator]) -> dict[str, list[str]]:
    """Tensor name to the names of the operators that read it."""
    readers: dict[str, list[str]] = {}
    for op in operators:
        for tensor in op.inputs:
            readers.setdefault(tensor.name, []).append(op.name)
    return readers


def _only_reader(op: Operator, reader: Operator, readers: dict[str, list[str]]) -> bool:
    """Whether everything that `op` makes is read by `reader` alone."""
    return all(set(readers.get(t.name, ())) == {reader.name} for t in op.outputs)


def _attention_trio(
    operators: list[Operator], index: int, readers: dict[str, list[str]]
) -> tuple[Scores, Vector, Context] | None:
    if index + 2 >= len(operators):
        return None
    scores, softmax, context = operators[index : index + 3]
    if not (
        isinstance(scores, Scores)
        and isinstance(softmax, Vector)
        and softmax.function in SOFTMAXES
        and isinstance(context, Context)
    ):
        return None
    if _only_reader(scores, softmax, readers) and _only_reader(softmax, context, readers):
        return scores, softmax, context
    return None


def _fusion_host(op: Operator, kernels: list[Kernel], made_by: dict[str, int]) -> int | None:
    """Kernel behind which an element-wise operator can run on tiles: the latest, if it can.

    What others read of the kernel is written out as well.
    """
    if not isinstance(op, Vector) or op.row_elements != 1 or op.alone:
        return None
    sources = [made_by[t.name] for t in op.inputs if t.name in made_by]
    if not sources:
        return None
    host = max(sources)
    kernel = kernels[host]
    if kernel.kind == "gather" or host != len(kernels) - 1:
        return None
    return host


def _link(kernels: list[Kernel], made_by: dict[str, int], readers: dict[str, list[str]]) -> None:
    """Fill in each kernel's outside tensors and who depends on whom."""
    for index, kernel in enumerate(kernels):
        inside = {t.name for op in kernel.operators for t in op.outputs}
        names = {op.name for op in kernel.operators}
        seen: set[str] = set()
        for op in kernel.operators:
            for tensor in op.inputs:
                if tensor.name in inside or tensor.name in seen:
                    continue
                seen.add(tensor.name)
                kernel.inputs.append(tensor)
                source = made_by.get(tensor.name)
                if source is not None and source not in kernel.producers:
                    kernel.producers.append(source)
                if source is None and tensor.kind == "activation":
                    kernel.reads_boundary = True
            for tensor in op.outputs:
                outside = set(readers.get(tensor.name, ())) - names
                if outside or tensor.name not in readers:
                    kernel.outputs.append(tensor)
        for source in kernel.producers:
            kernels[source].consumers.append(index)
