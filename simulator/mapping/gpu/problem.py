"""How a GPU's GEMM is cut into thread blocks."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.mapping.in_step.problem import StepGemm
from simulator.workload.bits import Bits


@dataclass(frozen=True, slots=True)
class Block:
    """A thread block: m x n outputs, k at a time, by warps_m x warps_n warps.

    stages: slabs of k that shared memory holds at once. split: blocks that share k.
    """

    m: int
    n: int
    k: int
    warps_m: int
    warps_n: int
    stages: int
    split: int = 1

    @property
    def warps(self) -> int:
        """Warps of the block."""
        return self.warps_m * self.warps_n

    def slab_bits(self, problem: StepGemm) -> Bits:
        """Bits of one slab of both operands."""
        return self.k * (self.m * problem.input_bits + self.n * problem.weight_bits)
