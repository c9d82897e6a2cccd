"""Building operator graphs: operators in order, edges from producer to consumer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from simulator.workload.batch import Batch
from simulator.workload.counts import norm_parameters
from simulator.workload.model import TransformerSpec
from simulator.workload.operators import (
    Collective,
    GemmShape,
    MatMul,
    Operator,
    Tensor,
    Vector,
)
from simulator.workload.precision import Formats
from simulator.workload.storage import WeightStorage, format_bits

if TYPE_CHECKING:
    import networkx as nx

RESIDUAL_IN = "residual_in"
RESIDUAL_OUT = "residual_out"


class GraphBuilder:
    """Grows one segment's graph, with the model, batch and formats it is for.

    Operators are added in execution order; `add` draws the edges by tensor name.
    """

    def __init__(self, model: TransformerSpec, batch: Batch, formats: Formats) -> None:
        import networkx

        self.model = model
        self.batch = batch
        self.formats = formats
        self.graph: nx.DiGraph[str] = networkx.DiGraph()
        self._producers: dict[str, tuple[str, Tensor]] = {}

    def add(self, op: Operator) -> None:
        """Append an operator, with an edge from every producer of its inputs."""
        add_operator(self.graph, op, self._producers)

    def activation(self, name: str, elements: int, format_name: str | None = None) -> Tensor:
        """An activation tensor, in the residual format unless told otherwise."""
        bits = format_bits(format_name or self.formats.residual)
        return Tensor(name, elements, bits, "activation")

    def parameters(self, name: str, elements: int) -> Tensor:
        """Weights outside matrix multiplications: tables, norms. Residual format."""
        return Tensor(name, elements, format_bits(self.formats.residual), "weight")

    def norm(
        self, name: str, x: Tensor, output: str, width: int | None = None, kinds: int = 1
    ) -> Tensor:
        """Normalise rows of `width` (the hidden size), of so many kinds; returns the output.

        Each kind of rows has parameters of its own.
        """
        width = width or self.model.hidden_size
        scale = self.parameters(f"{name}_weight", kinds * norm_parameters(self.model, width))
        y = self.activation(output, x.elements)
        self.add(Vector(name, (scale, x), (y,), self.model.norm, x.elements, width))
        return y

    def elementwise(
        self, name: str, function: str, x: tuple[Tensor, ...], output: str, elements: int = 0
    ) -> Tensor:
        """Apply `function`; returns the output, as large as `x[0]` unless `elements` says so."""
        elements = elements or x[0].elements
        y = self.activation(output, elements)
        self.add(Vector(name, x, (y,), function, elements))
        return y

    def added(self, name: str, y: Tensor, residual: Tensor, output: str) -> Tensor:
        """The residual stream with `y` added to it, times a constant if branches are scaled."""
        function = "scale_add" if self.model.scaled_branches else "add"
        return self.elementwise(name, function, (y, residual), output)

    def share_of(self, output: str) -> str:
        """What a tensor is called while it is only this device's share of it."""
        return output if self.model.shares == 1 else f"{output}_share"

    def summed(self, name: str, share: Tensor, output: str) -> Tensor:
        """The sum over all devices of what each has; returns the output."""
        return self._collective(name, "all_reduce", share, output, share.elements)

    def gathered(self, name: str, share: Tensor, output: str) -> Tensor:
        """The shares of all devices, one behind the other; returns the output."""
        elements = share.elements * self.model.shares
        return self._collective(name, "all_gather", share, output, elements)

    def _collective(
        self,
        name: str,
        function: Literal["all_reduce", "all_gather"],
        share: Tensor,
        output: str,
        elements: int,
    ) -> Tensor:
        devices = self.model.shares
        if devices == 1:
            return share
        y = self.activation(output, elements)
        self.add(Collective(name, (share,), (y,), function=function, devices=devices))
        return y

    def quantised(self, name: str, x: Tensor, output: str | None = None) -> Tensor:
        """`x` as an operand of matrix multiplication `name`.

        A `quantise` operator where its format differs from the residual format, unless there
        has been one for another that reads the same.
        """
        if self.formats.activations == self.formats.residual:
            return x
        y = self.activation(output or f"{x.name}_quantised", x.elements, self.formats.activations)
        if y.name in self._producers:
            return y
        self.add(Vector(f"{name}_quantise", (x,), (y,), "quantise", x.elements))
        return y

    def project_in(
        self,
        key: str,
        weights: WeightStorage,
        x: Tensor,
        output: Tensor,
        shape: GemmShape,
        *,
        bias: bool = False,
    ) -> Tensor:
        """Multiply `x` by weights with a key of their own; returns the operand.

        The operator has the name of the key. In the residual format, its input is unquantised.
        """
        wide = weights.element == self.formats.residual
        operand = x if wide else self.quantised(key, x)
        self.project(
            key,
            operand,
            (output,),
            (shape,),
            bias=bias,
            weights=weights,
            input_format=self.formats.residual if wide else self.formats.activations,
            format_key=key,
        )
        return operand

    def project(
        self,
        name: str,
        x: Tensor,
        outputs: Iterable[Tensor],
        shapes: tuple[GemmShape, ...],
        *,
        bias: bool = False,
        weights: WeightStorage | None = None,
        input_format: str | None = None,
        format_key: str = "weights",
    ) -> None:
        """Multiply `x` by stored weights; outputs leave in the residual format.

        weights, input_format: `Formats.weights` and `.activations` if absent. format_key:
        of `workload.precision`, that says what the weights are.
        Raises CyclelabError if the weights' blocks do not fill a shape's k.
        """
        weights = weights or self.formats.weights
        for shape in shapes:
            weights.check_depth(name, shape.k)
        elements = sum(shape.count * shape.n * shape.k for shape in shapes)
        depth = max((shape.k for shape in shapes), default=0)
        inputs = [Tensor(f"{name}_weight", elements, weights.bits(depth), "weight"), x]
        if bias:
            columns = sum(shape.count * shape.n for shape in shapes)
            inputs.append(self.parameters(f"{name}_bias", columns))
        self.add(
            MatMul(
                name,
                tuple(inputs),
                tuple(outputs),
                shapes=shapes,
                input_format=input_format or self.formats.activations,
                weight_format=weights.element,
                output_format=self.formats.residual,
                bias=bias,
                weight_group=weights.group,
                zero_points=weights.zero_points,
                format_key=format_key,
            )
        )

    def dense(
        self, name: str, x: Tensor, output: str, n: int, *, bias: bool = False, rows: int = 0
    ) -> Tensor:
        """One GEMM over `rows` (all tokens unless given) of `x`, quantised if need be."""
        rows = rows or self.batch.tokens
        y = self.activation(output, rows * n)
        shape = GemmShape(1, rows, n, x.elements // rows)
        self.project(name, self.quantised(name, x), (y,), (shape,), bias=bias)
        return y


def graph_of(operators: Iterable[Operator]) -> nx.DiGraph[str]:
    """The graph of operators in the order of their execution."""
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph()
    producers: dict[str, tuple[str, Tensor]] = {}
    for op in operators:
        add_operator(graph, op, producers)
    return graph


def add_operator(
    graph: nx.DiGraph[str], op: Operator, producers: dict[str, tuple[str, Tensor]]
) -> None:
    """Append `op` to `graph`; `producers` maps tensor names to (operator, tensor)."""
    graph.add_node(op.name, op=op)
    for tensor in op.inputs:
        if tensor.name not in producers:
            continue
        producer, produced = producers[tensor.name]
        flowing = (produced,)
        if graph.has_edge(producer, op.name):
            flowing = (*graph.edges[producer, op.name]["tensors"], produced)
        graph.add_edge(producer, op.name, tensor=flowing[0], tensors=flowing)
    for tensor in op.outputs:
        producers[tensor.name] = (op.name, tensor)
