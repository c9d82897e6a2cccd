"""Plans a GEMM kernel on a GPU: unit, formats, and the thread block of each of its shapes."""

from __future__ import annotations

from typing import Any, cast

from simulator.config import CyclelabError
from simulator.hardware.matrix_unit import MatrixUnit
from simulator.mapping.errors import FixedChoiceError
from simulator.mapping.formats import FormatChoice
from simulator.mapping.gemm_kernel import operand_formats
from simulator.mapping.gpu.gemm_search import GridSearch, GridTiling
from simulator.mapping.gpu.lower_gemm import GridKernel
from simulator.mapping.gpu.resources import GpuResources
from simulator.mapping.gpu.shortage import gemm_shortage
from simulator.mapping.in_step.plan_gemm import StepGemmPlanner
from simulator.mapping.in_step.problem import StepGemm
from simulator.mapping.planning import Plan
from simulator.workload.operators import MatMul

MOST_BLOCKS = 1 << 21
"""Thread blocks of a grid, each of which is dealt out and cached on its own.

So many take seconds to simulate; GEMMs of language models have some thousand.
"""

Tiled = list[tuple[StepGemm, GridTiling]]


class GridPlanner(StepGemmPlanner):
    """Plans one GEMM kernel; the fastest unit wins."""

    def plan(self) -> Plan:
        """The kernel's plan; raises NoMappingError, or CyclelabError without a fitting unit."""
        if self.choice.order:
            raise FixedChoiceError(
                self.pattern,
                "order",
                "thread blocks of a GPU have no loop order; m, n, k, stages and unit can be fixed",
            )
        only = self.op.unit if isinstance(self.op, MatMul) else None
        formats = operand_formats(self.op)
        index, tiled = self.planning.fastest(
            self.op, formats, (self.choice, self.pattern), self._tile, only
        )
        kernel = GridKernel(
            self.planning.builder,
            self.job.operator,
            index,
            [tiling.grid for _, tiling in tiled],
            self.places([problem for problem, _ in tiled]),
            self.cache_bytes,
            self.parameter_bytes,
        )
        return Plan([kernel], index, self._mapping(tiled))

    def _tile(self, unit: MatrixUnit[Any], formats: FormatChoice) -> Tiled:
        """Every shape with its best thread block on a unit."""
        problems = [self.problem(shape, unit, formats) for shape in self.shapes]
        return [(problem, self._search(problem, unit)) for problem in problems]

    def _search(self, problem: StepGemm, unit: MatrixUnit[Any]) -> GridTiling:
        fixed = (self.choice.m, self.choice.n, self.choice.k, self.choice.stages)
        self._check_fixed(problem, unit)
        key = (unit.spec, problem, self.cache_bytes, fixed)
        memory = self.planning.memory
        gpu = cast(GpuResources, self.resources)
        search = GridSearch(problem, unit, gpu, self.cache_bytes, fixed)
        if key not in memory:
            memory[key] = search.best()
        found: GridTiling | None = memory[key]
        if found is None:
            name, core = self.job.kernel.name, self.resources.machine.core
            raise gemm_shortage(name, search, core, self.pattern)
        self._check_blocks(found)
        return found

    def _check_blocks(self, tiling: GridTiling) -> None:
        """Raise CyclelabError for a grid of more blocks than are simulated."""
        grid, block = tiling.grid, tiling.grid.block
        if grid.blocks <= MOST_BLOCKS:
            return
        fixed = f", or fix larger blocks in mapping.operators.{self.pattern}"
        raise CyclelabError(
            f"operator {self.job.kernel.name!r} takes {grid.blocks:,} thread blocks of "
            f"{block.m}×{block.n} outputs, but at most {MOST_BLOCKS:,} of a kernel are simulated; "
            f"make the GEMM smaller{fixed if self.pattern else ''}"
        )

    def _check_fixed(self, problem: StepGemm, unit: MatrixUnit[Any]) -> None:
        """Raise CyclelabError for a fixed block that cuts a step of the unit, or a group."""
        grain, choice = unit.granularity, self.choice
        for name in ("m", "n", "k"):
            size, least = getattr(choice, name), getattr(grain, name)
            if size and size % least:
                raise FixedChoiceError(
                    self.pattern,
                    name,
                    f"{size} is no multiple of {least}, which {unit.title} takes at once",
                )
        if choice.k and problem.group and problem.group % choice.k:
            raise FixedChoiceError(
                self.pattern,
                "k",
                f"{choice.k} does not divide the {problem.group} weights that share a scale",
            )

    def _mapping(self, tiled: Tiled) -> dict[str, object]:
        problem, tiling = tiled[0]
        grid, block = tiling.grid, tiling.grid.block
        rows, columns = grid.shape
        mapping: dict[str, object] = {
            "shape": f"{problem.m}×{problem.k} · {problem.k}×{problem.n}",
            "block": {"m": block.m, "n": block.n, "k": block.k},
            "warps": f"{block.warps_m}×{block.warps_n}",
            "stages": block.stages,
            "blocks_per_sm": grid.per_sm,
            "grid": f"{rows}×{columns}",
            "waves": round(grid.blocks / grid.wave_blocks, 2),
            "estimated_cycles": sum(t.estimated_cycles for _, t in tiled),
            "traffic_bytes": sum(t.traffic_bytes for _, t in tiled),
        }
        if block.split > 1:
            mapping["k_split"] = block.split
        if len(tiled) > 1:
            mapping["shapes"] = len(tiled)
        if self.pattern:
            mapping["fixed_by"] = self.pattern
        return mapping
