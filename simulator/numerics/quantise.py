"""Symmetric quantisation with one scale per tensor or per channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError
from simulator.numerics.formats import format_named


@dataclass(frozen=True)
class Quantised:
    """`values * scale` approximates the original; scale broadcasts against values."""

    values: NDArray[Any]
    scale: NDArray[np.float64]


def quantise(values: NDArray[Any], format_name: str, axis: int | None = None) -> Quantised:
    """Quantise to a signed integer format, symmetric about zero.

    axis: the channel axis, which gets a scale per index; None for one scale.
    The scale maps the largest magnitude onto the format's largest value
    (2^(bits-1) - 1, so the most negative code stays unused) and is 1 where all
    values are zero. Rounding is half to even.
    Raises CyclelabError for a float format or values that are not finite.
    """
    number_format = format_named(format_name)
    if number_format.kind != "int":
        raise CyclelabError(f"symmetric quantisation is to an integer format, not {format_name}")
    wide = np.asarray(values, dtype=np.float64)
    if not np.isfinite(wide).all():
        raise CyclelabError("cannot quantise values that are infinite or not a number")
    others = None if axis is None else tuple(d for d in range(wide.ndim) if d != axis % wide.ndim)
    largest = np.abs(wide).max(axis=others, keepdims=True, initial=0.0)
    scale = largest / number_format.maximum
    # Zeros, and magnitudes so small that their scale underflows, become code 0.
    scale = np.where(scale > 0, scale, 1.0)
    codes = np.clip(np.rint(wide / scale), -number_format.maximum, number_format.maximum)
    return Quantised(codes.astype(np.int64).astype(number_format.dtype), scale)


def dequantise(quantised: Quantised) -> NDArray[np.float64]:
    """The real values that the codes stand for."""
    return quantised.values.astype(np.float64) * quantised.scale
