"""How weights lie in memory: format of the codes, and what a group of them shares."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from simulator.config import CyclelabError, nearest
from simulator.workload.bits import Bits, bits_each

if TYPE_CHECKING:
    from simulator.numerics import Scheme

WHOLE_BYTES = 40
"""Elements that fill bytes without a rest, whatever their format."""


@dataclass(frozen=True, slots=True)
class WeightStorage:
    """The storage of a matrix's weights.

    element: format of the codes. group: weights along k that share a scale, 0 where a
    column does. zero_points: whether they share a zero point (or a minimum) as well.
    group_bits: of both together. block: weights along k that cannot be divided, 1 where
    a row may have any number. name: of the scheme or type, if it has one.
    """

    element: str
    group: int = 0
    zero_points: bool = False
    group_bits: int = 0
    block: int = 1
    name: str = ""

    def bits(self, depth: int = 0) -> Bits:
        """Bits per weight, the share of its group's scale and zero point included.

        depth: weights along k, of which the last group may be a part; 0 for whole groups.
        """
        if not self.group:
            return format_bits(self.element)
        groups, weights = (-(-depth // self.group), depth) if depth else (1, self.group)
        return format_bits(self.element) + bits_each(groups * self.group_bits, weights)

    def check_depth(self, operator: str, depth: int) -> None:
        """Raise CyclelabError, naming the operator, if blocks do not fill its rows."""
        if depth % self.block:
            raise CyclelabError(
                f"operator {operator!r} has k = {depth}, which is no multiple of {self.block}, "
                f"the weights in a block of {self.name}{_smaller_blocks(self.block, depth)}"
            )

    def describe(self) -> str:
        """In words, for reports."""
        if self.name or not self.group:
            return self.name or self.element
        zeros = " with zero points" if self.zero_points else ""
        return f"{self.element} in groups of {self.group}{zeros}"


def _smaller_blocks(block: int, depth: int) -> str:
    from simulator.numerics import GGUF_TYPES

    fitting = [
        kind.name
        for kind in GGUF_TYPES.values()
        if kind.block_size < block and depth % kind.block_size == 0
    ]
    return f"; types whose blocks fit: {', '.join(fitting)}" if fitting else ""


def storage_named(name: str) -> WeightStorage:
    """The storage of a number format, a scheme or a GGUF type by name.

    Raises CyclelabError with the nearest name.
    """
    from simulator.numerics import GGUF_TYPES, SCHEMES

    if name in GGUF_TYPES:
        kind = GGUF_TYPES[name]
        return WeightStorage(
            kind.element, kind.group_size, kind.has_minimum, kind.group_bits, kind.block_size, name
        )
    if name in SCHEMES:
        return storage_of(SCHEMES[name], name)
    try:
        format_bits(name)
    except CyclelabError as error:
        known = {**dict.fromkeys(SCHEMES, "scheme"), **dict.fromkeys(GGUF_TYPES, "GGUF type")}
        near = nearest(name, known)
        hint = f"; schemes and GGUF types: {', '.join(known)}"
        hint += f"; did you mean the {known[near]} {near!r}?" if near else ""
        raise CyclelabError(f"{error}{hint}") from None
    return WeightStorage(name)


def storage_of(scheme: Scheme, name: str = "") -> WeightStorage:
    """The storage of weights that are quantised by a scheme."""
    grouped = scheme.group_size > 0
    return WeightStorage(
        scheme.element,
        scheme.group_size,
        zero_points=scheme.zero_point is not None,
        group_bits=scheme.group_bits if grouped else 0,
        name=name,
    )


@cache
def format_bits(name: str) -> Bits:
    """Bits of one element in memory; raises CyclelabError for an unknown format."""
    from simulator.numerics import packed_bits

    return bits_each(packed_bits(name, WHOLE_BYTES), WHOLE_BYTES)
