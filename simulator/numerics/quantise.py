"""Quantising tensors by a scheme, and what the codes stand for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError
from simulator.numerics.formats import format_named, rounded
from simulator.numerics.scheme import POWER_OF_TWO, Rounding, Scheme, scheme_named

Floats = NDArray[np.float64]
LARGEST_POWER = 127
"""Exponents of e8m0 scales go from -127 to 127."""


@dataclass(frozen=True)
class Quantised:
    """`(codes - zero_point) * scale * tensor_scale` approximates the original.

    codes: shape of the original, in the scheme's element format. axis: along which
    groups lie. scale, zero_point: that shape with a group each along `axis`, and 1
    everywhere if a scale is the tensor's. zero_point: None if it is 0.
    """

    codes: NDArray[Any]
    scale: Floats
    zero_point: NDArray[np.int64] | None
    tensor_scale: float
    scheme: Scheme
    axis: int

    def spread(self, per_group: NDArray[Any]) -> NDArray[Any]:
        """Values per group, repeated for every element of it."""
        depth, count = self.codes.shape[self.axis], per_group.shape[self.axis]
        if count == 1:
            return np.broadcast_to(per_group, self.codes.shape)
        wide = np.repeat(per_group, self.scheme.group_size, axis=self.axis)
        return np.take(wide, range(depth), axis=self.axis)


def quantise(values: NDArray[Any], scheme: Scheme | str, axis: int = 0) -> Quantised:
    """Quantise by a scheme, or the name of one or of a number format (`scheme_named`).

    axis: the axis of reduction. A scale is rounded to its format before codes are made
    with it, and is 1 where all values are zero or it would underflow. Codes beyond the
    largest are cut off; symmetric integer codes leave the most negative one unused.
    Raises CyclelabError for values that are not finite, and where a scale overflows.
    """
    plan = scheme if isinstance(scheme, Scheme) else scheme_named(scheme)
    wide = np.asarray(values, dtype=np.float64)
    if not np.isfinite(wide).all():
        raise CyclelabError("cannot quantise values that are infinite or not a number")
    if not plan.code.signed and plan.zero_point is None and (wide < 0).any():
        raise CyclelabError(
            f"{plan.element} has no values below zero to quantise {wide.min():g} to"
        )
    if not wide.ndim or not wide.size:
        raise CyclelabError(f"cannot quantise values of shape {wide.shape}: there are none")
    if not -wide.ndim <= axis < wide.ndim:
        raise CyclelabError(f"axis {axis} is not one of {wide.ndim}")
    axis %= wide.ndim
    tensor_scale = _tensor_scale(wide, plan)
    scaled = wide / tensor_scale
    zero_point: NDArray[np.int64] | None = None
    if plan.zero_point is None:
        scale = _stored(_symmetric_scale(scaled, plan, axis), plan)
    else:
        low = np.minimum(_per_group(np.minimum, scaled, plan, axis), 0)
        high = np.maximum(_per_group(np.maximum, scaled, plan, axis), 0)
        scale = _stored((high - low) / plan.code.maximum, plan)
        zeros = _integers(-low / scale, plan.rounding)
        zero_point = np.clip(zeros, 0, plan.code.maximum).astype(np.int64)
    empty = Quantised(wide, scale, zero_point, tensor_scale, plan, axis)
    ratios = wide / (empty.spread(scale) * tensor_scale)
    offsets = 0 if zero_point is None else empty.spread(zero_point)
    return replace(empty, codes=_codes(ratios, offsets, plan))


def dequantise(quantised: Quantised) -> Floats:
    """The real values that the codes stand for, in float64."""
    codes = quantised.codes.astype(np.float64)
    if quantised.zero_point is not None:
        codes -= quantised.spread(quantised.zero_point)
    found: Floats = codes * (quantised.spread(quantised.scale) * quantised.tensor_scale)
    return found


def _tensor_scale(wide: Floats, plan: Scheme) -> float:
    """Brings the largest scale of a group to the largest that its format has."""
    if plan.tensor_scale is None:
        return 1.0
    most = plan.code.maximum * format_named(plan.scale).maximum
    largest = float(np.abs(wide).max())
    return float(rounded(np.array(largest / most), plan.tensor_scale)) or 1.0


def _per_group(ufunc: np.ufunc, values: Floats, plan: Scheme, axis: int) -> Floats:
    """`ufunc` over all values that share a scale, as `Quantised.scale` is shaped."""
    if plan.granularity == "tensor":
        return np.full((1,) * values.ndim, ufunc.reduce(values, axis=None))
    size = plan.group_size or values.shape[axis]
    found: Floats = ufunc.reduceat(values, range(0, values.shape[axis], size), axis=axis)
    return found


def _symmetric_scale(values: Floats, plan: Scheme, axis: int) -> Floats:
    magnitudes = np.abs(values)
    if plan.rule == "mean_magnitude":
        sums = _per_group(np.add, magnitudes, plan, axis)
        return sums / _per_group(np.add, np.ones_like(magnitudes), plan, axis)
    largest = _per_group(np.maximum, magnitudes, plan, axis)
    if plan.rule == "largest":
        return largest / plan.code.maximum
    exponent = np.frexp(largest)[1] - np.frexp(plan.code.maximum)[1]
    powers: Floats = np.ldexp(1.0, np.clip(exponent, -LARGEST_POWER, LARGEST_POWER))
    return np.where(largest > 0, powers, 0.0)


def _stored(scale: Floats, plan: Scheme) -> Floats:
    """Scales in their format; 1 where nothing is left of them."""
    if plan.scale != POWER_OF_TWO:
        scale = rounded(scale, plan.scale, saturate=False).astype(np.float64)
    elif plan.rule != "power_of_two":
        exponent = np.rint(np.log2(np.where(scale > 0, scale, 1.0)))
        powers = np.ldexp(1.0, np.clip(exponent, -LARGEST_POWER, LARGEST_POWER).astype(int))
        scale = np.where(scale > 0, powers, 0.0)
    if not np.isfinite(scale).all():
        raise CyclelabError(f"a scale is too large for {plan.scale}; use a wider scale format")
    return np.where(scale > 0, scale, 1.0)


def _codes(ratios: Floats, offsets: NDArray[np.int64] | int, plan: Scheme) -> NDArray[Any]:
    """Codes of values over scale; offsets: zero points, added to the rounded value."""
    code = plan.code
    if code.kind == "float":
        return rounded(ratios, plan.element)
    if code.table:
        integers = _nearest_in(code.table, ratios, plan.rounding)
    elif code.step == 2:  # the nearest odd integer: round the unsigned code behind it
        unsigned = _integers((ratios + code.maximum) / 2, plan.rounding)
        integers = 2 * np.clip(unsigned, 0, code.levels - 1) - code.maximum
    else:
        least = 0 if plan.zero_point is not None else -code.maximum
        integers = np.clip(_integers(ratios, plan.rounding) + offsets, least, code.maximum)
    return integers.astype(code.dtype)


def _nearest_in(table: tuple[int, ...], ratios: Floats, rounding: Rounding) -> Floats:
    """Values of a table; halves and truncation as of integers, of the magnitudes' ranks."""
    magnitudes = np.unique(np.abs(table)).astype(np.float64)
    ranks = np.interp(np.abs(ratios), magnitudes, np.arange(len(magnitudes)))
    found: Floats = magnitudes[_integers(ranks, rounding).astype(int)]
    return np.copysign(found, ratios)


def _integers(values: Floats, rounding: Rounding) -> Floats:
    if rounding == "half_even":
        return np.rint(values)
    magnitudes = np.abs(values)
    if rounding == "half_away":
        whole = np.floor(magnitudes)
        magnitudes = whole + (magnitudes - whole >= 0.5)
    return np.copysign(np.floor(magnitudes), values)
