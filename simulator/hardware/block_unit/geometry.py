"""Closed-form cycles of a tile.

A step gives all lanes the next K of k and takes `step_cycles`. The next step's operands
arrive meanwhile, in another bank of registers or at the last edge of the step.

- load: until the first step's operands are in their registers;
- stream: ⌈m/M⌉ · ⌈n/N⌉ · ⌈k/K⌉ steps;
- drain: registers between selection or multiplication and accumulation, and one cycle
  for the last sums to leave.

Sums leave while the next block's first ones are formed, so that blocks follow each
other without a gap, whatever their order: columns that stay change what comes through
the port, not when. The register-level model steps all of this.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from simulator.hardware.matrix_unit import Tile, TileTiming


@dataclass(frozen=True, slots=True)
class Geometry:
    """Lanes, depth, a step, what happens before and behind, and what stays between steps.

    columns_stay: a step's weights, while all rows pass by; else sums, until k is done.
    sums_outside: sums are in a buffer that every step reads and writes, not in the lanes.
    """

    rows: int
    columns: int
    depth: int
    step_cycles: int
    load_cycles: int
    drain_cycles: int
    columns_stay: bool
    sums_outside: bool

    def blocks(self, tile: Tile) -> tuple[int, int, int]:
        """Blocks of rows, columns and depth that a tile is cut into."""
        return -(-tile.m // self.rows), -(-tile.n // self.columns), -(-tile.k // self.depth)


@lru_cache(maxsize=1 << 16)
def tile_timing(geometry: Geometry, tile: Tile) -> TileTiming:
    """Cycles of `tile`."""
    rows, columns, depth = geometry.blocks(tile)
    stream = rows * columns * depth * geometry.step_cycles
    return TileTiming(
        cycles=geometry.load_cycles + stream + geometry.drain_cycles,
        interval_cycles=stream,
        load_cycles=geometry.load_cycles,
        stream_cycles=stream,
        drain_cycles=geometry.drain_cycles,
        folds=rows * columns,
    )
