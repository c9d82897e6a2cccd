"""Number formats by name: what an operand or a partial sum is stored as."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError, nearest

FormatKind = Literal["int", "float"]


@dataclass(frozen=True)
class NumberFormat:
    """A number format: signed two's complement integers, or floating point.

    bits: storage width. dtype: the numpy type that holds one element (narrow
    types of ml_dtypes take a byte each; `bits` is what hardware stores).
    """

    name: str
    bits: int
    kind: FormatKind
    dtype: np.dtype[Any]

    @cached_property
    def minimum(self) -> float:
        """Smallest finite value."""
        return float(self._limits.min)

    @cached_property
    def maximum(self) -> float:
        """Largest finite value."""
        return float(self._limits.max)

    @property
    def _limits(self) -> Any:
        limits: Any = ml_dtypes.iinfo if self.kind == "int" else ml_dtypes.finfo
        return limits(self.dtype)


def _format(name: str, bits: int, kind: FormatKind, scalar: Any) -> NumberFormat:
    return NumberFormat(name, bits, kind, np.dtype(scalar))


FORMATS: dict[str, NumberFormat] = {
    entry.name: entry
    for entry in (
        _format("int2", 2, "int", ml_dtypes.int2),
        _format("int4", 4, "int", ml_dtypes.int4),
        _format("int8", 8, "int", np.int8),
        _format("int16", 16, "int", np.int16),
        _format("int32", 32, "int", np.int32),
        # OCP 8-bit floating point specification (OFP8) 1.0: E4M3 has no infinities.
        _format("fp8_e4m3", 8, "float", ml_dtypes.float8_e4m3fn),
        _format("fp8_e5m2", 8, "float", ml_dtypes.float8_e5m2),
        _format("fp16", 16, "float", np.float16),
        _format("bf16", 16, "float", ml_dtypes.bfloat16),
        _format("fp32", 32, "float", np.float32),
    )
}
"""Every format that can be named in a configuration."""


def format_named(name: str) -> NumberFormat:
    """Return the format called `name`; a CyclelabError lists the known ones if none is."""
    try:
        return FORMATS[name]
    except KeyError:
        hint = nearest(name, FORMATS)
        raise CyclelabError(
            f"unknown number format {name!r}; known: {', '.join(FORMATS)}"
            + (f"; did you mean {hint!r}?" if hint else "")
        ) from None


def random_values(
    rng: np.random.Generator, shape: tuple[int, ...], format_name: str
) -> NDArray[Any]:
    """Random values: integers uniform over the full range, floats standard normal, cast."""
    number_format = format_named(format_name)
    if number_format.kind == "int":
        low, high = int(number_format.minimum), int(number_format.maximum)
        return rng.integers(low, high, size=shape, endpoint=True).astype(number_format.dtype)
    return rng.standard_normal(shape, dtype=np.float32).astype(number_format.dtype)


def as_format(values: NDArray[Any], format_name: str) -> NDArray[Any]:
    """`values` stored in a format, unchanged in value.

    Raises CyclelabError if a value is not representable: rounding is
    `quantise`'s business and never happens by the way.
    """
    number_format = format_named(format_name)
    if values.dtype == number_format.dtype:
        return values
    wide = np.asarray(values, dtype=np.float64)
    with np.errstate(all="ignore"):
        stored = wide.astype(np.float32).astype(number_format.dtype)
        if number_format.kind == "int":
            inside = (wide >= number_format.minimum) & (wide <= number_format.maximum)
            stored = np.where(inside, np.rint(wide), 0).astype(np.int64).astype(number_format.dtype)
    if not np.array_equal(stored.astype(np.float64), wide, equal_nan=number_format.kind == "float"):
        raise CyclelabError(
            f"{values.dtype} values do not fit {format_name} exactly; quantise them first"
        )
    return stored
