"""Which GEMMs a network is for a design: linear layers, dequantisation, patch embedding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simulator.published.mixpe.spec import DesignSpec, LinearSpec, NetworkSpec


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution with a square window and square outputs; a GEMM is one with sides of 1.

    batch: images, or rows of a GEMM. bits: of inputs and weights.
    """

    batch: int
    channels: int
    filters: int
    bits: int
    window: int = 1
    side: int = 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.batch * self.side**2 * self.window**2 * self.channels * self.filters


def layers(name: str, network: NetworkSpec, design: DesignSpec, batch: int) -> dict[Layer, int]:
    """Layers of network `name` on `design`, and how many there are of each."""
    counts: dict[Layer, int] = {}
    for layer, count in _all(name, network, design, batch):
        counts[layer] = counts.get(layer, 0) + count
    return counts


def _all(
    name: str, network: NetworkSpec, design: DesignSpec, batch: int
) -> Iterator[tuple[Layer, int]]:
    patch = network.patch_embedding
    if patch is not None:
        yield (
            Layer(
                batch,
                patch.channels,
                patch.filters,
                design.other_bits,
                window=patch.window,
                side=patch.outputs,
            ),
            1,
        )
    over = design.dequantisation
    for linear in network.linears:
        for bits, blocks in _widths(name, network, design, linear):
            yield Layer(batch, linear.k, linear.n, bits), blocks
        scale = Layer(batch, linear.k // over.k_over, linear.n // over.n_over, design.other_bits)
        yield scale, network.blocks


def _widths(
    name: str, network: NetworkSpec, design: DesignSpec, linear: LinearSpec
) -> Iterator[tuple[int, int]]:
    """(bits, blocks) of a linear layer, without those of no block."""
    usual = network.blocks
    for exception in design.exceptions:
        if exception.network == name and exception.linear in (None, linear.name):
            usual -= exception.blocks
            yield exception.bits, exception.blocks
    if usual:
        yield design.bits, usual
