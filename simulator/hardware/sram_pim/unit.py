"""The SRAM-PIM array and its LUT-GEMV: its spec and its five faces put together."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.matrix_unit import (
    MatrixUnit,
    MatrixUnitSpec,
    OperandTraffic,
    RegisterHazardError,
    RegisterRun,
    Tile,
    TileTiming,
    register_matrix_unit,
    tile_of,
)
from simulator.hardware.primitives import ActionCounts, Part
from simulator.hardware.sram_pim import parts
from simulator.hardware.sram_pim.array import ColumnArray
from simulator.hardware.sram_pim.lut_gemv import (
    LutGemv,
    Phases,
    best_basis_weights,
    largest_basis_weights,
    peak_macs_per_cycle,
)
from simulator.hardware.sram_pim.programs import PROGRAMS, run_program
from simulator.hardware.sram_pim.spec import SramPimSpec
from simulator.numerics import Accumulator, as_format, format_named, reference_gemm

USUAL = Tile(m=1, n=4096, k=4096)
"""The product whose best k tells what fills an array that has no k of its own: a matrix of a
model of 7B parameters."""


@register_matrix_unit("sram_pim")
class SramPim(MatrixUnit[SramPimSpec]):
    """One array with tables of weights' sums; docs/sram_pim.md has the model."""

    spec_type: ClassVar[type[MatrixUnitSpec]] = SramPimSpec

    # -- LUT-GEMV ----------------------------------------------------------------------
    def gemv(self, tile: Tile) -> LutGemv:
        """How `tile` is multiplied: with the k that is given, or the best one.

        Raises CyclelabError, with what would fit, if not even one row of inputs fits.
        """
        return LutGemv(self.spec.array_layout, self.best_basis_weights(tile))

    def best_basis_weights(self, tile: Tile) -> int:
        """The k for `tile`: the spec's, or the one with the fewest cycles."""
        return self.spec.basis_weights or _best(self, tile)

    def largest_batch(self, basis_weights: int, depth: int) -> int:
        """Rows of `depth` inputs that can share a table; 0 if not even one."""
        return self.spec.array_layout.largest_batch(basis_weights, depth)

    def phases(self, tile: Tile) -> Phases:
        """Cycles of `tile`, phase by phase."""
        return self.gemv(tile).phases(tile)

    # -- what the mapper asks ----------------------------------------------------------
    @property
    def title(self) -> str:
        """Kind, size and layout, `sram_pim 256×256 bit_serial`."""
        spec = self.spec
        return f"{spec.kind} {spec.rows}×{spec.columns} {spec.layout}"

    @cached_property
    def macs_per_cycle(self) -> Fraction:
        """Of full batches and columns, before sums are read out: no tile is faster."""
        return peak_macs_per_cycle(self.spec.array_layout, self.spec.basis_weights)

    @cached_property
    def granularity(self) -> Tile:
        """One row of inputs, all outputs of the array, one table."""
        spec, layout = self.spec, self.spec.array_layout
        if spec.basis_weights or largest_basis_weights(layout, USUAL.m, USUAL.k):
            gemv = self.gemv(USUAL)
        else:
            gemv = LutGemv(layout, spec.widest_basis_weights)
        return Tile(m=1, n=gemv.outputs, k=gemv.basis_weights)

    @property
    def format_pairs(self) -> tuple[tuple[str, str], ...]:
        """The pair that its tables and planes are made for."""
        return ((self.spec.input_format, self.spec.weight_format),)

    @property
    def accumulator_format(self) -> str:
        """Format of outputs."""
        return self.spec.accumulator_format

    # -- the five faces ----------------------------------------------------------------
    def timing(self, tile: Tile) -> TileTiming:
        """Cycles of `tile`: an array does one access at a time, so nothing overlaps."""
        gemv = self.gemv(tile)
        phases, cut = gemv.phases(tile), gemv.blocks(tile)
        return TileTiming(
            cycles=phases.total,
            interval_cycles=phases.total,
            load_cycles=phases.load,
            stream_cycles=phases.build + phases.lookup,
            drain_cycles=phases.read_out,
            folds=cut.column_blocks * cut.passes,
        )

    def compute(self, inputs: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
        """`inputs[m, k] · weights[k, n]`, exact integers.

        No sum overflows in the array. Raises AccumulatorOverflowError for an output that
        does not fit accumulator_format; on the way there sums may leave it.
        """
        spec = self.spec
        return reference_gemm(
            inputs,
            weights,
            spec.input_format,
            spec.weight_format,
            spec.accumulator_format,
            group=tile_of(inputs, weights).k,
        )

    def registers(
        self, inputs: NDArray[Any], weights: NDArray[Any], repeats: int = 1
    ) -> RegisterRun:
        """Step the product access by access; host time grows with cycles x columns."""
        tile = tile_of(inputs, weights, repeats)
        gemv, spec = self.gemv(tile), self.spec
        array = ColumnArray(spec.rows, spec.columns)
        program = PROGRAMS[spec.layout](gemv, array, format_named(spec.weight_format).signed)
        a = as_format(inputs, spec.input_format).astype(np.int64)
        w = as_format(weights, spec.weight_format).astype(np.int64)
        batch = gemv.blocks(tile).batch
        values = run_program(program, a, w, batch)
        for _ in range(repeats - 1):
            if not np.array_equal(run_program(program, a, w, batch), values):
                raise RegisterHazardError("a product came out differently when it was repeated")
        output = Accumulator(format_named(spec.accumulator_format))
        checked = output.stored(output.add(values, np.zeros_like(values)))
        counts = Counter(program.counts)
        for verb, count in (
            ("read", array.reads),
            ("write", array.writes),
            ("compute", array.computes),
        ):
            counts[parts.ARRAY, verb] = count
        return RegisterRun(checked, array.cycles, parts.to_actions(self._elements, counts))

    def structure(self) -> tuple[Part, ...]:
        """The array and what is beside it."""
        return parts.structure(self._elements)

    def actions(self, tile: Tile) -> ActionCounts:
        """Accesses by kind, and what the feeding module does, as `registers` counts them."""
        counts = parts.tile_counts(self.spec, self.gemv(tile), tile)
        return parts.to_actions(self._elements, counts)

    def traffic(self, tile: Tile, accumulate: bool = False) -> OperandTraffic:
        """Bytes in and out: inputs once per block of columns, weights once per pass."""
        cut, spec = self.gemv(tile).blocks(tile), self.spec
        outputs = tile.m * tile.n
        return OperandTraffic(
            input_read_bytes=_bytes(tile.m * tile.k * cut.column_blocks, spec.input_format),
            weight_read_bytes=_bytes(tile.k * tile.n * cut.passes, spec.weight_format),
            psum_read_bytes=_bytes(outputs * accumulate, spec.accumulator_format),
            psum_write_bytes=_bytes(outputs, spec.accumulator_format),
        )

    @cached_property
    def _elements(self) -> dict[str, parts.Element]:
        return parts.elements(self.spec)


@lru_cache(maxsize=1 << 15)
def _best(unit: SramPim, tile: Tile) -> int:
    """The best k, remembered: a search over tilings asks again and again."""
    return best_basis_weights(unit.spec.array_layout, tile)


def _bytes(words: int, format_name: str) -> int:
    return -(-words * format_named(format_name).bits // parts.BITS_PER_BYTE)
