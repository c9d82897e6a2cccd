"""Number formats as specs hold and check them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from simulator.config import CyclelabError
from simulator.numerics import FORMATS, NumberFormat, format_named
from simulator.numerics.scheme import DENSE_TERNARY

BITS_PER_BYTE = 8


def _known(name: str) -> str:
    try:
        return format_named(name).name
    except CyclelabError as error:
        raise ValueError(str(error)) from None


FormatName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [*FORMATS]})]
"""A field that holds the name of a number format."""


def narrower_integers(name: str) -> tuple[str, ...]:
    """Integers of fewer bits, all of whose values an integer format has as well.

    bipolar: those of its own kind, which are bits of -1 and 1, too.
    """
    widest = format_named(name)
    if widest.kind != "int" or widest.table:
        return ()
    return tuple(each.name for each in FORMATS.values() if _is_narrower(each, widest))


def is_packed(weights: NumberFormat) -> bool:
    """Whether words share bytes, so that what takes them has to tell them apart in any case."""
    return weights.bits < BITS_PER_BYTE


def _is_narrower(each: NumberFormat, widest: NumberFormat) -> bool:
    if each.kind != "int" or each.table or each.name == DENSE_TERNARY:
        return False
    inside = widest.minimum <= each.minimum and each.maximum <= widest.maximum
    return inside and each.step == widest.step and each.bits < widest.bits


def check_binary(taker: str, *formats: NumberFormat) -> None:
    """Raise CyclelabError for codes that `taker` has no decoder for: integers not in binary."""
    for each in formats:
        if each.table:
            raise CyclelabError(
                f"{taker} does not take {each.name}; use multiplier 'flint' of a systolic_array"
            )
