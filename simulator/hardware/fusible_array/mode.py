"""How many products a unit forms in a mode, and which dimensions of a GEMM they lie along.

With f_i = max / input bits and f_w = max / weight bits, a unit forms f_i · f_w products
per cycle. Two published simulators differ in what these are:

- summed: all lie along k, one sum (hsharma35/bitfusion, `Accelerator.get_compute_cycles`);
- crossed: f_w lie along n; f_i along k with stationary weights and along m with
  stationary outputs (the simulators released with ANT, Guo et al., MICRO 2022,
  arXiv:2208.14286, and with MixPE, arXiv:2411.16158).
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.hardware.fusible_array.spec import FusibleArraySpec
from simulator.hardware.matrix_unit import Tile
from simulator.numerics import format_named


@dataclass(frozen=True, slots=True)
class Mode:
    """A unit of `side` x `side` bricks, and how many of them a product takes each way.

    input_bricks, weight_bricks: digits of an input and of a weight, powers of two.
    sums_inputs, sums_weights: whether products side by side along that axis are added.
    """

    side: int
    brick_bits: int
    input_bricks: int
    weight_bricks: int
    sums_inputs: bool
    sums_weights: bool

    @classmethod
    def of(cls, spec: FusibleArraySpec) -> Mode:
        """The mode that a spec's formats need."""
        summed = spec.products == "summed"
        return cls(
            side=spec.max_bits // spec.brick_bits,
            brick_bits=spec.brick_bits,
            input_bricks=_bricks(spec.input_format, spec.brick_bits),
            weight_bricks=_bricks(spec.weight_format, spec.brick_bits),
            sums_inputs=summed or spec.dataflow == "weight_stationary",
            sums_weights=summed,
        )

    @property
    def input_fan(self) -> int:
        """Inputs side by side, f_i."""
        return self.side // self.input_bricks

    @property
    def weight_fan(self) -> int:
        """Weights side by side, f_w."""
        return self.side // self.weight_bricks

    @property
    def fan(self) -> Tile:
        """Products of a unit along m, n and k."""
        m = 1 if self.sums_inputs else self.input_fan
        n = 1 if self.sums_weights else self.weight_fan
        return Tile(m=m, n=n, k=self.input_fan * self.weight_fan // (m * n))

    @property
    def sums(self) -> int:
        """Sums that a unit keeps."""
        return self.fan.m * self.fan.n

    @property
    def input_words(self) -> int:
        """Words of max bits that the inputs of a unit take in a cycle."""
        return self.weight_fan if self.sums_weights else 1

    @property
    def weight_words(self) -> int:
        """Words of max bits that the weights of a unit take."""
        return self.input_fan if self.sums_inputs else 1

    def in_units(self, tile: Tile) -> Tile:
        """A tile's sizes in units instead of products, the last ones filled up."""
        fan = self.fan
        return Tile(m=-(-tile.m // fan.m), n=-(-tile.n // fan.n), k=-(-tile.k // fan.k))


def _bricks(format_name: str, brick_bits: int) -> int:
    """Digits of a format, rounded up to a power of two."""
    digits = -(-format_named(format_name).bits // brick_bits)
    return 1 << (digits - 1).bit_length()
