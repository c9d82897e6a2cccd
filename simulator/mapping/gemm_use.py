"""What a GEMM's candidate tiles need under each schedule: slots, footprint, memory traffic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.mapping.extent import Extent, Flags, Numbers, loaded_extent
from simulator.mapping.gemm_grid import TileGrid
from simulator.mapping.tiling import RUNNING_SUM_BITS, Budget, GemmProblem, Schedule
from simulator.workload.bits import Bits

MOST_REMEMBERED, REMEMBERED_USES, REMEMBERED_ROOMS = 1 << 14, 32, 4
"""Tiles times schedules of what is remembered, how many, and in how many sizes: 3.5 MB each
at most."""


class _Buffers(NamedTuple):
    """What slots depend on of a budget."""

    buffers: int
    accumulator_buffers: int
    own_accumulator: bool


Room = tuple[int, int | None]
"""Bytes of a scratchpad, and of an accumulator if there is one."""


class Fitting(NamedTuple):
    """Places of the tiles that fit, and what does not depend on the memory: numbers for each."""

    schedules: NDArray[np.intp]
    rows: NDArray[np.intp]
    traffic: Numbers
    compute_bound: Numbers


class UseOfSome(NamedTuple):
    """What estimates need of a `Use`, for some tiles: arrays with a number for each."""

    cores: Numbers
    inputs: Numbers
    weights: Numbers
    input_share: Numbers
    weight_share: Numbers
    input_slots: Numbers
    weight_slots: Numbers
    traffic: Numbers


@dataclass(frozen=True, slots=True)
class Use:
    """Arrays of `[schedule, tile]`.

    cores: that get any tiles. busiest: share of the work that the one with the most gets.
    inputs, weights: rows and columns that are loaded, over all cores.
    input_share, weight_share: share of its iterations in which a core loads any.
    input_slots, weight_slots: tiles that a core holds at once.
    scratchpad, accumulator, traffic: bytes on a core's chip, and of main memory.
    distinct: whether keeping what the schedule keeps makes a difference.
    """

    cores: Numbers
    busiest: Numbers
    inputs: Numbers
    weights: Numbers
    input_share: Numbers
    weight_share: Numbers
    input_slots: Numbers
    weight_slots: Numbers
    scratchpad: Numbers
    accumulator: Numbers
    traffic: Numbers
    distinct: Flags
    fitted: dict[Room, Fitting] = field(default_factory=dict)

    def fitting(self, room: Room, compute_bound: Callable[[], Numbers]) -> Fitting:
        """What fits into so many bytes of scratchpad, and of an accumulator if there is one.

        compute_bound: cycles of every tile under every schedule, the same ones at any time.
        """
        found = self.fitted.get(room)
        if found is None:
            scratchpad_bytes, accumulator_bytes = room
            fits = self.distinct & (self.scratchpad <= scratchpad_bytes)
            if accumulator_bytes is not None:
                fits &= self.accumulator <= accumulator_bytes
            schedules, rows = np.nonzero(fits)
            at = schedules, rows
            found = Fitting(schedules, rows, self.traffic[at], compute_bound()[at])
            if len(self.fitted) < REMEMBERED_ROOMS:
                self.fitted[room] = found
        return found

    def of(self, schedules: NDArray[np.intp], rows: NDArray[np.intp]) -> UseOfSome:
        """Of some tiles, each under one schedule."""
        places = schedules * self.traffic.shape[1] + rows
        return UseOfSome(*[getattr(self, name).take(places) for name in UseOfSome._fields])


def use_of(p: GemmProblem, b: Budget, grid: TileGrid, schedules: tuple[Schedule, ...]) -> Use:
    """What the tiles of a grid need under schedules.

    Not on the memory's speed nor on capacities does it depend; searches that differ only
    in these share it, unless it is large.
    """
    buffers = _Buffers(b.buffers, b.accumulator_buffers, b.accumulator_bytes is not None)
    if len(grid.tiles) * len(schedules) > MOST_REMEMBERED:
        return _use(p, buffers, grid, schedules)
    return _remembered(p, buffers, grid, schedules)


def _use(p: GemmProblem, b: _Buffers, grid: TileGrid, schedules: tuple[Schedule, ...]) -> Use:
    m, n, k = (sizes[np.newaxis] for sizes in grid.tiles.T)
    ways = [_column([s.ways_of(name) for s in schedules]) for name in ("m", "n", "count")]
    rows, columns = Extent(p.m, m, ways[0]), Extent(p.n, n, ways[1])
    tiles_k = -(-p.k // k)
    repeats = -(-p.count // ways[2])

    def operand(own: Extent, other: Extent, inside: Flags, keep: Flags) -> list[Numbers]:
        """How much is loaded, in which share of the iterations, into how many slots.

        And how much if it is kept.
        """
        loaded = loaded_extent(own, other, tiles_k > 1, inside)
        once = own.total * np.minimum(other.ways, other.tiles)
        share = np.where(keep | (loaded == once), 1 / other.rounds, 1)
        # All of the operand if its loop is inside; otherwise a row of tiles, and the next.
        whole = own.rounds * np.minimum(b.buffers, repeats)
        row_by_row = np.minimum(b.buffers, own.rounds * repeats)
        kept = tiles_k * np.where(inside, whole, row_by_row)
        passing = np.minimum(own.tiles * tiles_k * p.count, b.buffers)
        return [np.where(keep, once, loaded), share, np.where(keep, kept, passing), loaded - once]

    inside = _column([s.order == "nm" for s in schedules]) > 0
    keep_inputs = _column([s.keep_inputs for s in schedules]) > 0
    keep_weights = _column([s.keep_weights for s in schedules]) > 0
    inputs, input_share, input_slots, spared = operand(rows, columns, inside, keep_inputs)
    distinct = ~keep_inputs | (spared > 0)
    weights, weight_share, weight_slots, spared = operand(columns, rows, ~inside, keep_weights)
    distinct &= ~keep_weights | (spared > 0)
    bits = inputs * p.k * float(p.input_bits) + weights * p.k * float(p.weight_bits)
    bits += p.m * p.n * float(p.extra_bits + p.store_bits)
    dealt = {"count": (p.count, np.ones_like(m)), "m": (p.m, m), "n": (p.n, n)}
    busiest, cores = zip(*(_shared(*dealt[s.parallel], s.ways) for s in schedules), strict=True)
    scratchpad, psums = _footprint(p, b, (m, n, k), input_slots, weight_slots)
    return Use(
        cores=np.concatenate(cores),
        busiest=np.concatenate(busiest),
        inputs=inputs,
        weights=weights,
        input_share=input_share,
        weight_share=weight_share,
        input_slots=input_slots,
        weight_slots=weight_slots,
        scratchpad=scratchpad,
        accumulator=np.broadcast_to(psums, scratchpad.shape),
        traffic=np.ceil(p.count * bits / 8),
        distinct=distinct,
    )


def whole_bytes(elements: Numbers, bits: Bits) -> Numbers:
    """Bytes of so many elements, rounded up: of whole numbers, one division is exact."""
    return np.asarray(np.ceil(elements * bits.numerator / (8 * bits.denominator)))


def _column(numbers: Sequence[int]) -> Numbers:
    """One number per schedule, beside which those of tiles are laid out."""
    return np.array(numbers, dtype=np.float64)[:, np.newaxis]


def _shared(total: int, tile: Numbers, ways: int) -> tuple[Numbers, Numbers]:
    """Share of `total` that the core with the most of it gets, and cores that get any."""
    tiles = -(-total // tile)
    busiest = np.minimum(-(-total // (tile * ways)) * tile, total) / total
    return busiest, np.minimum(ways, tiles)


def _footprint(
    p: GemmProblem,
    b: _Buffers,
    sizes: tuple[Numbers, Numbers, Numbers],
    input_slots: Numbers,
    weight_slots: Numbers,
) -> tuple[Numbers, Numbers]:
    """Scratchpad and accumulator bytes that each tile of the grid needs."""
    m, n, k = sizes
    outputs = -(-p.m // m) * -(-p.n // n) * p.count
    output_slots = np.minimum(outputs, b.buffers)
    raw_slots = weight_slots
    if p.converted_weight_bits:
        raw_slots = np.minimum(-(-p.n // n) * -(-p.k // k) * p.count, b.buffers)

    def held(elements: Numbers, bits: Bits, slots: Numbers) -> Numbers:
        return np.asarray(whole_bytes(elements, bits) * slots)

    scratchpad = held(m * k, p.input_bits, input_slots)
    scratchpad = scratchpad + held(k * n, p.weight_bits, raw_slots)
    scratchpad += held(k * n, p.converted_weight_bits, weight_slots)
    scratchpad += held(m * n, p.extra_bits, output_slots)
    scratchpad += held(m * n, p.staging_bits, output_slots)
    drained = outputs * -(-p.k // k) if p.group else outputs
    psum_slots = np.minimum(drained, b.accumulator_buffers)
    psums = held(m * n * p.groups(k), p.accumulator_bits, psum_slots)
    if p.group:
        psums += held(m * n, RUNNING_SUM_BITS, np.ones_like(m))
    if not b.own_accumulator:
        return scratchpad + psums, np.zeros_like(psums)
    return scratchpad, psums


_remembered = lru_cache(maxsize=REMEMBERED_USES)(_use)
