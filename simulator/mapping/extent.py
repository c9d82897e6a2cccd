"""Dimensions cut into all candidate tile sizes at once, and what of them is loaded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
"""Whole numbers, exact up to 2**53; sizes of any GEMM that is allowed do not overflow."""
Flags = NDArray[np.bool_]


class Extent:
    """A dimension cut into tiles of each size, and dealt out to each number of cores.

    tile: `[1, tile]`; ways: `[schedule, 1]`, cores that tiles are dealt out to.
    """

    def __init__(self, total: int, tile: Numbers, ways: Numbers) -> None:
        self.total = total
        self.tile = tile
        self.ways = ways
        self.tiles = -(-total // tile)
        self.rounds = -(-self.tiles // ways)


def loaded_extent(own: Extent, other: Extent, split_k: Flags, inside: Flags) -> Numbers:
    """How much of its extent `own` an operand loads, over all cores and repeats.

    other: the dimension that the operand does not have. While a core walks it, the
    operand stays if it is one tile; it changes all the time if k is split, and if
    the core has several tiles of `own` whose loop is inside. Returns `[schedule, tile]`.
    """
    changes = split_k | (inside & (own.tiles > 1))
    times = np.where(changes, other.tiles, np.minimum(other.ways, other.tiles))
    alone = own.total * times
    if (own.ways == 1).all():
        return np.asarray(alone)
    # From one to two rounds, some cores have one tile, which is never the ragged one.
    single = np.maximum(0, 2 * own.ways - own.tiles) * own.tile
    single = np.where(own.tiles <= own.ways, own.total, single)
    kept = np.where(split_k, 0, np.where(inside, single, own.total))
    return np.where(own.ways == 1, alone, (own.total - kept) * other.tiles + kept)
