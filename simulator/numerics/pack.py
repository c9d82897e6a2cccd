"""Codes as the bits that memory holds: packed without gaps, little end first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError
from simulator.numerics.formats import NumberFormat, as_format, format_named
from simulator.numerics.scheme import DENSE_TERNARY, TRITS_PER_BYTE

Bytes = NDArray[np.uint8]
_POWERS_OF_THREE = 3 ** np.arange(TRITS_PER_BYTE)


def pack(values: NDArray[Any], format_name: str) -> Bytes:
    """The bytes of all values in row-major order, the last byte filled up with zeros.

    Element i takes bits i·b to (i+1)·b - 1, counted from the lowest bit of the first
    byte. Integers are two's complement; bipolar ones their unsigned code q, where the
    value is 2q - (2^b - 1); flint its first-one code; five values of ternary_base3 are a
    number of base 3, first digit lowest, of digits value + 1. Raises CyclelabError for
    values outside the format.
    """
    number_format = format_named(format_name)
    flat = as_format(values, format_name).ravel()
    if format_name == DENSE_TERNARY:
        digits = np.zeros(-(-flat.size // TRITS_PER_BYTE) * TRITS_PER_BYTE, dtype=np.int64)
        digits[: flat.size] = flat.astype(np.int64) + 1
        return (digits.reshape(-1, TRITS_PER_BYTE) @ _POWERS_OF_THREE).astype(np.uint8)
    codes = _to_codes(flat, number_format)
    bits = codes[:, None] >> np.arange(number_format.bits, dtype=np.uint64) & np.uint64(1)
    return np.packbits(bits.astype(np.uint8), bitorder="little")


def unpack(packed: Bytes, format_name: str, count: int) -> NDArray[Any]:
    """The first `count` values of what `pack` made; raises CyclelabError if there are fewer."""
    number_format = format_named(format_name)
    packed = np.asarray(packed)
    if packed.dtype != np.uint8 or packed.ndim != 1 or count < 0:
        raise CyclelabError(
            f"expected a row of bytes (uint8) and a count of at least 0, found {packed.dtype} of "
            f"shape {packed.shape} and {count}"
        )
    if format_name == DENSE_TERNARY:
        if packed.max(initial=0) >= 3**TRITS_PER_BYTE:
            raise CyclelabError(
                f"a byte of {packed.max()} holds no {TRITS_PER_BYTE} ternary values"
            )
        digits = packed.astype(np.int64)[:, None] // _POWERS_OF_THREE % 3
        flat = digits.ravel()[:count] - 1
    else:
        stream = np.unpackbits(packed, bitorder="little")
        whole = stream.size // number_format.bits
        bits = stream[: whole * number_format.bits].reshape(whole, number_format.bits)
        weights = np.uint64(1) << np.arange(number_format.bits, dtype=np.uint64)
        flat = _from_codes((bits.astype(np.uint64) @ weights)[:count], number_format)
    if flat.size < count:
        raise CyclelabError(
            f"{packed.size} bytes hold {flat.size} values of {format_name}, not {count}"
        )
    if number_format.kind == "int":
        as_format(flat, format_name)  # two bits have a code that is no ternary value
    return flat.astype(number_format.dtype)


def _to_codes(flat: NDArray[Any], number_format: NumberFormat) -> NDArray[np.uint64]:
    if number_format.kind == "float":
        unsigned = np.dtype(f"uint{8 * number_format.dtype.itemsize}")
        return flat.view(unsigned).astype(np.uint64)
    wide = flat.astype(np.int64)
    if number_format.table:
        stored, codes = np.unique(number_format.table, return_index=True)
        wide = codes[np.searchsorted(stored, wide)]
    elif number_format.step == 2:
        wide = (wide - int(number_format.minimum)) // 2
    return wide.astype(np.int64).view(np.uint64)


def _from_codes(codes: NDArray[np.uint64], number_format: NumberFormat) -> NDArray[Any]:
    if number_format.kind == "float":
        unsigned = np.dtype(f"uint{8 * number_format.dtype.itemsize}")
        return codes.astype(unsigned).view(number_format.dtype)
    wide = codes.view(np.int64)
    if number_format.table:
        return np.array(number_format.table)[wide]
    if number_format.step == 2:
        return 2 * wide + int(number_format.minimum)
    if not number_format.signed or number_format.bits == 64:
        return wide
    sign = np.int64(1) << np.int64(number_format.bits - 1)
    return (wide ^ sign) - sign
