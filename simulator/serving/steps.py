"""What iterations take: simulated, or like ones that have been."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from simulator.experiment import Experiment
from simulator.mapping import Mapper
from simulator.report.build import ResultBuilder
from simulator.runner import simulate_phase
from simulator.serving.amount import Amount, amount_of, is_attention
from simulator.workload import batch
from simulator.workload.operators import Phase, Segment
from simulator.workload.serving.load import ServedModel
from simulator.workload.serving.scheduler import Iteration
from simulator.workload.serving.spec import AlikeSpec


@dataclass(frozen=True, slots=True)
class Work:
    """What attention has to do, by which iterations are compared.

    busiest: estimated cycles of the busiest channel of a memory that computes, else tokens
    of context. total: tokens of context. traffic: of them, those that are read over the
    memory's bus.
    """

    busiest: int
    total: int
    traffic: int


@dataclass(frozen=True, slots=True)
class Step:
    """What an iteration takes. simulated: or by its likeness to another."""

    amount: Amount
    simulated: bool


@dataclass(frozen=True, slots=True)
class _Reference:
    work: Work
    prompts: tuple[int, int]
    amount: Amount
    attention: Amount

    def scaled_to(self, work: Work) -> Amount:
        """The amount if attention takes as much more as it has more to do."""
        time = work.busiest / self.work.busiest - 1.0
        rest = work.total / self.work.total - 1.0
        traffic = work.traffic / self.work.traffic - 1.0 if self.work.traffic else 0.0
        return self.amount + self.attention.scaled(time, traffic, rest)


@dataclass
class StepTimer:
    """Simulates iterations of one experiment, each on an idle machine.

    alike: None to simulate each of them whole.
    errors: of cycles by likeness, over simulated ones, where both are known. layers_error:
        of the same for layers that stand for others, from the first iteration that only
        decodes; None before it, and if all layers are simulated.
    """

    experiment: Experiment
    served: ServedModel
    alike: AlikeSpec | None
    errors: list[float] = field(default_factory=list)
    layers_error: float | None = None

    def __post_init__(self) -> None:
        spec = self.experiment.spec
        self.mapper = Mapper(spec.machine, spec.mapping)
        self._exact: dict[tuple[batch.Sequence, ...], Amount] = {}
        self._references: dict[tuple[str, int, int], list[_Reference]] = {}
        self._spared = 0

    def step(self, iteration: Iteration, work: Work, cached: int) -> Step:
        """What an iteration takes; `cached` tokens are in the KV cache behind it.

        Raises CyclelabError as `run_experiment` does.
        """
        sequences = iteration.batch().sequences
        if sequences in self._exact:
            return Step(self._exact[sequences], True)
        guess = self._guess(iteration, work)
        if guess is not None:
            assert self.alike is not None
            self._spared += 1
            if self._spared % self.alike.check_every != 1:
                return Step(guess, False)
        amount = self._simulate(iteration, work, cached)
        self._exact[sequences] = amount
        if guess is not None:
            self.errors.append(guess.cycles / amount.cycles - 1.0)
        return Step(amount, True)

    def _guess(self, iteration: Iteration, work: Work) -> Amount | None:
        """By the last simulated iteration that is alike, if there is one."""
        if self.alike is None:
            return None
        for reference in reversed(self._references.get(_group(iteration), ())):
            pairs = list(zip(_prompts(iteration), reference.prompts, strict=True))
            if iteration.decodes:
                pairs.append((work.busiest, reference.work.busiest))
            if all(abs(one - other) <= self.alike.work * other for one, other in pairs):
                return reference.scaled_to(work) if iteration.decodes else reference.amount
        return None

    def _simulate(self, iteration: Iteration, work: Work, cached: int) -> Amount:
        phase = self.served.builder.phase("iteration", iteration.kind, iteration.batch(), cached)
        if self.alike is None:
            return self._run(phase, None)[0]
        amount, attention = self._run(phase, self.alike.layers)
        made = _Reference(work, _prompts(iteration), amount, attention)
        known = self._references.setdefault(_group(iteration), [])
        if iteration.kind == "decode":
            known.clear()
        known.append(made)
        if iteration.kind == "decode" and self.layers_error is None:
            if any(segment.repeat > self.alike.layers for segment in phase.segments):
                whole = self._run(phase, None)[0]
                self.layers_error = amount.cycles / whole.cycles - 1.0
            else:
                self.layers_error = 0.0
        return amount

    def _run(self, phase: Phase, layers: int | None) -> tuple[Amount, Amount]:
        """Amounts of a phase and of its attention; of equal layers `layers` are simulated."""
        times: dict[tuple[str, int], int] = {}
        if layers is not None:
            for segment in phase.segments:
                if segment.repeat > layers:
                    last = segment.first + layers - 1
                    times[segment.name, last] = segment.repeat - layers + 1
            phase = replace(
                phase,
                segments=_fewer(phase.segments, layers),
                parts=tuple(_fewer(part, layers) for part in phase.parts),
            )
        spec = self.experiment.spec
        builder = ResultBuilder(spec.machine, self.experiment.technology)
        run = simulate_phase(self.experiment, self.mapper, phase)
        builder.add(run)
        stages = [run.program.operators[each.operator].stage for each in run.execution.records]
        operators = list(zip(builder.operators, stages, strict=True))
        attention = [(op, stage) for op, stage in operators if is_attention(op)]
        count = self.served.stages
        return amount_of(operators, times, count), amount_of(attention, times, count)


def _group(iteration: Iteration) -> tuple[str, int, int]:
    """Iterations of which one may stand for another."""
    return iteration.kind, len(iteration.decodes), min(1, len(iteration.prompts))


def _prompts(iteration: Iteration) -> tuple[int, int]:
    """Tokens of the prompts, and pairs of them, which their attention goes with."""
    lengths = [request.known for request in iteration.prompts]
    return sum(lengths), sum(length * length for length in lengths)


def _fewer(segments: tuple[Segment, ...], layers: int) -> tuple[Segment, ...]:
    return tuple(replace(segment, repeat=min(segment.repeat, layers)) for segment in segments)
