"""Plans a GEMM kernel: unit, formats and tiling of each of its shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from simulator.hardware.matrix_unit import MatrixUnit
from simulator.hardware.vector_unit.work import VectorWork, vector_cycles
from simulator.mapping.errors import FixedChoiceError
from simulator.mapping.formats import FormatChoice
from simulator.mapping.gemm_kernel import (
    GemmKernelPlanner,
    dense_share,
    group_work,
    operand_formats,
)
from simulator.mapping.gemm_part import GemmPart, GemmPlaces
from simulator.mapping.gemm_search import best_tiling
from simulator.mapping.lower_gemm import GemmLowering
from simulator.mapping.planning import KernelJob, Plan, Planning, does_not_fit
from simulator.mapping.regions import Place, pass_bytes
from simulator.mapping.tiling import Budget, GemmProblem, GemmTiling, Order
from simulator.numerics import format_named
from simulator.workload.operators import (
    GemmShape,
    MatMul,
    Tensor,
)

Tiled = list[tuple[GemmProblem, GemmTiling]]


class GemmPlanner(GemmKernelPlanner):
    """Plans one GEMM kernel; the fastest unit wins."""

    def __init__(self, planning: Planning, job: KernelJob, budget: Budget) -> None:
        super().__init__(planning, job)
        self.budget = budget
        self.group_work = group_work(self.op)

    def plan(self) -> Plan:
        """The kernel's plan; raises NoMappingError, or CyclelabError without a fitting unit."""
        if self.choice.stages:
            raise FixedChoiceError(
                self.pattern, "stages", "only thread blocks of a GPU have stages"
            )
        formats = operand_formats(self.op)
        only = self.op.unit if isinstance(self.op, MatMul) else None
        index, tiled = self.planning.fastest(
            self.op, formats, (self.choice, self.pattern), self._tile, only
        )
        return Plan(self._lowerings(index, tiled), index, _gemm_mapping(tiled, self.pattern))

    def _tile(self, unit: MatrixUnit[Any], formats: FormatChoice) -> Tiled:
        """Every shape with its best tiling on a unit."""
        budget = self.budget
        budget = replace(budget, scratchpad_bytes=budget.scratchpad_bytes - self.parameter_bytes)
        problems = [self._problem(shape, unit, formats) for shape in self.shapes]
        return [(problem, self._search(problem, unit, budget)) for problem in problems]

    def _problem(
        self, shape: GemmShape, unit: MatrixUnit[Any], formats: FormatChoice
    ) -> GemmProblem:
        facts = self.job.facts
        outputs = shape.count * shape.m * shape.n
        epilogue = [VectorWork(f, math.ceil(outputs * share)) for f, share in self.epilogue]
        conversion = []
        if formats.converted_bits:
            conversion = [VectorWork("dequantise", shape.count * shape.k * shape.n)]
        store_bits, _ = facts.output_bits(self.outputs)
        group = self.group_of(shape, formats.scaled or unit.scales_weights)
        groups = outputs * -(-shape.k // group) if group else 0
        return GemmProblem(
            count=shape.count,
            m=shape.m,
            n=shape.n,
            k=shape.k,
            input_bits=facts.loaded_bits(self.inputs) * dense_share(self.op, self.shapes),
            weight_bits=facts.loaded_bits(self.weight),
            converted_weight_bits=formats.converted_bits,
            accumulator_bits=format_named(unit.accumulator_format).bits,
            extra_bits=facts.extra_bits(self.outputs)[0],
            store_bits=store_bits,
            staging_bits=store_bits if self.epilogue or group else 0,
            vector_cycles=self._vector_cycles(epilogue),
            conversion_cycles=self._vector_cycles(conversion),
            group=group,
            group_cycles=self._vector_cycles([VectorWork(f, groups) for f in self.group_work]),
        )

    def _vector_cycles(self, work: list[VectorWork]) -> int:
        """Cycles of vector work in the core's clock."""
        resources = self.planning.builder.resources
        cycles = vector_cycles(resources.core.vector_unit, work)
        return math.ceil(cycles * resources.vector_period_fs / resources.period_fs)

    def _search(self, problem: GemmProblem, unit: MatrixUnit[Any], budget: Budget) -> GemmTiling:
        choice = self.choice
        fixed: tuple[int | None, int | None, int | None] = (None, None, None)
        if choice.m or choice.n or choice.k:
            fixed = (choice.m or problem.m, choice.n or problem.n, choice.k or problem.k)
        orders: tuple[Order, ...] = (choice.order,) if choice.order else ("mn", "nm")
        depth = unit.granularity.k if unit.preparation else 1
        if fixed[2] and fixed[2] < problem.k and fixed[2] % depth:
            raise FixedChoiceError(
                self.pattern,
                "k",
                f"{fixed[2]} is no multiple of the {depth} activations of a table",
            )
        if problem.group and fixed[2] and fixed[2] < problem.k and fixed[2] % problem.group:
            raise FixedChoiceError(
                self.pattern,
                "k",
                f"{fixed[2]} is no multiple of the {problem.group} weights that share a scale",
            )
        ports = self.planning.builder.ports
        found = best_tiling(problem, unit, budget, fixed, orders, ports)
        if isinstance(found, GemmTiling):
            return found
        raise does_not_fit(self.job.kernel.name, found, budget, self.pattern)

    def _places(self, tiled: Tiled) -> GemmPlaces:
        facts = self.job.facts
        cut = [(p, {d.name: d for d in tiling.dimensions(p)}) for p, tiling in tiled]

        def place(tensors: Sequence[Tensor], matrix: str, bits: str) -> Place | None:
            rows, columns = matrix[0], matrix[1]
            moved = sum(pass_bytes(p.count, d[rows], d[columns], getattr(p, bits)) for p, d in cut)
            return self.planning.place(self.job, tensors, moved)

        return GemmPlaces(
            inputs=place([self.inputs], "mk", "input_bits"),
            weights=place([self.weight], "kn", "weight_bits"),
            extras=place(facts.loaded(), "mn", "extra_bits"),
            outputs=place(facts.stored(), "mn", "store_bits"),
            parameters=self.planning.place(self.job, self.parameters),
        )

    def _lowerings(self, unit: int, tiled: Tiled) -> list[GemmLowering]:
        facts = self.job.facts
        places = self._places(tiled)
        return [
            GemmLowering(
                self.planning.builder,
                GemmPart(
                    operator=self.job.operator,
                    unit=unit,
                    problem=problem,
                    tiling=tiling,
                    places=places,
                    result_bits=facts.output_bits(self.outputs)[1],
                    extra_read_bits=facts.extra_bits(self.outputs)[1],
                    epilogue=self.epilogue,
                    weight_tensor=self.weight.kind,
                    parameter_bytes=self.parameter_bytes if position == 0 else 0,
                    group_work=self.group_work if problem.group else (),
                ),
            )
            for position, (problem, tiling) in enumerate(tiled)
        ]


def _gemm_mapping(tiled: list[tuple[GemmProblem, GemmTiling]], pattern: str) -> dict[str, object]:
    problem, tiling = tiled[0]
    schedule = tiling.schedule
    mapping: dict[str, object] = {
        "shape": f"{problem.m}×{problem.k} · {problem.k}×{problem.n}",
        "tile": {"m": tiling.tile.m, "n": tiling.tile.n, "k": tiling.tile.k},
        "order": schedule.order,
        "scratchpad_bytes": tiling.scratchpad_bytes,
        "estimated_cycles": sum(t.estimated_cycles for _, t in tiled),
        "traffic_bytes": sum(t.traffic_bytes for _, t in tiled),
    }
    kept = [name for name in ("inputs", "weights") if getattr(schedule, f"keep_{name}")]
    if kept:
        mapping["stay_until_last_use"] = kept
    if schedule.ways > 1:
        mapping["cores_share"] = schedule.parallel
    if len(tiled) > 1:
        mapping["shapes"] = len(tiled)
    if pattern:
        mapping["fixed_by"] = pattern
    return mapping
