"""Everything that is priced by its parts, by `kind`: matrix units, and lists of parts."""

from __future__ import annotations

from typing import Any

from simulator.config import Document, nearest, validate
from simulator.hardware.matrix_unit import MATRIX_UNITS, MatrixUnit
from simulator.hardware.parts_list import PARTS, PartsListSpec

UNIT_KINDS = (*MATRIX_UNITS, PARTS)

PricedUnit = MatrixUnit[Any] | PartsListSpec


def unit_from(document: Document) -> PricedUnit:
    """The unit that a document describes; raises ConfigError for a wrong one."""
    kind = document.data.get("kind")
    if kind == PARTS:
        return validate(PartsListSpec, document)
    if not isinstance(kind, str) or kind not in MATRIX_UNITS:
        hint = nearest(kind, UNIT_KINDS) if isinstance(kind, str) else None
        raise document.error(
            ("kind",), f"found {kind!r}, expected a unit: {', '.join(UNIT_KINDS)}", nearest=hint
        )
    unit: MatrixUnit[Any] = MATRIX_UNITS[kind](validate(MATRIX_UNITS[kind].spec_type, document))
    return unit


def unit_title(unit: PricedUnit) -> str:
    """What it is called in tables."""
    return unit.name if isinstance(unit, PartsListSpec) else unit.title
