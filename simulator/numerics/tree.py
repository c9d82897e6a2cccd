"""The reference GEMM of hardware that sums K products in a tree of adders.

An interpretation: how the tensor cores of GPUs align, truncate and order the sums of a
step is not published, so that the last bits of theirs may differ from these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError
from simulator.numerics.accumulate import (
    Accumulator,
    blocks_of,
    cannot_overflow,
    check_formats,
    exact_gemm,
    operands_of,
)
from simulator.numerics.formats import format_named

_PRODUCTS_AT_ONCE = 1 << 22
"""Held in memory while they are added; rows beyond come later."""


def tree_gemm(
    inputs: NDArray[Any],
    weights: NDArray[Any],
    input_format: str,
    weight_format: str,
    accumulator_format: str,
    depth: int,
) -> NDArray[Any]:
    """`inputs[m, k] · weights[k, n]`, `depth` of k at a time, shape (m, n).

    k is cut into steps of `depth`, the last filled up with zeros. Steps ascending, the
    products of a step are added in a tree (`add_neighbours` until one is left), and the
    outcome is added onto a running sum that starts at zero. Products and all sums are
    rounded once to `accumulator_format`, as the result is.

    Raises CyclelabError for formats that do not go together, shapes that do not match or
    values outside their format, AccumulatorOverflowError if any sum of integers leaves
    the accumulator.
    """
    check_formats(input_format, weight_format, accumulator_format)
    if depth < 1:
        raise CyclelabError(f"depth: found {depth}, expected at least one product per step")
    accumulator = Accumulator(format_named(accumulator_format))
    left, right = operands_of(inputs, weights, input_format, weight_format, accumulator)
    if cannot_overflow(left, right, accumulator):
        return exact_gemm(left, right, accumulator)
    activations, columns = blocks_of(left, depth), blocks_of(right.T, depth)
    rows = max(1, _PRODUCTS_AT_ONCE // max(1, right.shape[1] * depth))
    total = accumulator.zeros((left.shape[0], right.shape[1]))
    for start in range(0, left.shape[0], rows):
        for step in range(activations.shape[1]):
            part = activations[start : start + rows, step]
            terms = accumulator.product(part[:, None, :], columns[None, :, step])
            while terms.shape[-1] > 1:
                terms = add_neighbours(terms, accumulator)
            total[start : start + rows] = accumulator.add(
                total[start : start + rows], terms[..., 0]
            )
    return accumulator.stored(total)


def add_neighbours(terms: NDArray[Any], accumulator: Accumulator) -> NDArray[Any]:
    """One level of the tree: along the last axis, 0 and 1, 2 and 3 … are added.

    A last one without a neighbour goes on to the next level as it is.
    """
    pairs = terms.shape[-1] // 2
    sums = accumulator.add(terms[..., : 2 * pairs : 2], terms[..., 1 : 2 * pairs : 2])
    return np.concatenate([sums, terms[..., 2 * pairs :]], axis=-1)
