"""The search for a grid's thread block: all that fit an SM, and the one that should be fastest.

A slab takes as long as the slowest of matrix units (with the ports of shared memory and
registers), vector unit, L2 cache and main memory, which work on different slabs at
once; what latencies leave between slabs goes with the stages that shared memory holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from simulator.hardware.matrix_unit import MatrixUnit
from simulator.hardware.vector_unit.work import function_named
from simulator.mapping.gpu.occupancy import block_use, occupancy, slab_cycles
from simulator.mapping.gpu.problem import Block
from simulator.mapping.gpu.resources import GpuResources
from simulator.mapping.gpu.waves import Grid
from simulator.mapping.in_step.problem import StepGemm
from simulator.mapping.tiling import TIME_TOLERANCE

WARP_ROWS, WARP_COLUMNS = 16, 8
"""Least outputs of a warp: those of one `mma` instruction (NVIDIA, PTX ISA, mma.m16n8)."""
MOST_ROWS, MOST_COLUMNS = 256, 512
SLAB_BYTES = (64, 128, 256)
"""Of a row of inputs: half a cache line of 128 bytes or more, so that DRAM bursts are used."""
WARPS = tuple(product((1, 2, 4, 8), repeat=2))
MOST_WARPS = 16
LEAST_WARP_OUTPUTS = 1024
"""Of a warp beside others, 32 per thread: smaller ones read shared memory too often. Over 30
problems on three units, the best block with smaller ones was at most 0.8 % faster."""
MOST_STAGES = 4
STRIPS = (1, 2, 4, 8, 16)
MOST_SPLIT = 16
MOST_SURPLUS = 1.05
"""Shares of k are equal, in whole groups; what they have more than k is at most this."""


@dataclass(frozen=True, slots=True)
class GridTiling:
    """A grid with its estimates: cycles of the core clock, bytes of main memory."""

    grid: Grid
    estimated_cycles: int
    traffic_bytes: int


class GridSearch:
    """Blocks of one problem on one matrix unit of a GPU.

    fixed: block sizes m, n and k, and stages, where they are given. cache_bytes: of the
        L2 cache.
    """

    def __init__(
        self,
        problem: StepGemm,
        unit: MatrixUnit[Any],
        resources: GpuResources,
        cache_bytes: float,
        fixed: tuple[int | None, ...] = (None, None, None, None),
    ) -> None:
        self.problem, self.unit, self.resources = problem, unit, resources
        self.machine, self.core = resources.machine, resources.machine.core
        self.cache_bytes, self.fixed = cache_bytes, fixed
        self.input_bits, self.weight_bits = float(problem.input_bits), float(problem.weight_bits)
        self.bytes_per_cycle = float(resources.bytes_per_cycle)
        self._costs: dict[str, float] = {}

    def best(self) -> GridTiling | None:
        """The tiling with the least time, or of those as good with the least traffic."""
        found = [self._timed(block, per_sm) for block, per_sm in self._fitting()]
        if not found:
            return None
        limit = TIME_TOLERANCE * min(tiling.estimated_cycles for tiling in found)
        good = [tiling for tiling in found if tiling.estimated_cycles <= limit]
        return min(good, key=lambda tiling: (tiling.traffic_bytes, tiling.estimated_cycles))

    # -- candidates ----------------------------------------------------------
    def _fitting(self) -> Iterator[tuple[Block, int]]:
        """Blocks that fit, with as many stages as cost no occupancy, and how many do."""
        sms = self.machine.cores
        for block in self.blocks():
            deepest = block.stages if self.fixed[3] else MOST_STAGES
            held = {
                stages: self._occupancy(replace(block, stages=stages))
                for stages in range(block.stages, deepest + 1)
            }
            for split in self._splits(block, held[block.stages]):
                least = -(-Grid(self.problem, replace(block, split=split), sms, 1, 1).blocks // sms)
                # Of stage counts that let as many blocks reside, the deepest.
                chosen = {min(held[stages], least): stages for stages in held}
                for per_sm, stages in chosen.items():
                    if per_sm:
                        yield replace(block, stages=stages, split=split), per_sm

    def _occupancy(self, block: Block) -> int:
        return occupancy(block_use(self.problem, block, self.unit, self.core), self.core)

    def _splits(self, block: Block, per_sm: int) -> Iterator[int]:
        """1, and shares of k that give SMs work that would have none, in whole groups."""
        p, split = self.problem, 1
        blocks = p.count * -(-p.m // block.m) * -(-p.n // block.n)
        while split <= MOST_SPLIT and blocks * split <= 2 * self.machine.cores * per_sm:
            depth = Grid(p, replace(block, split=split), 1, 1, 1).depth
            if split == 1 or (
                depth >= block.k * block.stages and split * depth <= MOST_SURPLUS * p.k
            ):
                yield split
            split *= 2
        if split == 1 and per_sm:
            yield 1

    def blocks(self) -> Iterator[Block]:
        """All blocks that are tried, with the fewest stages."""
        grain = self.unit.granularity
        rows = self._sides(self.problem.m, max(WARP_ROWS, grain.m), MOST_ROWS, self.fixed[0])
        columns = self._sides(
            self.problem.n, max(WARP_COLUMNS, grain.n), MOST_COLUMNS, self.fixed[1]
        )
        for m, n, k in product(rows, columns, self._depths()):
            for warps_m, warps_n in self._warps(m, n):
                stages = self.fixed[3] or min(2, -(-self.problem.k // k))
                yield Block(m, n, k, warps_m, warps_n, stages)

    def _sides(self, total: int, least: int, most: int, fixed: int | None) -> list[int]:
        if fixed is not None:
            return [fixed]
        sizes = []
        side = least
        while side <= max(most, least):
            sizes.append(side)
            if side >= total:
                break
            side *= 2
        return sizes

    def _depths(self) -> list[int]:
        """Slabs of whole steps; of a group, whole shares."""
        grain, p = self.unit.granularity.k, self.problem
        if self.fixed[2] is not None:
            return [self.fixed[2]]
        steps = [max(1, int(size * 8 / self.input_bits) // grain) for size in SLAB_BYTES]
        sizes = {grain << step.bit_length() - 1 for step in steps}
        if p.group:
            fitting = {math.gcd(size, p.group) for size in sizes}
            return sorted(size for size in fitting if size % grain == 0) or [p.group]
        return sorted({min(size, -(-p.k // grain) * grain) for size in sizes})

    def _warps(self, m: int, n: int) -> Iterator[tuple[int, int]]:
        """For each number of warps the shape that reads least from shared memory."""
        grain = self.unit.granularity
        best: dict[int, tuple[float, tuple[int, int]]] = {}
        for tall, wide in WARPS:
            least_m, least_n = max(WARP_ROWS, grain.m), max(WARP_COLUMNS, grain.n)
            if m % (tall * least_m) or n % (wide * least_n) or tall * wide > MOST_WARPS:
                continue
            if tall * wide > 1 and m * n < tall * wide * LEAST_WARP_OUTPUTS:
                continue
            read = m * self.input_bits * wide + n * self.weight_bits * tall
            found = best.get(tall * wide)
            if found is None or read < found[0]:
                best[tall * wide] = (read, (tall, wide))
        yield from (shape for _, shape in best.values()) if best else [(1, 1)]

    # -- estimates -----------------------------------------------------------
    def _timed(self, block: Block, per_sm: int) -> GridTiling:
        p, sms = self.problem, self.machine.cores
        flat = Grid(p, block, sms, per_sm, 1)
        tries = [Grid(p, block, sms, per_sm, strip) for strip in STRIPS if strip <= flat.shape[1]]
        grid = min(tries, key=self._panel_bytes)
        traffic = self._traffic(grid)
        return GridTiling(grid, math.ceil(self._cycles(grid, traffic)), math.ceil(traffic))

    def _panel_bytes(self, grid: Grid) -> float:
        """Of one wave, over all of k, with every panel once."""
        p = self.problem
        rows, columns = grid.wave_shape()
        bits = rows * grid.block.m * self.input_bits * (not p.inputs_on_chip)
        bits += columns * grid.block.n * self.weight_bits * (not p.weights_on_chip)
        return grid.depth * bits / 8

    def _traffic(self, grid: Grid) -> float:
        """Main-memory bytes of the operands, and of what else the epilogue moves."""
        p = self.problem
        least = p.count * p.k * p.m * self.input_bits * (not p.inputs_on_chip)
        least += p.count * p.k * p.n * self.weight_bits * (not p.weights_on_chip)
        rest = float(p.outputs * (p.extra_load_bits + p.store_bits) / 8)
        wave = self._panel_bytes(grid)
        if 2 * wave <= self.cache_bytes:
            return least / 8 + rest
        return max(least / 8, grid.blocks / grid.wave_blocks * wave) + rest

    def _cycles(self, grid: Grid, traffic: float) -> float:
        p, block, l2 = self.problem, grid.block, self.machine.l2
        slabs = -(-grid.depth // block.k)
        slab = slab_cycles(p, block, block.k, grid.per_sm, self.unit, self.core)
        slab_bytes = block.k * (block.m * self.input_bits + block.n * self.weight_bits) / 8
        blocks = min(grid.blocks, grid.wave_blocks)
        cache = max(
            blocks * slab_bytes / l2.bytes_per_cycle,
            grid.per_sm * slab_bytes / l2.sm_bytes_per_cycle,
        )
        weights = grid.per_sm * block.k * block.n * block.warps_m * (p.converted_bits > 0)
        converted = self._vector([("dequantise", weights)])
        scaled = self._vector([(f, grid.per_sm * block.m * block.n) for f in p.group_work])
        vector = converted + (scaled * block.k / p.group if p.group else 0)
        ahead = self.resources.latency_cycles + l2.latency_cycles + slab.latency + cache + converted
        period = max(slab.busy, cache, vector, ahead / block.stages)
        epilogue = self._epilogue(grid)
        one_by_one = grid.per_sm == 1
        whole, rest = divmod(grid.blocks, grid.wave_blocks)
        waves = whole + -(-rest // self.machine.cores) / grid.per_sm
        busy = waves * (slabs * period + one_by_one * (ahead + epilogue))
        busy = max(busy, waves * epilogue)
        reduction = self._reduction(grid) if block.split > 1 else 0
        return max(busy, traffic / self.bytes_per_cycle) + ahead + epilogue + reduction

    def _epilogue(self, grid: Grid) -> float:
        """Cycles of one wave's epilogue and results."""
        p, block = self.problem, grid.block
        outputs = grid.per_sm * block.m * block.n
        moved = min(grid.blocks, grid.wave_blocks) * block.m * block.n
        moved_bytes = float(moved * (p.result_bits + p.extra_bits) / 8)
        work = self._vector([(f, outputs * share) for f, share in p.epilogue])
        return work + moved_bytes / self.machine.l2.bytes_per_cycle

    def _reduction(self, grid: Grid) -> float:
        """Cycles of writing partial sums, reading them again and adding them up."""
        p, split = self.problem, grid.block.split
        moved = 2 * split * p.outputs * p.accumulator_bits / 8
        adds = -(-split * p.outputs // self.machine.cores)
        latency = 2 * self.machine.l2.latency_cycles
        return moved / self.machine.l2.bytes_per_cycle + self._vector([("add", adds)]) + latency

    def _vector(self, work: list[tuple[str, float]]) -> float:
        """Cycles of vector functions on so many elements of an SM."""
        return sum(elements * self._per_element(name) for name, elements in work if elements)

    def _per_element(self, name: str) -> float:
        if name not in self._costs:
            lanes = self.core.vector_unit
            self._costs[name] = function_named(lanes, name).cycles_per_element / lanes.lanes
        return self._costs[name]
