"""Closed-form cycles of a tile.

A step gives all lanes the next K of k, and serves one bit of every weight per cycle,
so that it takes W cycles. The next step's operands arrive meanwhile, in another bank
of registers or at the last edge of the step (the released RTL of LUT Tensor Core,
ISCA 2025, takes W cycles per step and has a latency of W, or of W + 1 with a register
behind the selection).

- load: W cycles to fill a bank of operand registers through the port, or one with a
  port wide enough and no second bank; one more if tables are built of activations;
- stream: W cycles per step, ⌈m/M⌉ · ⌈n/N⌉ · ⌈k/K⌉ steps;
- drain: one cycle for the second stage, one for the last sums to leave.

Sums leave while the next block's first ones are formed, so that blocks follow each
other without a gap. The register-level model steps all of this.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.hardware.lut_tensor_core.spec import LutTensorCoreSpec
from simulator.hardware.matrix_unit import Tile, TileTiming


@dataclass(frozen=True, slots=True)
class Steps:
    """Blocks of M rows, N columns and K of depth that a tile is cut into."""

    rows: int
    columns: int
    depth: int

    @classmethod
    def of(cls, spec: LutTensorCoreSpec, tile: Tile) -> Steps:
        """The blocks of a tile."""
        return cls(-(-tile.m // spec.rows), -(-tile.n // spec.columns), -(-tile.k // spec.depth))

    @property
    def count(self) -> int:
        """Steps in all."""
        return self.rows * self.columns * self.depth


def load_cycles(spec: LutTensorCoreSpec) -> int:
    """Cycles from the first operands at the port to the first selection."""
    shares = spec.weight_bits if spec.double_buffer else 1
    return shares + (spec.sums == "built_table")


def tile_timing(spec: LutTensorCoreSpec, tile: Tile) -> TileTiming:
    """Cycles of `tile`."""
    steps = Steps.of(spec, tile)
    stream = steps.count * spec.weight_bits
    drain = spec.pipeline_stages
    load = load_cycles(spec)
    return TileTiming(
        cycles=load + stream + drain,
        interval_cycles=stream,
        load_cycles=load,
        stream_cycles=stream,
        drain_cycles=drain,
        folds=steps.rows * steps.columns,
    )
