"""Plans a fused attention kernel: unit, formats and blocks of each of its shapes."""

from __future__ import annotations

from typing import Any

from simulator.hardware.matrix_unit import MatrixUnit
from simulator.mapping.attention import AttentionProblem, AttentionTiling, tile_attention
from simulator.mapping.attention_kernel import AttentionKernelPlanner
from simulator.mapping.formats import FormatChoice
from simulator.mapping.lower_attention import AttentionLowering, AttentionPart, AttentionPlaces
from simulator.mapping.nest import Dimension
from simulator.mapping.planning import KernelJob, Plan, Planning, does_not_fit
from simulator.mapping.regions import pass_bytes
from simulator.mapping.tiling import Budget
from simulator.numerics import format_named
from simulator.workload.operators import AttentionShape

Tiled = list[tuple[AttentionProblem, AttentionTiling]]


class AttentionPlanner(AttentionKernelPlanner):
    """Plans one fused attention kernel; the fastest unit wins."""

    def __init__(self, planning: Planning, job: KernelJob, budget: Budget) -> None:
        super().__init__(planning, job)
        self.budget = budget

    def plan(self) -> Plan:
        """The kernel's plan; raises NoMappingError, or CyclelabError without a fitting unit."""
        index, tiled = self._fastest()
        return Plan(self._lowerings(index, tiled), index, _attention_mapping(tiled, self.pattern))

    def estimated_cycles(self) -> int:
        """Of the fastest unit; raises as `plan`."""
        return sum(tiling.estimated_cycles for _, tiling in self._fastest()[1])

    def _fastest(self) -> tuple[int, Tiled]:
        formats = (self.scores.input_format, self.scores.key_format)
        fixed = (self.choice, self.pattern)
        return self.planning.fastest(self.scores, formats, fixed, self._tile)

    def _tile(self, unit: MatrixUnit[Any], formats: FormatChoice) -> Tiled:
        """Every shape with its best blocks on a unit."""
        return [self._blocks(shape, unit, formats) for shape in self.scores.shapes]

    def _blocks(
        self, shape: AttentionShape, unit: MatrixUnit[Any], formats: FormatChoice
    ) -> tuple[AttentionProblem, AttentionTiling]:
        facts, budget, memory = self.job.facts, self.budget, self.planning.memory
        store_bits, _ = facts.output_bits(self.outputs)
        problem = AttentionProblem(
            shape=shape,
            query_bits=facts.loaded_bits(self.queries),
            key_bits=facts.loaded_bits(self.keys),
            value_bits=facts.loaded_bits(self.values),
            converted_bits=formats.converted_bits,
            probability_bits=self.probabilities.bits_per_element,
            accumulator_bits=format_named(unit.accumulator_format).bits,
            store_bits=store_bits,
            staging_bits=store_bits,
            epilogue=self.epilogue,
            softmax_function=self.softmax,
        )
        fixed = (self.choice.query_tokens, self.choice.keys)
        key = (unit.spec, problem, budget, fixed)
        if key not in memory:
            vector_unit = self.planning.builder.resources.core.vector_unit
            memory[key] = tile_attention(problem, unit, budget, vector_unit, fixed)
        tiling, least = memory[key]
        if tiling is None:
            raise does_not_fit(self.job.kernel.name, least, budget, self.pattern)
        return problem, tiling

    def _places(self, tiled: Tiled) -> AttentionPlaces:
        queries = keys = values = outputs = 0
        for problem, tiling in tiled:
            shape, wide = problem.shape, problem.shape.head_dim * tiling.heads
            groups = shape.count // tiling.heads
            columns = Dimension("depth", wide, wide)
            held = Dimension("keys", shape.context_tokens, tiling.keys)
            keys += pass_bytes(groups, held, columns, problem.key_bits)
            values += pass_bytes(groups, held, columns, problem.value_bits)
            rows = Dimension(
                "rows",
                shape.query_tokens * shape.query_heads,
                tiling.query_tokens * shape.query_heads,
            )
            queries += pass_bytes(groups, rows, columns, problem.query_bits)
            outputs += pass_bytes(groups, rows, columns, problem.store_bits)
        place, job = self.planning.place, self.job
        return AttentionPlaces(
            queries=place(job, [self.queries], queries),
            keys=place(job, [self.keys], keys),
            values=place(job, [self.values], values),
            outputs=place(job, job.facts.stored(), outputs),
        )

    def _lowerings(self, unit: int, tiled: Tiled) -> list[AttentionLowering]:
        _, result_bits = self.job.facts.output_bits(self.outputs)
        places = self._places(tiled)
        return [
            AttentionLowering(
                self.planning.builder,
                AttentionPart(self.job.operator, unit, problem, tiling, places, result_bits),
            )
            for problem, tiling in tiled
        ]


def _attention_mapping(
    tiled: list[tuple[AttentionProblem, AttentionTiling]], pattern: str
) -> dict[str, object]:
    _, tiling = tiled[0]
    return {
        "query_tokens": tiling.query_tokens,
        "keys": tiling.keys,
        "heads_side_by_side": tiling.heads,
        "keys_and_values_kept": tiling.keep,
        "scratchpad_bytes": tiling.scratchpad_bytes,
        "estimated_cycles": sum(t.estimated_cycles for _, t in tiled),
        "traffic_bytes": sum(t.traffic_bytes for _, t in tiled),
        **({"shapes": len(tiled)} if len(tiled) > 1 else {}),
        **({"fixed_by": pattern} if pattern else {}),
    }
