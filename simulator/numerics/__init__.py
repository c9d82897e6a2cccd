"""Number formats, quantisation, and the bit-exact reference GEMM."""

from simulator.numerics.accumulate import (
    Accumulator,
    AccumulatorOverflowError,
    check_formats,
    reference_gemm,
)
from simulator.numerics.formats import (
    FORMATS,
    NumberFormat,
    as_format,
    format_named,
    random_values,
)
from simulator.numerics.quantise import Quantised, dequantise, quantise

__all__ = [
    "FORMATS",
    "Accumulator",
    "AccumulatorOverflowError",
    "NumberFormat",
    "Quantised",
    "as_format",
    "check_formats",
    "dequantise",
    "format_named",
    "quantise",
    "random_values",
    "reference_gemm",
]
