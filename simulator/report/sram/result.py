"""What a product on one SRAM array takes, with all that follows by arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from simulator.hardware.matrix_unit import Tile
from simulator.hardware.sram_pim import SramPim, SramPimSpec
from simulator.hardware.sram_pim.choices import Choice, choices_of
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
class SramRun:
    """A product `inputs[m, k] · weights[k, n]` of `tile` on an array, with the k at hand.

    name: of the array's preset or file. chosen: the k that is given, or the best. values:
    None if not asked for.
    """

    name: str
    unit: SramPim
    tile: Tile
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
    def spans(self) -> list[RowSpan]:
        """What every row holds in the first pass."""
        chosen, depth = self.chosen, self.tile.k
        return self.layout.spans(chosen.basis_weights, chosen.blocks.batch, depth)

    def _of(self, basis_weights: int) -> Choice:
        return next(c for c in self.choices if c.basis_weights == basis_weights)
