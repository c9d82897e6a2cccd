"""Number formats as specs hold and check them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from simulator.config import CyclelabError
from simulator.numerics import FORMATS, NumberFormat, format_named


def _known(name: str) -> str:
    try:
        return format_named(name).name
    except CyclelabError as error:
        raise ValueError(str(error)) from None


FormatName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [*FORMATS]})]
"""A field that holds the name of a number format."""


def check_binary(taker: str, *formats: NumberFormat) -> None:
    """Raise CyclelabError for codes that `taker` has no decoder for: integers not in binary."""
    for each in formats:
        if each.table:
            raise CyclelabError(
                f"{taker} does not take {each.name}; use multiplier 'flint' of a systolic_array"
            )
