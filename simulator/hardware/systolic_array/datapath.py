"""What a PE makes of the two words it meets, apart from how words move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.systolic_array.multipliers import MULTIPLIERS
from simulator.hardware.systolic_array.spec import SystolicArraySpec
from simulator.numerics import Accumulator, format_named


def arithmetic(spec: SystolicArraySpec) -> Accumulator:
    """How numbers are multiplied and added."""
    multiply = MULTIPLIERS[spec.multiplier].products(format_named(spec.input_format))
    return Accumulator(format_named(spec.accumulator_format), multiply)


class Datapath(Protocol):
    """A PE's products; a word or a sum is a number, or has axes of its own behind the grid's."""

    @property
    def sums_shape(self) -> tuple[int, ...]:
        """Shape of the sums that a PE keeps; () for a number."""

    def products(self, left: NDArray[Any], top: NDArray[Any]) -> NDArray[Any]:
        """What words `left` and `top`, shape (rows, columns, *word), add to the PEs' sums.

        Shape (rows, columns, *sums_shape). PEs that idle have words of zeros.
        """


@dataclass(frozen=True, slots=True)
class MultiplyAdd:
    """One product of two numbers, in the accumulator's format."""

    accumulator: Accumulator

    @property
    def sums_shape(self) -> tuple[int, ...]:
        """One sum."""
        return ()

    def products(self, left: NDArray[Any], top: NDArray[Any]) -> NDArray[Any]:
        """What the accumulator's multiplier makes of them."""
        return self.accumulator.product(left, top)


def over(mask: NDArray[np.bool_], values: NDArray[Any]) -> NDArray[np.bool_]:
    """A mask over the grid as one over words on the grid, by further axes of length 1."""
    return mask.reshape(mask.shape + (1,) * (values.ndim - mask.ndim))
