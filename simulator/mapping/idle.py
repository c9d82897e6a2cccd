"""Main units that have nothing to do, since no operator has operands that they multiply."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from simulator.mapping.resources import Resources

Operands = tuple[str, str]
"""Formats of activations and of weights."""


@dataclass(frozen=True, slots=True)
class IdleUnits:
    """Main units without work.

    takes: in words, what they multiply. operands: of the operators that there are.
    peak_ratio: of the fastest units that had work, over theirs.
    """

    unit: str
    takes: str
    operands: tuple[Operands, ...]
    peak_ratio: float


def idle_main_units(
    resources: Resources[Any], operands: Collection[Operands], worked: Collection[str]
) -> IdleUnits | None:
    """The main units, if they fit no operands and are faster than all that had work.

    operands: of all products with weights. worked: names of units that multiplied.
    """
    main, peaks = resources.main_unit, resources.peaks()
    others = [peak for name, peak in peaks.items() if name in worked]
    if main in worked or not others or max(others) >= peaks[main]:
        return None
    if any(resources.takes(main, *pair) for pair in operands):
        return None
    ratio = float(max(others) / peaks[main])
    return IdleUnits(main, resources.taken_words(main), tuple(sorted(operands)), ratio)
