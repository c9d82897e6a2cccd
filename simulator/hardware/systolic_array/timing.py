"""Closed-form cycles of a tile, for folds that add up and folds that overlap.

One fold of r x c PEs that streams T vectors, from the hop of every word by one
PE per cycle (Kung, "Why systolic architectures?", IEEE Computer 15(1), 1982,
doi 10.1109/MC.1982.1653825):

- load: r cycles to shift the stationary operand in (none if outputs stay);
- T + r + c - 2 cycles from the first vector's entry to the last product;
- drain: r cycles to shift the outputs out, if they stayed and leave serially.

Folds that overlap start a period apart. With f the earlier fold, g the later:

- stationary operand: g loads while f streams, and both leave by one port per
  column, so a shorter g waits: `max(T + max(0, r_f - r_g), r_g)`;
- stationary outputs, serial drain: f drains while g streams, through the port
  that g drains by afterwards: `max(T, r_f + max(0, r_f - r_g))`;
- stationary outputs, parallel drain: `T`.

An input register delays everything by one cycle. The register-level model
steps all of this, and the contract suite holds the two equal.
"""

from __future__ import annotations

from functools import lru_cache

from simulator.hardware.matrix_unit import Tile, TileTiming
from simulator.hardware.systolic_array.geometry import Blocks, Extents, Geometry


@lru_cache(maxsize=1 << 16)
def tile_timing(geometry: Geometry, tile: Tile) -> TileTiming:
    """Cycles of `tile`, in time that does not grow with its folds.

    Of `cycles`, `stream_cycles` are those in which a vector enters PE (0, 0),
    `load_cycles` those in which the array waits for its stationary operand, and
    `drain_cycles` the rest: the wave crossing the array, and outputs leaving it.
    """
    extents = Extents.of(geometry.dataflow, tile)
    rows = Blocks.of(extents.rows, geometry.rows, geometry.padded)
    columns = Blocks.of(extents.columns, geometry.columns, geometry.padded)
    if geometry.overlap:
        return _overlapping(geometry, extents.stream, rows, columns)
    return _one_by_one(geometry, extents.stream, rows, columns)


def _one_by_one(geometry: Geometry, stream: int, rows: Blocks, columns: Blocks) -> TileTiming:
    """Each fold starts when the last output of the one before has left."""
    folds = rows.count * columns.count
    all_rows = rows.total * columns.count
    all_columns = columns.total * rows.count
    load = 0 if geometry.output_stationary else all_rows
    drain = all_rows + all_columns - 2 * folds
    if geometry.serial_drain:
        drain += all_rows
    if geometry.input_register:
        drain += folds
    cycles = load + folds * stream + drain
    return TileTiming(cycles, cycles, load, folds * stream, drain, folds)


def _overlapping(geometry: Geometry, stream: int, rows: Blocks, columns: Blocks) -> TileTiming:
    """Folds start a period apart; the tile ends when its last output has left.

    Folds come in at most two runs, of full and of ragged row blocks, and the
    period inside a run is constant.
    """
    width = columns.count
    runs = [
        (height, blocks * width)
        for height, blocks in ((rows.side, rows.full), (rows.ragged, 1))
        if height and blocks
    ]
    first = runs[0][0]
    load = 0 if geometry.output_stationary else first
    start = load
    end = 0
    previous: int | None = None
    for height, count in runs:
        if previous is not None:
            period, wait = _period(geometry, stream, previous, height)
            start += period
            load += wait
        period, wait = _period(geometry, stream, height, height)
        start += (count - 1) * period
        load += (count - 1) * wait
        # The wave takes as long as the fold is wide: a narrow last fold can end
        # before the wider one ahead of it.
        flight = stream + height - 2 + (height if geometry.serial_drain else 0)
        end = max(end, start + flight + columns.last)
        if width > 1:
            end = max(end, start - period + flight + columns.side)
        previous = height
    assert previous is not None
    cycles = end + geometry.input_register
    interval = start - (0 if geometry.output_stationary else first)
    interval += _period(geometry, stream, previous, first)[0]
    folds = rows.count * width
    return TileTiming(cycles, interval, load, folds * stream, cycles - load - folds * stream, folds)


def _period(geometry: Geometry, stream: int, height: int, following: int) -> tuple[int, int]:
    """Cycles from a fold's start to the next one's, and those of them spent on loading."""
    shorter = max(0, height - following)
    if not geometry.output_stationary:
        busy = stream + shorter
        return max(busy, following), max(0, following - busy)
    if geometry.serial_drain:
        return max(stream, height + shorter), 0
    return stream, 0
