"""How a GEMM is shared out to the arrays beside a CPU's last-level cache, and how long it takes.

Every array takes a block of columns and a share of k. Arrays work in step: in each step
as many blocks as there are arrays for, or fewer. While one step's tables are built and read, the
next one's weights come from main memory, and the last one's sums are drained and
converted (three stages; a step is as long as the slowest).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

import numpy as np

from simulator.hardware.bill import REUSE_TABLES
from simulator.hardware.cpu import CacheArraysSpec, CpuSpec
from simulator.hardware.matrix_unit import Tile
from simulator.hardware.primitives import Action
from simulator.hardware.sram_pim.conversion import FLOAT_BITS, dequantise_cycles
from simulator.hardware.sram_pim.latencies import latency_table
from simulator.hardware.sram_pim.lut_gemv import MOST_BASIS_WEIGHTS, LutGemv, Phases
from simulator.hardware.sram_pim.reuse import ActivationSpec
from simulator.hardware.sram_pim.savings import reuse_table, saved_by_group
from simulator.hardware.sram_pim.unit import SramPim
from simulator.mapping.in_step.problem import StepGemm
from simulator.mapping.tiling import tile_bytes

TABLES_TRIED = 3
"""Of all k that fit, those with the fewest cycles per output."""
FEWER_BLOCKS = 4
"""So often, the blocks that work at once are halved."""
SUM_BITS = 32
"""Of a sum, or FP32 value, outside the arrays."""


@dataclass(frozen=True, slots=True)
class ArraySharing:
    """basis_weights: per table, k. k_ways: shares of k, each in arrays of its own.

    depth: of a share, the last of which may be shorter. groups: with a scale each, that a
        share has; 1 where whole columns have one. group: its depth.
    outputs: columns of an array. blocks: of columns, of all products. at_once: blocks that
        a step has.
    slices: over which the shares of a block are spread, with as many partial sums that
        cores add up.
    """

    basis_weights: int
    k_ways: int
    depth: int
    groups: int
    group: int
    outputs: int
    blocks: int
    at_once: int
    slices: int


class Step(NamedTuple):
    """Blocks of columns that work at once, their columns, and how many such steps follow."""

    blocks: int
    columns: int
    times: int


@dataclass(frozen=True, slots=True)
class StepCost:
    """One step. load, build, lookup, read_out: cycles of every array; saved: lookups' cycles
    that reuse leaves out. drain: cycles of the arrays' clock until sums have left and are
    converted; converting: of those, in conversion arrays.
    weight_bytes: of all arrays. feed_bytes: also activations, to all slices together; busiest:
    to one slice. drained_bytes: from all arrays.
    """

    load: int
    build: int
    lookup: int
    saved: int
    read_out: int
    drain: int
    converting: int
    weight_bytes: int
    feed_bytes: int
    busiest_bytes: int
    drained_bytes: int

    @property
    def busy(self) -> int:
        """Cycles that the arrays take."""
        return self.load + self.build + self.lookup - self.saved + self.read_out


class ArrayModel:
    """The arrays of a machine for a problem: who takes what, and what it takes.

    unit: an array with the formats of the operands. streamed_bytes: of the cache, for weights
        on their way, of which a step takes a half at most.
    converts: whether sums of groups are made FP32, and scaled, in conversion arrays.
    cycles_per_array_cycle: of the cores, in one of the arrays.
    """

    def __init__(
        self,
        machine: CpuSpec,
        problem: StepGemm,
        unit: SramPim,
        streamed_bytes: int,
        converts: bool,
    ) -> None:
        assert machine.arrays is not None
        self.converts = converts
        self.unit, self.streamed_bytes = unit, streamed_bytes
        self.machine, self.problem = machine, problem
        self.spec: CacheArraysSpec = machine.arrays
        self.arrays = machine.llc.slices * self.spec.arrays_per_slice
        periods = self.spec.clock.period_fs, machine.clock.period_fs
        self.cycles_per_array_cycle = Fraction(*periods)
        self._cycles: dict[tuple[int, Tile], Phases] = {}
        self._converted: dict[int, int] = {}

    def sharings(self) -> Iterator[ArraySharing]:
        """All that are worth trying: tables, shares of k, blocks at once.

        Of blocks, as many as there are arrays for, or fewer in more and shorter steps, whose
        weights the cache has room for. None if it has not even for those of one block.
        """
        p = self.problem
        for k in self._basis_weights(p.group or p.k):
            outputs = LutGemv(self.unit.spec.array_layout, k).outputs
            blocks = p.count * -(-p.n // outputs)
            most = self.streamed_bytes // 2 // max(1, self.block_bytes(outputs))
            for depth in self._depths(p.group or k):
                k_ways = -(-p.k // depth)
                group = min(p.group or depth, depth)
                for slices, fit in self._placed(k_ways):
                    largest = min(blocks, most, fit)
                    for at_once in sorted({largest >> half for half in range(FEWER_BLOCKS)} - {0}):
                        yield ArraySharing(
                            basis_weights=k,
                            k_ways=k_ways,
                            depth=depth,
                            groups=-(-depth // group),
                            group=group,
                            outputs=outputs,
                            blocks=blocks,
                            at_once=at_once,
                            slices=slices,
                        )

    def block_bytes(self, outputs: int) -> int:
        """Weights of a block of columns, all of k."""
        return tile_bytes(min(outputs, self.problem.n) * self.problem.k, self.problem.weight_bits)

    def _depths(self, grain: int) -> list[int]:
        """Depths of shares of k, in whole grains: halves of halves, thirds of halves."""
        grains = -(-self.problem.k // grain)
        shares = {1 << power for power in range(grains.bit_length() + 1)}
        shares |= {3 * share for share in shares}
        sizes = {-(-grains // share) for share in shares if share <= min(grains, self.arrays)}
        return sorted(min(self.problem.k, size * grain) for size in sizes)

    def steps(self, s: ArraySharing) -> list[Step]:
        """Steps in order, equal neighbours counted; the last block of a product may be narrow."""
        p, per_product = self.problem, -(-self.problem.n // s.outputs)
        if p.count == 1:
            times, rest = divmod(s.blocks - 1, s.at_once)
            last = Step(rest + 1, p.n - times * s.at_once * s.outputs, 1)
            whole = Step(s.at_once, s.at_once * s.outputs, times)
            if last[:2] == whole[:2]:
                return [whole._replace(times=times + 1)]
            return [whole, last] if times else [last]

        def columns(blocks: int) -> int:
            whole, rest = divmod(blocks, per_product)
            return whole * p.n + min(rest * s.outputs, p.n)

        starts = range(0, s.blocks, s.at_once)
        each = [(start, min(start + s.at_once, s.blocks)) for start in starts]
        sizes = [(end - start, columns(end) - columns(start)) for start, end in each]
        return [Step(*size, len(list(same))) for size, same in groupby(sizes)]

    def _placed(self, k_ways: int) -> Iterator[tuple[int, int]]:
        """Slices that the shares of a block are spread over, and blocks that fit at once.

        Conversion arrays add up what the arrays of their slice have, so there shares of a
        block may keep together, or bring more slices to work; sums that cores convert may
        be anywhere.
        """
        slices, arrays = self.machine.llc.slices, self.spec.arrays_per_slice
        if not self.converts:
            yield k_ways, slices * arrays // k_ways
            return
        spread = -(-k_ways // arrays)
        while spread <= min(k_ways, slices):
            yield spread, slices * (arrays // -(-k_ways // spread)) // spread
            spread *= 2

    def _per_slice(self, s: ArraySharing, blocks: int) -> tuple[int, int]:
        """Arrays that work, and blocks they are of, in the busiest slice."""
        slices = self.machine.llc.slices
        if not self.converts:
            working = -(-blocks * s.k_ways // slices)
            return working, working
        held = -(-blocks * s.slices // slices)
        return held * -(-s.k_ways // s.slices), held

    def _basis_weights(self, depth: int) -> list[int]:
        layout, given = self.unit.spec.array_layout, self.spec.array.basis_weights
        if given:
            return [given]
        fitting = [k for k in range(1, MOST_BASIS_WEIGHTS + 1) if layout.largest_batch(k, depth)]

        def per_output(k: int) -> float:
            outputs = LutGemv(layout, k).outputs
            return self._phases(k, Tile(self.problem.m, outputs, depth)).total / outputs

        return sorted(fitting, key=per_output)[:TABLES_TRIED]

    def _phases(self, basis_weights: int, tile: Tile) -> Phases:
        """Cycles of an array, remembered: a search over sharings asks again and again."""
        key = (basis_weights, tile)
        if key not in self._cycles:
            gemv = LutGemv(self.unit.spec.array_layout, basis_weights)
            self._cycles[key] = gemv.phases(tile)
        return self._cycles[key]

    def _group_phases(self, s: ArraySharing) -> Phases:
        """Cycles of an array for one of its groups."""
        p = self.problem
        return self._phases(s.basis_weights, Tile(p.m, min(s.outputs, p.n), s.group))

    def least_cycles(self, s: ArraySharing) -> float:
        """Of the cores: no less than the arrays take in all steps, without reuse."""
        steps = -(-s.blocks // s.at_once)
        return steps * s.groups * self._group_phases(s).total * float(self.cycles_per_array_cycle)

    def step(self, sharing: ArraySharing, step: Step) -> StepCost:
        """Cost of a step."""
        p, s, machine, blocks = self.problem, sharing, self.machine, step.blocks
        phases = self._group_phases(s)
        saved, _ = self.reuse(s)
        working = blocks * s.k_ways
        weights = tile_bytes(step.columns * p.k, p.weight_bits)
        slices = machine.llc.slices
        per_slice, held = self._per_slice(s, blocks)
        inputs = tile_bytes(p.m * s.depth, p.input_bits) * min(per_slice, s.k_ways)
        busiest = -(-weights * per_slice // working) + inputs
        sums = p.m * min(s.outputs, p.n)
        drained = p.m * step.columns * self._partials(s) * SUM_BITS // 8
        bus = per_slice * sums * s.groups * SUM_BITS / 8 / self.spec.drain_bytes_per_cycle
        converting = self._converting(s, per_slice, held) if self.converts else 0
        return StepCost(
            load=s.groups * phases.load,
            build=s.groups * phases.build,
            lookup=s.groups * phases.lookup,
            saved=saved,
            read_out=s.groups * phases.read_out,
            drain=max(math.ceil(bus / self.cycles_per_array_cycle), converting),
            converting=converting,
            weight_bytes=weights,
            feed_bytes=weights + inputs * min(slices, working),
            busiest_bytes=busiest,
            drained_bytes=drained,
        )

    def reuse(self, s: ArraySharing) -> tuple[int, float]:
        """Cycles that reuse saves the array that it saves least, in one step; share of hits."""
        array, p, layout = self.spec.array, self.problem, self.unit.spec.array_layout
        if array.reuse is None:
            return 0, 0.0
        drawn, group = array.activations or ActivationSpec(), p.group or s.depth
        saved, rate = saved_by_group(layout, s.basis_weights, array.reuse, drawn, (p.m, p.k), group)
        shares = np.add.reduceat(saved, range(0, len(saved), s.groups))
        return int(shares.min()), rate

    def reuse_actions(self, s: ArraySharing, arrays: int) -> dict[Action, int]:
        """Every look-up asks the table of patterns; one that finds nothing writes to it."""
        array, p, layout = self.spec.array, self.problem, self.unit.spec.array_layout
        if array.reuse is None:
            return {}
        table = reuse_table(array.array_layout, array.widest_basis_weights, array.reuse)
        tables = s.groups * -(-s.group // s.basis_weights)
        looked_up = arrays * p.m * tables * layout.input_bits
        missed = round(looked_up * (1 - self.reuse(s)[1]))
        return {
            Action(REUSE_TABLES, table, "read"): looked_up,
            Action(REUSE_TABLES, table, "write"): missed,
        }

    def unit_of(self, s: ArraySharing) -> SramPim:
        """The array with the sharing's tables."""
        formats = self.unit.spec.input_format, self.unit.spec.weight_format
        return SramPim(self.spec.array.for_operands(*formats, s.basis_weights))

    def after_sums(self, s: ArraySharing) -> list[tuple[str, int]]:
        """Vector functions that the cores apply, so many times per output: scales of groups, if
        no array has done them, and the addition of the shares of k."""
        if self.problem.group and not self.converts:
            return [(function, self._partials(s)) for function in self.problem.group_work]
        return [("add", s.slices - 1)] if s.slices > 1 else []

    def _partials(self, s: ArraySharing) -> int:
        """Sums of an output that leave for the cores: those of groups too, if cores scale."""
        return s.slices * (s.groups if self.problem.group and not self.converts else 1)

    def _converting(self, s: ArraySharing, tiles: int, blocks: int) -> int:
        """Cycles in which a slice's conversion arrays take the sums of so many of its arrays,
        which are of so many blocks.

        A row of sums is written bit by bit, converted, scaled and added to results; scales
        are written once per group, and results are read at the end, 32 rows each.
        """
        p, array = self.problem, self.unit.spec
        bits = array.array_layout.accumulator_bits(s.group)
        minimum = len(p.group_work) > 1
        if bits not in self._converted:
            table = latency_table(array.latencies)
            self._converted[bits] = bits + dequantise_cycles(bits, table, minimum)
        one = self._converted[bits]
        outputs = min(s.outputs, p.n)
        rows = (
            (tiles * outputs * p.m * s.groups, one),
            (tiles * outputs * s.groups, FLOAT_BITS),
            (blocks * outputs * p.m, FLOAT_BITS),
        )
        at_once = self.spec.conversion_arrays_per_slice * array.columns
        return sum(-(-elements // at_once) * cycles for elements, cycles in rows)
