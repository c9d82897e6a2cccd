"""How a GEMM tile is laid over the array: extents, folds and their order.

The three dataflows differ in which GEMM dimension lies along the rows, which
along the columns, and which one streams through time:

| dataflow          | rows | columns | streamed |
|-------------------|------|---------|----------|
| output stationary | m    | n       | k        |
| weight stationary | k    | n       | m        |
| input stationary  | k    | m       | n        |

Input stationary is weight stationary on the transposed product Cᵀ = Wᵀ·Aᵀ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from simulator.hardware.matrix_unit import Tile
from simulator.hardware.systolic_array.spec import Dataflow, SystolicArraySpec


class Geometry(NamedTuple):
    """The fields of the spec that cycles and counts depend on, quick to hash.

    overlap: folds overlap (double_buffer). serial_drain: outputs shift out
    through the array (output stationary only).
    """

    rows: int
    columns: int
    dataflow: Dataflow
    overlap: bool
    serial_drain: bool
    input_register: bool
    padded: bool

    @classmethod
    def of(cls, spec: SystolicArraySpec) -> Geometry:
        """Geometry of an array."""
        return cls(
            rows=spec.rows,
            columns=spec.columns,
            dataflow=spec.dataflow,
            overlap=spec.double_buffer,
            serial_drain=spec.dataflow == "output_stationary" and spec.drain == "serial",
            input_register=spec.input_register,
            padded=spec.edge == "padded",
        )

    @property
    def output_stationary(self) -> bool:
        """Whether outputs stay in the PEs, and so no operand has to be loaded first."""
        return self.dataflow == "output_stationary"


class Extents(NamedTuple):
    """A tile's sizes along the array's rows, its columns, and in time."""

    rows: int
    columns: int
    stream: int

    @classmethod
    def of(cls, dataflow: Dataflow, tile: Tile) -> Extents:
        """Extents of `tile` under a dataflow."""
        if dataflow == "output_stationary":
            return cls(tile.m, tile.n, tile.k)
        if dataflow == "weight_stationary":
            return cls(tile.k, tile.n, tile.m)
        return cls(tile.k, tile.m, tile.n)


@dataclass(frozen=True, slots=True)
class Blocks:
    """One extent cut at the array's side: `full` blocks of `side`, then a ragged one."""

    side: int
    full: int
    ragged: int

    @classmethod
    def of(cls, extent: int, side: int, padded: bool) -> Blocks:
        """Blocks of PEs that an extent occupies."""
        if padded:
            return cls(side, -(-extent // side), 0)
        return cls(side, *divmod(extent, side))

    @property
    def count(self) -> int:
        """Number of blocks."""
        return self.full + (self.ragged > 0)

    @property
    def last(self) -> int:
        """Size of the last block."""
        return self.ragged or self.side

    @property
    def total(self) -> int:
        """Sum of the blocks' sizes s."""
        return self.full * self.side + self.ragged

    @property
    def triangles(self) -> int:
        """Sum over the blocks of s(s - 1)/2: registers of triangular delay lines."""
        return (self.full * self.side * (self.side - 1) + self.ragged * (self.ragged - 1)) // 2


@dataclass(frozen=True, slots=True)
class Fold:
    """One pass over the array: `rows` x `columns` of work from `row`, `column` on.

    grid_rows, grid_columns: PEs it occupies: the same, or the whole array if padded.
    """

    row: int
    column: int
    rows: int
    columns: int
    grid_rows: int
    grid_columns: int


def folds(geometry: Geometry, extents: Extents) -> Iterator[Fold]:
    """Folds in the order they run: column blocks inside row blocks.

    So the stationary dataflows finish all columns of one block of k before the
    next block adds onto their partial sums, and the ragged row block comes last.
    """
    for row in range(0, extents.rows, geometry.rows):
        rows = min(geometry.rows, extents.rows - row)
        for column in range(0, extents.columns, geometry.columns):
            columns = min(geometry.columns, extents.columns - column)
            yield Fold(
                row,
                column,
                rows,
                columns,
                geometry.rows if geometry.padded else rows,
                geometry.columns if geometry.padded else columns,
            )
