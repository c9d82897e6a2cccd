"""Number formats as arithmetic sees them: integer or float, and significand bits."""

from __future__ import annotations

import re
from dataclasses import dataclass

from simulator.config.errors import CyclelabError, nearest
from simulator.numerics import FORMATS

FP64_SIGNIFICAND_BITS = 53
"""IEEE 754-2019; only costs know this format."""
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
    known = FORMATS.get(number_format)
    if known is not None:
        if known.kind == "float":
            return Operand(True, known.significand_bits)
        return Operand(False, known.integer_bits)
    if number_format == "fp64":
        return Operand(True, FP64_SIGNIFICAND_BITS)
    integer = _INTEGER.fullmatch(number_format)
    if integer and int(integer[1]) <= MAX_INTEGER_BITS:
        return Operand(False, int(integer[1]))
    near = nearest(number_format, FORMATS)
    floats = [name for name, each in FORMATS.items() if each.kind == "float"]
    raise CyclelabError(
        f"unknown number format {number_format!r}; known: int1 to int{MAX_INTEGER_BITS}, "
        + ", ".join(floats)
        + (f"; did you mean {near!r}?" if near else "")
    )
