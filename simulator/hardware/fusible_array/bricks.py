"""Products composed of digits: what the bricks and the shift-add tree of a unit do.

Bit Fusion (Sharma et al., ISCA 2018, arXiv:1712.01507): operands are cut into digits of
a brick's width, of which the top one carries the sign; a brick multiplies two digits,
and products of neighbouring digits are shifted and added, pair by pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.fusible_array.mode import Mode


@dataclass(frozen=True, slots=True)
class FusionUnit:
    """The datapath of a systolic array's PE that is a Fusion Unit in a mode."""

    mode: Mode

    @property
    def sums_shape(self) -> tuple[int, int]:
        """Rows and columns of sums in one unit."""
        return self.mode.fan.m, self.mode.fan.n

    def products(self, left: NDArray[Any], top: NDArray[Any]) -> NDArray[Any]:
        """What inputs [..., f_i, 1 or f_w] times weights [..., 1 or f_i, f_w] add to the sums.

        Shape [..., *sums_shape]: along an axis that is summed, one value is left.
        """
        mode = self.mode
        # [..., f_i, digits of the input, f_w, digits of the weight]: the bricks as they lie.
        inputs = np.moveaxis(digits(left, mode.input_bricks, mode.brick_bits), -1, -2)
        weights = digits(top, mode.weight_bricks, mode.brick_bits)
        bricks = inputs[..., None] * weights[..., None, :, :]
        bricks = bricks.reshape(*bricks.shape[:-4], mode.side, mode.side)
        rows = np.swapaxes(bricks, -1, -2)
        rows = _joined(rows, mode.input_bricks, mode.brick_bits, mode.sums_inputs)
        columns = np.swapaxes(rows, -1, -2)
        return _joined(columns, mode.weight_bricks, mode.brick_bits, mode.sums_weights)


def digits(values: NDArray[Any], count: int, brick_bits: int) -> NDArray[Any]:
    """Digits of integers, lowest first, on a new last axis of length `count`.

    All but the top one are unsigned; that one has the value's sign, if it has one.
    """
    shifts = brick_bits * np.arange(count)
    parts = values[..., None] >> shifts
    parts[..., :-1] &= (1 << brick_bits) - 1
    return parts


def _joined(parts: NDArray[Any], fused: int, brick_bits: int, summed: bool) -> NDArray[Any]:
    """Neighbours on the last axis added level by level: shifted up to `fused`, then plainly.

    Where they are not summed, products stay side by side once they are complete.
    """
    span = 1
    while parts.shape[-1] > 1 and (span < fused or summed):
        shift = brick_bits * span if span < fused else 0
        parts = parts[..., 0::2] + (parts[..., 1::2] << shift)
        span *= 2
    return parts
