"""The vocabulary that hardware and cost share: primitives, parts and actions.

A component says what it is made of as `Part`s and what it does as `Action`s;
both name `Primitive`s. The `cost` room knows the area of a primitive and the
energy of a verb applied to it. Nothing else passes between the two rooms, so a
new component needs no change in `cost` as long as it is made of known parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Primitive:
    """A building block whose area and energy a technology can state.

    kind: `multiplier`, `adder`, `flip_flop`, `mux2`, `xor2`, `and2`, `sram` or `dram`.
    formats: operand formats: two for a multiplier, one for an adder.
    bits: width of a flip-flop bank, mux or gate; access width of an sram.
    capacity_bytes: size of one sram bank.
    device: name of a dram technology, such as `hbm2`.
    """

    kind: str
    formats: tuple[str, ...] = ()
    bits: int = 0
    capacity_bytes: int = 0
    device: str = ""

    def describe(self) -> str:
        """In words: `int8 × int4 multiplier`, `32-bit flip-flops`."""
        kind = self.kind.replace("_", " ")
        if self.formats:
            return f"{' × '.join(self.formats)} {kind}"
        return f"{self.bits}-bit {kind}" if self.bits else kind


@dataclass(frozen=True, slots=True)
class Part:
    """`count` copies of a primitive inside the component at `path` (dotted)."""

    path: str
    primitive: Primitive
    count: int


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a component does: `operate`, `read` or `write` on a primitive.

    `read`/`write` of an sram move `primitive.bits` bits; of a dram, one byte;
    `write` of a flip_flop clocks a bank of `primitive.bits` bits.
    """

    path: str
    primitive: Primitive
    verb: str = "operate"


@dataclass(slots=True)
class ActionCounts:
    """A multiset of actions; adding and scaling are exact integer operations."""

    counts: dict[Action, int] = field(default_factory=dict)

    def add(self, action: Action, count: int) -> None:
        """Add `count` occurrences of `action`; zero leaves no trace."""
        if count:
            self.counts[action] = self.counts.get(action, 0) + count

    def merge(self, other: ActionCounts | Mapping[Action, int], times: int = 1) -> None:
        """Add all of `other`, `times` times."""
        items = other.counts if isinstance(other, ActionCounts) else other
        for action, count in items.items():
            self.add(action, count * times)

    @classmethod
    def total(cls, parts: Iterable[tuple[ActionCounts, int]]) -> ActionCounts:
        """Sum of `(counts, times)` pairs."""
        result = cls()
        for counts, times in parts:
            result.merge(counts, times)
        return result
