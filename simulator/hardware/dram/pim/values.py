"""What the units compute, number by number, from operands that lie in the banks.

Each lane multiplies two FP16 operands; products are exact in FP32. A tree adds those of
all lanes pairwise, an accumulator adds the trees' sums COMP by COMP, both rounding to
FP32; a result leaves as FP16. (Newton and NeuPIMs publish FP16 operands and 2-byte
results, not the width in between: FP32 is assumed.) Chunks that hold parts of one sum
leave the banks one by one and are added outside, in FP32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.pim.gemv import GemvLayout, Piece, pim_of, row_operands

Halves = NDArray[np.float16]
Floats = NDArray[np.float32]
Banks = dict[int, Halves]
"""Rows by number, each [banks, operands of a row]."""


def store(layout: GemvLayout, matrix: NDArray[Any]) -> Banks:
    """The banks with a matrix [outputs, inputs] in them, rounded to FP16; the rest is 0."""
    outputs, inputs = layout.outputs, layout.inputs
    if matrix.shape != (outputs, inputs):
        raise ValueError(f"the matrix is {matrix.shape}, expected {(outputs, inputs)}")
    banks, held = layout.device.banks, row_operands(layout.device)
    rows: Banks = {}
    halves = matrix.astype(np.float16)
    for output in range(outputs):
        for first in range(0, inputs, layout.chunk_inputs):
            bank, row, at = layout.place(output, first)
            part = halves[output, first : first + layout.chunk_inputs]
            held_row = rows.setdefault(row, np.zeros((banks, held), dtype=np.float16))
            held_row[bank, at : at + len(part)] = part
    return rows


def multiply(layout: GemvLayout, banks: Mapping[int, Halves], vector: NDArray[Any]) -> Floats:
    """Products of the stored matrix and `vector` [inputs]: [outputs, segments], as they leave.

    Sums that one chunk holds whole are FP16 numbers; others FP32.
    """
    if vector.shape != (layout.inputs,):
        raise ValueError(f"the vector is {vector.shape}, expected {(layout.inputs,)}")
    segments = layout.inputs // layout.segment_inputs
    sums = np.zeros((layout.tiles_per_chunk * layout.device.banks, segments), dtype=np.float32)
    halves = vector.astype(np.float16)
    for piece in layout.pieces():
        first = piece.first_input // layout.segment_inputs
        parts = _piece(layout, banks, halves, piece)
        sums[:, first : first + parts.shape[1]] += parts
    return sums[: layout.outputs]


def _piece(layout: GemvLayout, banks: Mapping[int, Halves], vector: Halves, piece: Piece) -> Floats:
    """Results of one run: [tiles · banks, segments]."""
    run, lanes = piece.run, pim_of(layout.device).lanes
    loaded = np.zeros(row_operands(layout.device), dtype=np.float16)
    loaded[: piece.inputs] = vector[piece.first_input : piece.first_input + piece.inputs]
    found = []
    for tile in range(run.tiles):
        row = banks[run.first_row + tile]
        sums = np.zeros((layout.device.banks, run.segments), dtype=np.float32)
        for segment in range(run.segments):
            first = segment * piece.segment_inputs
            end = first + piece.segment_inputs
            for at in range(first, end, lanes):
                used = slice(at, min(at + lanes, end))
                sums[:, segment] += _tree(_products(row[:, used], loaded[used], lanes))
        found.append(sums.astype(np.float16).astype(np.float32))
    return np.concatenate(found)


def _products(operands: Halves, inputs: Halves, lanes: int) -> Floats:
    """[banks, lanes], lanes without an operand 0."""
    products = np.zeros((len(operands), lanes), dtype=np.float32)
    products[:, : len(inputs)] = operands.astype(np.float32) * inputs.astype(np.float32)
    return products


def _tree(values: Floats) -> Floats:
    """Sums over the last axis, neighbours first."""
    while values.shape[-1] > 1:
        if values.shape[-1] % 2:
            values = np.pad(values, ((0, 0), (0, 1)))
        values = values[:, 0::2] + values[:, 1::2]
    return values[:, 0]
