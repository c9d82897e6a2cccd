"""What the units compute, number by number, from operands that lie in the banks.

Each lane multiplies two FP16 operands; products are exact in FP32. A tree adds those of
all lanes pairwise, an accumulator adds the trees' sums COMP by COMP, both rounding to
FP32; a result leaves as FP16. (Newton and NeuPIMs publish FP16 operands and 2-byte
results, not the width in between: FP32 is assumed.) Chunks that hold parts of one sum
leave the banks one by one and are added outside, in FP32.

Units with registers for vectors take several outputs from a row, and may share an output's
inputs with neighbours, whose sums are added in FP32 on the way out. Without a tree every lane
has a sum of its own; with `accumulator: fp16`, products and sums are rounded to FP16. Lanes
leave as FP16 and are added outside, in FP32.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
        for first, end in _stretches(layout):
            bank, row, at = layout.place(output, first)
            part = halves[output, first:end]
            held_row = rows.setdefault(row, np.zeros((banks, held), dtype=np.float16))
            held_row[bank, at : at + len(part)] = part
    return rows


def _stretches(layout: GemvLayout) -> Iterator[tuple[int, int]]:
    """Inputs that lie one behind the other in a row: a chunk, or a bank's part of one."""
    for first in range(0, layout.inputs, layout.chunk_inputs):
        end = min(first + layout.chunk_inputs, layout.inputs)
        length = end - first
        if pim_of(layout.device).vector_operands is not None:
            length = layout.part_operands(length)
        yield from ((at, min(at + length, end)) for at in range(first, end, length))


def multiply(layout: GemvLayout, banks: Mapping[int, Halves], vector: NDArray[Any]) -> Floats:
    """Products of the stored matrix and `vector` [inputs]: [outputs, segments], as they leave.

    Sums that one chunk holds whole are FP16 numbers; others FP32.
    """
    if vector.shape != (layout.inputs,):
        raise ValueError(f"the vector is {vector.shape}, expected {(layout.inputs,)}")
    segments = layout.inputs // layout.segment_inputs
    halves = vector.astype(np.float16)
    if pim_of(layout.device).vector_operands is not None:
        return _through_registers(layout, banks, halves)
    sums = np.zeros((layout.tiles_per_chunk * layout.device.banks, segments), dtype=np.float32)
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


def _through_registers(layout: GemvLayout, banks: Mapping[int, Halves], vector: Halves) -> Floats:
    """`multiply` where units hold the vector, and several outputs of a row, in registers."""
    pim = pim_of(layout.device)
    shape = (layout.device.banks, layout.row_outputs, 1 if pim.tree else pim.lanes)
    segments = layout.inputs // layout.segment_inputs
    found = np.zeros(
        (layout.tiles_per_chunk, layout.row_outputs, layout.places, segments), dtype=np.float32
    )
    kept: dict[int, Floats] = {}
    for piece in layout.pieces():
        run, segment = piece.run, piece.first_input // layout.segment_inputs
        for tile in range(piece.first_tile, piece.first_tile + run.tiles):
            row = banks[run.first_row + tile - piece.first_tile]
            sums = kept.pop(tile, np.zeros(shape, dtype=np.float32))
            _add_row(layout, piece, row, vector, sums)
            if layout.keeps_sums(piece.first_input // layout.chunk_inputs):
                kept[tile] = sums
            else:
                found[tile, ..., segment] += _out_of_registers(layout, sums)
    return found.reshape(-1, segments)[: layout.outputs]


def _add_row(layout: GemvLayout, piece: Piece, row: Halves, vector: Halves, sums: Floats) -> None:
    """Add a row's products to the sums [banks, outputs of a row, sums of a unit]."""
    pim = pim_of(layout.device)
    part, stride = layout.part_operands(piece.inputs), layout.part_operands(layout.chunk_inputs)
    loaded = np.zeros(part * pim.input_banks, dtype=np.float16)
    loaded[: piece.inputs] = vector[piece.first_input : piece.first_input + piece.inputs]
    by_bank = np.tile(loaded.reshape(pim.input_banks, part), (layout.places, 1))
    rounds = np.float16 if pim.accumulator == "fp16" else np.float32
    for position in range(piece.run.segments):
        for at in range(0, part, pim.lanes):
            first = position * stride + at
            operands = row[:, first : first + pim.lanes].astype(np.float32)
            products = operands * by_bank[:, at : at + pim.lanes].astype(np.float32)
            products = products.astype(rounds).astype(np.float32)
            if pim.tree:
                products = _tree(products)[:, None]
            sums[:, position] = (sums[:, position] + products).astype(rounds)


def _out_of_registers(layout: GemvLayout, sums: Floats) -> Floats:
    """[outputs of a row, places]: what leaves, as FP16, lanes added up outside."""
    shared = sums.reshape(layout.places, -1, *sums.shape[1:]).sum(axis=1, dtype=np.float32)
    leaving = shared.astype(np.float16).astype(np.float32)
    added: Floats = leaving.sum(axis=-1, dtype=np.float32)
    return added.T


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
