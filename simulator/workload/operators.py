"""Operators and tensors: what a transformer does, without a word on how.

A phase of a model (a prefill, one decode step) is a list of `Segment`s; a
segment is a networkx graph of operators that is executed `repeat` times (the
layers). Nodes are operator names, with the operator in attribute `op`; an edge
carries the `Tensor` that flows, in attribute `tensor`; where two tensors flow
between the same operators it is the first, and attribute `tensors` has them all.
Insertion order of nodes is a topological order, and the order of execution.

The residual stream enters a segment as tensor `residual_in` and leaves it as
`residual_out`. Rows appended to the KV cache are an output of kind `kv` with the
name of the cache (`keys`, `values`); the operators that read the cache name the
same tensor at its full length.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from simulator.workload.bits import Bits, stored_bytes

if TYPE_CHECKING:
    import networkx as nx

TensorKind = Literal["weight", "activation", "kv"]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor in its storage format. kind `kv` lives in the KV cache (main memory)."""

    name: str
    elements: int
    bits_per_element: Bits
    kind: TensorKind

    @property
    def bytes(self) -> int:
        """Storage size, rounded up to whole bytes."""
        return stored_bytes(self.elements, self.bits_per_element)


@dataclass(frozen=True, slots=True)
class GemmShape:
    """`count` products `[m, k] · [k, n]` of one shape."""

    count: int
    m: int
    n: int
    k: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all `count` products."""
        return self.count * self.m * self.n * self.k


@dataclass(frozen=True, slots=True)
class AttentionShape:
    """Attention of `count` key/value heads with the same lengths.

    Each has `query_heads` query heads sharing it (grouped-query attention),
    `query_tokens` new tokens, `context_tokens` keys (the new ones included).
    causal: query i (0-based) sees the first context - query + i + 1 keys.
    requests: that these heads are of. channel: of the memory that holds their keys and
        values, where the workload says so.
    """

    count: int
    query_heads: int
    query_tokens: int
    context_tokens: int
    head_dim: int
    causal: bool
    requests: int = 1
    channel: int | None = None

    @property
    def visible_pairs(self) -> int:
        """Query-key pairs of one query head that the mask lets through."""
        q, c = self.query_tokens, self.context_tokens
        return q * c - (q * (q - 1) // 2 if self.causal else 0)


@dataclass(frozen=True, slots=True)
class Operator:
    """Base: name is unique in its segment; inputs and output name tensors.

    Inputs list every tensor that is read, weights first. A tensor that no
    operator of the segment produces comes from before (the previous layer,
    the KV cache, the weights).
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates that have to be done (masked ones left out)."""
        return 0


@dataclass(frozen=True, slots=True)
class MatMul(Operator):
    """GEMMs against stored weights: a projection, an MLP matrix, experts.

    `inputs[0]` is the weight tensor, `inputs[1]` the activations. Several shapes
    (experts with different loads) share the two tensors, and each of a shape's
    `count` products has weights of its own. bias: the row vector `inputs[2]` is
    added to the output. weight_group: weights along k that share a scale, 0 where a
    whole column does; zero_points: and a zero point. format_key: of `workload.precision`,
    that says what the weights are.
    The mapper fills in: unit, the index of the matrix unit that the graph around the
    operator is made for; corrected, whether a multiple of the sum of a row's
    activations is to be taken off its sums of products.
    """

    shapes: tuple[GemmShape, ...] = ()
    input_format: str = "bf16"
    weight_format: str = "bf16"
    output_format: str = "bf16"
    bias: bool = False
    weight_group: int = 0
    zero_points: bool = False
    format_key: str = "weights"
    unit: int | None = None
    corrected: bool = False

    def group_of(self, k: int) -> int:
        """Elements of a sum over k whose weights share a scale, 0 if all of them do."""
        return self.weight_group if self.weight_group < k else 0

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all shapes."""
        return sum(shape.macs for shape in self.shapes)


@dataclass(frozen=True, slots=True)
class Scores(Operator):
    """`Q·Kᵀ`, scaled and masked. inputs: (keys, queries)."""

    shapes: tuple[AttentionShape, ...] = ()
    input_format: str = "bf16"
    key_format: str = "bf16"

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those of masked pairs left out."""
        return sum(s.count * s.query_heads * s.visible_pairs * s.head_dim for s in self.shapes)


@dataclass(frozen=True, slots=True)
class Context(Operator):
    """`softmax(scores)·V`. inputs: (values, probabilities)."""

    shapes: tuple[AttentionShape, ...] = ()
    input_format: str = "bf16"
    value_format: str = "bf16"

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those of masked pairs left out."""
        return sum(s.count * s.query_heads * s.visible_pairs * s.head_dim for s in self.shapes)


