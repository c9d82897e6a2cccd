"""From a kernel to the parts that lower it: problems, tilings, operator facts."""

from __future__ import annotations

import math
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, cast

from simulator.config import CyclelabError
from simulator.hardware.matrix_unit import MatrixUnit
from simulator.hardware.vector_unit.work import VectorWork, function_named, vector_cycles
from simulator.mapping.attention import AttentionProblem, AttentionTiling, tile_attention
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.errors import NoMappingError
from simulator.mapping.facts import KernelFacts
from simulator.mapping.formats import FormatChoice, choose_formats
from simulator.mapping.kernels import Kernel
from simulator.mapping.lower_attention import AttentionLowering, AttentionPart
from simulator.mapping.lower_gemm import GemmLowering, GemmPart
from simulator.mapping.lower_vector import VectorLowering, VectorProblem, tile_vector
from simulator.mapping.lowering import Lowering
from simulator.mapping.program import OperatorInfo
from simulator.mapping.spec import MappingSpec, TileChoice
from simulator.mapping.tiling import Budget, GemmProblem, GemmSearch, GemmTiling, Order
from simulator.numerics import format_named
from simulator.workload.operators import (
    AttentionShape,
    Context,
    Gather,
    GemmShape,
    MatMul,
    Scores,
    Vector,
)


