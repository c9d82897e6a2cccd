"""A list of parts: what a design is made of, before there is a model of its cycles.

    kind: parts
    macs: 4                                   # that one operation of it performs
    parts:
      products: {multiplier: int8*int8, count: 4}
      tree: {adder: int17, count: 3}
      sum: {adder: int32}
      accumulator: {flip_flop: 32}

Every part acts once per operation, `acts` times if that is said: logic operates, registers
are written, a register file and an sram bank are read and written, a wire moves its bits.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from simulator.config import Spec
from simulator.hardware.primitives import (
    CELLS,
    FLIP_FLOPS,
    Action,
    ActionCounts,
    Part,
    Primitive,
)

PARTS = "parts"
CLOCK = "clock"
"""What names of parts may not begin with: where clocks of registers are booked."""
BITS_PER_BYTE = 8
Bits = Annotated[int, Field(ge=1, le=1 << 20)]
Count = Annotated[int, Field(ge=1, le=10**12)]


class RegisterFileSpec(Spec):
    """words of bits, any of which can be read, and any written."""

    words: Bits
    bits: Bits

    @model_validator(mode="after")
    def _whole_bytes(self) -> RegisterFileSpec:
        if self.words * self.bits % BITS_PER_BYTE:
            raise ValueError(
                f"{self.words} words of {self.bits} bits are no whole number of bytes; "
                "expected words · bits to be a multiple of 8"
            )
        return self


class SramBankSpec(Spec):
    """One bank: `bits` per access of one of its ports."""

    bytes: Annotated[int, Field(ge=1, le=1 << 40)]
    bits: Bits
    ports: Annotated[int, Field(ge=1, le=16)] = 1


class WireSpec(Spec):
    """So many bits side by side."""

    bits: Bits
    length_um: Annotated[float, Field(ge=0, le=1e6)]


class PartSpec(Spec):
    """One kind of part: what it is (one key of `PRIMITIVES`), and how many there are.

    multiplier: two formats, `int8*int8`. adder: a format. Cells: bits.
    acts: how many of them act in an operation; all, if it is left out.
    """

    multiplier: str | None = None
    adder: str | None = None
    flip_flop: Bits | None = None
    flip_flop_enable: Bits | None = None
    mux2: Bits | None = None
    shifter: Bits | None = None
    full_adder: Bits | None = None
    half_adder: Bits | None = None
    nand2: Bits | None = None
    and2: Bits | None = None
    or2: Bits | None = None
    aoi22: Bits | None = None
    xor2: Bits | None = None
    register_file: RegisterFileSpec | None = None
    sram: SramBankSpec | None = None
    wire: WireSpec | None = None
    count: Count = 1
    acts: Annotated[int, Field(ge=0, le=10**12)] | None = None

    @model_validator(mode="after")
    def _one_primitive(self) -> PartSpec:
        stated = [name for name in PRIMITIVES if getattr(self, name) is not None]
        if len(stated) != 1:
            found = " and ".join(stated) if stated else "none"
            raise ValueError(f"found {found}, expected one of {', '.join(PRIMITIVES)}")
        if self.acts is not None and self.acts > self.count:
            raise ValueError(f"acts is {self.acts}, expected at most the count of {self.count}")
        return self

    @property
    def primitive(self) -> Primitive:
        """What it is."""
        if self.multiplier is not None:
            return Primitive("multiplier", tuple(map(str.strip, self.multiplier.split("*"))))
        if self.adder is not None:
            return Primitive("adder", (self.adder,))
        if (file := self.register_file) is not None:
            stored = file.words * file.bits // BITS_PER_BYTE
            return Primitive("register_file", bits=file.bits, capacity_bytes=stored)
        if (bank := self.sram) is not None:
            return Primitive("sram", bits=bank.bits, capacity_bytes=bank.bytes, ports=bank.ports)
        if (wire := self.wire) is not None:
            return Primitive("wire", bits=wire.bits, length_um=wire.length_um)
        cell = next(name for name in CELLS if getattr(self, name) is not None)
        return Primitive(cell, bits=getattr(self, cell))

    @property
    def verbs(self) -> tuple[str, ...]:
        """What it does when it acts."""
        kind = self.primitive.kind
        if kind in ("register_file", "sram"):
            return ("read", "write")
        if kind in FLIP_FLOPS:
            return ("write",)
        return ("move",) if kind == "wire" else ("operate",)


PRIMITIVES = (*(name for name in PartSpec.model_fields if name not in ("count", "acts")),)
"""Keys of which a part has one."""


class PartsListSpec(Spec):
    """See above. macs: multiply-accumulates of one operation, which takes a cycle."""

    kind: Literal["parts"] = "parts"
    name: str = "a list of parts"
    macs: Annotated[int, Field(ge=1, le=10**9)] = 1
    parts: dict[str, PartSpec] = Field(min_length=1)

    @model_validator(mode="after")
    def _free_names(self) -> PartsListSpec:
        for name in self.parts:
            if name.partition(".")[0] == CLOCK:
                raise ValueError(f"parts.{name}: the clock is counted by itself; name it otherwise")
        return self

    def structure(self) -> tuple[Part, ...]:
        """All parts."""
        return tuple(Part(path, part.primitive, part.count) for path, part in self.parts.items())

    def actions(self) -> ActionCounts:
        """Everything that happens in one operation."""
        found = ActionCounts()
        for path, part in self.parts.items():
            times = part.count if part.acts is None else part.acts
            for verb in part.verbs:
                found.add(Action(path, part.primitive, verb), times)
        return found