@dataclass(frozen=True, slots=True)
class Vector(Operator):
    """Element-wise or row-wise work.

    function: a key of the vector unit's function table: `rmsnorm`, `layernorm`,
        `softmax`, `rope`, `add`, `multiply`, `silu`, `gelu`, `relu`,
        `silu_multiply`, `gelu_multiply`, `quantise`, `dequantise`, `topk_softmax`,
        `scale_add`, `softcap`, `capped_softmax` …
    elements: output elements that are worked on (masked softmax entries left
        out); `topk_softmax` looks at all its inputs and counts those, `scale_add`
        counts each addend.
    row_elements: elements that must be seen together (a norm's hidden size, a
        softmax row), 1 if each element stands alone and the operator can be
        fused behind the GEMM that makes its first activation input.

    alone: it is a kernel of its own, even where it could be fused.

    `rope` takes the fused projection's output apart: it rotates queries and keys,
    and hands on the values, if they are not apart already.
    """

    function: str = ""
    elements: int = 0
    row_elements: int = 1
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Gather(Operator):
    """Rows looked up in a table (embedding): reads and writes `bytes` of its output."""

    rows: int = 0


@dataclass(frozen=True, slots=True)
class Collective(Operator):
    """What devices that share the work send each other, all alike and at once.

    `inputs[0]` is what this device has, `outputs[0]` what it has afterwards: the sum over
    all devices (`all_reduce`), the shares of all (`all_gather`), or what the device of the
    stage before has sent (`send`).
    """

    function: Literal["all_reduce", "all_gather", "send"] = "all_reduce"
    devices: int = 2


@dataclass(frozen=True, slots=True)
class Segment:
    """A graph executed `repeat` times in a row; `name` prefixes its operators.

    stage: of a pipeline of devices. first: repetitions of the segment in stages before.
    micro_batches: whose KV caches are on the device.
    """

    name: str
    graph: nx.DiGraph[str]
    repeat: int = 1
    stage: int = 0
    first: int = 0
    micro_batches: int = 1

    def operators(self) -> list[Operator]:
        """Operators in execution order."""
        return [data["op"] for _, data in self.graph.nodes(data=True)]


@dataclass(frozen=True, slots=True)
class Phase:
    """One pass through the model: what happens between two sampled tokens.

    kind: `prefill`, `decode`, `mixed`, `encode` or `gemm`.
    tokens: tokens that enter; generated: tokens that come out (0 for encoders).
    parts: the same work as sub-batches, each with segments of its own, if it is to be had
        that way too.
    """

    name: str
    kind: str
    segments: tuple[Segment, ...]
    tokens: int
    generated: int
    weight_bytes: int
    kv_bytes_after: int
    parts: tuple[tuple[Segment, ...], ...] = ()

    def macs(self) -> int:
        """Multiply-accumulates of the whole phase."""
        return sum(s.repeat * sum(op.macs for op in s.operators()) for s in self.segments)

    def to_networkx(self) -> nx.DiGraph[str]:
        """The whole phase as one graph, repeats written out as `layers.3.qkv_proj`."""
        from simulator.workload.expand import expand

        return expand(self)


@dataclass(frozen=True, slots=True)
class Devices:
    """Devices that share a workload, of which one of each stage is simulated.

    tensor: that share every layer. pipeline: stages, each of so many.
    requests: of the whole batch; micro_batch: of those, in the largest of the micro-batches,
        one per stage, that the phases are of.
    """

    tensor: int = 1
    pipeline: int = 1
    requests: int = 1
    micro_batch: int = 1

    @property
    def count(self) -> int:
        """All of them."""
        return self.tensor * self.pipeline


ONE_DEVICE = Devices()


@dataclass(frozen=True, slots=True)
class Workload:
    """What an experiment runs, in order: usually a prefill and some decode steps."""

    name: str
    phases: tuple[Phase, ...]
    description: dict[str, object] = field(default_factory=dict)
    devices: Devices = ONE_DEVICE
