"""Number formats by name: what an operand or a partial sum is stored as."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError, nearest
from simulator.numerics import flint

FormatKind = Literal["int", "float"]


@dataclass(frozen=True)
class NumberFormat:
    """A number format: integers, or floating point.

    bits: width of one element in a datapath. minimum, maximum: the smallest and
    largest finite value. step: distance between neighbouring integers. dtype: the
    numpy type that holds one element, a byte or more (`pack` stores `bits`).
    significand_bits: of a float, with the hidden bit. least_exponent: of its smallest
    normal value. table: of an integer format whose values lie unevenly, the value of every
    code; the first of equal ones is stored.
    """

    name: str
    bits: int
    kind: FormatKind
    dtype: np.dtype[Any]
    minimum: float
    maximum: float
    step: int = 1
    significand_bits: int = 0
    least_exponent: int = 0
    table: tuple[int, ...] = ()

    @property
    def signed(self) -> bool:
        """Whether it has values below zero."""
        return self.minimum < 0

    @property
    def consecutive(self) -> bool:
        """Whether it holds every integer from the smallest to the largest."""
        return self.kind == "int" and self.step == 1 and not self.table

    @property
    def integer_bits(self) -> int:
        """Bits of an integer format's values in two's complement, unsigned if none is negative."""
        return int(self.maximum).bit_length() + self.signed

    @property
    def levels(self) -> int:
        """How many values an integer format has."""
        if self.table:
            return len(set(self.table))
        return int(self.maximum - self.minimum) // self.step + 1


def _integer(name: str, bits: int, minimum: int, maximum: int, step: int = 1) -> NumberFormat:
    sign = "int" if minimum < 0 else "uint"
    containers = (np.dtype(f"{sign}{width}") for width in (8, 16, 32, 64))
    dtype = next(each for each in containers if maximum <= np.iinfo(each).max)
    return NumberFormat(name, bits, "int", dtype, minimum, maximum, step)


def _coded(name: str, bits: int, table: tuple[int, ...]) -> NumberFormat:
    return replace(_integer(name, bits, min(table), max(table)), table=table)


def _float(name: str, bits: int, scalar: Any) -> NumberFormat:
    limits: Any = ml_dtypes.finfo(scalar)  # type: ignore[no-untyped-call]
    return NumberFormat(
        name,
        bits,
        "float",
        np.dtype(scalar),
        float(limits.min),
        float(limits.max),
        significand_bits=int(limits.nmant) + 1,
        least_exponent=int(limits.minexp),
    )


WIDEST_OPERAND = 16
ACCUMULATOR_WIDTHS = (*range(1, 33), 48, 64)

_ENTRIES = (
    *(_integer(f"int{b}", b, -(1 << b - 1), (1 << b - 1) - 1) for b in ACCUMULATOR_WIDTHS),
    *(_integer(f"uint{b}", b, 0, (1 << b) - 1) for b in range(1, WIDEST_OPERAND + 1)),
    # Odd integers, as many below zero as above: q' = 2q - (2^b - 1) of an unsigned q.
    *(
        _integer(f"bipolar{b}", b, 1 - (1 << b), (1 << b) - 1, step=2)
        for b in range(1, WIDEST_OPERAND + 1)
    ),
    _integer("ternary", 2, -1, 1),
    _integer("ternary_base3", 2, -1, 1),  # in memory five of them share a byte
    _coded("flint4", 4, flint.signed(4)),
    _coded("uflint4", 4, flint.magnitudes(4)),
    # OCP Microscaling formats 1.0: no infinities, no NaN.
    _float("fp4_e2m1", 4, ml_dtypes.float4_e2m1fn),
    _float("fp6_e2m3", 6, ml_dtypes.float6_e2m3fn),
    _float("fp6_e3m2", 6, ml_dtypes.float6_e3m2fn),
    # OCP 8-bit floating point specification (OFP8) 1.0: E4M3 has no infinities.
    _float("fp8_e4m3", 8, ml_dtypes.float8_e4m3fn),
    _float("fp8_e5m2", 8, ml_dtypes.float8_e5m2),
    _float("fp16", 16, np.float16),
    _float("bf16", 16, ml_dtypes.bfloat16),
    _float("fp32", 32, np.float32),
)
FORMATS: dict[str, NumberFormat] = {entry.name: entry for entry in _ENTRIES}
"""Every format that can be named in a configuration."""


def format_named(name: str) -> NumberFormat:
    """Return the format called `name`; a CyclelabError lists the known ones if none is."""
    try:
        return FORMATS[name]
    except KeyError:
        hint = nearest(name, FORMATS)
        raise CyclelabError(
            f"unknown number format {name!r}; known: {_known()}"
            + (f"; did you mean {hint!r}?" if hint else "")
        ) from None


def _known() -> str:
    """The names, widths of integers as ranges."""
    widest = ACCUMULATOR_WIDTHS[-1]
    integers = f"int1 … int{widest}, uint1 … uint{WIDEST_OPERAND}, bipolar1 … bipolar"
    others = [entry.name for entry in _ENTRIES if entry.kind == "float" or entry.table]
    return f"{integers}{WIDEST_OPERAND}, ternary, ternary_base3, {', '.join(others)}"


def random_values(
    rng: np.random.Generator, shape: tuple[int, ...], format_name: str
) -> NDArray[Any]:
    """Random values: integers uniform over all there are, floats standard normal, cast."""
    number_format = format_named(format_name)
    if number_format.kind == "int":
        low, step = int(number_format.minimum), number_format.step
        if number_format.table:
            values = rng.choice(np.unique(number_format.table), size=shape)
        elif step == 1:
            high = int(number_format.maximum)
            values = rng.integers(low, high, size=shape, endpoint=True, dtype=np.int64)
        else:
            values = low + step * rng.integers(0, number_format.levels, size=shape)
        return values.astype(number_format.dtype)
    return rounded(rng.standard_normal(shape, dtype=np.float32), format_name)


def rounded(values: NDArray[Any], format_name: str, saturate: bool = True) -> NDArray[Any]:
    """Values rounded once to the nearest of a float format, ties to an even significand.

    saturate: what is beyond the largest finite value becomes that, infinities
    included, as OFP8's saturating conversion has it; otherwise it becomes infinite, or
    NaN in a format without infinities (a format with neither always saturates). NaN
    stays NaN; CyclelabError where the format has none.
    """
    number_format = format_named(format_name)
    if number_format.kind != "float":
        raise CyclelabError(f"{format_name} is no float format")
    wide = np.asarray(values, dtype=np.float64)
    has_nan = number_format.bits >= 8
    if not has_nan and np.isnan(wide).any():
        raise CyclelabError(f"{format_name} has no NaN")
    with np.errstate(all="ignore"):
        # Casting float64 to a narrow type may round twice, by way of fp32.
        exponent = np.maximum(np.frexp(wide)[1] - 1, number_format.least_exponent)
        ulp = np.ldexp(1.0, exponent - (number_format.significand_bits - 1))
        nearest_values = np.where(np.isfinite(wide), np.rint(wide / ulp) * ulp, wide)
        if saturate or not has_nan:
            low, high = number_format.minimum, number_format.maximum
            nearest_values = np.clip(nearest_values, low, high)
        return nearest_values.astype(number_format.dtype)


def as_format(values: NDArray[Any], format_name: str) -> NDArray[Any]:
    """`values` stored in a format, unchanged in value.

    Raises CyclelabError if a value is not representable: rounding is
    `quantise`'s business and never happens by the way.
    """
    number_format = format_named(format_name)
    values = np.asarray(values)
    if values.dtype.kind in "cOSUmM":
        raise CyclelabError(f"values of {values.dtype} are no real numbers")
    if number_format.kind == "float" and values.dtype == number_format.dtype:
        return values
    if not _representable(values, number_format):
        raise CyclelabError(
            f"{values.dtype} values do not fit {format_name} exactly; quantise them first"
        )
    with np.errstate(all="ignore"):
        wide = values.astype(np.float64) if number_format.kind == "float" else values
        return wide.astype(number_format.dtype)


def _representable(values: NDArray[Any], number_format: NumberFormat) -> bool:
    if not values.size:
        return True
    if number_format.kind == "float":
        wide = values.astype(np.float64)
        if number_format.bits < 8 and not np.isfinite(wide).all():
            return False
        with np.errstate(all="ignore"):
            back = wide.astype(number_format.dtype).astype(np.float64)
        return np.array_equal(back, wide, equal_nan=True)
    if not np.issubdtype(values.dtype, np.integer):
        wide = values.astype(np.float64)
        if not (np.isfinite(wide).all() and np.array_equal(np.rint(wide), wide)):
            return False
        if np.abs(wide).max() >= 2.0**63:
            return False
        values = wide.astype(np.int64)
    if number_format.table:
        return bool(np.isin(values, number_format.table).all())
    low, high = number_format.minimum, number_format.maximum
    inside = bool(values.min() >= low and values.max() <= high)
    return inside and (number_format.step == 1 or bool(np.all(values.astype(np.int64) & 1)))
