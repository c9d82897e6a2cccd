"""What an iteration takes, as amounts that add up over operators and layers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import add

from simulator.cost import ZERO, Estimate
from simulator.mapping.program import BETWEEN_STAGES
from simulator.report.result import MEMORY_UNITS, OperatorResult

ATTENTION_KINDS = frozenset(("attention", "scores", "context"))
SOFTMAX = "attention_softmax"


@dataclass(frozen=True, slots=True)
class Amount:
    """Time in cycles of the machine's clock, energy, bytes of main memory, and MACs.

    stage_cycles: of each stage of a pipeline, or all there is. between_cycles: of all sends
        from stage to stage. memory_macs: of the units in a memory that computes; macs: of all
        others.
    """

    stage_cycles: tuple[float, ...]
    between_cycles: float = 0.0
    energy_j: Estimate = ZERO
    memory_bytes: float = 0.0
    macs: float = 0.0
    memory_macs: float = 0.0

    @property
    def cycles(self) -> float:
        """Through all stages, none of which it has to wait for."""
        return sum(self.stage_cycles) + self.between_cycles

    def __add__(self, other: Amount) -> Amount:
        """Sum."""
        return Amount(
            tuple(map(add, self.stage_cycles, other.stage_cycles)),
            self.between_cycles + other.between_cycles,
            self.energy_j + other.energy_j,
            self.memory_bytes + other.memory_bytes,
            self.macs + other.macs,
            self.memory_macs + other.memory_macs,
        )

    def scaled(self, time: float, traffic: float, work: float) -> Amount:
        """Cycles times `time`, bytes times `traffic`, everything else times `work`."""
        return Amount(
            tuple(cycles * time for cycles in self.stage_cycles),
            self.between_cycles * time,
            self.energy_j.scaled(work),
            self.memory_bytes * traffic,
            self.macs * work,
            self.memory_macs * work,
        )


def amount_of(
    operators: Iterable[tuple[OperatorResult, int]], times: dict[tuple[str, int], int], stages: int
) -> Amount:
    """The sum over operators, each with its stage, -1 between stages.

    Those of a (block, instance) in `times` count so many times.
    """
    total = Amount((0.0,) * stages)
    for op, stage in operators:
        weight = times.get((op.block, op.instance), 1)
        in_memory = op.unit == MEMORY_UNITS
        cycles = float(op.exclusive_cycles)
        own = Amount(
            tuple(cycles * (each == stage) for each in range(stages)),
            cycles * (stage == BETWEEN_STAGES),
            op.energy_j,
            op.bytes.get("dram_read", 0) + op.bytes.get("dram_write", 0),
            0 if in_memory else op.macs,
            op.macs if in_memory else 0,
        )
        total += own.scaled(weight, weight, weight)
    return total


def is_attention(operator: OperatorResult) -> bool:
    """Whether an operator's time goes with the requests' contexts."""
    return operator.kind in ATTENTION_KINDS or operator.name.startswith(SOFTMAX)
