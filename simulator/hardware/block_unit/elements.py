"""What such a unit is made of, and when each part acts.

One table serves both: a part's share per row, column or lane gives the structure, and
what makes it act gives the actions. Control (counters, valid bits) is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from simulator.hardware.block_unit.geometry import Geometry
from simulator.hardware.primitives import Action, Part, Primitive


class Trigger(Enum):
    """What makes a part act: operands of a step arriving, a cycle of the step, or its end."""

    ROW = "operands of a row of activations arrive"
    COLUMN = "operands of a column of weights arrive"
    COLUMN_CYCLE = "a column's weights are served for a cycle"
    LANE_CYCLE = "a lane works for a cycle"
    LANE_STEP = "a lane has worked for all cycles of a step"
    SCALE = "a column's scale arrives: not counted, as groups of weights are not the unit's"


@dataclass(frozen=True, slots=True)
class Element:
    """`share` copies of a primitive per row, column or lane; banks: sets of them."""

    primitive: Primitive
    trigger: Trigger
    share: int
    banks: int = 1

    @property
    def verb(self) -> str:
        """What it does: registers are written, all else operates."""
        return "write" if self.primitive.kind == "flip_flop" else "operate"


Elements = Mapping[str, Element]
"""By path; a share of 0 stands for nothing."""


def operands(path: str, trigger: Trigger, bits: int, share: int, banks: int) -> dict[str, Element]:
    """Registers of what the lanes of a row or a column share, and the choice of their bank."""
    return {
        f"{path}.register": Element(flip_flop(bits), trigger, share, banks),
        f"{path}.bank_select": Element(mux(bits), trigger, share * (banks - 1)),
    }


def structure(elements: Elements, geometry: Geometry) -> tuple[Part, ...]:
    """Parts of one unit."""
    copies = {
        Trigger.ROW: geometry.rows,
        Trigger.COLUMN: geometry.columns,
        Trigger.COLUMN_CYCLE: geometry.columns,
        Trigger.LANE_CYCLE: geometry.rows * geometry.columns,
        Trigger.LANE_STEP: geometry.rows * geometry.columns,
        Trigger.SCALE: geometry.columns,
    }
    return tuple(
        Part(path, each.primitive, copies[each.trigger] * each.share * each.banks)
        for path, each in elements.items()
        if each.share
    )


def actions(elements: Elements) -> dict[Trigger, list[tuple[Action, int]]]:
    """What happens on each trigger, and how often, for one row, column or lane."""
    found: dict[Trigger, list[tuple[Action, int]]] = {trigger: [] for trigger in Trigger}
    for path, each in elements.items():
        found[each.trigger].append((Action(path, each.primitive, each.verb), each.share))
    return found


def flip_flop(bits: int) -> Primitive:
    """A register of so many bits."""
    return Primitive("flip_flop", bits=bits)


def mux(bits: int) -> Primitive:
    """A choice of one of two words."""
    return Primitive("mux2", bits=bits)


def adder(format_name: str) -> Primitive:
    """An adder of two words of a format."""
    return Primitive("adder", formats=(format_name,))
