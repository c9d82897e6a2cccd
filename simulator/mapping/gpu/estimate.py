"""How long a grid of thread blocks should take: waves, in closed form.

A slab takes as long as the slowest of matrix units (with the ports of shared memory and
registers), vector unit, L2 cache and main memory, which work on different slabs at
once; what latencies leave between slabs goes with the stages that shared memory holds.
A wave is as slow as its busiest SM: one with few blocks has warps on some sub-cores only,
and takes as long as if all were full.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from simulator.hardware.matrix_unit import MatrixUnit
from simulator.hardware.vector_unit.work import function_named
from simulator.mapping.gpu.occupancy import BlockSlab, SlabCycles, block_slab
from simulator.mapping.gpu.problem import Block
from simulator.mapping.gpu.resources import GpuResources
from simulator.mapping.gpu.waves import Grid
from simulator.mapping.in_step.problem import StepGemm


@dataclass(frozen=True, slots=True)
class _WaveTime:
    """Cycles of a wave.

    alone: from its first load to its last result in the cache, with no other wave beside;
    ahead: of that, until its first product. follows: from its last product to the next
    wave's, where that is equal. around: before and after the loads, what there is of
    `alone` however fast they are.
    """

    alone: float
    ahead: float
    follows: float
    around: float


@dataclass(frozen=True, slots=True)
class _Flow:
    """Cycles of a wave's slabs and results, main memory apart.

    period: of a slab, by the slowest of what it comes through. ahead: from the cache's
    request to its first product. end: behind the last product, until the sums are ready;
    epilogue, partial: then until results, or partial sums, are written.
    """

    slab: SlabCycles
    period: float
    ahead: float
    end: float
    epilogue: float
    partial: float


@dataclass(frozen=True, slots=True)
class _Bits:
    """Per element, as floats: estimates need them no exacter, and sooner."""

    inputs: float
    weights: float
    store: float
    result: float
    extra: float
    extra_load: float

    @classmethod
    def of(cls, p: StepGemm) -> _Bits:
        found = (p.input_bits, p.weight_bits, p.store_bits, p.result_bits)
        return cls(*map(float, (*found, p.extra_bits, p.extra_load_bits)))


class GridEstimate:
    """Times of grids of one problem on one matrix unit.

    cache_bytes: of the L2 cache.
    """

    def __init__(
        self,
        problem: StepGemm,
        unit: MatrixUnit[Any],
        resources: GpuResources,
        cache_bytes: float,
    ) -> None:
        self.problem, self.unit, self.resources = problem, unit, resources
        self.bits = _Bits.of(problem)
        self.machine, self.core = resources.machine, resources.machine.core
        self.cache_bytes, self.bytes_per_cycle = cache_bytes, float(resources.bytes_per_cycle)
        self._flows: dict[tuple[int, ...], _Flow] = {}
        self._slabs: dict[tuple[int, ...], BlockSlab] = {}
        convert = [("dequantise", 1.0)] if problem.converted_bits else []
        self.convert_cycles = self._vector(convert)
        self.scale_cycles = self._vector([(function, 1.0) for function in problem.group_work])
        self.epilogue_cycles = self._vector(problem.epilogue)

    def _vector(self, work: Iterable[tuple[str, float]]) -> float:
        """Cycles of vector functions for one element, with how often each is done for it."""
        lanes = self.core.vector_unit
        slots = (function_named(lanes, name).cycles_per_element * n for name, n in work)
        return sum(slots) / lanes.lanes

    # -- main memory -------------------------------------------------------------
    def panel_bytes(self, grid: Grid) -> float:
        """Of one wave, over all of k, with every panel once."""
        p = self.problem
        rows, columns = grid.wave_shape()
        bits = min(p.m, rows * grid.block.m) * self.bits.inputs * (not p.inputs_on_chip)
        bits += min(p.n, columns * grid.block.n) * self.bits.weights * (not p.weights_on_chip)
        tall, wide = grid.shape
        products = max(1.0, min(grid.blocks, grid.wave_blocks) / (tall * wide))
        return products * grid.depth * bits / 8

    def operand_bytes(self, grid: Grid, panels: float) -> float:
        """Of both operands that main memory gives; panels: `panel_bytes` of a wave."""
        p = self.problem
        least = p.count * p.k * p.m * self.bits.inputs * (not p.inputs_on_chip)
        least += p.count * p.k * p.n * self.bits.weights * (not p.weights_on_chip)
        if 2 * panels <= self.cache_bytes:
            return least / 8
        return max(least / 8, grid.blocks / grid.wave_blocks * panels)

    @property
    def further_bytes(self) -> float:
        """What else the epilogue moves."""
        return self.problem.outputs * (self.bits.extra_load + self.bits.store) / 8

    # -- time --------------------------------------------------------------------
    def cycles(self, grid: Grid, panels: float, operands: float) -> float:
        """From the first load to the last result in the cache, or in memory if it goes there.

        No result is stored before the first wave ends, and those of the last one after it.
        panels: bytes of a wave's; operands: main-memory bytes of both, in all.
        """
        p, block, full, waves = self.problem, grid.block, grid.wave_blocks, grid.waves
        rest = grid.blocks - (waves - 1) * full
        first = min(panels, operands)
        later = (operands - first) / (waves - 1) if waves > 1 else first
        last = self._wave(grid, rest, later)
        begin = self._wave(grid, full, first) if waves > 1 else last
        time = last.alone
        if waves > 1:
            time += begin.follows
            if grid.waves_in_flight > 1:  # The last one's loads come beside products.
                time += begin.ahead - last.ahead
        if waves > 2:
            steady = last if rest == full else self._wave(grid, full, later)
            time += (waves - 2) * steady.follows
        memory = (operands + self.further_bytes) / self.bytes_per_cycle + last.around
        store = p.outputs * self.bits.store / 8 / self.bytes_per_cycle
        if block.split > 1:
            reduction = self._reduction(grid)
            time, memory = time + reduction + store, memory + reduction
        else:
            share = min(1.0, rest * block.m * block.n / p.outputs)
            time = max(time + share * store, begin.alone + store)
        return max(time, memory) + (self.resources.latency_cycles if store else 0)

    def _wave(self, grid: Grid, blocks: int, load_bytes: float) -> _WaveTime:
        """Of so many blocks, which load so much from main memory.

        A slab's place is free again once it is multiplied, `room` cycles after its load was
        asked for, so that of as many slabs as there are stages none is faster than that.
        """
        block, l2, slabs = grid.block, self.machine.l2, grid.depth / grid.block.k
        flow = self._flow(block, blocks, grid.sms)
        load = load_bytes / slabs / self.bytes_per_cycle
        period = max(flow.period, load)
        ahead = load + (self.resources.latency_cycles if load else 0) + flow.ahead
        room = ahead + flow.slab.busy
        rounds, left = divmod(max(0, math.ceil(slabs) - 1), block.stages)
        products = max((slabs - 1) * period, rounds * room + left * period) + flow.slab.busy
        end = flow.end + (flow.partial if block.split > 1 else flow.epilogue) + l2.latency_cycles
        alone = ahead + products + end
        follows = max(slabs * max(period, room / block.stages), alone / grid.waves_in_flight)
        return _WaveTime(alone, ahead, follows, ahead - load + flow.slab.busy + end)

    def _flow(self, block: Block, blocks: int, sms: int) -> _Flow:
        """What passes through the SMs while a wave holds so many blocks."""
        key = (block.m, block.n, block.k, block.warps_m, block.warps_n, blocks)
        if key in self._flows:
            return self._flows[key]
        p, per_sm = self.problem, -(-blocks // sms)
        slab = self._slab(block).cycles(per_sm, self.core)
        m, n = min(block.m, p.m), min(block.n, p.n)
        outputs = m * n
        cache = self._cached(
            blocks, per_sm, block.k * (m * self.bits.inputs + n * self.bits.weights)
        )
        convert = per_sm * block.k * n * block.warps_m * self.convert_cycles
        scale = per_sm * outputs * self.scale_cycles
        vector = convert + (scale * block.k / p.group if p.group else 0)
        epilogue = per_sm * outputs * self.epilogue_cycles
        epilogue += self._cached(blocks, per_sm, outputs * self.bits.result)
        if self.bits.extra:
            epilogue += self._cached(blocks, per_sm, outputs * self.bits.extra)
            epilogue += self.machine.l2.latency_cycles
        flow = _Flow(
            slab=slab,
            period=max(slab.busy, cache, vector),
            ahead=cache + self.machine.l2.latency_cycles + convert,
            end=slab.latency - slab.busy + scale,
            epilogue=epilogue,
            partial=self._cached(blocks, per_sm, outputs * p.accumulator_bits),
        )
        self._flows[key] = flow
        return flow

    def _slab(self, block: Block) -> BlockSlab:
        key = (block.m, block.n, block.k, block.warps_m, block.warps_n)
        if key not in self._slabs:
            self._slabs[key] = block_slab(self.problem, block, block.k, self.unit, self.core)
        return self._slabs[key]

    def _reduction(self, grid: Grid) -> float:
        """Cycles of reading partial sums, adding them up, and finishing them."""
        p, split, each = self.problem, grid.block.split, self.problem.outputs / grid.sms
        cycles = self._cached(p.outputs, each, split * p.accumulator_bits)
        cycles += each * (self._vector([("add", split - 1.0)]) + self.epilogue_cycles)
        cycles += self._cached(p.outputs, each, self.bits.extra + self.bits.result)
        return cycles + 2 * self.machine.l2.latency_cycles

    def _cached(self, items: float, most_per_sm: float, bits: float) -> float:
        """Cycles of the L2 cache's way to or from the SMs, for items of so many bits."""
        l2 = self.machine.l2
        return max(items / l2.bytes_per_cycle, most_per_sm / l2.sm_bytes_per_cycle) * bits / 8
