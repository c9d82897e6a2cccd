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
from simulator.numerics.gguf import GGUF_TYPES, GgufType, gguf_type
from simulator.numerics.gguf_blocks import (
    GgufBlocks,
    dequantise_gguf,
    pack_gguf,
    quantise_gguf,
    unpack_gguf,
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
    packed_bits,
    scheme_named,
)
from simulator.numerics.tree import tree_gemm

__all__ = [
    "FORMATS",
    "GGUF_TYPES",
    "L_MUL_FORMATS",
    "SCHEMES",
    "Accumulator",
    "AccumulatorOverflowError",
    "GgufBlocks",
    "GgufType",
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
    "dequantise_gguf",
    "exact_product",
    "format_named",
    "format_rows",
    "gguf_type",
    "l_mul_error",
    "l_mul_offset_bits",
    "lookup_gemm",
    "mixed_gemm",
    "pack",
    "pack_gguf",
    "packed_bits",
    "quantise",
    "quantise_gguf",
    "random_values",
    "reference_gemm",
    "rounded",
    "scheme_named",
    "tree_gemm",
    "unpack",
    "unpack_gguf",
]