class KernelPlanner:
    """Plans one kernel after the other; remembers which fixed tilings were used."""

    def __init__(self, builder: ProgramBuilder, spec: MappingSpec) -> None:
        self.builder = builder
        self.resources = builder.resources
        self.spec = spec
        self.used_patterns: set[str] = set()

    def plan(
        self, kernel: Kernel, block: str, resident: set[str], live_bytes: int
    ) -> list[Lowering]:
        """Lowerings of a kernel's parts, not wired yet; adds its `OperatorInfo`.

        resident: names of tensors that stay on chip; live_bytes: what they hold.
        """
        operator = len(self.builder.operators)
        self.builder.operators.append(cast(OperatorInfo, None))
        facts = KernelFacts(kernel, resident)
        budget = self._budget(live_bytes)
        if kernel.kind in ("vector", "gather"):
            lowerings, unit, mapping = self._plan_vector(kernel, operator, facts, budget)
        elif kernel.kind == "attention":
            lowerings, unit, mapping = self._plan_attention(kernel, operator, facts, budget)
        else:
            lowerings, unit, mapping = self._plan_gemm(kernel, operator, facts, budget)
        if kernel.epilogue:
            mapping["fused"] = [op.name for op in kernel.epilogue]
        kept = sorted(t.name for t in kernel.outputs if t.name in resident)
        if kept:
            mapping["kept_on_chip"] = kept
        self.builder.operators[operator] = self._info(kernel, block, facts, unit, mapping)
        return lowerings

    def _budget(self, live_bytes: int) -> Budget:
        core = self.resources.core
        accumulator = core.accumulator
        return Budget(
            scratchpad_bytes=core.scratchpad.capacity_bytes - live_bytes,
            accumulator_bytes=accumulator.capacity_bytes if accumulator else None,
            buffers=core.scratchpad.buffers,
            accumulator_buffers=accumulator.buffers if accumulator else core.scratchpad.buffers,
            cores=len(self.resources.cores),
            bytes_per_cycle=float(self.resources.bytes_per_cycle),
            latency_cycles=self.resources.latency_cycles,
        )

    # -- GEMMs -----------------------------------------------------------------
    def _plan_gemm(
        self, kernel: Kernel, operator: int, facts: KernelFacts, budget: Budget
    ) -> tuple[list[Lowering], str, dict[str, object]]:
        op = kernel.operators[0]
        shapes = _gemm_shapes(kernel)
        outputs = sum(shape.count * shape.m * shape.n for shape in shapes)
        weight, inputs = op.inputs[0], op.inputs[1]
        formats = _operand_formats(op)
        choice, pattern = self._fixed(kernel.name)
        parameters = max(0, facts.weight_surplus(weight, shapes)) + facts.parameter_bytes
        epilogue = [("add", 1.0)] if isinstance(op, MatMul) and op.bias else []
        epilogue += [(v.function, v.elements / outputs) for v in kernel.epilogue]
        extra_loaded, extra_read = facts.extra_bits(outputs)
        store_bits, result_bits = facts.output_bits(outputs)
        best: tuple[int, int, FormatChoice, list[tuple[GemmProblem, GemmTiling]]] | None = None
        shortest: NoMappingError | None = None
        for index, unit in self._units(choice):
            accepted = choose_formats(unit, *formats)
            if accepted is None:
                continue
            tiled: list[tuple[GemmProblem, GemmTiling]] = []
            part_budget = replace(budget, scratchpad_bytes=budget.scratchpad_bytes - parameters)
            try:
                for shape in shapes:
                    converted = accepted.converted_bits * shape.k * shape.n * shape.count
                    work = [
                        VectorWork(f, math.ceil(shape.count * shape.m * shape.n * share))
                        for f, share in epilogue
                    ]
                    if converted:
                        work.append(VectorWork("dequantise", shape.k * shape.n * shape.count))
                    problem = GemmProblem(
                        count=shape.count,
                        m=shape.m,
                        n=shape.n,
                        k=shape.k,
                        input_bits=0 if inputs.name in facts.resident else inputs.bits_per_element,
                        weight_bits=0 if weight.name in facts.resident else weight.bits_per_element,
                        converted_weight_bits=accepted.converted_bits,
                        accumulator_bits=format_named(unit.accumulator_format).bits,
                        extra_bits=extra_loaded,
                        store_bits=store_bits,
                        staging_bits=store_bits if epilogue else 0,
                        vector_cycles=vector_cycles(self.resources.core.vector_unit, work),
                    )
                    tiled.append((problem, self._search(kernel.name, problem, unit, part_budget, choice)))
            except NoMappingError as error:
                shortest = error
                continue
            cycles = sum(tiling.estimated_cycles for _, tiling in tiled)
            if best is None or cycles < best[0]:
                best = (cycles, index, accepted, tiled)
        if best is None:
            raise shortest or CyclelabError(_no_unit(op.name, formats, self.resources.matrix_units))
        _, index, accepted, tiled = best
        lowerings: list[Lowering] = [
            GemmLowering(
                self.builder,
                GemmPart(
                    operator,
                    index,
                    problem,
                    tiling,
                   
                    result_bits,
                    extra_read,
                    epilogue,
                    weight.kind,
                    facts.store_kind(),
                    parameters if position == 0 else 0,
                ),
            )
            for position, (problem, tiling) in enumerate(tiled)
        ]
        return lowerings, self.resources.matrix_units[index].spec.kind, _gemm_mapping(tiled, pattern)

    def _units(self, choice: TileChoice | None) -> list[tuple[int, MatrixUnit[Any]]]:
        units = list(enumerate(self.resources.matrix_units))
        if choice is not None and choice.unit is not None:
            return [units[self.resources.unit_index(choice.unit)]]
        return units

    def _fixed(self, name: str) -> tuple[TileChoice | None, str]:
        """The user's tiling for an operator: the first pattern that matches."""
        for pattern, choice in self.spec.operators.items():
            if fnmatchcase(name, pattern):
                self.used_patterns.add(pattern)
                return choice, pattern
        return None, ""

    def _search(
        self,
        name: str,
        problem: GemmProblem,
        unit: MatrixUnit[Any],
        budget: Budget,
        choice: TileChoice | None,
    ) -> GemmTiling:
        fixed: tuple[int | None, int | None, int | None] = (None, None, None)
        orders: tuple[Order, ...] = ("mn", "nm")
        if choice is not None:
            if choice.m or choice.n or choice.k:
                fixed = (choice.m or problem.m, choice.n or problem.n, choice.k or problem.k)
            orders = (choice.order,) if choice.order else orders
        found = _search(problem, unit, budget, fixed, orders)
        if isinstance(found, GemmTiling):
            return found
        scratchpad, psums = found
        if budget.accumulator_bytes is not None and psums > budget.accumulator_bytes:
            raise NoMappingError(name, "accumulator", psums, budget.accumulator_bytes)
        raise NoMappingError(name, "scratchpad", scratchpad, budget.scratchpad_bytes)

    # -- attention ---------------------------------------------------------------
    def _plan_attention(
        self, kernel: Kernel, operator: int, facts: KernelFacts, budget: Budget
    ) -> tuple[list[Lowering], str, dict[str, object]]:
        scores, softmax, context = kernel.operators[:3]
        assert isinstance(scores, Scores) and isinstance(context, Context)
        keys, queries = scores.inputs[:2]
        values = context.inputs[0]
        outputs = sum(
            s.count * s.query_heads * s.query_tokens * s.head_dim for s in scores.shapes
        )
        store_bits, result_bits = facts.output_bits(outputs)
        function = function_named(self.resources.core.vector_unit, "softmax")
        slots = self.resources.core.vector_unit.lanes / function.cycles_per_element
        choice, _ = self._fixed(kernel.name)
        best: tuple[int, int, list[tuple[AttentionProblem, AttentionTiling]]] | None = None
        shortest: NoMappingError | None = None
        formats = (scores.input_format, scores.key_format)
        for index, unit in self._units(choice):
            accepted = choose_formats(unit, *formats)
            if accepted is None:
                continue
            tiled = []
            for shape in scores.shapes:
                problem = AttentionProblem(
                    shape=shape,
                    query_bits=0 if queries.name in facts.resident else queries.bits_per_element,
                    key_bits=0 if keys.name in facts.resident else keys.bits_per_element,
                    value_bits=0 if values.name in facts.resident else values.bits_per_element,
                    converted_bits=accepted.converted_bits,
                    probability_bits=softmax.outputs[0].bits_per_element,
                    accumulator_bits=format_named(unit.accumulator_format).bits,
                    store_bits=store_bits,
                    staging_bits=store_bits,
                )
                tiling, least = _blocks(problem, unit, budget, slots)
                if tiling is None:
                    shortest = _attention_error(kernel.name, least, budget)
                    break
                tiled.append((problem, tiling))
            else:
                cycles = sum(tiling.estimated_cycles for _, tiling in tiled)
                if best is None or cycles < best[0]:
                    best = (cycles, index, tiled)
        if best is None:
            raise shortest or CyclelabError(
                _no_unit(scores.name, formats, self.resources.matrix_units)
            )
        _, index, tiled = best
        tensor = "kv" if keys.kind == "kv" else "activation"
        epilogue = [(v.function, v.elements / outputs) for v in kernel.epilogue]
        lowerings: list[Lowering] = [
            AttentionLowering(
                self.builder,
                AttentionPart(
                    operator, index, problem, tiling, result_bits, epilogue, tensor
                ),
            )
            for problem, tiling in tiled
        ]
        return lowerings, self.resources.matrix_units[index].spec.kind, _attention_mapping(tiled)

    # -- vector work and gathers ---------------------------------------------------
    def _plan_vector(
        self, kernel: Kernel, operator: int, facts: KernelFacts, budget: Budget
    ) -> tuple[list[Lowering], str, dict[str, object]]:
        op = kernel.operators[0]
        if isinstance(op, Gather):
            rows = max(1, op.rows)
            work: tuple[tuple[str, float, bool], ...] = ()
        else:
            assert isinstance(op, Vector)
            rows = max(1, op.elements // op.row_elements)
            vectors = [op, *kernel.epilogue]
            work = tuple((v.function, v.elements / rows, v.row_elements > 1) for v in vectors)
        inputs = facts.activation_inputs() if work else facts.gather_inputs()
        problem = VectorProblem(
            rows=rows,
            work=work,
            load_bits=8 * sum(t.bytes for t in inputs if t.name not in facts.resident) / rows,
            store_bits=8 * sum(t.bytes for t in facts.stored()) / rows,
            read_bits=8 * sum(t.bytes for t in inputs) / rows,
            write_bits=8 * sum(t.bytes for t in kernel.outputs) / rows,
        )
        parameters = facts.parameter_bytes if work else 0
        free = budget.scratchpad_bytes - parameters
        tiling = tile_vector(kernel.name, problem, self.builder, free)
        lowering = VectorLowering(
            self.builder, operator, problem, tiling, parameters
        )
        unit = "dma" if isinstance(op, Gather) else "vector_unit"
        return [lowering], unit, {"rows_per_tile": tiling.rows}

    # -- facts for reports ---------------------------------------------------------
    def _info(
        self,
        kernel: Kernel,
        block: str,
        facts: KernelFacts,
        unit: str,
        mapping: dict[str, object],
    ) -> OperatorInfo:
        macs = sum(op.macs for op in kernel.operators)
        vectors = [op for op in kernel.operators if isinstance(op, Vector)]
        cores = self.resources.cores
        work = [VectorWork(v.function, v.elements) for v in vectors]
        vector_bound = vector_cycles(self.resources.core.vector_unit, work) / len(cores)
        vector_bound *= self.resources.vector_period_fs / self.resources.period_fs
        bound = math.ceil(vector_bound)
        primary = cores[0].vector if kernel.kind == "vector" else cores[0].load
        if macs:
            index = self.resources.unit_index(unit)
            chosen = self.resources.matrix_units[index]
            peak = chosen.macs_per_cycle * chosen.spec.count * len(cores)
            bound, primary = -(-macs // peak), cores[0].matrix[index]
        reads, writes = facts.compulsory()
        return OperatorInfo(
            name=kernel.name,
            kind=kernel.kind,
            block=block,
            unit=unit,
            primary=primary,
            macs=macs,
            vector_elements=sum(v.elements for v in vectors),
            read_bytes=reads,
            write_bytes=writes,
            compulsory_bytes=reads + writes,
            compute_bound_cycles=bound,
            memory_bound_cycles=self.resources.memory_cycles(reads + writes),
            mapping=mapping,
        )


@lru_cache(maxsize=4096)
def _search(
    problem: GemmProblem,
    unit: MatrixUnit[Any],
    budget: Budget,
    fixed: tuple[int | None, int | None, int | None],
    orders: tuple[Order, ...],
) -> GemmTiling | tuple[int, int]:
    search = GemmSearch(problem, unit, budget, fixed, orders)
    return search.best() or search.smallest()


@lru_cache(maxsize=4096)
def _blocks(
    problem: AttentionProblem, unit: MatrixUnit[Any], budget: Budget, slots: float
) -> tuple[AttentionTiling | None, tuple[int, int]]:
    return tile_attention(problem, unit, budget, slots)


def _attention_error(name: str, least: tuple[int, int], budget: Budget) -> NoMappingError:
    if budget.accumulator_bytes is not None and least[1] > budget.accumulator_bytes:
        return NoMappingError(name, "accumulator", least[1], budget.accumulator_bytes)
    return NoMappingError(name, "scratchpad", least[0], budget.scratchpad_bytes)


def _gemm_shapes(kernel: Kernel) -> tuple[GemmShape, ...]:
    op = kernel.operators[0]
    if isinstance(op, MatMul):
        return op.shapes
    assert isinstance(op, Scores | Context)
    return tuple(_as_gemm(shape, kernel.kind) for shape in op.shapes)


def _as_gemm(shape: AttentionShape, kind: str) -> GemmShape:
    """Spilled attention multiplies whole rectangles: the mask is applied afterwards."""
    rows = shape.query_heads * shape.query_tokens
    if kind == "scores":
        return GemmShape(shape.count, rows, shape.context_tokens, shape.head_dim)
    return GemmShape(shape.count, rows, shape.head_dim, shape.context_tokens)


def _operand_formats(op: object) -> tuple[str, str]:
    if isinstance(op, MatMul):
        return op.input_format, op.weight_format
    if isinstance(op, Scores):
        return op.input_format, op.key_format
    assert isinstance(op, Context)
    return op.input_format, op.value_format


def _no_unit(name: str, formats: tuple[str, str], units: tuple[MatrixUnit[Any], ...]) -> str:
    pairs = sorted({f"{a} x {b}" for unit in units for a, b in unit.format_pairs})
    return (
        f"no matrix unit of the machine multiplies {formats[0]} activations by {formats[1]} "
        f"weights, as operator {name!r} needs; supported: {', '.join(pairs)}"
    )


def _gemm_mapping(tiled: list[tuple[GemmProblem, GemmTiling]], pattern: str) -> dict[str, object]:
    _, tiling = tiled[0]
    mapping: dict[str, object] = {
        "tile": {"m": tiling.tile.m, "n": tiling.tile.n, "k": tiling.tile.k},
        "order": tiling.order,
        "scratchpad_bytes": tiling.scratchpad_bytes,
        "estimated_cycles": sum(t.estimated_cycles for _, t in tiled),
        "traffic_bytes": sum(t.traffic_bytes for _, t in tiled),
    }
    if tiling.ways > 1:
        mapping["cores_share"] = tiling.parallel
    if len(tiled) > 1:
        mapping["shapes"] = len(tiled)
    if pattern:
        mapping["fixed_by"] = pattern
    return mapping


def _attention_mapping(
    tiled: list[tuple[AttentionProblem, AttentionTiling]],
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
    }
