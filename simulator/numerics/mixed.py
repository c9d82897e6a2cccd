"""The reference mpGEMM: activations of one format by quantised weights of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError
from simulator.numerics.accumulate import Accumulator, reference_gemm
from simulator.numerics.formats import as_format, format_named, rounded
from simulator.numerics.quantise import Quantised, dequantise

Method = Literal["direct", "indirect"]
OUTPUT = "fp32"
"""Format of scales, scaled sums and results of the direct method."""


@dataclass(frozen=True)
class MixedGemm:
    """Where a mixed-precision GEMM rounds.

    input_format: of the activations. accumulator_format: of products and sums of codes
        (direct), or of dequantised weights (indirect).
    method: direct multiplies codes, and scales the sum of each group once; indirect
        makes weights of the activations' format first.
    segment: products summed one after the other before sums are (`reference_gemm`).
    """

    input_format: str
    accumulator_format: str
    method: Method = "direct"
    segment: int | None = None


def mixed_gemm(inputs: NDArray[Any], weights: Quantised, how: MixedGemm) -> NDArray[Any]:
    """`inputs[m, k] · weights[k, n]`, every rounding in its place, shape (m, n).

    direct: y = Σ_g s_g · (Σ_k x_k q_k - z_g Σ_k x_k), k of group g, groups ascending.
    Both sums are taken as in `reference_gemm`, in the accumulator's format; product
    with the zero point, difference, product with the scale and running sum are each
    rounded once to fp32, in which the result is (integers are exact up to the difference).
    indirect: (q - z) · s is rounded once to the activations' format, then
    `reference_gemm` multiplies.

    Raises CyclelabError if formats do not go together or groups do not lie along k.
    """
    if how.method not in get_args(Method):
        raise CyclelabError(f"method: found {how.method!r}, expected direct or indirect")
    if weights.codes.ndim != 2 or weights.axis != 0:
        raise CyclelabError("weights [k, n] have to be quantised along axis 0, the one summed over")
    if how.method == "indirect":
        wide = rounded(dequantise(weights), how.input_format)
        pair = (how.input_format, how.input_format)
        return reference_gemm(inputs, wide, *pair, how.accumulator_format, how.segment)
    return _direct(inputs, weights, how)


def _direct(inputs: NDArray[Any], weights: Quantised, how: MixedGemm) -> NDArray[Any]:
    scheme, depth = weights.scheme, weights.codes.shape[0]
    if inputs.ndim != 2 or inputs.shape[1] != depth:
        raise CyclelabError(f"shapes {inputs.shape} and {weights.codes.shape} do not multiply")
    stored = as_format(inputs, how.input_format)
    output = Accumulator(format_named(OUTPUT))
    formats = (how.input_format, scheme.element, how.accumulator_format)
    size = scheme.group_size or depth
    total = output.zeros((inputs.shape[0], weights.codes.shape[1]))
    for group, start in enumerate(range(0, depth, size)):
        part = stored[:, start : start + size]
        sums = reference_gemm(part, weights.codes[start : start + size], *formats, how.segment)
        if weights.zero_point is not None:
            zeros = weights.zero_point[min(group, len(weights.zero_point) - 1)]
            sums = _without_zeros(sums, part, zeros, how, output)
        scale = weights.scale[min(group, len(weights.scale) - 1)] * weights.tensor_scale
        scaled = output.product(_widened(sums), rounded(scale, OUTPUT))
        total = output.add(total, scaled) if start else scaled
    return output.stored(total)


def _without_zeros(
    sums: NDArray[Any],
    inputs: NDArray[Any],
    zeros: NDArray[np.int64],
    how: MixedGemm,
    output: Accumulator,
) -> NDArray[Any]:
    """Σ x q - z Σ x; the sum of activations is shared by all columns."""
    ones = np.ones((inputs.shape[1], 1), dtype=np.int8)
    shared = reference_gemm(
        inputs, ones, how.input_format, "int2", how.accumulator_format, how.segment
    )
    if format_named(how.accumulator_format).kind == "int":
        exact: NDArray[Any] = sums.astype(np.int64) - shared.astype(np.int64) * zeros
        return exact
    return output.add(_widened(sums), -output.product(_widened(shared), zeros.astype(np.float32)))


def _widened(values: NDArray[Any]) -> NDArray[Any]:
    """Sums as the output's arithmetic takes them: float32, an integer rounded once."""
    return values.astype(np.float32)
