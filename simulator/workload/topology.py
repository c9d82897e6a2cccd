"""SCALE-Sim topology files: GEMM layers (M, N, K) and convolutions as GEMMs.

The meaning of the columns is that of SCALE-Sim's `topology_utils.py`
(github.com/scalesim-project/scale-sim-v2): M rows of activations, N columns of
weights, K the inner dimension; a convolution has
`ceil((ifmap - filter + stride) / stride)` outputs per side, no padding being
added, and `DP` in a layer's name makes it depthwise.
"""

from __future__ import annotations

from pathlib import Path

from simulator.workload.csv_table import CsvRow, CsvTable
from simulator.workload.gemms import COLUMNS, GemmSpec

ALIASES = {
    "layer": "name",
    "layer name": "name",
    "num filters": "num filter",
    "stride": "strides",
    "stride height": "strides",
}
CONV_COLUMNS = (
    "name",
    "ifmap height",
    "ifmap width",
    "filter height",
    "filter width",
    "channels",
    "num filter",
    "strides",
)
DEPTHWISE = "DP"


def load_topology(path: Path) -> tuple[GemmSpec, ...]:
    """Read a topology; the header tells GEMMs from convolutions.

    Raises ConfigError with file and line for malformed rows, for filters larger
    than their input, and for sparsity, which is not modelled.
    """
    table = CsvTable.load(path, ALIASES)
    if {"m", "n", "k"} & set(table.columns):
        table.require(COLUMNS, optional=("sparsity",))
        convert = _gemm
    else:
        table.require(CONV_COLUMNS, optional=("stride width", "batch size", "sparsity"))
        convert = _convolution
    for row in table.rows:
        _require_dense(row)
    return tuple(convert(row) for row in table.rows)


def _gemm(row: CsvRow) -> GemmSpec:
    m, n, k = (row.size(column) for column in "mnk")
    return GemmSpec(name=row.text("name"), m=m, n=n, k=k)


def _convolution(row: CsvRow) -> GemmSpec:
    """Convolution as a GEMM (im2col): output pixels x filters x window."""
    stride_height = row.size("strides")
    height = _outputs(row, "height", stride_height)
    width = _outputs(row, "width", row.size("stride width", stride_height))
    name = row.text("name")
    window = row.size("filter height") * row.size("filter width")
    channels = row.size("channels")
    depthwise = DEPTHWISE in name
    return GemmSpec(
        name=name,
        m=height * width * row.size("batch size", 1),
        n=row.size("num filter"),
        k=window * (1 if depthwise else channels),
        count=channels if depthwise else 1,
    )


def _outputs(row: CsvRow, side: str, stride: int) -> int:
    ifmap, window = row.size(f"ifmap {side}"), row.size(f"filter {side}")
    if window > ifmap:
        raise row.error(f"the filter's {side} {window} is larger than the input's {ifmap}")
    return -(-(ifmap - window + stride) // stride)


def _require_dense(row: CsvRow) -> None:
    """Accept `4:4` and the like; anything sparser would be silently too slow or too fast."""
    ratio = row.cells.get("sparsity", "")
    kept, _, group = ratio.partition(":")
    if ratio and kept.strip() != group.strip():
        raise row.error(f"sparsity {ratio[:20]} is not supported, expected a dense layer")
