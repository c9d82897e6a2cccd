"""A GEMM's tiling: what it is given, how it is cut, and what a tile costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from simulator.hardware.matrix_unit import MatrixUnit, Tile
from simulator.mapping.nest import Dimension
from simulator.workload.bits import Bits, stored_bytes

Order = Literal["mn", "nm"]
Parallel = Literal["count", "m", "n"]

RUNNING_SUM_BITS = 32
"""Of the sum of scaled groups, in fp32."""

TIME_TOLERANCE = 1.01
"""Tilings this close in estimated time are ranked by traffic: less energy, less contention."""

TIE_TOLERANCE = 1.001
"""Tilings this close in time, with the same traffic, are ranked by size: fewer commands."""


@dataclass(frozen=True, slots=True)
class GemmProblem:
    """`count` products `[m, k] · [k, n]`, each with operands of its own.

    *_bits: storage bits per element; 0 for an operand or output that is on chip.
    converted_weight_bits: of the copy in the unit's format, 0 when none is made.
    extra_bits: per output element, of further inputs that the epilogue loads.
    store_bits: per GEMM output element, of what goes to main memory.
    staging_bits: per GEMM output element, of the epilogue's result on chip.
    vector_cycles: of the whole epilogue on one vector unit; conversion_cycles: of
        converting every weight once.
    group: k that share a scale, by which the vector unit multiplies the sum of each
        group before it adds it to the others; 0 where whole columns do.
    group_cycles: of that, on one vector unit.
    """

    count: int
    m: int
    n: int
    k: int
    input_bits: Bits
    weight_bits: Bits
    converted_weight_bits: int
    accumulator_bits: int
    extra_bits: Bits
    store_bits: Bits
    staging_bits: Bits
    vector_cycles: int
    conversion_cycles: int = 0
    group: int = 0
    group_cycles: int = 0

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the problem."""
        return self.count * self.m * self.n * self.k

    def groups(self, k: Any) -> Any:
        """Groups in a tile of depth `k` (a number or an array of them); 1 without groups."""
        return -(-k // self.group) if self.group else k // k


@dataclass(frozen=True, slots=True)
class Budget:
    """What a GEMM may use.

    scratchpad_bytes, accumulator_bytes: free capacity; accumulator None when
        partial sums live in the scratchpad.
    buffers: tiles of one operand held at once.
    cores, bytes_per_cycle, latency_cycles: of the machine and its memory.
    """

    scratchpad_bytes: int
    accumulator_bytes: int | None
    buffers: int
    accumulator_buffers: int
    cores: int
    bytes_per_cycle: float
    latency_cycles: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a GEMM's tiles are walked.

    order: of the loops over m and n; k is inside them, `count` outside.
    parallel, ways: the dimension whose tiles are dealt out to so many cores.
    keep_inputs, keep_weights: an operand's tiles stay on chip from their first use
        to their last, however often others come in between.
    """

    order: Order
    parallel: Parallel = "n"
    ways: int = 1
    keep_inputs: bool = False
    keep_weights: bool = False

    def ways_of(self, dimension: str) -> int:
        """Cores that the tiles of a dimension are dealt out to."""
        return self.ways if dimension == self.parallel else 1


@dataclass(frozen=True, slots=True)
class GemmTiling:
    """A tiling with its footprint and estimates (cycles of the core clock).

    input_slots, weight_slots: tiles of each that a core holds at once.
    """

    tile: Tile
    schedule: Schedule
    input_slots: int
    weight_slots: int
    traffic_bytes: int
    scratchpad_bytes: int
    accumulator_bytes: int
    estimated_cycles: int

    def dimensions(self, problem: GemmProblem) -> tuple[Dimension, ...]:
        """Loops from the outermost: count, then m and n in order, then k."""
        return loops(problem, self.tile, self.schedule)


def loops(problem: GemmProblem, tile: Tile, schedule: Schedule) -> tuple[Dimension, ...]:
    """The loops over a problem's tiles, from the outermost: count, m and n in order, k."""

    def dimension(name: str, total: int, size: int) -> Dimension:
        return Dimension(name, total, size, schedule.ways_of(name))

    middle = {
        "m": dimension("m", problem.m, tile.m),
        "n": dimension("n", problem.n, tile.n),
    }
    return (
        dimension("count", problem.count, 1),
        *(middle[name] for name in schedule.order),
        dimension("k", problem.k, tile.k),
    )


def tile_bytes(elements: int, bits: Bits) -> int:
    """Bytes of a tile, rounded up."""
    return stored_bytes(elements, bits)


def candidate_sizes(total: int, granularity: int) -> list[int]:
    """Tile sizes worth trying: even shares of `total`, in multiples of the granularity.

    Ascending; the smallest is the granularity itself, so that what fits at all is found.
    """
    sizes = {total, min(total, granularity)}
    parts = 1
    while True:
        for share in (parts, parts + parts // 2):
            if share:
                size = -(-total // share)
                sizes.add(min(total, -(-size // granularity) * granularity))
        if total // parts <= granularity:
            return sorted(sizes)
        parts *= 2


def group_tiles(tile: Tile, group: int) -> tuple[tuple[Tile, int], ...]:
    """Tiles of one group of k each, and how many: sums of each leave apart. 0: no groups."""
    if not group or tile.k <= group:
        return ((tile, 1),)
    whole, rest = divmod(tile.k, group)
    parts = ((Tile(tile.m, tile.n, group), whole), (Tile(tile.m, tile.n, rest), 1))
    return parts if rest else parts[:1]


def gang_interval(unit: MatrixUnit[Any], tile: Tile, group: int = 0) -> int:
    """Cycles until a gang of `spec.count` identical units can take the next such tile."""
    if not group:
        return _gang(unit, tile)[0]
    return sum(times * _gang(unit, part)[0] for part, times in group_tiles(tile, group))


def gang_latency(unit: MatrixUnit[Any], tile: Tile, group: int = 0) -> int:
    """Cycles from the first load of a tile to the gang's last output."""
    last, _ = group_tiles(tile, group)[-1]
    if last != tile:
        before = gang_interval(unit, tile, group) - gang_interval(unit, last)
        return before + gang_latency(unit, last)
    return _gang(unit, tile)[1]


@lru_cache(maxsize=1 << 15)
def _gang(unit: MatrixUnit[Any], tile: Tile) -> tuple[int, int]:
    """Cycles until the slowest share's unit takes the next tile, and until all outputs are out."""
    timings = [unit.timing(share.tile) for share in unit.split(tile, unit.spec.count)]
    return (
        max([timing.interval_cycles for timing in timings]),
        max([timing.cycles for timing in timings]),
    )
