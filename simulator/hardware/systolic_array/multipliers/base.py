"""What multiplies in a PE: what any kind of it has to say about itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from simulator.hardware.primitives import Primitive
from simulator.numerics import Multiply, NumberFormat, exact_product

MULTIPLIER = "pe.multiplier"
"""Under which products are counted, whatever makes them."""

Parts = Mapping[str, tuple[Primitive, int]]
"""By path: primitives, and how many of each."""


class Multiplier(ABC):
    """A kind of multiplier, for any pair of formats that it takes."""

    @abstractmethod
    def check(self, inputs: NumberFormat, weights: NumberFormat) -> None:
        """Raise CyclelabError if this kind does not multiply the two formats."""

    @abstractmethod
    def parts(self, inputs: NumberFormat, weights: NumberFormat) -> Parts:
        """What forms one product; each part acts once for it."""

    def widens(self, weights: NumberFormat) -> bool:
        """Whether arrays of this kind take narrower integers than weights of this format.

        They are widened where they enter, and multiplied like any other weight.
        """
        return False

    def register_bits(self, operand: NumberFormat) -> int:
        """Bits of a word in the array."""
        return operand.bits

    def decoder(self, operand: NumberFormat) -> Mapping[str, Primitive]:
        """What every word of an operand goes through where it enters the array, by name."""
        return {}

    def products(self, inputs: NumberFormat) -> Multiply:
        """The products it makes: exact ones, unless a kind says otherwise."""
        return exact_product

    def product_error(self, inputs: NumberFormat) -> float:
        """Largest relative error of a product of normal numbers; 0 if they are exact."""
        return 0.0


def adder(bits: int) -> Primitive:
    """An adder of integers."""
    return Primitive("adder", formats=(f"int{bits}",))
