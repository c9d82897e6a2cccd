"""Plans a GEMM kernel on the arrays beside a CPU's last-level cache."""

from __future__ import annotations

import math
from fractions import Fraction

from simulator.config import CyclelabError
from simulator.hardware.sram_pim.lut_gemv import check_fit
from simulator.hardware.sram_pim.unit import SramPim
from simulator.hardware.vector_unit.work import VectorWork, vector_cycles
from simulator.mapping.cpu.arrays import ArrayModel, ArraySharing, Step, StepCost
from simulator.mapping.cpu.lower_arrays import ArrayGemm
from simulator.mapping.cpu.resources import ARRAYS_NAME, CpuResources
from simulator.mapping.errors import NoMappingError, SettingError
from simulator.mapping.formats import FormatChoice
from simulator.mapping.gemm_kernel import operand_formats
from simulator.mapping.in_step.plan_gemm import StepGemmPlanner
from simulator.mapping.in_step.problem import StepGemm
from simulator.mapping.planning import Elsewhere, KernelJob, Plan, Planning
from simulator.numerics import format_named

STAGES = ("memory", "feed", "arrays", "drain", "cores")
"""Of a step, in order; that of a drain is called conversion where conversion arrays take longer."""
SHARING_TOLERANCE = 1.003
"""Sharings whose times are this close are equal: of them that with most blocks at once."""

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
        try:
            return SramPim(array.for_operands(inputs, weights, None))
        except CyclelabError as error:
            raise CyclelabError(f"operator {self.op.name!r}: {error}") from None

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
                memory[key] = self._best(problem, unit)
            cycles, model, sharing = memory[key]
            total += cycles
            found.append((model, sharing))
        return total, found

    def _best(self, problem: StepGemm, unit: SramPim) -> tuple[int, ArrayModel, ArraySharing]:
        """The fastest sharing; raises NoMappingError where the cache has no room for a block."""
        timed: list[tuple[int, ArrayModel, ArraySharing]] = []
        limit = math.inf
        for model in self._models(problem, unit):
            for sharing in model.sharings():
                if model.least_cycles(sharing) <= limit:
                    cycles = self._estimated(model, sharing)
                    limit = min(limit, SHARING_TOLERANCE * cycles)
                    timed.append((cycles, model, sharing))
        if timed:
            good = [found for found in timed if found[0] <= limit]
            return max(good, key=lambda found: (found[2].at_once, -found[0]))
        (model, *_) = self._models(problem, unit)
        needed = 2 * model.block_bytes(unit.granularity.n)
        free = self.cpu.streamed_bytes
        name, pattern = self.job.kernel.name, self.pattern if self.choice.unit else ""
        raise NoMappingError(name, "llc", needed, free, pattern, key="machine.llc.slice_bytes")

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
            "steps": sum(step.times for step in model.steps(sharing)),
            "conversion": "arrays" if model.converts else "cores",
            "slowest_stage": self._slowest_stage(model, sharing),
            **({"reuse_hits": round(model.reuse(sharing)[1], 3)} if model.spec.array.reuse else {}),
            "estimated_cycles": cycles,
        }
        reads, writes = self.job.facts.compulsory()
        # With reuse, arrays may be faster than the peak, which knows of none.
        busy = sum(self._array_cycles(model, sharing) for model, sharing in shared)
        peak = max(self._peak(model), Fraction(self.op.macs, max(1, busy)))
        bound = math.ceil(self.op.macs / peak)
        where = Elsewhere(self.cpu.cores[0].arrays, bound, peak, reads, writes)
        return Plan([kernel], ARRAYS_NAME, mapping, where)

    def _peak(self, model: ArrayModel) -> Fraction:
        """MACs of all arrays per cycle of the cores."""
        return model.arrays * Fraction(model.unit.macs_per_cycle) / model.cycles_per_array_cycle

    def _array_cycles(self, model: ArrayModel, sharing: ArraySharing) -> int:
        """Cycles of the cores in which the arrays compute."""
        busy = sum(
            step.times * (cost.build + cost.lookup - cost.saved)
            for step in model.steps(sharing)
            for cost in [model.step(sharing, step)]
        )
        return math.floor(busy * model.cycles_per_array_cycle)

    def _estimated(self, model: ArrayModel, sharing: ArraySharing) -> int:
        """Steps, each as long as the slowest of its stages, and one of each stage to fill.

        Without what reuse saves: tables are chosen before anybody knows the activations.
        """
        total, fill = 0.0, 0.0
        for step in model.steps(sharing):
            stages = self._stages(model, sharing, model.step(sharing, step), step)
            total += step.times * max(stages)
            fill = max(fill, sum(stages) - max(stages))
        return math.ceil(total + fill)

    def _slowest_stage(self, model: ArrayModel, sharing: ArraySharing) -> str:
        """Name of the stage that the steps are as long as."""
        step = model.steps(sharing)[0]
        cost = model.step(sharing, step)
        stages = self._stages(model, sharing, cost, step)
        name = STAGES[max(range(len(stages)), key=stages.__getitem__)]
        return "conversion" if name == "drain" and cost.converting == cost.drain else name

    def _stages(
        self, model: ArrayModel, sharing: ArraySharing, cost: StepCost, step: Step
    ) -> tuple[float, ...]:
        """Core cycles of main memory, the way to the arrays, the arrays, the drain, the cores."""
        p, cpu, ratio = model.problem, self.cpu, float(model.cycles_per_array_cycle)
        everywhere, _ = cpu.cache_bytes_per_cycle
        weights = 0 if p.weights_on_chip else cost.weight_bytes
        outputs = p.m * step.columns
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
