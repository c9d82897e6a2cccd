"""Which activations stay in the scratchpad between the kernels that make and read them."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.mapping.kernels import Kernel


@dataclass(slots=True)
class Residency:
    """The plan for one segment; lists are per kernel, in bytes.

    names: tensors that stay on chip.
    alloc_bytes, free_bytes: taken when a kernel starts, given back when it ends.
    live_bytes: held while the kernel runs, its own outputs included.
    """

    names: set[str] = field(default_factory=set)
    alloc_bytes: list[int] = field(default_factory=list)
    free_bytes: list[int] = field(default_factory=list)
    live_bytes: list[int] = field(default_factory=list)


def plan_residency(
    kernels: list[Kernel], budget_bytes: int, stream_bytes: int, has_input: bool, has_output: bool
) -> Residency:
    """Greedy in program order: a tensor stays if it fits beside those that already do.

    stream_bytes: size of the tensor that flows between segments if it stays, else 0.
    has_input, has_output: whether this segment takes that tensor in, and gives it on.
    """
    count = len(kernels)
    plan = Residency(set(), [0] * count, [0] * count, [0] * count)
    if stream_bytes and has_input:
        readers = [i for i, kernel in enumerate(kernels) if kernel.reads_boundary] or [0]
        _hold(plan, 0, readers[-1], stream_bytes)
        plan.free_bytes[readers[-1]] += stream_bytes
        made = _made_inside(kernels)
        for kernel in kernels:
            plan.names.update(
                t.name for t in kernel.inputs if t.kind == "activation" and t.name not in made
            )
    if stream_bytes and has_output:
        sink = boundary_sink(kernels)
        _hold(plan, sink, count - 1, stream_bytes)
        plan.alloc_bytes[sink] += stream_bytes
        plan.names.update(_unread(kernels, sink))
    for index, kernel in enumerate(kernels):
        for tensor in kernel.outputs:
            last = max(
                (c for c in kernel.consumers if _reads(kernels[c], tensor.name)), default=index
            )
            fits = max(plan.live_bytes[index : last + 1]) + tensor.bytes <= budget_bytes
            if tensor.kind != "activation" or last == index or not fits:
                continue
            plan.names.add(tensor.name)
            plan.alloc_bytes[index] += tensor.bytes
            plan.free_bytes[last] += tensor.bytes
            _hold(plan, index, last, tensor.bytes)
    return plan


def boundary_sink(kernels: list[Kernel]) -> int:
    """Kernel that makes what flows on to the next segment: the last with an unread output."""
    return max(
        (i for i, kernel in enumerate(kernels) if _unread(kernels, i)), default=len(kernels) - 1
    )


def boundary_output_bytes(kernels: list[Kernel]) -> int:
    """Bytes of what flows on to the next segment."""
    sink = boundary_sink(kernels)
    names = _unread(kernels, sink)
    return sum(t.bytes for t in kernels[sink].outputs if t.name in names)


def _unread(kernels: list[Kernel], index: int) -> set[str]:
    return {
        t.name
        for t in kernels[index].outputs
        if t.kind == "activation" and not any(_reads(k, t.name) for k in kernels)
    }


def _made_inside(kernels: list[Kernel]) -> set[str]:
    return {t.name for kernel in kernels for op in kernel.operators for t in op.outputs}


def _reads(kernel: Kernel, name: str) -> bool:
    return any(t.name == name for t in kernel.inputs)


def _hold(plan: Residency, first: int, last: int, size: int) -> None:
    for index in range(first, last + 1):
        plan.live_bytes[index] += size
