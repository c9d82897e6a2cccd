"""Cycles that a table of patterns spares an array, for activations as they are said to be."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.primitives import Primitive
from simulator.hardware.sram_pim.layouts import Layout
from simulator.hardware.sram_pim.reuse import (
    ActivationSpec,
    ReuseSpec,
    hits,
    patterns,
    saved_cycles,
)

MOST_PASSES = 8
"""Of a batch that fits, which are drawn; what further ones find is taken to be the same."""


def reuse_table(layout: Layout, basis_weights: int, reuse: ReuseSpec) -> Primitive:
    """What holds the patterns, with what each of them found, of one array.

    In layout bit_serial that is a table as large as the array's own: columns keep their
    entries, bit by bit, and have nothing else that a hit could be read from.
    """
    bits = layout.remembered_bits(basis_weights)
    return Primitive("register_file", bits=bits, capacity_bytes=-(-reuse.entries * bits // 8))


@lru_cache(maxsize=512)
def saved_by_group(
    layout: Layout,
    basis_weights: int,
    reuse: ReuseSpec,
    activations: ActivationSpec,
    shape: tuple[int, int],
    group: int,
) -> tuple[NDArray[np.int64], float]:
    """Cycles saved in each group of k whose sums stand alone, and the share of hits.

    shape: rows and depth of the activations. group: inputs whose sum stands alone; tables
    of `basis_weights` do not reach across its end. Returns [⌈depth / group⌉] cycles of one
    array over all rows, and hits per look-up.
    """
    rows, depth = shape
    batch = min(rows, layout.largest_batch(basis_weights, min(group, depth)))
    passes = -(-rows // batch)
    drawn = min(rows, MOST_PASSES * batch)
    values = activations.draw((drawn, depth), layout.input_bits)
    planes, bits = layout.plane_cycles(min(group, depth)), layout.input_bits
    blocks = -(-depth // group)
    saved = np.zeros(blocks, dtype=np.int64)
    found = looked_up = 0
    for first in range(0, drawn, batch):
        tables = _in_tables(values[first : first + batch], group, basis_weights)
        hit = hits(patterns(tables, bits, basis_weights), bits, reuse)
        saved += saved_cycles(hit, planes, reuse).reshape(blocks, -1).sum(axis=1)
        found += int(hit.sum())
        looked_up += hit.size
    return saved * passes // -(-drawn // batch), found / looked_up


def _in_tables(values: NDArray[np.int64], group: int, basis_weights: int) -> NDArray[np.int64]:
    """Activations [rows, K] with each group filled up with zeros to whole tables."""
    rows, depth = values.shape
    group = min(group, depth)
    blocks, wide = -(-depth // group), -(-group // basis_weights) * basis_weights
    padded = np.zeros((rows, blocks * group), dtype=np.int64)
    padded[:, :depth] = values
    tables = np.zeros((rows, blocks, wide), dtype=np.int64)
    tables[:, :, :group] = padded.reshape(rows, blocks, group)
    return tables.reshape(rows, blocks * wide)
