"""Number formats, quantisation, and the bit-exact reference GEMMs."""

from simulator.numerics.accumulate import (
    Accumulator,
    AccumulatorOverflowError,
    Multiply,
    check_formats,
    exact_product,
    reference_gemm,
)
from simulator.numerics.formats import (
    FORMATS,
    NumberFormat,
    as_format,
    format_named,
    random_values,
    rounded,
)
from simulator.numerics.l_mul import (
    L_MUL_FORMATS,
    LMul,
    RelativeError,
    l_mul_error,
    l_mul_offset_bits,
)
from simulator.numerics.listing import format_rows
from simulator.numerics.lookup import LookupGemm, lookup_gemm
from simulator.numerics.mixed import MixedGemm, mixed_gemm
from simulator.numerics.pack import pack, unpack
from simulator.numerics.quantise import Quantised, dequantise, quantise
from simulator.numerics.scheme import (
    SCHEMES,
    Scheme,
    nearest_scheme,
    packed_bits,
    scheme_named,
)
from simulator.numerics.tree import tree_gemm

__all__ = [
    "FORMATS",
    "L_MUL_FORMATS",
    "SCHEMES",
    "Accumulator",
    "AccumulatorOverflowError",
    "LMul",
    "LookupGemm",
    "MixedGemm",
    "Multiply",
    "NumberFormat",
    "Quantised",
    "RelativeError",
    "Scheme",
    "as_format",
    "check_formats",
    "dequantise",
    "exact_product",
    "format_named",
    "format_rows",
    "l_mul_error",
    "l_mul_offset_bits",
    "lookup_gemm",
    "mixed_gemm",
    "nearest_scheme",
    "pack",
    "packed_bits",
    "quantise",
    "random_values",
    "reference_gemm",
    "rounded",
    "scheme_named",
    "tree_gemm",
    "unpack",
]
