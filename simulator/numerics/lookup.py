"""The reference GEMM of hardware that takes weights bit by bit, K at a time.

K activations and one bit of each of their weights give one of 2^K sums. Whether that
sum is looked up or added, the order of additions below defines what is bit-exact.

Half table (Mo et al., LUT Tensor Core, ISCA 2025, arXiv:2408.06003): bits
stand for -1 and 1, so that F[i] = -F[2^K - 1 - i] and half of the sums are enough.
Full table: bits stand for 0 and 1; the top bit of two's complement counts below zero.

Tables may be integers with a scale each: the sums of a step's bits are then integers,
which are scaled once and added to the running sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError
from simulator.numerics.accumulate import Accumulator, blocks_of, check_formats
from simulator.numerics.formats import WIDEST_OPERAND, as_format, format_named
from simulator.numerics.tables import (
    WIDE_SUMS,
    Overflow,
    Table,
    full_table,
    half_table,
    scaled_tables,
)

MOST_BITS = 8
"""Bits of a weight, and activations per sum."""
TABLE_SCALES = ("fp16", "bf16", "fp32")
"""Formats that a table's scale may have."""


@dataclass(frozen=True)
class LookupGemm:
    """Where a bit-serial GEMM rounds.

    depth: activations per sum, K. table_format: of the sums. bipolar weights have half
    tables, other integers full ones. table_overflow: what becomes of an integer sum
    that `table_format` does not hold. tabulated: all sums are formed, so that any may
    overflow; else only those that weights ask for are. table_scale: format of the scale
    that each table has; None: sums are in `table_format` as they are.
    """

    input_format: str
    weight_format: str
    table_format: str
    accumulator_format: str
    depth: int = 4
    table_overflow: Overflow = "error"
    tabulated: bool = True
    table_scale: str | None = None

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
        if self.table_scale is not None:
            self._check_scaled()
            return
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
        self._check_accumulator(self.table_format, "int2")

    def _check_scaled(self) -> None:
        table, scale = format_named(self.table_format), format_named(str(self.table_scale))
        if scale.name not in TABLE_SCALES:
            raise CyclelabError(
                f"table_scale_format: found {scale.name}, expected one of {', '.join(TABLE_SCALES)}"
            )
        if not table.consecutive or not table.signed or table.maximum < 1:
            raise CyclelabError(
                "table_format: tables with scales hold signed integers of two or more bits, "
                f"not {table.name}"
            )
        if self.step_bits > WIDEST_OPERAND:
            raise CyclelabError(
                f"table_format: codes of {table.name} and weights of {self.weight_format} sum to "
                f"{self.step_bits} bits, a scale multiplies at most {WIDEST_OPERAND}; use a "
                "narrower one"
            )
        if not self.tabulated:
            raise CyclelabError("table_scale_format: sums that are added have no tables to scale")
        if self.table_overflow != "error":
            raise CyclelabError("table_overflow: tables with scales hold every sum; leave it out")
        self._check_accumulator(scale.name, f"int{self.step_bits}")

    def _check_accumulator(self, left: str, right: str) -> None:
        try:
            check_formats(left, right, self.accumulator_format)
        except CyclelabError as error:
            raise CyclelabError(f"accumulator_format: {error}") from None

    @property
    def sum_format(self) -> str:
        """Format in which sums of activations are formed."""
        if self.table_scale is None:
            return self.table_format
        return WIDE_SUMS[format_named(self.input_format).kind]

    @property
    def step_bits(self) -> int:
        """Bits of Σ 2^w · q over the bits of a weight, q a table's code of L bits: L + W."""
        return format_named(self.table_format).bits + format_named(self.weight_format).bits

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
    With scaled tables, a block's Σ F[bits] · 2^bit is an exact integer; its product with
    the table's scale is rounded once to the accumulator's format, and so is each sum.

    Raises CyclelabError for values outside their formats, AccumulatorOverflowError if
    an integer leaves the accumulator, or the table where that is an error.
    """
    if inputs.ndim != 2 or weights.ndim != 2 or inputs.shape[1] != weights.shape[0]:
        raise CyclelabError(f"shapes {inputs.shape} and {weights.shape} do not multiply")
    accumulator = Accumulator(format_named(how.accumulator_format))
    table = Table(format_named(how.sum_format), how.table_overflow)
    sums = all_sums(inputs, how, table)
    indices = plane_indices(weights, how)
    if how.table_scale is not None:
        return _scaled_gemm(sums, indices, how, accumulator)
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


def _scaled_gemm(
    sums: NDArray[Any], indices: NDArray[np.uint8], how: LookupGemm, accumulator: Accumulator
) -> NDArray[Any]:
    """Blocks of k one after the other, each an integer times the scale of its table."""
    codes, scales = scaled_tables(sums, how.table_format, str(how.table_scale))
    total = accumulator.zeros((sums.shape[0], indices.shape[2]))
    for block in range(sums.shape[1]):
        step = np.zeros(total.shape, np.int64)
        for plane, value in enumerate(how.planes):
            step += value * np.take(codes[:, block], indices[plane, block], axis=1).astype(np.int64)
        total = accumulator.add(total, scaled_step(step, scales[:, block], accumulator))
    return accumulator.stored(total)


def scaled_step(
    step: NDArray[np.int64], scales: NDArray[Any], accumulator: Accumulator
) -> NDArray[Any]:
    """Integer sums of a step [m, n] times the scales of their tables [m], rounded once."""
    return accumulator.product(accumulator.operand(step), accumulator.operand(scales)[:, None])


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

    In the format that they are formed in, or if they are not tabulated as wide as they come.
    """
    table = table or Table(format_named(how.sum_format), how.table_overflow)
    wide = table.operand(blocks_of(as_format(inputs, how.input_format), how.depth))
    if how.symmetric:
        half = half_table(wide, table)
        sums = np.concatenate([-half[..., ::-1], half], axis=-1)
    else:
        sums = full_table(wide, table)
    return table.stored(sums) if how.tabulated else sums
