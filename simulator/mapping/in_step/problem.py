"""A GEMM kernel on cores in step: what it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.workload.bits import Bits


@dataclass(frozen=True, slots=True)
class StepGemm:
    """`count` products `[m, k] · [k, n]`, each with operands of its own, in one kernel.

    input_bits, weight_bits: per element, as the cores read them.
    inputs_on_chip, weights_on_chip: whether they stay in the shared cache, so that main
        memory is not read. accumulator_bits: per sum.
    converted_bits: of a weight once the cores have made it what their units take, 0 if
        they take it as it is.
    extra_bits: per output, of further inputs of the epilogue; extra_load_bits: of
        those that come from main memory.
    result_bits: per output, of what is written; store_bits: of that, to main memory.
    epilogue: vector functions with their elements per output.
    group: k whose sums are scaled apart by `group_work`, 0 where all of k is one sum.
    """

    count: int
    m: int
    n: int
    k: int
    input_bits: Bits
    weight_bits: Bits
    inputs_on_chip: bool
    weights_on_chip: bool
    accumulator_bits: int
    converted_bits: int = 0
    extra_bits: Bits = 0
    extra_load_bits: Bits = 0
    result_bits: Bits = 0
    store_bits: Bits = 0
    epilogue: tuple[tuple[str, float], ...] = ()
    group: int = 0
    group_work: tuple[str, ...] = ()

    @property
    def fragment_bits(self) -> Bits:
        """Bits of a weight in the registers of a core."""
        return self.converted_bits or self.weight_bits

    @property
    def outputs(self) -> int:
        """Elements of all results."""
        return self.count * self.m * self.n
