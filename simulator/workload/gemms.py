"""Workloads that are plain lists of GEMMs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import Field

from simulator.config import Spec
from simulator.workload.csv_table import CsvTable
from simulator.workload.model import Size
from simulator.workload.operators import GemmShape, MatMul, Phase, Segment, Tensor
from simulator.workload.precision import Formats
from simulator.workload.storage import format_bits

COLUMNS = ("name", "m", "n", "k")


class GemmSpec(Spec):
    """`count` products `[m, k] · [k, n]`, each with weights of its own."""

    name: str = "gemm"
    m: Size
    n: Size
    k: Size
    count: Size = 1

    @property
    def shape(self) -> GemmShape:
        """The GEMM as operators have it."""
        return GemmShape(self.count, self.m, self.n, self.k)


class GemmListSpec(Spec):
    """A YAML file with a list of GEMMs."""

    gemms: tuple[GemmSpec, ...] = Field(min_length=1)
    source: str = ""


def load_gemms(path: Path) -> tuple[GemmSpec, ...]:
    """Read a list of GEMMs: YAML (`gemms:`), or CSV with columns name, m, n, k[, count].

    Raises ConfigError with file and line for whatever is wrong.
    """
    if path.suffix.lower() in (".yaml", ".yml"):
        from simulator.config import load_document, validate

        return validate(GemmListSpec, load_document(path)).gemms
    table = CsvTable.load(path, aliases={"layer": "name", "layer name": "name"})
    table.require(COLUMNS, optional=("count",))
    gemms = []
    for row in table.rows:
        m, n, k = (row.size(column) for column in "mnk")
        gemms.append(GemmSpec(name=row.text("name"), m=m, n=n, k=k, count=row.size("count", 1)))
    return tuple(gemms)


def gemm_phase(name: str, gemms: Sequence[GemmSpec], formats: Formats) -> Phase:
    """One phase that runs the GEMMs in order; repeated names get a number."""
    import networkx

    graph: networkx.DiGraph[str] = networkx.DiGraph()
    weight_bytes = 0
    for unique, gemm in zip(unique_names(gemm.name for gemm in gemms), gemms, strict=True):
        op = _operator(unique, gemm, formats)
        graph.add_node(unique, op=op)
        weight_bytes += op.inputs[0].bytes
    return Phase(name, "gemm", (Segment("gemms", graph),), 0, 0, weight_bytes, 0)


def unique_names(names: Iterable[str]) -> list[str]:
    """The names, `_2`, `_3`, … appended where one has been there before."""
    taken: set[str] = set()
    result = []
    seen: dict[str, int] = {}
    for name in names:
        unique = name
        while unique in taken:
            seen[name] = seen.get(name, 1) + 1
            unique = f"{name}_{seen[name]}"
        taken.add(unique)
        result.append(unique)
    return result


def _operator(name: str, gemm: GemmSpec, formats: Formats) -> MatMul:
    weights, rows, columns = (
        gemm.count * size for size in (gemm.k * gemm.n, gemm.m * gemm.k, gemm.m * gemm.n)
    )
    stored = formats.weights
    stored.check_depth(name, gemm.k)
    return MatMul(
        name,
        (
            Tensor(f"{name}_weight", weights, stored.bits(gemm.k), "weight"),
            Tensor(f"{name}_input", rows, format_bits(formats.activations), "activation"),
        ),
        (Tensor(f"{name}_output", columns, format_bits(formats.residual), "activation"),),
        shapes=(gemm.shape,),
        input_format=formats.activations,
        weight_format=stored.element,
        output_format=formats.residual,
        weight_group=stored.group,
        zero_points=stored.zero_points,
    )
