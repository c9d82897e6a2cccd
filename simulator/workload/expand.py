"""A whole phase as one graph, repeated segments written out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from simulator.workload.graph import RESIDUAL_IN, RESIDUAL_OUT
from simulator.workload.operators import Operator, Phase, Segment, Tensor

if TYPE_CHECKING:
    import networkx as nx


def expand(phase: Phase) -> nx.DiGraph[str]:
    """Graph of all operators of `phase`, in execution order.

    Node names get the segment's name in front, and the number of the repetition
    where it has several: `layers.3.qkv_proj`. The residual stream links the
    repetitions. Nodes carry `op` (as in the segment), edges `tensor` and `tensors`.
    """
    import networkx

    graph: nx.DiGraph[str] = networkx.DiGraph()
    stream: tuple[str, Tensor] | None = None
    for prefix, segment in _repetitions(phase):
        for name, op in _named(segment):
            graph.add_node(prefix + name, op=op)
            if stream and any(tensor.name == RESIDUAL_IN for tensor in op.inputs):
                producer, tensor = stream
                graph.add_edge(producer, prefix + name, tensor=tensor, tensors=(tensor,))
        for source, target, data in segment.graph.edges(data=True):
            graph.add_edge(prefix + source, prefix + target, **data)
        for name, op in _named(segment):
            for tensor in op.outputs:
                if tensor.name == RESIDUAL_OUT:
                    stream = (prefix + name, tensor)
    return graph


def _named(segment: Segment) -> Iterator[tuple[str, Operator]]:
    for name, data in segment.graph.nodes(data=True):
        yield name, data["op"]


def _repetitions(phase: Phase) -> Iterator[tuple[str, Segment]]:
    """Prefix and segment of each execution; `layers[3:5]` counts on where `layers[0:3]` ended."""
    counts = Counter(segment.name.split("[")[0] for segment in phase.segments)
    done: Counter[str] = Counter()
    for segment in phase.segments:
        base = segment.name.split("[")[0]
        for _ in range(segment.repeat):
            single = segment.repeat == 1 and counts[base] == 1 and base == segment.name
            yield f"{base}." if single else f"{base}.{done[base]}.", segment
            done[base] += 1
