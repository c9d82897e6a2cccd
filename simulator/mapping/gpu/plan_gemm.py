"""Plans a GEMM kernel on a GPU: unit, formats, and the thread block of each of its shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from simulator.config import CyclelabError
from simulator.hardware.matrix_unit import MatrixUnit
from simulator.mapping.errors import FixedChoiceError
from simulator.mapping.formats import FormatChoice
from simulator.mapping.gemm_kernel import (
    GemmKernelPlanner,
    dense_share,
    group_work,
    operand_formats,
)
from simulator.mapping.gpu.gemm_search import GridSearch, GridTiling
from simulator.mapping.gpu.lower_gemm import GridKernel, GridPlaces
from simulator.mapping.gpu.problem import GridProblem
from simulator.mapping.gpu.shortage import gemm_shortage
from simulator.mapping.planning import KernelJob, Plan, Planning
from simulator.mapping.regions import Place
from simulator.mapping.resources import GpuResources
from simulator.mapping.tiling import tile_bytes
from simulator.numerics import format_named
from simulator.workload.operators import GemmShape, MatMul, Tensor

MOST_BLOCKS = 1 << 21
"""Thread blocks of a grid, each of which is dealt out and cached on its own.

So many take seconds to simulate; GEMMs of language models have some thousand.
"""

Tiled = list[tuple[GridProblem, GridTiling]]


class GridPlanner(GemmKernelPlanner):
    """Plans one GEMM kernel; the fastest unit wins."""

    def __init__(self, planning: Planning, job: KernelJob, cache_bytes: int) -> None:
        super().__init__(planning, job)
        self.cache_bytes = cache_bytes
        self.resources = cast(GpuResources, planning.builder.resources)

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
            self.op.name, formats, (self.choice, self.pattern), self._tile, only
        )
        kernel = GridKernel(
            self.planning.builder,
            self.job.operator,
            index,
            [tiling.grid for _, tiling in tiled],
            self._places(tiled),
            self.cache_bytes,
            self.parameter_bytes,
        )
        return Plan([kernel], self.resources.unit_names[index], self._mapping(tiled))

    def _tile(self, unit: MatrixUnit[Any], formats: FormatChoice) -> Tiled:
        """Every shape with its best thread block on a unit."""
        problems = [self._problem(shape, unit, formats) for shape in self.shapes]
        return [(problem, self._search(problem, unit)) for problem in problems]

    def _problem(
        self, shape: GemmShape, unit: MatrixUnit[Any], formats: FormatChoice
    ) -> GridProblem:
        facts, resident = self.job.facts, self.job.facts.resident
        store_bits, result_bits = facts.output_bits(self.outputs)
        load_bits, extra_bits = facts.extra_bits(self.outputs)
        group = self.group_of(shape, formats.scaled or unit.scales_weights)
        return GridProblem(
            count=shape.count,
            m=shape.m,
            n=shape.n,
            k=shape.k,
            input_bits=self.inputs.bits_per_element * dense_share(self.op, self.shapes),
            weight_bits=self.weight.bits_per_element,
            inputs_on_chip=self.inputs.name in resident,
            weights_on_chip=self.weight.name in resident,
            accumulator_bits=format_named(unit.accumulator_format).bits,
            converted_bits=formats.converted_bits,
            extra_bits=extra_bits,
            extra_load_bits=load_bits,
            result_bits=result_bits,
            store_bits=store_bits,
            epilogue=tuple(self.epilogue),
            group=group,
            group_work=group_work(self.op) if group else (),
        )

    def _search(self, problem: GridProblem, unit: MatrixUnit[Any]) -> GridTiling:
        fixed = (self.choice.m, self.choice.n, self.choice.k, self.choice.stages)
        self._check_fixed(problem, unit)
        key = (unit.spec, problem, self.cache_bytes, fixed)
        memory = self.planning.memory
        search = GridSearch(problem, unit, self.resources, self.cache_bytes, fixed)
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

    def _check_fixed(self, problem: GridProblem, unit: MatrixUnit[Any]) -> None:
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

    def _places(self, tiled: Tiled) -> GridPlaces:
        facts = self.job.facts

        def place(tensors: Sequence[Tensor], least: float) -> Place | None:
            return self.planning.place(self.job, tensors, int(least))

        problems = [problem for problem, _ in tiled]
        return GridPlaces(
            inputs=place(
                [] if problems[0].inputs_on_chip else [self.inputs],
                sum(tile_bytes(p.count * p.m * p.k, p.input_bits) for p in problems),
            ),
            weights=place(
                [] if problems[0].weights_on_chip else [self.weight],
                sum(tile_bytes(p.count * p.k * p.n, p.weight_bits) for p in problems),
            ),
            extras=place(facts.loaded(), 0),
            outputs=place(facts.stored(), 0),
            parameters=place(self.parameters, 0),
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
