"""The reference GEMM of hardware that takes weights bit by bit, K at a time.

K activations and one bit of each of their weights give one of 2^K sums. Whether that
sum is looked up or added, the order of additions below defines what is bit-exact.

Half table (Mo et al., LUT Tensor Core, ISCA 2025, arXiv:2408.06003): bits
stand for -1 and 1, so that F[i] = -F[2^K - 1 - i] and half of the sums are enough.
Full table: bits stand for 0 and 1; the top bit of two's complement counts below zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError
from simulator.numerics.accumulate import (
    Accumulator,
    AccumulatorOverflowError,
    check_formats,
)
from simulator.numerics.formats import NumberFormat, as_format, format_named, rounded

Overflow = Literal["error", "saturate"]
MOST_BITS = 8
"""Bits of a weight, and activations per sum."""


@dataclass(frozen=True)
class LookupGemm:
    """Where a bit-serial GEMM rounds.

    depth: activations per sum, K. table_format: of the sums. bipolar weights have half
    tables, other integers full ones. table_overflow: what becomes of an integer sum
    that `table_format` does not hold. tabulated: all sums are formed, so that any may
    overflow; else only those that weights ask for are.
    """

    input_format: str
    weight_format: str
    table_format: str
    accumulator_format: str
    depth: int = 4
    table_overflow: Overflow = "error"
    tabulated: bool = True

    def __post_init__(self) -> None:
        weights, table = format_named(self.weight_format), format_named(self.table_format)
        inputs = format_named(self.input_format)
        if weights.kind != "int" or weights.bits > MOST_BITS:
            raise CyclelabError(
                f"weight_format: {weights.name} is no integer of at most {MOST_BITS} bits, which "
                "are taken one by one"
            )
        if self.weight_format.startswith("ternary"):
            raise CyclelabError("weight_format: ternary weights have no bits; use int2 or bipolar2")
        if weights.table:
            raise CyclelabError(f"weight_format: bits of {weights.name} have no place value")
        if not 1 <= self.depth <= MOST_BITS:
            raise CyclelabError(f"depth: found {self.depth}, expected 1 to {MOST_BITS}")
        uneven = table.kind == "int" and not table.consecutive
        if table.kind != inputs.kind or not table.signed or uneven:
            raise CyclelabError(
                f"table_format: sums of {inputs.name} are not held by {table.name}; expected a "
                f"signed {inputs.kind} format"
            )
        narrow = table.kind == "int" and table.maximum < inputs.maximum
        if narrow and self.table_overflow == "error":
            raise CyclelabError(
                f"table_format: {table.name} does not hold one activation of {inputs.name}; use "
                "a wider one, or let table_overflow saturate"
            )
        try:
            check_formats(self.table_format, "int2", self.accumulator_format)
        except CyclelabError as error:
            raise CyclelabError(f"accumulator_format: {error}") from None

    @property
    def symmetric(self) -> bool:
        """Whether weight bits stand for -1 and 1."""
        return format_named(self.weight_format).step == 2

    @property
    def planes(self) -> tuple[int, ...]:
        """What each bit of a weight counts, lowest first."""
        weights = format_named(self.weight_format)
        values = [1 << bit for bit in range(weights.bits)]
        if weights.signed and not self.symmetric:
            values[-1] = -values[-1]
        return tuple(values)


def lookup_gemm(inputs: NDArray[Any], weights: NDArray[Any], how: LookupGemm) -> NDArray[Any]:
    """`inputs[m, k] · weights[k, n]` bit by bit, in the accumulator's format, shape (m, n).

    k is cut into blocks of `depth`, the last filled up with activations of zero. Blocks
    ascending and bits of weights from the lowest up, a running sum that starts at zero
    takes F[bits] · 2^bit; each addition rounds once to the accumulator's format.

    Raises CyclelabError for values outside their formats, AccumulatorOverflowError if
    an integer leaves the accumulator, or the table where that is an error.
    """
    if inputs.ndim != 2 or weights.ndim != 2 or inputs.shape[1] != weights.shape[0]:
        raise CyclelabError(f"shapes {inputs.shape} and {weights.shape} do not multiply")
    accumulator = Accumulator(format_named(how.accumulator_format))
    table = Table(format_named(how.table_format), how.table_overflow)
    sums = all_sums(inputs, how, table)
    indices = plane_indices(weights, how)
    total = accumulator.zeros((inputs.shape[0], weights.shape[1]))
    fits = _cannot_overflow(sums, how, accumulator)
    for block in range(sums.shape[1]):
        for plane, value in enumerate(how.planes):
            taken = sums[:, block]
            if not how.tabulated:
                taken = table.stored(np.take(taken, indices[plane, block], axis=1))
            terms = scaled(taken, value, accumulator)
            found = np.take(terms, indices[plane, block], axis=1) if how.tabulated else terms
            if fits:
                total += found
            else:
                total = accumulator.add(total, found)
    return accumulator.stored(total)


def _cannot_overflow(sums: NDArray[Any], how: LookupGemm, accumulator: Accumulator) -> bool:
    """Whether even the largest integer sums, all of one sign, would fit."""
    if accumulator.number_format.kind == "float":
        return False
    largest = np.abs(sums.astype(np.int64)).max(axis=2, initial=0).sum(axis=1).max(initial=0)
    bound = int(largest) * sum(map(abs, how.planes))
    return bool(bound <= accumulator.number_format.maximum)


def scaled(found: NDArray[Any], value: int, accumulator: Accumulator) -> NDArray[Any]:
    """Sums of a plane times what its bit counts, as the accumulator adds them."""
    with np.errstate(all="ignore"):
        product: NDArray[Any] = accumulator.operand(found) * accumulator.dtype.type(value)
    return product.astype(accumulator.dtype)


def blocks_of(inputs: NDArray[Any], depth: int) -> NDArray[Any]:
    """Activations [m, k] in blocks of `depth`, [m, blocks, depth], zeros behind the last."""
    rows, k = inputs.shape
    padded = np.zeros((rows, -(-k // depth) * depth), dtype=inputs.dtype)
    padded[:, :k] = inputs
    return padded.reshape(rows, -1, depth)


def plane_indices(weights: NDArray[Any], how: LookupGemm) -> NDArray[np.uint8]:
    """Index of the sum that each weight bit asks for, [planes, blocks, n].

    Bit i of an index belongs to activation i of the block; `depth` is at most 8. Beyond
    k, bits are 0 and meet activations of zero.
    """
    number_format = format_named(how.weight_format)
    codes = as_format(weights, how.weight_format).astype(np.int32)
    if how.symmetric:
        codes = codes - int(number_format.minimum) >> 1
    k, columns = codes.shape
    blocks = -(-k // how.depth)
    found = np.zeros((number_format.bits, blocks, columns), dtype=np.uint8)
    for place in range(how.depth):
        own = codes[place :: how.depth]
        for bit in range(number_format.bits):
            found[bit, : len(own)] |= ((own >> bit & 1) << place).astype(np.uint8)
    return found


def all_sums(inputs: NDArray[Any], how: LookupGemm, table: Table | None = None) -> NDArray[Any]:
    """F[0 … 2^K - 1] for every row and block, [m, blocks, 2^K].

    In the table's format, or if they are not tabulated as wide as they come.
    """
    table = table or Table(format_named(how.table_format), how.table_overflow)
    wide = table.operand(blocks_of(as_format(inputs, how.input_format), how.depth))
    if how.symmetric:
        half = half_table(wide, table)
        sums = np.concatenate([-half[..., ::-1], half], axis=-1)
    else:
        sums = full_table(wide, table)
    return table.stored(sums) if how.tabulated else sums


def half_table(blocks: NDArray[Any], table: Table) -> NDArray[Any]:
    """Sums in which the last activation counts positive, by the bits of the others.

    Two activations are added or subtracted, and the outcome added to or subtracted from
    the sums of the rest: 2, 6, 12, 24 additions for K = 2, 3, 4, 5.
    """
    depth = blocks.shape[-1]
    if depth == 1:
        return blocks
    first, second = blocks[..., 0], blocks[..., 1]
    less, more = table.add(second, -first), table.add(second, first)
    if depth == 2:
        return np.stack([less, more], axis=-1)
    pair = np.stack([-more, -less, less, more], axis=-1)
    rest = half_table(blocks[..., 2:], table)
    sums = table.add(rest[..., :, None], pair[..., None, :])
    return sums.reshape(*blocks.shape[:-1], -1)


def additions(depth: int, symmetric: bool) -> int:
    """Adders that make a table of `depth` activations."""
    if not symmetric:
        return (1 << depth) - depth - 1
    if depth <= 2:
        return 2 * (depth == 2)
    return additions(depth - 2, True) + 2 + (1 << depth - 1)


def full_table(blocks: NDArray[Any], table: Table) -> NDArray[Any]:
    """Sums of the activations whose bit is set, added from the lowest up."""
    sums = np.zeros((*blocks.shape[:-1], 1), dtype=blocks.dtype)
    for place in range(blocks.shape[-1]):
        with_this = table.add(sums, blocks[..., place, None])
        sums = np.concatenate([sums, with_this], axis=-1)
    return sums


class Table:
    """Arithmetic of the sums: int64 within the format's range, or rounded floats."""

    def __init__(self, number_format: NumberFormat, overflow: Overflow) -> None:
        self.number_format = number_format
        self.overflow = overflow

    def operand(self, values: NDArray[Any]) -> NDArray[Any]:
        """Activations as the sums take them: int64, or float64 rounded to the format."""
        if self.number_format.kind == "int":
            widened: NDArray[Any] = values.astype(np.int64)
            return widened
        return self._rounded(values.astype(np.float64))

    def add(self, left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
        """Sums; integers grow freely here, and are fitted when they are stored."""
        with np.errstate(all="ignore"):
            total: NDArray[Any] = left + right
        return total if self.number_format.kind == "int" else self._rounded(total)

    def stored(self, sums: NDArray[Any]) -> NDArray[Any]:
        """Sums in the table's format."""
        low, high = self.number_format.minimum, self.number_format.maximum
        if self.number_format.kind == "int":
            worst = int(max(sums.max(initial=0), -sums.min(initial=0)))
            if self.overflow == "saturate":
                sums = np.clip(sums, -high, high)  # a stored half has to have its negative
            elif sums.max(initial=0) > high or sums.min(initial=0) < low:
                raise AccumulatorOverflowError(
                    f"a sum of activations of magnitude {worst} does not fit a table of "
                    f"{self.number_format.name}; use a wider table_format"
                )
        return sums.astype(self.number_format.dtype)

    def _rounded(self, values: NDArray[np.float64]) -> NDArray[Any]:
        """Sums of two values, as if rounded once: float64's 53 bits are over 2 x 24 + 2."""
        return rounded(values, self.number_format.name, saturate=False).astype(np.float64)
