"""The search for a grid's thread block: all that fit an SM, and the one that should be fastest."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from simulator.hardware.matrix_unit import MatrixUnit
from simulator.mapping.gpu.estimate import GridEstimate
from simulator.mapping.gpu.occupancy import block_use, occupancy
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
        self.problem, self.unit = problem, unit
        self.machine, self.core = resources.machine, resources.machine.core
        self.fixed = fixed
        self.input_bits, self.weight_bits = float(problem.input_bits), float(problem.weight_bits)
        self.estimate = GridEstimate(problem, unit, resources, cache_bytes)
        self._strips: dict[tuple[int, int, int], int] = {}

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
            use = block_use(self.problem, block, self.unit, self.core)
            slab_bytes = use.shared_bytes // block.stages
            held = {
                stages: occupancy(replace(use, shared_bytes=stages * slab_bytes), self.core)
                for stages in range(block.stages, deepest + 1)
            }
            whole = Grid(self.problem, block, sms, 1, 1).blocks
            for split in self._splits(block, held[block.stages]):
                least = -(-split * whole // sms)
                # Of stage counts that let as many blocks reside, the deepest.
                chosen = {min(held[stages], least): stages for stages in held}
                for per_sm, stages in chosen.items():
                    if per_sm:
                        yield replace(block, stages=stages, split=split), per_sm

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
        estimate = self.estimate
        grid = Grid(self.problem, block, self.machine.cores, per_sm, self._strip(block, per_sm))
        panels = estimate.panel_bytes(grid)
        operands = estimate.operand_bytes(grid, panels)
        cycles = math.ceil(estimate.cycles(grid, panels, operands))
        return GridTiling(grid, cycles, math.ceil(operands + estimate.further_bytes))

    def _strip(self, block: Block, per_sm: int) -> int:
        """Whose waves have the fewest bytes of panels; the same for all blocks of these sides."""
        key = (block.m, block.n, per_sm)
        if key not in self._strips:
            p, sms = self.problem, self.machine.cores
            columns = -(-p.n // block.n)
            tries = [Grid(p, block, sms, per_sm, strip) for strip in STRIPS if strip <= columns]
            self._strips[key] = min(tries, key=self.estimate.panel_bytes).strip
        return self._strips[key]
