"""The faces of a unit whose lanes take K of k per step: what follows from its table."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from simulator.hardware.block_unit import elements
from simulator.hardware.block_unit.elements import Elements, Trigger
from simulator.hardware.block_unit.geometry import Geometry, tile_timing
from simulator.hardware.block_unit.registers import BlockModel
from simulator.hardware.matrix_unit import (
    MatrixUnit,
    OperandTraffic,
    RegisterRun,
    SpecT,
    Tile,
    TileTiming,
)
from simulator.hardware.primitives import Action, ActionCounts, Part
from simulator.numerics import format_named


@dataclass(frozen=True, slots=True)
class Ports:
    """Bits of a row's operands and of a column's in a step."""

    row_bits: int
    column_bits: int


class BlockUnit(MatrixUnit[SpecT]):
    """M x N lanes, each with its own sum, that meet K activations and K weights per step."""

    @property
    @abstractmethod
    def geometry(self) -> Geometry:
        """Lanes, depth, cycles and what stays."""

    @property
    @abstractmethod
    def elements(self) -> Elements:
        """Everything in the unit."""

    @property
    @abstractmethod
    def ports(self) -> Ports:
        """What a step takes from the buffers."""

    @abstractmethod
    def model(self, inputs: NDArray[Any], weights: NDArray[Any], repeats: int) -> BlockModel:
        """The register-level model of a product."""

    @property
    def macs_per_cycle(self) -> Fraction:
        """M · N · K products in the cycles of a step."""
        lanes = self.geometry.rows * self.geometry.columns
        return Fraction(lanes * self.geometry.depth, self.geometry.step_cycles)

    @property
    def granularity(self) -> Tile:
        """One step."""
        return Tile(m=self.geometry.rows, n=self.geometry.columns, k=self.geometry.depth)

    @property
    def title(self) -> str:
        """Kind and lanes, `tensor_core M8 N4 K8`."""
        grain = self.granularity
        return f"{self.spec.kind} M{grain.m} N{grain.n} K{grain.k}"

    def timing(self, tile: Tile) -> TileTiming:
        """Closed-form cycles of `tile`; see `geometry` for the formulas."""
        return tile_timing(self.geometry, tile)

    def registers(
        self, inputs: NDArray[Any], weights: NDArray[Any], repeats: int = 1
    ) -> RegisterRun:
        """Step the product register by register; host time grows with its steps."""
        model = self.model(inputs, weights, repeats)
        values, cycles = model.run()
        return RegisterRun(values, cycles, self._actions(model.counts))

    def structure(self) -> tuple[Part, ...]:
        """Parts of one unit."""
        return elements.structure(self.elements, self.geometry)

    def actions(self, tile: Tile) -> ActionCounts:
        """What the parts do, as the register-level model counts it.

        Lanes, rows and columns beyond the tile are still; k is filled up with zeros,
        which act like other activations.
        """
        row_blocks, column_blocks, depth = self.geometry.blocks(tile)
        cycles = self.geometry.step_cycles
        lane_steps = tile.m * tile.n * depth
        counts = {
            Trigger.ROW: tile.m * column_blocks * depth,
            Trigger.COLUMN: tile.n * self._column_visits(row_blocks) * depth,
            Trigger.COLUMN_CYCLE: tile.n * row_blocks * depth * cycles,
            Trigger.LANE_CYCLE: lane_steps * cycles,
            Trigger.LANE_STEP: lane_steps,
        }
        return self._actions(counts)

    def traffic(self, tile: Tile, accumulate: bool = False) -> OperandTraffic:
        """Bytes at the ports: operands of every step, and sums as they leave.

        Rows come again for every block of columns, and columns for every block of rows
        unless they stay. Sums kept in a buffer are written by every step, and read by all
        but the first.
        """
        row_blocks, column_blocks, depth = self.geometry.blocks(tile)
        sums = -(-tile.m * tile.n * format_named(self.accumulator_format).bits // 8)
        columns = tile.n * self._column_visits(row_blocks)
        visits = depth if self.geometry.sums_outside else 1
        return OperandTraffic(
            input_read_bytes=-(-tile.m * column_blocks * depth * self.ports.row_bits // 8),
            weight_read_bytes=-(-columns * depth * self.ports.column_bits // 8),
            psum_read_bytes=sums * (visits - 1 + accumulate),
            psum_write_bytes=sums * visits,
        )

    def _column_visits(self, row_blocks: int) -> int:
        """How often a column's operands of a step come."""
        return 1 if self.geometry.columns_stay else row_blocks

    @cached_property
    def _triggered(self) -> dict[Trigger, list[tuple[Action, int]]]:
        return elements.actions(self.elements)

    def _actions(self, counts: Mapping[Trigger, int]) -> ActionCounts:
        result = ActionCounts()
        for trigger, times in counts.items():
            for action, share in self._triggered[trigger]:
                result.add(action, share * times)
        return result
