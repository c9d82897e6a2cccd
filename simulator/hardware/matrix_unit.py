"""The contract of a matrix unit, and the registry of the units that exist.

A unit is a frozen spec and five faces (`MatrixUnit`). `simulator.testing` has one
suite for all of them: cycles of the register-level model equal `timing`, its values
equal `compute` and the reference of `numerics`, actions add up, on ragged shapes and
for every supported format pair.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.config import CyclelabError, Spec, plugins
from simulator.config.plugins import Plugin, Registry
from simulator.hardware.primitives import ActionCounts, Part


class MatrixUnitSpec(Spec):
    """What every matrix unit's YAML holds. `kind` selects the registered class.

    sized_by: the field that is changed to give a machine more or less of the unit.
    """

    sized_by: ClassVar[str] = "count"

    kind: str
    count: int = Field(default=1, ge=1, le=4096, description="identical units in one core")

    def plugins(self) -> dict[str, Plugin | None]:
        """By field, the package whose code it names; None if it is ours."""
        return {"kind": MATRIX_UNITS.plugin(self.kind)}


@dataclass(frozen=True, slots=True)
class Tile:
    """A GEMM tile `C[m, n] += A[m, k] · W[k, n]`; all three at least 1."""

    m: int
    n: int
    k: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates the tile holds."""
        return self.m * self.n * self.k


def tile_of(inputs: NDArray[Any], weights: NDArray[Any], repeats: int = 1) -> Tile:
    """The tile that `inputs[m, k] · weights[k, n]` is.

    Raises CyclelabError for operands that don't multiply, or nothing to step.
    """
    shapes = inputs.shape, weights.shape
    if inputs.ndim != 2 or weights.ndim != 2 or inputs.shape[1] != weights.shape[0]:
        raise CyclelabError(f"shapes {shapes[0]} and {shapes[1]} do not multiply")
    if repeats < 1 or not inputs.size or not weights.size:
        raise CyclelabError(f"nothing to step: shapes {shapes[0]}, {shapes[1]}, {repeats} times")
    return Tile(m=inputs.shape[0], n=weights.shape[1], k=inputs.shape[1])


@dataclass(frozen=True, slots=True)
class TileTiming:
    """Cycles of one tile on one unit, first load to last output.

    `load_cycles + stream_cycles + drain_cycles == cycles`: each is what its
    phase adds to the total, so a hidden load counts 0. A chain of n tiles of
    the same shape takes `cycles + (n - 1) * interval_cycles`.
    """

    cycles: int
    interval_cycles: int
    load_cycles: int
    stream_cycles: int
    drain_cycles: int
    folds: int


@dataclass(frozen=True, slots=True)
class OperandTraffic:
    """Bytes a tile moves between the unit and its on-chip buffers."""

    input_read_bytes: int
    weight_read_bytes: int
    psum_read_bytes: int
    psum_write_bytes: int


@dataclass(frozen=True, slots=True)
class RegisterRun:
    """Outcome of the register-level model: values, cycles and counted actions.

    values: the product of one tile; every repeat gave it, or the model raised.
    actions: what its registers and operators did over all repeats, counted.
    """

    values: NDArray[Any]
    cycles: int
    actions: ActionCounts = field(default_factory=ActionCounts)


