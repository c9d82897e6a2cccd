"""Plans a fused attention kernel on cores in step: unit, formats, blocks of each shape."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, cast

from simulator.hardware.matrix_unit import MatrixUnit
from simulator.mapping.attention_kernel import AttentionKernelPlanner
from simulator.mapping.errors import NoMappingError
from simulator.mapping.formats import FormatChoice
from simulator.mapping.in_step.attention import (
    KEYS,
    ROWS,
    AttentionCosts,
    AttentionGrid,
    best_cut,
    cut,
    estimated_cycles,
)
from simulator.mapping.in_step.lower_attention import AttentionKernel
from simulator.mapping.in_step.resources import StepResources
from simulator.mapping.lower_attention import AttentionPlaces
from simulator.mapping.planning import KernelJob, Plan, Planning
from simulator.mapping.tiling import tile_bytes
from simulator.numerics import format_named
from simulator.workload.operators import AttentionShape


class _Timed:
    """A grid with its estimated time, as `Planning.fastest` compares them."""

    def __init__(self, estimated_cycles: int) -> None:
        self.estimated_cycles = estimated_cycles


Tiled = list[tuple[AttentionGrid, _Timed]]


class StepAttentionPlanner(AttentionKernelPlanner):
    """Plans one fused attention kernel; the fastest unit wins."""

    def __init__(self, planning: Planning, job: KernelJob, cache_bytes: int) -> None:
        super().__init__(planning, job)
        self.cache_bytes = cache_bytes
        self.resources = cast("StepResources[Any]", planning.builder.resources)

    @abstractmethod
    def costs(self, unit: MatrixUnit[Any]) -> AttentionCosts:
        """What a core takes for steps on a unit."""

    @abstractmethod
    def shortage(self, least: AttentionGrid) -> NoMappingError:
        """The error when `least`, with the smallest blocks that are tried, does not fit a core."""

    def plan(self) -> Plan:
        """The kernel's plan; raises NoMappingError, or CyclelabError without a fitting unit."""
        formats = (self.scores.input_format, self.scores.key_format)
        index, tiled = self.planning.fastest(
            self.scores, formats, (self.choice, self.pattern), self._tile
        )
        grids = [grid for grid, _ in tiled]
        kernel = AttentionKernel(
            self.planning.builder,
            self.job.operator,
            index,
            self.costs(self.resources.matrix_units[index]),
            grids,
            self._places(grids),
            self.cache_bytes,
        )
        return Plan([kernel], index, self._mapping(tiled))

    def _tile(self, unit: MatrixUnit[Any], formats: FormatChoice) -> Tiled:
        """Every shape with its best blocks on a unit."""
        return [self._grid(shape, unit, formats) for shape in self.scores.shapes]

    def _grid(
        self, shape: AttentionShape, unit: MatrixUnit[Any], formats: FormatChoice
    ) -> tuple[AttentionGrid, _Timed]:
        facts, resident, costs = self.job.facts, self.job.facts.resident, self.costs(unit)
        store_bits, result_bits = facts.output_bits(self.outputs)
        grid = AttentionGrid(
            shape=shape,
            query_bits=self.queries.bits_per_element,
            key_bits=self.keys.bits_per_element,
            value_bits=self.values.bits_per_element,
            queries_on_chip=self.queries.name in resident,
            cache_on_chip=self.keys.name in resident and self.values.name in resident,
            converted_bits=formats.converted_bits,
            probability_bits=self.probabilities.bits_per_element,
            accumulator_bits=format_named(unit.accumulator_format).bits,
            result_bits=result_bits,
            store_bits=store_bits,
            epilogue=self.epilogue,
            softmax_function=self.softmax,
        )
        fixed = self._fixed(shape)
        key, memory = (unit.spec, grid, self.cache_bytes, fixed), self.planning.memory
        if key not in memory:
            memory[key] = best_cut(grid, costs, self.cache_bytes, fixed)
        found: AttentionGrid | None = memory[key]
        if found is None:
            tokens = fixed[0] or max(1, min(shape.query_tokens, ROWS[0] // shape.query_heads))
            keys = fixed[1] or min(KEYS[0], shape.context_tokens)
            least = cut(grid, tokens, keys, self.resources.machine.cores)
            raise self.shortage(least)
        cycles = estimated_cycles(found, costs, self.cache_bytes)
        return found, _Timed(cycles)

    def _fixed(self, shape: AttentionShape) -> tuple[int | None, int | None]:
        """The user's query tokens and keys of a block, no more than there are."""
        tokens, keys = self.choice.query_tokens, self.choice.keys
        return (
            min(tokens, shape.query_tokens) if tokens else None,
            min(keys, shape.context_tokens) if keys else None,
        )

    def _places(self, grids: list[AttentionGrid]) -> AttentionPlaces:
        place, job = self.planning.place, self.job

        def held(bits: str) -> int:
            return sum(
                tile_bytes(s.count * s.context_tokens * s.head_dim, getattr(grid, bits))
                for grid in grids
                for s in [grid.shape]
            )

        first = grids[0]
        return AttentionPlaces(
            queries=place(job, [] if first.queries_on_chip else [self.queries]),
            keys=place(job, [] if first.cache_on_chip else [self.keys], held("key_bits")),
            values=place(job, [] if first.cache_on_chip else [self.values], held("value_bits")),
            outputs=place(job, job.facts.stored()),
        )

    def _mapping(self, tiled: Tiled) -> dict[str, object]:
        grid, _ = tiled[0]
        return {
            "query_tokens": grid.tokens,
            "keys": grid.keys,
            "blocks": grid.blocks,
            **({"key_shares": grid.split} if grid.split > 1 else {}),
            "steps_per_core": grid.rounds,
            "key_blocks_in_flight": grid.slots,
            "estimated_cycles": sum(timed.estimated_cycles for _, timed in tiled),
            **({"shapes": len(tiled)} if len(tiled) > 1 else {}),
            **({"fixed_by": self.pattern} if self.pattern else {}),
        }
