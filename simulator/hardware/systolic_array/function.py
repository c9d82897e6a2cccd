"""The numbers a systolic array produces."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from simulator.hardware.dequantiser import dequantised
from simulator.hardware.systolic_array.datapath import arithmetic
from simulator.hardware.systolic_array.spec import SystolicArraySpec
from simulator.numerics import reference_gemm


def product(spec: SystolicArraySpec, inputs: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """`inputs[m, k] · weights[k, n]` as the array sums it, in the accumulator's format.

    Output stationary: one running sum over k in the PE. Otherwise a sum runs
    down the rows of a fold, and the folds' sums are added in order of k.
    Dequantised weights have a scale of 1 here, which their users fold in.
    Raises AccumulatorOverflowError rather than wrap.
    """
    weights = dequantised(weights, spec.weight_codes, spec.weight_format)
    segment = None if spec.dataflow == "output_stationary" else spec.rows
    formats = (spec.input_format, spec.weight_format, spec.accumulator_format)
    return reference_gemm(inputs, weights, *formats, segment, multiply=arithmetic(spec).multiply)
