"""A GEMM that has been planned: what lowering needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from simulator.mapping.regions import Place
from simulator.mapping.tiling import GemmProblem, GemmTiling
from simulator.workload.bits import Bits


class GemmPlaces(NamedTuple):
    """Where a GEMM's tensors lie; None for what is never moved."""

    inputs: Place | None
    weights: Place | None
    extras: Place | None
    outputs: Place | None
    parameters: Place | None


@dataclass(slots=True)
class GemmPart:
    """One problem of a kernel, with everything needed to lower it.

    epilogue: vector functions with their elements per GEMM output element.
    result_bits, extra_read_bits: per GEMM output element, of the result written
        and the further inputs read on chip, wherever they live.
    weight_tensor: `weight`, `kv` or `activation`: only the first may be loaded
        before the kernel's producers are done.
    parameter_bytes: biases, gains, scales: loaded once, before anything else.
    group_work: vector functions on each group's sum of an output, where groups of k
        have scales of their own.
    """

    operator: int
    unit: int
    problem: GemmProblem
    tiling: GemmTiling
    places: GemmPlaces
    result_bits: Bits
    extra_read_bits: Bits = 0
    epilogue: list[tuple[str, float]] = field(default_factory=list)
    weight_tensor: Literal["weight", "kv", "activation"] = "weight"
    parameter_bytes: int = 0
    group_work: tuple[str, ...] = ()

    @property
    def drained_by_vector(self) -> bool:
        """Whether outputs go through the vector unit."""
        return bool(self.epilogue or self.group_work)
