"""Tables of the sums of K activations: how they are formed, stored and scaled.

A half table has the sums in which the last activation counts positive, a full table
those of all subsets. Sums are formed in the table's format; or, where tables are
integers with a scale each, exactly (of integers) or in fp32, and then quantised.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.numerics.accumulate import AccumulatorOverflowError
from simulator.numerics.formats import NumberFormat, rounded
from simulator.numerics.quantise import quantise
from simulator.numerics.scheme import Scheme

Overflow = Literal["error", "saturate"]

WIDE_SUMS = {"int": "int64", "float": "fp32"}
"""Formats in which sums are formed before they get a scale, by the activations' kind."""


class ScaledTables(NamedTuple):
    """codes[..., entries] · scales[...] are sums; both in their own formats' types."""

    codes: NDArray[Any]
    scales: NDArray[Any]


def scaled_tables(sums: NDArray[Any], table_format: str, scale_format: str) -> ScaledTables:
    """Tables [..., entries] as integers with one scale each.

    The scale is max|F| / (largest code), rounded to its format (1 where nothing is left
    of it); a code is F / scale, half to even, cut off at the largest of either sign. So
    the codes of a half table are those of the whole one (Mo et al., arXiv:2408.06003,
    quantise tables to INT8 with a scale for 2^(K-1) entries; its rounding is assumed).

    Raises CyclelabError for sums that are not finite, or a scale that overflows.
    """
    found = quantise(sums, Scheme(table_format, scale=scale_format), axis=-1)
    return ScaledTables(found.codes, rounded(found.scale[..., 0], scale_format))


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