class RegisterHazardError(RuntimeError):
    """In a register-level model, words collided, met wrongly or were lost: a fault of control."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """What has to become of activations before a unit takes them.

    function: of the vector unit, per element. bits_per_element: of what it makes.
    """

    function: str
    bits_per_element: int | Fraction


SpecT = TypeVar("SpecT", bound=MatrixUnitSpec)


class MatrixUnit(ABC, Generic[SpecT]):
    """One matrix unit: a spec and five faces that must agree.

    built: the spec that its structure is of. It differs from `spec` in the format of the
        weights alone, where the unit works on narrower ones than it is made for.
    """

    spec_type: ClassVar[type[MatrixUnitSpec]]

    def __init__(self, spec: SpecT, built: SpecT | None = None) -> None:
        self.spec = spec
        self.built = spec if built is None else built

    # -- what the mapper asks ------------------------------------------------
    @property
    @abstractmethod
    def macs_per_cycle(self) -> int | Fraction:
        """Peak multiply-accumulates per cycle of one unit."""

    @property
    @abstractmethod
    def granularity(self) -> Tile:
        """Tile sizes that fill the unit: m, n and k are best multiples of these."""

    @property
    @abstractmethod
    def format_pairs(self) -> tuple[tuple[str, str], ...]:
        """Supported `(input format, weight format)` pairs."""

    @property
    @abstractmethod
    def accumulator_format(self) -> str:
        """Format of partial sums as they leave the unit."""

    @property
    def scales_weights(self) -> bool:
        """Whether the unit multiplies weights by their scales, so that sums need none."""
        return False

    @property
    def product_error(self) -> float:
        """Largest relative error of a product of two normal numbers; 0 if products are exact."""
        return 0.0

    @property
    def approximate(self) -> bool:
        """Whether products are approximate: results say so, and subnormals may be taken as 0."""
        return self.product_error > 0

    @property
    def rounding_formats(self) -> tuple[str, ...]:
        """Formats that values are rounded to on their way."""
        return (self.accumulator_format,)

    @property
    def preparation(self) -> Preparation | None:
        """What activations have to go through first; None if they come as they are."""
        return None

    @property
    def narrower(self) -> Sequence[MatrixUnit[SpecT]]:
        """The unit at work on narrower weights: one for every further format that it takes.

        Of each, `structure` is this unit's, and all other faces are those of its own format.
        """
        return ()

    @property
    def is_narrowed(self) -> bool:
        """Whether it works on narrower weights than it is made for."""
        return self.built is not self.spec

    def narrowed_to(self, weight_formats: Iterable[str]) -> tuple[MatrixUnit[SpecT], ...]:
        """`narrower`, of a unit whose spec says `weight_format`."""
        if self.is_narrowed:
            return ()
        specs = [self.spec.model_copy(update={"weight_format": name}) for name in weight_formats]
        return tuple(type(self)(spec, self.spec) for spec in specs)

    @property
    def title(self) -> str:
        """Name for people, with its size if it has one."""
        return self.spec.kind

    # -- the five faces ------------------------------------------------------
    @abstractmethod
    def timing(self, tile: Tile) -> TileTiming:
        """Closed-form cycles of `tile`."""

    @abstractmethod
    def compute(self, inputs: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
        """`inputs[m, k] · weights[k, n]`, bit-exact as the hardware would give it."""

    @abstractmethod
    def registers(
        self, inputs: NDArray[Any], weights: NDArray[Any], repeats: int = 1
    ) -> RegisterRun:
        """Step the same product register by register, `repeats` tiles back to back."""

    @abstractmethod
    def structure(self) -> tuple[Part, ...]:
        """Parts of one unit; paths start at the unit itself (`pe.multiplier`)."""

    @abstractmethod
    def actions(self, tile: Tile) -> ActionCounts:
        """What happens inside one unit for `tile` (not in its buffers)."""

    # -- between the unit and its buffers ------------------------------------
    @abstractmethod
    def traffic(self, tile: Tile, accumulate: bool = False) -> OperandTraffic:
        """Bytes read from and written to on-chip buffers for `tile`.

        accumulate: the tile adds onto partial sums that an earlier tile left in
            the buffer, which costs one more read of the m x n of them.
        """

    # -- several units side by side ------------------------------------------
    def split(self, tile: Tile, ways: int) -> tuple[Share, ...]:
        """Shares of `tile` for at most `ways` identical units working side by side.

        Rows (m) and columns (n) are dealt out in whole blocks of `granularity`, to so
        many units each that it is done first; k stays whole, so that no share adds onto
        another's sums. The makespan is the largest `timing(share.tile).cycles`.
        """
        if ways < 1:
            raise ValueError(f"a tile is split at least one way, not {ways}")
        return (Share(tile, 1),) if ways == 1 else _shares(self, tile, ways)


class Share(NamedTuple):
    """What each of `units` units does of a tile."""

    tile: Tile
    units: int


@lru_cache(maxsize=1 << 15)
def _shares(unit: MatrixUnit[Any], tile: Tile, ways: int) -> tuple[Share, ...]:
    """`MatrixUnit.split`, remembered: a search over tilings asks again and again.

    Rows go to 1, 2, 4 … or all of the units, columns to as many as there are for each.
    """
    grain = unit.granularity
    row_ways = [1 << power for power in range(ways.bit_length()) if 1 << power < ways]
    best: list[tuple[Tile, int]] = []
    least = 0
    for share_of_rows in (*row_ways, ways):
        rows = _deal(tile.m, grain.m, share_of_rows)
        columns = _deal(tile.n, grain.n, ways // share_of_rows)
        shares = [(Tile(m, n, tile.k), many * more) for m, many in rows for n, more in columns]
        makespan = max([unit.timing(share).cycles for share, _ in shares])
        if not best or makespan < least:
            best, least = shares, makespan
    return tuple([Share(*share) for share in best])


@lru_cache(maxsize=1 << 12)
def _deal(size: int, grain: int, ways: int) -> tuple[tuple[int, int], ...]:
    """Sizes of at most `ways` shares of whole grains, the last one ragged, and how many."""
    grains = -(-size // grain)
    ways = min(ways, grains)
    base, extra = divmod(grains, ways)
    shares: dict[int, int] = {}
    ragged = base * grain - (grains * grain - size)
    for share, many in (((base + 1) * grain, extra), (base * grain, ways - extra - 1), (ragged, 1)):
        if many:
            shares[share] = shares.get(share, 0) + many
    return tuple(shares.items())


def _check_unit(kind: str, unit: Any) -> None:
    if not (isinstance(unit, type) and issubclass(unit, MatrixUnit)):
        raise ValueError(f"found {unit!r}, expected a class derived from MatrixUnit")
    spec = getattr(unit, "spec_type", None)
    if not (isinstance(spec, type) and issubclass(spec, MatrixUnitSpec)):
        raise ValueError("expected spec_type, a class derived from MatrixUnitSpec")
    missing = getattr(unit, "__abstractmethods__", None)
    if missing:
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")


MATRIX_UNITS: Registry[type[MatrixUnit[Any]]] = Registry(
    "matrix unit kind", plugins.MATRIX_UNITS, _check_unit
)

UnitT = TypeVar("UnitT", bound=type[MatrixUnit[Any]])


def register_matrix_unit(kind: str) -> Callable[[UnitT], UnitT]:
    """Class decorator: make a unit of ours available to YAML under `kind`.

    Other packages name their units by entry points instead (`config.plugins`).
    """

    def register(unit: UnitT) -> UnitT:
        MATRIX_UNITS.add(kind, unit)
        return unit

    return register


def reference_operands(
    rng: np.random.Generator, tile: Tile, input_format: str, weight_format: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Random operands of the given formats, for functional checks."""
    from simulator.numerics import random_values

    return (
        random_values(rng, (tile.m, tile.k), input_format),
        random_values(rng, (tile.k, tile.n), weight_format),
    )
