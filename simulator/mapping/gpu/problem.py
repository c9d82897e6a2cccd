"""How a GPU's GEMM is cut into thread blocks."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.mapping.in_step.problem import StepGemm
from simulator.workload.bits import pair_bytes


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

    def slab_bytes(self, problem: StepGemm) -> int:
        """Bytes of one slab of both operands."""
        inputs, weights = self.k * self.m, self.k * self.n
        return pair_bytes(inputs, problem.input_bits, weights, problem.weight_bits)
