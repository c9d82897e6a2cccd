"""Cycles of operations on whole columns inside SRAM arrays: named tables that disagree.

Published figures differ by factors of two and three, so none is built in: a table is a
file of `configs/sram_pim/latencies`, and a machine names the one it counts with.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from simulator.config import CyclelabError, Spec, find, list_presets, load_preset, nearest, validate
from simulator.numerics import format_named

PRESETS = "sram_latencies"
WIDEST_BITS = 64
"""Of an operand of any table."""

IntegerOperation = Literal[
    "add", "subtract", "multiply", "compare", "minimum", "shift", "copy", "widen"
]
FloatOperation = Literal["add_float", "multiply_float"]
OPERATIONS = (*get_args(IntegerOperation), *get_args(FloatOperation))
Coefficient = Annotated[int, Field(ge=-(2**20), le=2**20)]


class LatencySpec(Spec):
    """Whole cycles of one operation on operands of n bits, all columns at once.

    coefficients, divisor: (c0 + c1·n + c2·n² + …) / divisor, rounded up. cycles: instead,
        by format; an integer between two of these takes as long as the next wider one.
    source, quality, note: where the numbers come from, and how much they are worth.
    """

    coefficients: tuple[Coefficient, ...] = ()
    divisor: Annotated[int, Field(ge=1)] = 1
    cycles: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    source: Annotated[str, Field(min_length=1)]
    quality: Literal["published", "recalled", "derived", "assumed"]
    note: str | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> LatencySpec:
        if bool(self.coefficients) == bool(self.cycles):
            raise ValueError("expected either `coefficients` or `cycles` by format")
        if self.cycles and self.divisor != 1:
            raise ValueError("divisor: goes with `coefficients`")
        for name in self.cycles:
            try:
                format_named(name)
            except CyclelabError as error:
                raise ValueError(f"cycles: {error}") from None
        for bits in range(1, WIDEST_BITS + 1) if self.coefficients else ():
            if self.of_bits(bits) < 0:
                raise ValueError(f"coefficients: operands of {bits} bits take {self.of_bits(bits)}")
        return self

    @property
    def widths(self) -> list[int]:
        """Widths of the integers that `cycles` lists, in ascending order."""
        return sorted(
            format_named(name).bits for name in self.cycles if format_named(name).kind == "int"
        )

    def of_bits(self, bits: int) -> int:
        """Cycles for integers of `bits`, which `cycles`, if given, has or has wider ones of."""
        if not self.coefficients:
            return self.cycles[f"int{min(width for width in self.widths if width >= bits)}"]
        total: int = sum(c * bits**power for power, c in enumerate(self.coefficients))
        return -(-total // self.divisor)


class BorrowedSpec(Spec):
    """Operations for which a table has no figures, and takes those of another one."""

    table: str
    operations: Annotated[tuple[FloatOperation | IntegerOperation, ...], Field(min_length=1)]


class LatencyTableSpec(Spec):
    """A file of latencies: operations by name, and what is borrowed from another file."""

    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    operations: dict[str, LatencySpec]
    borrowed: BorrowedSpec | None = None

    @model_validator(mode="after")
    def _consistent(self) -> LatencyTableSpec:
        for name, latency in self.operations.items():
            if name not in OPERATIONS:
                near = nearest(name, OPERATIONS)
                raise ValueError(
                    f"operations.{name}: no operation is called that; known: "
                    + ", ".join(OPERATIONS)
                    + (f"; did you mean {near!r}?" if near else "")
                )
            kind = "float" if name in get_args(FloatOperation) else "int"
            for listed in latency.cycles:
                shown = format_named(listed)
                if shown.kind != kind or (kind == "int" and listed != f"int{shown.bits}"):
                    expected = "a float format" if kind == "float" else "int and a width"
                    raise ValueError(
                        f"operations.{name}.cycles: found {listed!r}, expected {expected}"
                    )
            if kind == "float" and latency.coefficients:
                raise ValueError(f"operations.{name}: expected `cycles` by format")
        twice = set(self.operations).intersection(self.borrowed.operations if self.borrowed else ())
        if twice:
            raise ValueError(f"borrowed.operations: {min(twice)} is in `operations`, too")
        return self


class LatencyTable:
    """Whole cycles of in-array operations, as one source has them.

    origins: for every operation the name of the table that its figures are of, which is
        another one's where this one borrows them.
    All methods raise CyclelabError for an operation, a width or a format without figures.
    """

    def __init__(self, spec: LatencyTableSpec, lender: LatencyTable | None = None) -> None:
        self.name = spec.name
        self.latencies = dict(spec.operations)
        self.origins = {name: spec.name for name in spec.operations}
        for name in spec.borrowed.operations if spec.borrowed and lender else ():
            assert lender is not None
            self.latencies[name] = lender.latency(name)
            self.origins[name] = lender.origins[name]

    def latency(self, operation: str) -> LatencySpec:
        """An operation's figures with their source."""
        if operation not in self.latencies:
            near = nearest(operation, self.latencies)
            raise CyclelabError(
                f"the in-SRAM latencies {self.name!r} have no {operation!r}; "
                f"they have {', '.join(self.latencies)}" + (f"; nearest: {near!r}" if near else "")
            )
        return self.latencies[operation]

    def add(self, bits: int) -> int:
        """Add two integers of `bits`."""
        return self._integers("add", bits)

    def subtract(self, bits: int) -> int:
        """Subtract integers of `bits`."""
        return self._integers("subtract", bits)

    def multiply(self, bits: int) -> int:
        """Multiply two integers of `bits`."""
        return self._integers("multiply", bits)

    def compare(self, bits: int) -> int:
        """Compare integers of `bits`: is one greater."""
        return self._integers("compare", bits)

    def minimum(self, bits: int) -> int:
        """Smaller (or larger) of two integers of `bits`."""
        return self._integers("minimum", bits)

    def shift(self, bits: int) -> int:
        """Shift integers of `bits`, each by an amount of its own."""
        return self._integers("shift", bits)

    def copy(self, bits: int) -> int:
        """Copy elements of `bits` from rows to rows."""
        return self._integers("copy", bits)

    def widen(self, bits: int, to_bits: int) -> int:
        """Convert integers of `bits` to wider ones; to as many or fewer takes no cycle."""
        self._check("widen", bits)
        return self._integers("widen", to_bits - bits) if to_bits > bits else 0

    def add_float(self, format_name: str) -> int:
        """Add two floats of a format."""
        return self._floats("add_float", format_name)

    def multiply_float(self, format_name: str) -> int:
        """Multiply two floats of a format."""
        return self._floats("multiply_float", format_name)

    def sources(self) -> Mapping[str, str]:
        """Where each operation's figures come from, in words."""
        return {
            name: f"{latency.source} [{', '.join(filter(None, (latency.quality, latency.note)))}]"
            for name, latency in self.latencies.items()
        }

    def _integers(self, operation: str, bits: int) -> int:
        self._check(operation, bits)
        return self.latency(operation).of_bits(bits)

    def _check(self, operation: str, bits: int) -> None:
        widths = self.latency(operation).widths
        widest = widths[-1] if widths else WIDEST_BITS
        if not 1 <= bits <= widest:
            raise CyclelabError(
                f"the in-SRAM latencies {self.origins[operation]!r} have {operation!r} of 1 to "
                f"{widest} bits, not of {bits}"
            )

    def _floats(self, operation: str, format_name: str) -> int:
        known = self.latency(operation).cycles
        if format_name not in known:
            near = nearest(format_name, known)
            raise CyclelabError(
                f"the in-SRAM latencies {self.origins[operation]!r} have {operation!r} of "
                f"{', '.join(known)}, not of {format_name!r}"
                + (f"; did you mean {near!r}?" if near else "")
            )
        return known[format_name]


def latency_names() -> list[str]:
    """Names of the shipped tables."""
    return list_presets(PRESETS)


@cache
def latency_table(name: str | Path) -> LatencyTable:
    """The table `name`, a shipped one or a YAML file.

    Raises ConfigError with the nearest name if there is none, and with file, line and
    key for what is wrong in one.
    """
    return _table(find(PRESETS, name), ())


def _table(file: Path, lent_to: tuple[str, ...]) -> LatencyTable:
    document = load_preset(PRESETS, file)
    spec = validate(LatencyTableSpec, document)
    if spec.borrowed is None:
        return LatencyTable(spec)
    path = ("borrowed", "table")
    if spec.name in lent_to:
        raise document.error(path, "tables borrow from each other in a circle")
    try:
        other = find(PRESETS, spec.borrowed.table, file)
    except CyclelabError as error:
        raise document.error(path, str(error)) from None
    lender = _table(other, (*lent_to, spec.name))
    try:
        return LatencyTable(spec, lender)
    except CyclelabError as error:
        raise document.error(("borrowed", "operations"), str(error)) from None
