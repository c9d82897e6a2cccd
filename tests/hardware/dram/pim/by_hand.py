"""Products of a matrix and a vector as units in banks form them, one number after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LANES, ROW_OPERANDS = 16, 512
"""Of the shipped devices: 16 multipliers of FP16 per bank, rows of 1 KB."""
Floats = NDArray[np.float32]


def slow_products(matrix: NDArray[np.float16], vector: NDArray[np.float16], segment: int) -> Floats:
    """[outputs, segments]: every output's sums over `segment` inputs each.

    A row of a bank holds as many whole segments as fit, or a part of one. Each part's sum
    leaves as FP16; parts of one segment are added in FP32.
    """
    outputs, inputs = matrix.shape
    held = ROW_OPERANDS // segment * segment if segment <= ROW_OPERANDS else ROW_OPERANDS
    found = np.zeros((outputs, inputs // segment), dtype=np.float32)
    for output in range(outputs):
        for chunk in range(0, inputs, held):
            end = min(chunk + held, inputs)
            for first in range(chunk, end, segment):
                last = min(first + segment, end)
                part = np.float16(slow_sum(matrix[output, first:last], vector[first:last]))
                found[output, first // segment] += np.float32(part)
    return found


def slow_sum(operands: NDArray[np.float16], vector: NDArray[np.float16]) -> np.float32:
    """16 products at a time: added as a tree of neighbours, then to the sum so far, in FP32."""
    total = np.float32(0)
    for first in range(0, len(operands), LANES):
        lanes = [np.float32(0)] * LANES
        for lane, at in enumerate(range(first, min(first + LANES, len(operands)))):
            lanes[lane] = np.float32(operands[at]) * np.float32(vector[at])
        while len(lanes) > 1:
            lanes = [lanes[at] + lanes[at + 1] for at in range(0, len(lanes), 2)]
        total = total + lanes[0]
    return total
