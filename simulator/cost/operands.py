"""Number formats as arithmetic sees them: integer or float, and significand bits."""

from __future__ import annotations

import re
from dataclasses import dataclass

from simulator.config.errors import CyclelabError, nearest

FLOAT_SIGNIFICAND_BITS = {
    "fp8_e4m3": 4,
    "fp8_e5m2": 3,
    "fp16": 11,
    "bf16": 8,
    "fp32": 24,
    "fp64": 53,
}
"""Bits of the significand, the hidden one included: OFP8 1.0, IEEE 754-2019, bfloat16."""

MAX_INTEGER_BITS = 128
_INTEGER = re.compile(r"u?int([1-9]\d{0,2})")


@dataclass(frozen=True, slots=True)
class Operand:
    """bits: width of an integer, or of a float's significand."""

    is_float: bool
    bits: int


def operand(number_format: str) -> Operand:
    """Return the operand called `number_format` (`int4`, `uint8`, `bf16`, …).

    Raises CyclelabError with the nearest name for an unknown format.
    """
    significand = FLOAT_SIGNIFICAND_BITS.get(number_format)
    if significand is not None:
        return Operand(True, significand)
    integer = _INTEGER.fullmatch(number_format)
    if integer and int(integer[1]) <= MAX_INTEGER_BITS:
        return Operand(False, int(integer[1]))
    near = nearest(number_format, [*FLOAT_SIGNIFICAND_BITS, "int4", "int8", "int16", "int32"])
    raise CyclelabError(
        f"unknown number format {number_format!r}; known: int1 to int{MAX_INTEGER_BITS}, "
        + ", ".join(FLOAT_SIGNIFICAND_BITS)
        + (f"; did you mean {near!r}?" if near else "")
    )
