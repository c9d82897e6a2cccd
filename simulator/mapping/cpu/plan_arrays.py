"""Plans a GEMM kernel on the arrays beside a CPU's last-level cache."""

from __future__ import annotations

import math
from fractions import Fraction

from pydantic import ValidationError

from simulator.config import CyclelabError
from simulator.hardware.sram_pim.lut_gemv import check_fit
from simulator.hardware.sram_pim.unit import SramPim
from simulator.hardware.vector_unit.work import VectorWork, vector_cycles
from simulator.mapping.cpu.arrays import ArrayModel, ArraySharing, StepCost
from simulator.mapping.cpu.lower_arrays import ArrayGemm
from simulator.mapping.cpu.resources import ARRAYS_NAME, CpuResources
from simulator.mapping.errors import SettingError
from simulator.mapping.formats import FormatChoice
from simulator.mapping.gemm_kernel import operand_formats
from simulator.mapping.in_step.plan_gemm import StepGemmPlanner
from simulator.mapping.in_step.problem import StepGemm
from simulator.mapping.planning import Elsewhere, KernelJob, Plan, Planning
from simulator.numerics import format_named

Shared = list[tuple[ArrayModel, ArraySharing]]


class ArrayGemmPlanner(StepGemmPlanner):
    """Plans one GEMM kernel, of a machine that has arrays."""

    def __init__(self, planning: Planning, job: KernelJob, cache_bytes: int) -> None:
        super().__init__(planning, job, cache_bytes)
        assert isinstance(self.resources, CpuResources)
        self.cpu: CpuResources = self.resources

    def unit(self) -> SramPim:
        """An array for the operands; raises CyclelabError if it takes no such formats."""
        assert self.cpu.machine.arrays is not None
        array = self.cpu.machine.arrays.array
        inputs, weights = operand_formats(self.op)
        for name in (inputs, weights):
            if format_named(name).kind != "int":
                raise CyclelabError(
                    f"{ARRAYS_NAME} multiplies integers, not {name}, which operator "
                    f"{self.op.name!r} has"
                )
        changes = {"input_format": inputs, "weight_format": weights, "basis_weights": None}
        try:
            found = SramPim(type(array).model_validate(array.model_dump() | changes))
        except ValidationError as error:
            what = error.errors()[0]
            reason = what.get("ctx", {}).get("error", what["msg"])
            raise CyclelabError(f"operator {self.op.name!r}: {reason}") from None
        return found

    def shared(self) -> tuple[int, Shared]:
        """Estimated cycles, and how each shape is shared out.

        Raises as `unit`, SettingError for tables that the user has chosen and that do not
        fit, and CyclelabError where none fits.
        """
        unit = self.unit()
        formats = FormatChoice(unit.spec.input_format, unit.spec.weight_format, 0)
        found: Shared = []
        total = 0
        for shape in self.shapes:
            problem = self.problem(shape, unit, formats)
            self._check_tables(unit, problem)
            key, memory = ("sram_pim", unit.spec, problem), self.planning.memory
            if key not in memory:
                memory[key] = min(
                    (
                        (self._estimated(model, sharing), model, sharing)
                        for model in self._models(problem, unit)
                        for sharing in model.sharings()
                    ),
                    key=lambda timed: timed[0],
                )
            cycles, model, sharing = memory[key]
            total += cycles
            found.append((model, sharing))
        return total, found

    def _check_tables(self, unit: SramPim, problem: StepGemm) -> None:
        """Raise if no table fits an array beside one row of inputs, or the chosen one does not."""
        assert self.cpu.machine.arrays is not None
        chosen = self.cpu.machine.arrays.array.basis_weights
        try:
            check_fit(unit.spec.array_layout, chosen or 1, 1, problem.group or problem.k)
        except CyclelabError as error:
            if chosen is None:
                raise
            path = ("machine", "arrays", "array", "basis_weights")
            raise SettingError(path, f"operator {self.op.name!r}: {error}") from None

    def _models(self, problem: StepGemm, unit: SramPim) -> list[ArrayModel]:
        """Sums of groups converted in arrays, where there are some for that, or by the cores."""
        machine, streamed = self.cpu.machine, self.cpu.streamed_bytes
        assert machine.arrays is not None
        ways = {False, bool(problem.group and machine.arrays.conversion_arrays_per_slice)}
        return [ArrayModel(machine, problem, unit, streamed, way) for way in sorted(ways)]

    def plan_of(self, cycles: int, shared: Shared) -> Plan:
        """The plan of these sharings, with what bounds it."""
        kernel = ArrayGemm(
            self.planning.builder,
            self.job.operator,
            shared,
            self.places([model.problem for model, _ in shared]),
            self.parameter_bytes,
        )
        model, sharing = shared[0]
        p = model.problem
        mapping: dict[str, object] = {
            "shape": f"{p.m}×{p.k} · {p.k}×{p.n}",
            "basis_weights": sharing.basis_weights,
            "layout": model.unit.spec.layout,
            "blocks_of_columns": sharing.blocks,
            "k_shares": sharing.k_ways,
            "arrays_at_once": sharing.at_once * sharing.k_ways,
            "steps": sum(count for _, count in sharing.steps()),
            "conversion": "arrays" if model.converts else "cores",
            **({"reuse_hits": round(model.reuse(sharing)[1], 3)} if model.spec.array.reuse else {}),
            "estimated_cycles": cycles,
        }
        bound = sum(self._array_cycles(model, sharing) for model, sharing in shared)
        reads, writes = self.job.facts.compulsory()
        macs = self.op.macs
        peak = max(self._peak(model), Fraction(macs, max(1, bound)))
        where = Elsewhere(self.cpu.cores[0].arrays, bound, peak, reads, writes)
        return Plan([kernel], ARRAYS_NAME, mapping, where)

    def _peak(self, model: ArrayModel) -> Fraction:
        """MACs of all arrays per cycle of the cores."""
        return model.arrays * Fraction(model.unit.macs_per_cycle) / model.cycles_per_array_cycle

    def _array_cycles(self, model: ArrayModel, sharing: ArraySharing) -> int:
        """Cycles of the cores in which the arrays compute."""
        busy = sum(
            count * (cost.build + cost.lookup - cost.saved)
            for blocks, count in sharing.steps()
            for cost in [model.step(sharing, blocks)]
        )
        return math.floor(busy * model.cycles_per_array_cycle)

    def _estimated(self, model: ArrayModel, sharing: ArraySharing) -> int:
        """Steps, each as long as the slowest of its stages, and one of each stage to fill.

        Without what reuse saves: tables are chosen before anybody knows the activations.
        """
        total, fill = 0.0, 0.0
        for blocks, count in sharing.steps():
            stages = self._stages(model, sharing, model.step(sharing, blocks), blocks)
            total += count * max(stages)
            fill = max(fill, sum(stages) - max(stages))
        return math.ceil(total + fill)

    def _stages(
        self, model: ArrayModel, sharing: ArraySharing, cost: StepCost, blocks: int
    ) -> tuple[float, ...]:
        """Core cycles of main memory, the way to the arrays, the arrays, the drain, the cores."""
        p, cpu, ratio = model.problem, self.cpu, float(model.cycles_per_array_cycle)
        everywhere, _ = cpu.cache_bytes_per_cycle
        weights = 0 if p.weights_on_chip else cost.weight_bytes
        outputs = p.m * min(blocks * sharing.outputs, p.count * p.n)
        busiest = -(-outputs // cpu.machine.cores)
        work = [VectorWork(f, busiest * times) for f, times in model.after_sums(sharing)]
        work += [VectorWork(f, math.ceil(busiest * part)) for f, part in p.epilogue]
        cores = vector_cycles(cpu.core.vector_unit, work) + cost.drained_bytes / everywhere
        feed = cost.busiest_bytes / model.spec.feed_bytes_per_cycle
        return (
            weights / float(cpu.bytes_per_cycle),
            max(cost.feed_bytes / everywhere, feed),
            (cost.busy + cost.saved) * ratio,
            cost.drain * ratio,
            cores + 2 * cpu.cache_latency_cycles,
        )
