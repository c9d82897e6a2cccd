"""Area of a machine from the parts it says it is made of."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.config import CyclelabError
from simulator.cost.estimate import ZERO, Estimate
from simulator.cost.logic import UM2_PER_MM2
from simulator.cost.technology import Technology
from simulator.hardware.primitives import Part


def area(parts: Iterable[Part], technology: Technology) -> dict[str, Estimate]:
    """Return mm² by path, in order of first appearance.

    Raises CyclelabError, with the part's path, for what the technology cannot price.
    """
    areas: dict[str, Estimate] = {}
    for part in parts:
        try:
            one = technology.primitive_area_um2(part.primitive)
        except CyclelabError as error:
            raise CyclelabError(f"area of {part.path}: {error}") from None
        own = one.scaled(part.count / UM2_PER_MM2)
        areas[part.path] = areas.get(part.path, ZERO) + own
    return areas
