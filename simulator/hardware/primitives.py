"""The vocabulary that hardware and cost share: primitives, parts and actions.

A component says what it is made of as `Part`s and what it does as `Action`s;
both name `Primitive`s. The `cost` room knows the area of a primitive and the
energy of a verb applied to it. Nothing else passes between the two rooms, so a
new component needs no change in `cost` as long as it is made of known parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

FLIP_FLOPS = ("flip_flop", "flip_flop_enable")
"""Registers; those with an enable hold what they have without a gated clock."""

CELLS = (
    *FLIP_FLOPS,
    "mux2",
    "shifter",
    "full_adder",
    "half_adder",
    "nand2",
    "and2",
    "or2",
    "aoi22",
    "xor2",
)
"""Logic that is counted in bits. A `shifter` is one stage of a barrel shifter; a row of
`full_adder` is a 3:2 compressor or an adder whose carries ripple; an adder of constants
is a row of `half_adder`; Booth's encoders are `nand2`, its selectors `aoi22` and `xor2`."""


@dataclass(frozen=True, slots=True)
class Primitive:
    """A building block whose area and energy a technology can state.

    kind: `multiplier`, `adder`, one of `CELLS`, `register_file`, `sram`, `compute_sram`,
        `dram`, `wire` or `link`.
    formats: operand formats: two for a multiplier, one for an adder.
    bits: width of a bank of cells, or of a wire; access width of a register file or sram;
        columns of a compute_sram, an sram array with logic and latches in every column.
    capacity_bytes: size of one sram bank or array, or register file.
    device: name of a dram technology, such as `hbm2`, or of a link.
    ports: of an sram bank, each of which reads or writes.
    length_um: of a wire.
    """

    kind: str
    formats: tuple[str, ...] = ()
    bits: int = 0
    capacity_bytes: int = 0
    device: str = ""
    ports: int = 1
    length_um: float = 0.0

    def describe(self) -> str:
        """In words: `int8 × int4 multiplier`, `32-bit flip flop`, `256 × 256 compute sram`."""
        kind = self.kind.replace("_", " ")
        if self.formats:
            return f"{' × '.join(self.formats)} {kind}"
        if self.kind == "compute_sram":
            rows = self.capacity_bytes * 8 // self.bits
            return f"{rows} × {self.bits} {kind}"
        if self.capacity_bytes:
            return f"{_binary(self.capacity_bytes)} × {self.bits} bit"
        if self.length_um:
            return f"{self.bits}-bit {kind} of {self.length_um:g} µm"
        if self.device:
            return f"{self.device} {kind}"
        return f"{self.bits}-bit {kind}" if self.bits else kind


def _binary(size_bytes: int) -> str:
    """`32 KiB`; in bytes where that is no whole number."""
    for exponent, unit in ((20, "MiB"), (10, "KiB")):
        if size_bytes % (1 << exponent) == 0:
            return f"{size_bytes >> exponent} {unit}"
    return f"{size_bytes} B"


@dataclass(frozen=True, slots=True)
class Part:
    """`count` copies of a primitive inside the component at `path` (dotted)."""

    path: str
    primitive: Primitive
    count: int


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a component does: `operate`, `read` or `write` on a primitive.

    `read`/`write` of an sram or register file move `primitive.bits` bits, of a dram one
    byte; `compute` of a compute_sram takes two rows and writes what its logic makes of them;
    `move` over a wire its bits, over a link one byte. `write` of flip-flops clocks
    them with data; `wait` is a cycle in which they are not written.
    """

    path: str
    primitive: Primitive
    verb: str = "operate"

    def __hash__(self) -> int:
        """Of what nearly always tells actions apart, as they are looked up all the time."""
        return hash((self.path, self.verb))


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
        counts = self.counts
        items = other.counts if isinstance(other, ActionCounts) else other
        for action, count in items.items():
            if added := count * times:
                counts[action] = counts.get(action, 0) + added

    @classmethod
    def total(cls, parts: Iterable[tuple[ActionCounts, int]]) -> ActionCounts:
        """Sum of `(counts, times)` pairs."""
        result = cls()
        for counts, times in parts:
            result.merge(counts, times)
        return result
