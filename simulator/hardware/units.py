"""Everything that is priced by its parts, by `kind`: matrix units, and lists of parts."""

from __future__ import annotations

from typing import Any

from simulator.config import Document, nearest, validate
from simulator.config.plugins import PluginError
from simulator.hardware.matrix_unit import MATRIX_UNITS, MatrixUnit
from simulator.hardware.parts_list import PARTS, PartsListSpec

PricedUnit = MatrixUnit[Any] | PartsListSpec


def unit_kinds() -> tuple[str, ...]:
    """All kinds, those of other packages among them."""
    return (*MATRIX_UNITS, PARTS)


def unit_from(document: Document) -> PricedUnit:
    """The unit that a document describes; raises ConfigError for a wrong one."""
    kind = document.data.get("kind")
    if kind == PARTS:
        return validate(PartsListSpec, document)
    if not isinstance(kind, str) or kind not in MATRIX_UNITS:
        known = unit_kinds()
        hint = nearest(kind, known) if isinstance(kind, str) else None
        raise document.error(
            ("kind",), f"found {kind!r}, expected a unit: {', '.join(known)}", nearest=hint
        )
    try:
        unit = MATRIX_UNITS[kind]
    except PluginError as error:
        raise document.error(("kind",), str(error)) from None
    return unit(validate(unit.spec_type, document))


def unit_title(unit: PricedUnit) -> str:
    """What it is called in tables."""
    return unit.name if isinstance(unit, PartsListSpec) else unit.title
