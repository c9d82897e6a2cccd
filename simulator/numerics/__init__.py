"""Number formats, quantisation, and the bit-exact reference GEMMs."""

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
    rounded,
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
    "SCHEMES",
    "Accumulator",
    "AccumulatorOverflowError",
    "LookupGemm",
    "MixedGemm",
    "NumberFormat",
    "Quantised",
    "Scheme",
    "as_format",
    "check_formats",
    "dequantise",
    "format_named",
    "format_rows",
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
