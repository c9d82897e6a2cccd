"""A field of a spec that holds the name of a number format."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from simulator.config import CyclelabError
from simulator.numerics import FORMATS, format_named


def _known(name: str) -> str:
    try:
        return format_named(name).name
    except CyclelabError as error:
        raise ValueError(str(error)) from None


FormatName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [*FORMATS]})]
