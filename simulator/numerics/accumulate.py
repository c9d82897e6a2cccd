"""The reference GEMM: what "bit-exact" means for a given order of accumulation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError
from simulator.numerics.formats import WIDEST_OPERAND, NumberFormat, as_format, format_named

FLOAT_ACCUMULATORS = ("fp16", "fp32")
"""Floating-point accumulators whose products and sums numpy rounds once, correctly."""

_EXACT_FLOAT64 = 2.0**53
_INTEGER_BITS_TO_FP16 = 13
"""11 bits of an fp16 significand times 13 are the 24 of fp32, in which products form."""


class AccumulatorOverflowError(CyclelabError):
    """An integer sum left the accumulator's range; hardware would have wrapped."""


def check_formats(input_format: str, weight_format: str, accumulator_format: str) -> None:
    """Raise CyclelabError unless an accumulator can take products of this pair.

    Integers go into an integer accumulator that holds any one product. A pair with a
    float goes into a float accumulator at least as wide as each float, in which a
    product is rounded once: fp32, or fp16 for integers of up to 13 bits.
    """
    pair = (format_named(input_format), format_named(weight_format))
    accumulator = format_named(accumulator_format)
    named = f"{input_format} x {weight_format} accumulated in {accumulator_format}"
    floats = [operand for operand in pair if operand.kind == "float"]
    if bool(floats) != (accumulator.kind == "float"):
        raise CyclelabError(
            f"{named} mixes integers and floats; an int accumulator takes int x int, a float "
            "accumulator pairs with a float"
        )
    if not floats:
        bits = product_bits(*pair)
        if not accumulator.consecutive or not accumulator.signed or accumulator.bits < bits:
            raise CyclelabError(f"{named}: the accumulator needs at least {bits} signed bits")
        return
    if accumulator_format not in FLOAT_ACCUMULATORS:
        raise CyclelabError(
            f"{named}: a float accumulator is one of {', '.join(FLOAT_ACCUMULATORS)}"
        )
    widest = max(operand.bits for operand in floats)
    if accumulator.bits < widest:
        raise CyclelabError(f"{named}: the accumulator needs at least {widest} bits")
    integer = max((operand.bits for operand in pair if operand.kind == "int"), default=0)
    most = WIDEST_OPERAND if accumulator_format == "fp32" else _INTEGER_BITS_TO_FP16
    if integer > most:
        raise CyclelabError(f"{named}: products of integers of at most {most} bits round once")


def product_bits(left: NumberFormat, right: NumberFormat) -> int:
    """Bits of the narrowest signed integer that holds every product of two formats."""
    ends = [
        int(a * b) for a in (left.minimum, left.maximum) for b in (right.minimum, right.maximum)
    ]
    return 1 + max((-end - 1 if end < 0 else end).bit_length() for end in ends)


Multiply = Callable[[NDArray[Any], NDArray[Any], NumberFormat], NDArray[Any]]
"""What multiplies: widened operands (`Accumulator.operand`) and the accumulator's format, to
products in that format."""


def exact_product(
    inputs: NDArray[Any], weights: NDArray[Any], accumulator: NumberFormat
) -> NDArray[Any]:
    """Products of widened operands, rounded once to the accumulator's format."""
    products: NDArray[Any] = (inputs * weights).astype(_held_in(accumulator))
    return products


def _held_in(accumulator: NumberFormat) -> np.dtype[Any]:
    """Type that values of an accumulator are held in while they are computed with."""
    return np.dtype(np.int64) if accumulator.kind == "int" else accumulator.dtype


