"""A GEMM kernel on cores in step: its problems, and where its tensors lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from simulator.hardware.matrix_unit import MatrixUnit
from simulator.mapping.formats import FormatChoice
from simulator.mapping.gemm_kernel import GemmKernelPlanner, dense_share, group_work
from simulator.mapping.gemm_part import GemmPlaces
from simulator.mapping.in_step.problem import StepGemm
from simulator.mapping.in_step.resources import StepResources
from simulator.mapping.planning import KernelJob, Planning
from simulator.mapping.regions import Place
from simulator.mapping.tiling import tile_bytes
from simulator.numerics import format_named
from simulator.workload.operators import GemmShape, Tensor


class StepGemmPlanner(GemmKernelPlanner):
    """What planning such a kernel shares. cache_bytes: of the shared cache, that are free."""

    def __init__(self, planning: Planning, job: KernelJob, cache_bytes: int) -> None:
        super().__init__(planning, job)
        self.cache_bytes = cache_bytes
        self.resources = cast("StepResources[Any]", planning.builder.resources)

    def problem(self, shape: GemmShape, unit: MatrixUnit[Any], formats: FormatChoice) -> StepGemm:
        """One of the kernel's shapes, for a unit that takes operands in these formats."""
        facts, resident = self.job.facts, self.job.facts.resident
        store_bits, result_bits = facts.output_bits(self.outputs)
        load_bits, extra_bits = facts.extra_bits(self.outputs)
        group = self.group_of(shape, formats.scaled or unit.scales_weights)
        return StepGemm(
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

    def places(self, problems: Sequence[StepGemm]) -> GemmPlaces:
        """Where the kernel's tensors lie, each of which is moved at least once."""
        facts = self.job.facts

        def place(tensors: Sequence[Tensor], least: float) -> Place | None:
            return self.planning.place(self.job, tensors, int(least))

        return GemmPlaces(
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
