"""Plans a GEMM kernel on a CPU's cores: unit, formats, and the tiles of each of its shapes."""

from __future__ import annotations

import math
from typing import Any

from simulator.hardware.matrix_unit import MatrixUnit
from simulator.hardware.vector_unit.work import VectorWork, vector_cycles
from simulator.mapping.cpu.cost import TileCost, tile_cost
from simulator.mapping.cpu.lower_gemm import CoreGemm
from simulator.mapping.cpu.resources import CpuResources
from simulator.mapping.cpu.tiling import (
    CPU_TOLERANCE,
    ColumnTile,
    ColumnTiling,
    column_sizes,
    row_block,
    slots,
    weight_tile_bytes,
)
from simulator.mapping.errors import FixedChoiceError, NoMappingError
from simulator.mapping.formats import FormatChoice
from simulator.mapping.gemm_kernel import operand_formats
from simulator.mapping.in_step.plan_gemm import StepGemmPlanner
from simulator.mapping.in_step.problem import StepGemm
from simulator.mapping.planning import KernelJob, Plan, Planning
from simulator.mapping.tiling import tile_bytes
from simulator.workload.operators import MatMul

Tiled = list[tuple[StepGemm, ColumnTiling]]


class CoreGemmPlanner(StepGemmPlanner):
    """Plans one GEMM kernel on the cores; the fastest of their units wins."""

    def __init__(self, planning: Planning, job: KernelJob, cache_bytes: int) -> None:
        super().__init__(planning, job, cache_bytes)
        assert isinstance(self.resources, CpuResources)
        self.cpu: CpuResources = self.resources
        for name in ("k", "order"):
            if getattr(self.choice, name) is not None:
                raise FixedChoiceError(
                    self.pattern,
                    name,
                    "a CPU takes all of k at once, rows outside columns; m, n, stages and unit "
                    "can be fixed",
                )

    def tiled(self) -> tuple[int, Tiled]:
        """Index of the unit, and tilings on it; raises as `Planning.fastest`."""
        only = self.op.unit if isinstance(self.op, MatMul) else None
        formats = operand_formats(self.op)
        fixed = (self.choice, self.pattern)
        return self.planning.fastest(self.op, formats, fixed, self._tile, only)

    def plan(self) -> Plan:
        """The kernel's plan; raises NoMappingError, or CyclelabError without a fitting unit."""
        return self.plan_of(*self.tiled())

    def plan_of(self, index: int, tiled: Tiled) -> Plan:
        """The plan of these tilings."""
        kernel = CoreGemm(
            self.planning.builder,
            self.job.operator,
            index,
            tiled,
            self.places([problem for problem, _ in tiled]),
            self.parameter_bytes,
        )
        problem, tiling = tiled[0]
        mapping: dict[str, object] = {
            "shape": f"{problem.m}×{problem.k} · {problem.k}×{problem.n}",
            "rows": tiling.rows,
            "columns": tiling.columns,
            "tiles_in_flight": tiling.slots,
            "estimated_cycles": sum(t.estimated_cycles for _, t in tiled),
            **({"shapes": len(tiled)} if len(tiled) > 1 else {}),
            **({"fixed_by": self.pattern} if self.pattern else {}),
        }
        return Plan([kernel], index, mapping)

    def _tile(self, unit: MatrixUnit[Any], formats: FormatChoice) -> Tiled:
        """Every shape with its best tiles on a unit."""
        problems = [self.problem(shape, unit, formats) for shape in self.shapes]
        return [(problem, self._search(problem, unit)) for problem in problems]

    def _search(self, problem: StepGemm, unit: MatrixUnit[Any]) -> ColumnTiling:
        fixed = (self.choice.m, self.choice.n, self.choice.stages)
        key = ("cpu", unit.spec, problem, self.cache_bytes, fixed)
        memory = self.planning.memory
        if key not in memory:
            memory[key] = self._best(problem, unit)
        found: ColumnTiling = memory[key]
        return found

    def _best(self, p: StepGemm, unit: MatrixUnit[Any]) -> ColumnTiling:
        budget, choice = self.cpu.streamed_bytes, self.choice
        rows = min(p.m, choice.m) if choice.m else row_block(p, budget)
        least = self.cpu.machine.cores * unit.granularity.n
        sizes = column_sizes(p, budget, least)
        if choice.n:
            sizes = [min(p.count * p.n, choice.n)]
        found = [self._timed(p, unit, rows, columns) for columns in sizes]
        if not found:
            needed = 4 * weight_tile_bytes(p, min(p.count * p.n, least))
            raise NoMappingError(
                self.job.kernel.name,
                "llc",
                needed,
                budget,
                self.pattern,
                key="machine.llc.slice_bytes",
            )
        limit = CPU_TOLERANCE * min(tiling.estimated_cycles for tiling in found)
        good = [tiling for tiling in found if tiling.estimated_cycles <= limit]
        return max(good, key=lambda tiling: tiling.columns)

    def _timed(self, p: StepGemm, unit: MatrixUnit[Any], rows: int, columns: int) -> ColumnTiling:
        """A tiling with its time: the slowest of memory, cache and pipes, and the first fill."""
        budget = self.cpu.streamed_bytes
        whole = tile_bytes(p.count * p.n * p.k, p.weight_bits)
        blocks = -(-p.m // rows)
        keep = blocks == 1 or 2 * whole <= budget
        tile = ColumnTile(rows, columns, False, 0, weight_tile_bytes(p, columns))
        cost = tile_cost(p, unit, self.cpu, tile)
        cache = self._cache_cycles(cost)
        pipes = cost.interval + self._vector_cycles(p, cost)
        tiles = blocks * -(-(p.count * p.n) // columns)
        moved = 0 if p.weights_on_chip else whole * (1 if keep else blocks)
        memory = moved / float(self.cpu.bytes_per_cycle)
        fill = memory / tiles + cache + pipes
        fill += self.cpu.latency_cycles + 2 * self.cpu.cache_latency_cycles
        return ColumnTiling(
            rows,
            columns,
            keep,
            self.choice.stages or slots(p, columns, budget),
            math.ceil(max(memory, tiles * max(cache, pipes)) + fill),
        )

    def _cache_cycles(self, cost: TileCost) -> int:
        everywhere, one = self.cpu.cache_bytes_per_cycle
        return max(-(-cost.cache_bytes // everywhere), math.ceil(cost.busiest_bytes / one))

    def _vector_cycles(self, p: StepGemm, cost: TileCost) -> int:
        outputs = cost.share.rows * cost.share.columns
        epilogue = [VectorWork(f, math.ceil(outputs * part)) for f, part in p.epilogue]
        return vector_cycles(
            self.cpu.core.vector_unit, [*cost.before[0], *cost.after[0], *epilogue]
        )
