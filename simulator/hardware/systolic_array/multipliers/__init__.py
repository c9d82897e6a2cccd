"""What multiplies in a PE, by kind. A new kind is a file here and a line below.

Other packages add theirs by entry points, a program or a notebook with `MULTIPLIERS.add`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from simulator.config import plugins
from simulator.config.plugins import PluginError, Registry
from simulator.hardware.systolic_array.multipliers.array import ArrayMultiplier
from simulator.hardware.systolic_array.multipliers.base import MULTIPLIER, Multiplier, Parts
from simulator.hardware.systolic_array.multipliers.flint import FlintMultiplier
from simulator.hardware.systolic_array.multipliers.l_mul import LMulMultiplier
from simulator.hardware.systolic_array.multipliers.shift_add import ShiftAdd

__all__ = ["MULTIPLIER", "MULTIPLIERS", "Multiplier", "MultiplierName", "Parts"]


def _check(_kind: str, multiplier: Any) -> None:
    if not isinstance(multiplier, Multiplier):
        raise ValueError(f"found {multiplier!r}, expected an instance of a class of Multiplier")


MULTIPLIERS: Registry[Multiplier] = Registry("multiplier", plugins.MULTIPLIERS, _check)
MULTIPLIERS.add("array", ArrayMultiplier())
MULTIPLIERS.add("shift_add", ShiftAdd())
MULTIPLIERS.add("l_mul", LMulMultiplier())
MULTIPLIERS.add("flint", FlintMultiplier())


def _known(name: str) -> str:
    if name not in MULTIPLIERS:
        raise ValueError(MULTIPLIERS.unknown(name))
    try:
        MULTIPLIERS[name]
    except PluginError as error:
        raise ValueError(str(error)) from None
    return name


MultiplierName = Annotated[
    str, AfterValidator(_known), Field(json_schema_extra={"enum": [*MULTIPLIERS.own]})
]
"""A field that holds the kind of a multiplier."""