@dataclass(frozen=True)
class Accumulator:
    """Arithmetic of one multiply-accumulate datapath, element-wise on arrays.

    Integers work in int64 and every result is checked against the accumulator's
    range. Floats: a product is rounded once to the accumulator's format, so is each
    sum, both to nearest even (in fp32 most products of operands up to 16 bits are exact,
    underflow apart); fp16 sums formed in fp32 round once, as 24 >= 2 x 11 + 2.
    multiply: another multiplier than an exact one.
    """

    number_format: NumberFormat
    multiply: Multiply = exact_product

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type that values are held in while they are computed with."""
        return _held_in(self.number_format)

    def operand(self, values: NDArray[Any]) -> NDArray[Any]:
        """Stored operands widened, exactly, to what `product` multiplies."""
        return values.astype(np.int64 if self.number_format.kind == "int" else np.float32)

    def zeros(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """Cleared accumulators."""
        return np.zeros(shape, self.dtype)

    def product(self, inputs: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
        """Products of widened operands, in the accumulator's format."""
        with np.errstate(all="ignore"):
            return self.multiply(inputs, weights, self.number_format)

    def add(self, left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
        """Sums in the accumulator's format; AccumulatorOverflowError if an integer leaves it."""
        with np.errstate(all="ignore"):
            total: NDArray[Any] = left + right
        if self.number_format.kind == "int" and total.size:
            if self.number_format.bits == 64 and bool(np.any((left ^ total) & (right ^ total) < 0)):
                raise AccumulatorOverflowError("a partial sum does not fit an int64 accumulator")
            low, high = int(total.min()), int(total.max())
            if low < self.number_format.minimum or high > self.number_format.maximum:
                worst = high if high > self.number_format.maximum else low
                raise AccumulatorOverflowError(
                    f"a partial sum of {worst} does not fit an {self.number_format.name} "
                    "accumulator; use a wider accumulator_format"
                )
        return total

    def stored(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values in the accumulator's own storage type."""
        return values.astype(self.number_format.dtype)


def reference_gemm(
    inputs: NDArray[Any],
    weights: NDArray[Any],
    input_format: str,
    weight_format: str,
    accumulator_format: str,
    segment: int | None = None,
    group: int = 1,
    multiply: Multiply = exact_product,
) -> NDArray[Any]:
    """`inputs[m, k] · weights[k, n]` with every rounding in its place, shape (m, n).

    k is cut into segments of `segment` (None: one segment). Within a segment,
    products are added one after the other, k ascending, onto zero; segment sums
    are then added in order to a running total that starts as the first of them.
    Products and all sums are in `accumulator_format`, as the result is. Of integers,
    `group` products are summed exactly before they are added. multiply: what makes the
    products.

    Raises CyclelabError for formats that do not go together, shapes that do not
    match or values outside their format, AccumulatorOverflowError for integer
    overflow of any partial sum.
    """
    check_formats(input_format, weight_format, accumulator_format)
    accumulator = Accumulator(format_named(accumulator_format), multiply)
    left, right = operands_of(inputs, weights, input_format, weight_format, accumulator)
    depth = left.shape[1]
    length = depth if segment is None else segment
    if min(length, group) < 1:
        raise CyclelabError("a GEMM and its segments need at least one product per output")
    if group > 1 and accumulator.number_format.kind != "int":
        raise CyclelabError(f"groups of {group} products are summed exactly of integers only")
    exact = multiply is exact_product
    if exact and cannot_overflow(left, right, accumulator):
        return exact_gemm(left, right, accumulator)
    total = accumulator.zeros((left.shape[0], right.shape[1]))
    for start in range(0, depth, length):
        partial = np.zeros_like(total)
        end = min(start + length, depth)
        for k in range(start, end, group):
            stop = min(k + group, end)
            if exact and stop - k > 1:
                terms = left[:, k:stop] @ right[k:stop]
            else:
                products = (accumulator.product(left[:, i, None], right[i]) for i in range(k, stop))
                terms = reduce(np.add, products)
            partial = accumulator.add(partial, terms)
        total = accumulator.add(total, partial) if start else partial
    return accumulator.stored(total)


def operands_of(
    inputs: NDArray[Any],
    weights: NDArray[Any],
    input_format: str,
    weight_format: str,
    accumulator: Accumulator,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """`inputs[m, k]` and `weights[k, n]` in their formats, widened for the accumulator.

    Raises CyclelabError for shapes that do not multiply or values outside their format.
    """
    if inputs.ndim != 2 or weights.ndim != 2 or inputs.shape[1] != weights.shape[0]:
        raise CyclelabError(f"shapes {inputs.shape} and {weights.shape} do not multiply")
    return (
        accumulator.operand(as_format(inputs, input_format)),
        accumulator.operand(as_format(weights, weight_format)),
    )


def cannot_overflow(left: NDArray[Any], right: NDArray[Any], accumulator: Accumulator) -> bool:
    """Whether integer products of the largest magnitudes, all of one sign, would still fit."""
    if accumulator.number_format.kind == "float" or not left.size or not right.size:
        return False
    bound = int(np.abs(left).max()) * int(np.abs(right).max()) * left.shape[1]
    return bool(bound <= min(accumulator.number_format.maximum, _EXACT_FLOAT64))


def exact_gemm(left: NDArray[Any], right: NDArray[Any], accumulator: Accumulator) -> NDArray[Any]:
    """Matrices of integers that `cannot_overflow`, multiplied: no order of sums can differ.

    float64 BLAS is exact below 2^53.
    """
    return accumulator.stored(left.astype(np.float64) @ right.astype(np.float64))


def blocks_of(operands: NDArray[Any], depth: int) -> NDArray[Any]:
    """Operands [rows, k] in blocks of `depth`, [rows, blocks, depth], zeros behind the last."""
    rows, k = operands.shape
    padded = np.zeros((rows, -(-k // depth) * depth), dtype=operands.dtype)
    padded[:, :k] = operands
    return padded.reshape(rows, -1, depth)
