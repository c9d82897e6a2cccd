"""Bits that a tiling moves, by the order of its loops, and cycles: BitFusion's method.

A loop nest over tiles of batch, output rows and columns, input channels and filters surrounds
one tile. From the inside out, a tensor's tile grows with every loop that it depends on, as long
as it fits half its buffer; loops further out load it anew. (`optimizer.py` of
github.com/hsharma35/bitfusion and of github.com/clevercool/ANT-Quantization.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.published.mixpe.layers import Layer
from simulator.published.mixpe.spec import DesignSpec, PublishedMachineSpec

Ints = NDArray[np.int64]

LOOPS = ("batch", "column", "row", "channels", "filters")
INPUTS_CHANGE = frozenset({"batch", "column", "row", "channels"})
WEIGHTS_CHANGE = frozenset({"channels", "filters"})
OUTPUTS_CHANGE = frozenset({"batch", "column", "row", "filters"})


@dataclass(frozen=True, slots=True)
class Tilings:
    """All tilings of a layer: sizes of the tile, and trips of each loop, one entry per tiling."""

    batch: Ints
    side: Ints
    channels: Ints
    filters: Ints
    trips: dict[str, Ints]

    @property
    def tiles(self) -> Ints:
        """Trips of all loops together."""
        result = np.ones_like(self.batch)
        for trips in self.trips.values():
            result = result * trips
        return result

    def where(self, keep: NDArray[np.bool_]) -> Tilings:
        """Those of a mask."""
        trips = {loop: each[keep] for loop, each in self.trips.items()}
        return Tilings(
            self.batch[keep], self.side[keep], self.channels[keep], self.filters[keep], trips
        )


@dataclass(frozen=True, slots=True)
class Traffic:
    """What each tiling moves in one order of loops, in bits, and its cycles.

    *_loads: from DRAM into a buffer; output_stores: from a buffer to DRAM. operand_reads: from
    each of the buffers of inputs and weights; output_accesses: writes of that buffer, and reads
    besides those of the stores. stall_cycles is a part of cycles.
    """

    weight_loads: Any
    input_loads: Any
    output_stores: Any
    operand_reads: Any
    output_accesses: Any
    cycles: Any
    stall_cycles: Any

    def at(self, index: int) -> Traffic:
        """One tiling's."""
        return Traffic(*(int(getattr(self, name)[index]) for name in self.__slots__))


def tilings(layer: Layer, design: DesignSpec, machine: PublishedMachineSpec) -> Tilings:
    """Powers of two in each dimension, where tiles of weights and inputs fit half a buffer.

    Raises ValueError if there are none.
    """
    batch, side, channels, filters = (
        grid.ravel()
        for grid in np.meshgrid(
            _sizes(layer.batch),
            _sizes(layer.side),
            _sizes(layer.channels),
            _sizes(layer.filters),
            indexing="ij",
        )
    )
    sides = _ceil(layer.side, side)
    trips = {
        "batch": _ceil(layer.batch, batch),
        "column": sides,
        "row": sides,
        "channels": _ceil(layer.channels, channels),
        "filters": _ceil(layer.filters, filters),
    }
    found = Tilings(batch, side, channels, filters, trips)
    fits = (_weight_tile(layer, design, found) <= machine.weights.half_bits) & (
        _input_tile(layer, design, found) <= machine.inputs.half_bits
    )
    if not fits.any():
        raise ValueError(f"no tile of {layer} fits half of the buffers")
    return found.where(fits)


def traffic(
    layer: Layer,
    design: DesignSpec,
    machine: PublishedMachineSpec,
    tiling: Tilings,
    order: Sequence[str],
) -> Traffic:
    """Traffic and cycles of all tilings. order: `LOOPS`, outermost first."""
    output_tile = tiling.side**2 * tiling.filters * tiling.batch * machine.output_bits
    weights, first_weights = _grown(
        _weight_tile(layer, design, tiling),
        order,
        tiling.trips,
        WEIGHTS_CHANGE,
        machine.weights.half_bits,
    )
    inputs, first_inputs = _grown(
        _input_tile(layer, design, tiling),
        order,
        tiling.trips,
        INPUTS_CHANGE,
        machine.inputs.half_bits,
    )
    outputs, _ = _grown(output_tile, order, tiling.trips, OUTPUTS_CHANGE, machine.outputs.half_bits)
    innermost = next(loop for loop in reversed(order) if loop in OUTPUTS_CHANGE)
    # Theirs: the last stores count only where outputs fill the buffer in the innermost loop.
    overflows = output_tile * tiling.trips[innermost] > machine.outputs.half_bits
    last = np.where(overflows, output_tile, 0)
    width = machine.dram_bits_per_cycle
    ends = _ceil(first_weights + first_inputs, width) + _ceil(last, width)
    between = weights + inputs + outputs - first_weights - first_inputs - last
    compute = tiling.tiles * compute_cycles(layer, design, tiling)
    stalls = np.maximum(0, _ceil(between, width) - compute) + ends
    stored = tiling.tiles * output_tile
    products = stored // machine.output_bits * layer.window**2 * tiling.channels
    return Traffic(
        weights, inputs, outputs, products * layer.bits, stored, compute + stalls, stalls
    )


def compute_cycles(layer: Layer, design: DesignSpec, tiling: Tilings) -> Ints:
    """⌈rows/(N f)⌉ · ⌈filters/(M f)⌉ · k: a tile, output stationary, without fill or drain."""
    scaling = design.scaling(layer.bits)
    rows = _ceil(tiling.batch * tiling.side**2, design.rows * scaling)
    columns = _ceil(tiling.filters, design.columns * scaling)
    return rows * columns * layer.window**2 * tiling.channels


def _grown(
    tile: Ints, order: Sequence[str], trips: dict[str, Ints], changes: frozenset[str], limit: int
) -> tuple[Ints, Ints]:
    """Bits moved in all, and at once for the first tile."""
    moved, largest = tile, tile
    fits = np.ones(tile.shape, dtype=bool)
    for loop in reversed(order):
        if loop not in changes:
            moved = np.where(fits, moved, moved * trips[loop])
            continue
        moved = moved * trips[loop]
        fits = fits & (moved <= limit)
        largest = np.where(fits, moved, largest)
    return moved, largest


def _weight_tile(layer: Layer, design: DesignSpec, tiling: Tilings) -> Ints:
    """Bits; k is filled up to a multiple of the array's rows."""
    multiple = design.rows * design.scaling(layer.bits)
    k = _ceil(layer.window**2 * tiling.channels, multiple) * multiple
    return k * tiling.filters * layer.bits


def _input_tile(layer: Layer, design: DesignSpec, tiling: Tilings) -> Ints:
    """Bits; k is filled up to a multiple of the array's columns."""
    multiple = design.columns * design.scaling(layer.bits)
    k = _ceil(layer.window**2 * tiling.channels, multiple) * multiple
    return tiling.side**2 * k * tiling.batch * layer.bits


def _sizes(whole: int) -> Ints:
    """1, 2, 4, …, and the whole."""
    powers = math.ceil(math.log2(whole)) + 1
    return np.minimum(2 ** np.arange(powers, dtype=np.int64), whole)


def _ceil(number: Ints | int, divisor: Ints | int) -> Ints:
    quotient: Ints = -(-np.asarray(number, dtype=np.int64) // divisor)
    return quotient
