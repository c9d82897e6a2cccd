"""Bytes of a kernel: what it must load, may find on chip, and stores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from simulator.mapping.kernels import Kernel
from simulator.workload.bits import Bits, bits_each, stored_bytes
from simulator.workload.operators import GemmShape, Tensor


class KernelFacts:
    """Bytes of a kernel's tensors, given what stays on chip."""

    def __init__(self, kernel: Kernel, resident: set[str]) -> None:
        self.kernel = kernel
        self.resident = resident
        main = kernel.operators[0].inputs[:2] if kernel.kind not in ("vector", "gather") else ()
        names = {t.name for t in main}
        if kernel.kind == "attention":
            names.add(kernel.operators[2].inputs[0].name)
        self.rest = [t for t in kernel.inputs if t.name not in names]
        self.parameters = [t for t in self.rest if t.kind == "weight"]
        self.parameter_bytes = sum(t.bytes for t in self.parameters)

    def loaded_bits(self, tensor: Tensor) -> Bits:
        """Bits per element that have to come from main memory; 0 if it is on chip."""
        return 0 if tensor.name in self.resident else tensor.bits_per_element

    def activation_inputs(self) -> list[Tensor]:
        """Inputs besides weights and a GEMM's own operands."""
        return [t for t in self.rest if t.kind != "weight"]

    def gather_inputs(self) -> list[Tensor]:
        """What a gather reads: as many bytes as it writes, wherever they come from."""
        op = self.kernel.operators[0]
        source = op.inputs[0]
        return [replace(op.outputs[0], name=source.name, kind=source.kind)]

    def stored(self) -> list[Tensor]:
        """Outputs that go to main memory."""
        return [t for t in self.kernel.outputs if t.name not in self.resident]

    def loaded(self) -> list[Tensor]:
        """Inputs besides weights and a GEMM's own operands that come from main memory."""
        return [t for t in self.activation_inputs() if t.name not in self.resident]

    def output_bits(self, outputs: int) -> tuple[Bits, Bits]:
        """Bits stored, and bits made, per element that the matrix unit puts out."""
        return bits_over(self.stored(), outputs), bits_over(self.kernel.outputs, outputs)

    def extra_bits(self, outputs: int) -> tuple[Bits, Bits]:
        """Bits of further inputs per output element: loaded, and read on chip."""
        return bits_over(self.loaded(), outputs), bits_over(self.activation_inputs(), outputs)

    def weight_surplus(self, weight: Tensor, shapes: tuple[GemmShape, ...]) -> int:
        """Bytes of a weight tensor beyond its matrices (biases)."""
        if weight.kind != "weight":
            return 0
        elements = sum(shape.count * shape.k * shape.n for shape in shapes)
        return weight.bytes - stored_bytes(elements, weight.bits_per_element)

    def compulsory(self) -> tuple[int, int]:
        """Main-memory bytes read and written if each is moved once."""
        reads = sum(
            t.bytes for t in self.kernel.inputs if t.kind == "weight" or t.name not in self.resident
        )
        if self.kernel.kind == "gather":
            reads = sum(t.bytes for t in self.gather_inputs() if t.name not in self.resident)
        return reads, sum(t.bytes for t in self.stored())


def bits_over(tensors: Iterable[Tensor], elements: int) -> Bits:
    """Bits of all these tensors per each of so many elements."""
    return bits_each(8 * sum(tensor.bytes for tensor in tensors), elements)
