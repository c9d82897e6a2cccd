"""What a product on one SRAM array takes, with all that follows by arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from simulator.hardware.matrix_unit import Tile
from simulator.hardware.sram_pim import SramPim, SramPimSpec
from simulator.hardware.sram_pim.choices import Choice, choices_of
from simulator.hardware.sram_pim.conversion import (
    WIDEST,
    dequantise_cycles,
    int_to_float_cycles,
)
from simulator.hardware.sram_pim.latencies import latency_table
from simulator.hardware.sram_pim.layouts import Layout, RowSpan
from simulator.hardware.sram_pim.lut_gemv import Phases

PHASES = {"load": "load", "build": "build", "lookup": "look up", "read_out": "read out"}
"""Fields of `Phases`, and what they are called."""


@dataclass(frozen=True)
class ValueCheck:
    """The row program, executed on random operands, beside numpy and the closed form.

    cycles: executed. reads, writes, computes: accesses of the array. sums: outputs, which
    are all equal to numpy's where `equal`.
    """

    seed: int
    sums: int
    equal: bool
    cycles: int
    reads: int
    writes: int
    computes: int


@dataclass(frozen=True)
class ReuseCheck:
    """What remembering patterns saves, with activations that were drawn.

    distribution, sigma, seed: of these; sigma in codes, None if uniform. memory_bytes: what
    holds the patterns and what they found. lookups, hits: of a block of columns.
    saved_cycles: of all; below zero where a hit takes longer.
    """

    distribution: str
    sigma: float | None
    seed: int
    memory_bytes: int
    lookups: int
    hits: int
    saved_cycles: int

    @property
    def rate(self) -> float:
        """Share of look-ups that the array is spared."""
        return self.hits / self.lookups


@dataclass(frozen=True)
class ConversionCycles:
    """Sums to FP32 in the columns of an array that has nothing else to do.

    bits: of the sums. fills: how often as many as there are columns. convert_cycles: of all.
    scale_cycles: what a product with a scale and a sum take on top, once per output.
    """

    bits: int
    fills: int
    convert_cycles: int
    scale_cycles: int


@dataclass(frozen=True)
class SramRun:
    """A product `inputs[m, k] · weights[k, n]` of `tile` on an array, with the k at hand.

    name: of the array's preset or file, with what was set. reuse, values: None if not asked
    for.
    """

    name: str
    unit: SramPim
    tile: Tile
    reuse: ReuseCheck | None
    values: ValueCheck | None
    configuration: dict[str, Any] = field(repr=False)
    configuration_hash: str
    sources: dict[str, str] = field(repr=False)
    version: str

    def summary(self) -> str:
        """What `cyclelab sram` prints, without colours."""
        from simulator.report.sram.console import sram_summary

        return sram_summary(self)

    @property
    def spec(self) -> SramPimSpec:
        """The array."""
        return self.unit.spec

    @property
    def layout(self) -> Layout:
        """Rows and cycles of its layout."""
        return self.spec.array_layout

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Every k, those whose tables do not fit included."""
        return choices_of(self.layout, self.tile)

    @cached_property
    def chosen(self) -> Choice:
        """The k that is given, or the best."""
        return self._of(self.unit.best_basis_weights(self.tile))

    @cached_property
    def best(self) -> Choice:
        """The fewest cycles of those that fit."""
        fitting = [choice for choice in self.choices if choice.fits]
        return min(fitting, key=lambda choice: choice.phases.total)

    @property
    def phases(self) -> Phases:
        """Cycles with the chosen k."""
        return self.chosen.phases

    @property
    def cycles(self) -> int:
        """All of them."""
        return self.phases.total

    @property
    def cycles_per_mac(self) -> float:
        """Of one multiply-accumulate."""
        return self.cycles / self.tile.macs

    @property
    def shares(self) -> dict[str, float]:
        """Of the cycles, by phase."""
        return {name: getattr(self.phases, name) / self.cycles for name in PHASES}

    @property
    def tables(self) -> int:
        """How many are made: of every group, for every block of columns, in every pass."""
        blocks = self.chosen.blocks
        return blocks.groups * blocks.column_blocks * blocks.passes

    @property
    def conversion(self) -> ConversionCycles | None:
        """Sums to FP32, by the array's latencies; None where sums are too wide for it."""
        bits = min(self.layout.accumulator_bits(self.tile.k), self.layout.sum_bits)
        if bits > WIDEST:
            return None
        fills = -(-self.tile.m * self.tile.n // self.spec.columns)
        one = int_to_float_cycles(bits)
        scaled = dequantise_cycles(bits, latency_table(self.spec.latencies)) - one
        return ConversionCycles(bits, fills, fills * one, fills * scaled)

    @property
    def spans(self) -> list[RowSpan]:
        """What every row holds in the first pass."""
        chosen, depth = self.chosen, self.tile.k
        return self.layout.spans(chosen.basis_weights, chosen.blocks.batch, depth)

    def _of(self, basis_weights: int) -> Choice:
        return next(c for c in self.choices if c.basis_weights == basis_weights)
