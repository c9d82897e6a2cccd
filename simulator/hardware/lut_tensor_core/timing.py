"""Closed-form cycles of a tile.

A step gives all lanes the next K of k, and serves one bit of every weight per cycle,
so that it takes W cycles. The next step's operands arrive meanwhile, in another bank
of registers or at the last edge of the step (the released RTL of LUT Tensor Core,
ISCA 2025, takes W cycles per step and has a latency of W, or of W + 1 with a register
behind the selection).

- load: W cycles to fill a bank of operand registers through the port, or one with a
  port wide enough and no second bank; one more if tables are built of activations;
- stream: W cycles per step, ⌈m/M⌉ · ⌈n/N⌉ · ⌈k/K⌉ steps;
- drain: one cycle for the second stage, one for the scale of a table if it has one (the
  sum over a step's bits is scaled while the next step is served), one for the last sums
  to leave.

Sums leave while the next block's first ones are formed, so that blocks follow each
other without a gap, whatever their order: stationary weights change what comes through
the port, not when. The register-level model steps all of this.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from simulator.hardware.lut_tensor_core.spec import LutTensorCoreSpec
from simulator.hardware.matrix_unit import Tile, TileTiming


@dataclass(frozen=True, slots=True)
class Geometry:
    """What cycles depend on: lanes, depth, bits, and what happens before and behind."""

    rows: int
    columns: int
    depth: int
    weight_bits: int
    load_cycles: int
    drain_cycles: int

    @classmethod
    def of(cls, spec: LutTensorCoreSpec) -> Geometry:
        """The geometry of a spec."""
        shares = spec.weight_bits if spec.double_buffer else 1
        load = shares + (spec.sums == "built_table")
        drain = spec.pipeline_stages + (spec.table_scale_format is not None)
        return cls(spec.rows, spec.columns, spec.depth, spec.weight_bits, load, drain)

    def blocks(self, tile: Tile) -> tuple[int, int, int]:
        """Blocks of rows, columns and depth that a tile is cut into."""
        return -(-tile.m // self.rows), -(-tile.n // self.columns), -(-tile.k // self.depth)


@lru_cache(maxsize=1 << 16)
def tile_timing(geometry: Geometry, tile: Tile) -> TileTiming:
    """Cycles of `tile`."""
    rows, columns, depth = geometry.blocks(tile)
    stream = rows * columns * depth * geometry.weight_bits
    return TileTiming(
        cycles=geometry.load_cycles + stream + geometry.drain_cycles,
        interval_cycles=stream,
        load_cycles=geometry.load_cycles,
        stream_cycles=stream,
        drain_cycles=geometry.drain_cycles,
        folds=rows * columns,
    )
