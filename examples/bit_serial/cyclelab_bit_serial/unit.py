"""The bit-serial grid: its spec and its five faces.

A block of R rows and C columns of the product stays in the grid until k is done. For each k,
b bits of the weights pass by, the least first: in each cycle a PE adds its row's activation,
shifted to the place of the bit, if its column's bit is set, and subtracts it for the last bit,
the sign. The sums leave in the cycle in which the first bit of the next block is added.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

from numpy.typing import NDArray

from cyclelab_bit_serial.grid import Grid
from cyclelab_bit_serial.spec import BitSerialGridSpec
from simulator.hardware.formats import narrower_integers
from simulator.hardware.matrix_unit import (
    MatrixUnit,
    MatrixUnitSpec,
    OperandTraffic,
    RegisterRun,
    Tile,
    TileTiming,
)
from simulator.hardware.primitives import Action, ActionCounts, Part, Primitive
from simulator.numerics import format_named, reference_gemm

OF_ROWS, OF_COLUMNS, OF_LANES = "row", "column", "pe"


class BitSerialGrid(MatrixUnit[BitSerialGridSpec]):
    """A grid of PEs that multiply bit by bit; an example of a unit from another package."""

    spec_type: ClassVar[type[MatrixUnitSpec]] = BitSerialGridSpec

    @property
    def macs_per_cycle(self) -> Fraction:
        """R · C products in the cycles of a weight's bits."""
        return Fraction(self.spec.rows * self.spec.columns, self.spec.weight_bits)

    @property
    def granularity(self) -> Tile:
        """One block."""
        return Tile(m=self.spec.rows, n=self.spec.columns, k=1)

    @property
    def format_pairs(self) -> tuple[tuple[str, str], ...]:
        """The one pair of the spec."""
        return ((self.spec.input_format, self.spec.weight_format),)

    @cached_property
    def narrower(self) -> tuple[MatrixUnit[BitSerialGridSpec], ...]:
        """Signed integers of fewer bits, in as many cycles as they have."""
        names = narrower_integers(self.spec.weight_format)
        return self.narrowed_to(name for name in names if name.startswith("int"))

    @property
    def accumulator_format(self) -> str:
        """Format of sums."""
        return self.spec.accumulator_format

    @property
    def title(self) -> str:
        """`bit_serial_grid 16×16`."""
        return f"{self.spec.kind} {self.spec.rows}×{self.spec.columns}"

    def timing(self, tile: Tile) -> TileTiming:
        """A cycle to load, k · b for each block, one for the last sums to leave."""
        folds = self._blocks(tile)[0] * self._blocks(tile)[1]
        stream = folds * tile.k * self.spec.weight_bits
        return TileTiming(
            cycles=1 + stream + 1,
            interval_cycles=stream,
            load_cycles=1,
            stream_cycles=stream,
            drain_cycles=1,
            folds=folds,
        )

    def compute(self, inputs: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
        """The exact product; raises AccumulatorOverflowError rather than wrap."""
        formats = (self.spec.input_format, self.spec.weight_format, self.spec.accumulator_format)
        return reference_gemm(inputs, weights, *formats)

    def registers(
        self, inputs: NDArray[Any], weights: NDArray[Any], repeats: int = 1
    ) -> RegisterRun:
        """Step the product cycle by cycle."""
        grid = Grid(self.spec, inputs, weights, repeats)
        values, cycles = grid.run()
        found = values.astype(format_named(self.accumulator_format).dtype)
        return RegisterRun(found, cycles, self._actions(grid.counts))

    def structure(self) -> tuple[Part, ...]:
        """Registers of rows and columns; gates, adder and sum of each PE."""
        rows, columns = self.spec.rows, self.spec.columns
        copies = {OF_ROWS: rows, OF_COLUMNS: columns, OF_LANES: rows * columns}
        return tuple(
            Part(path, primitive, copies[path.partition(".")[0]])
            for path, (primitive, _) in self._parts().items()
        )

    def actions(self, tile: Tile) -> ActionCounts:
        """Every cycle a bit for each element of the block; what lies beyond it is still."""
        row_blocks, column_blocks = self._blocks(tile)
        steps = tile.k * self.spec.weight_bits
        return self._actions(
            {
                OF_ROWS: tile.m * column_blocks * steps,
                OF_COLUMNS: tile.n * row_blocks * steps,
                OF_LANES: tile.m * tile.n * steps,
            }
        )

    def traffic(self, tile: Tile, accumulate: bool = False) -> OperandTraffic:
        """Activations come again for every block of columns, weights for every one of rows."""
        row_blocks, column_blocks = self._blocks(tile)
        input_bits = format_named(self.spec.input_format).bits
        sums = -(-tile.m * tile.n * self.spec.sum_bits // 8)
        return OperandTraffic(
            input_read_bytes=-(-tile.m * tile.k * column_blocks * input_bits // 8),
            weight_read_bytes=-(-tile.k * tile.n * row_blocks * self.spec.weight_bits // 8),
            psum_read_bytes=sums if accumulate else 0,
            psum_write_bytes=sums,
        )

    def _blocks(self, tile: Tile) -> tuple[int, int]:
        return -(-tile.m // self.spec.rows), -(-tile.n // self.spec.columns)

    def _parts(self) -> dict[str, tuple[Primitive, str]]:
        """Primitive and verb of all parts, by path; each acts in every cycle of its kind."""
        spec = self.built
        term, total = spec.term_bits, spec.sum_bits
        return {
            f"{OF_ROWS}.register": (Primitive("flip_flop", bits=term), "write"),
            f"{OF_COLUMNS}.register": (Primitive("flip_flop", bits=spec.weight_bits), "write"),
            f"{OF_LANES}.gate": (Primitive("and2", bits=term), "operate"),
            f"{OF_LANES}.negation": (Primitive("xor2", bits=term), "operate"),
            f"{OF_LANES}.clear": (Primitive("and2", bits=total), "operate"),
            f"{OF_LANES}.adder": (
                Primitive("adder", formats=(spec.accumulator_format,)),
                "operate",
            ),
            f"{OF_LANES}.sum": (Primitive("flip_flop", bits=total), "write"),
        }

    def _actions(self, counts: dict[str, int]) -> ActionCounts:
        """Actions from how often rows, columns and PEs act."""
        found = ActionCounts()
        for path, (primitive, verb) in self._parts().items():
            found.add(Action(path, primitive, verb), counts[path.partition(".")[0]])
        return found
