"""What a product on a CPU's cores takes: SIMD pipes, private caches, conversion."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from simulator.hardware.matrix_unit import MatrixUnit, Tile
from simulator.hardware.vector_unit.work import VectorWork
from simulator.mapping.cpu.resources import CpuResources
from simulator.mapping.cpu.tiling import ColumnTile
from simulator.mapping.in_step.problem import StepGemm
from simulator.mapping.tiling import gang_interval, tile_bytes
from simulator.workload.bits import Bits, pair_bytes

UNPACK = "unpack"
"""Vector function, per weight: codes that are narrower than what the pipes multiply."""


@dataclass(frozen=True, slots=True)
class CoreShare:
    """rows x columns of a tile that the busiest core works on; row_ways: cores that share a
    column's weights."""

    rows: int
    columns: int
    row_ways: int


def core_share(unit: MatrixUnit[Any], tile: Tile, cores: int) -> CoreShare:
    """How the outputs of a tile are dealt out to cores: so that the busiest is done first.

    Columns are dealt out in whole grains of the unit; rows only where that leaves cores idle.
    """
    grain = unit.granularity
    best: tuple[int, CoreShare] | None = None
    ways = 1
    while ways <= cores:
        if ways > 1 and ways > tile.m:
            break
        columns = -(-math.ceil(tile.n / grain.n) // (cores // ways)) * grain.n
        share = CoreShare(-(-tile.m // ways), min(columns, tile.n), ways)
        cycles = gang_interval(unit, Tile(share.rows, share.columns, tile.k))
        if best is None or cycles < best[0]:
            best = (cycles, share)
        ways *= 2
    assert best is not None
    return best[1]


def near_bytes(resources: CpuResources, tile: Tile, input_bits: Bits, weight_bits: Bits) -> int:
    """Bytes that a core reads from its private cache for a product of its own.

    Each weight is loaded once per block of rows that registers hold sums of, each
    activation once per block of columns.
    """
    block = resources.machine.core.register_block
    weights = -(-tile.m // block.rows) * tile.n * tile.k
    inputs = -(-tile.n // block.columns) * tile.m * tile.k
    return pair_bytes(weights, weight_bits, inputs, input_bits)


@dataclass(frozen=True, slots=True)
class TileCost:
    """A tile of a GEMM on all cores.

    share: of the busiest core. interval, latency: cycles of the products until the next
        can start, and until the sums are there; compute: of the pipes alone.
    near_read: bytes from all private caches. cache_bytes, busiest_bytes: from the shared
        cache to all cores, and to the busiest.
    before, after: vector work of the busiest core on weights, and on sums, with the same
        of all cores.
    """

    share: CoreShare
    interval: int
    latency: int
    compute: int
    near_read: int
    cache_bytes: int
    busiest_bytes: float
    before: tuple[tuple[VectorWork, ...], tuple[VectorWork, ...]]
    after: tuple[tuple[VectorWork, ...], tuple[VectorWork, ...]]


def tile_cost(
    problem: StepGemm, unit: MatrixUnit[Any], resources: CpuResources, tile: ColumnTile
) -> TileCost:
    """Cost of a tile's outputs, whatever products its columns are of.

    Weights that are converted are unpacked in registers while a core has no more rows
    than those hold, and else once into its private cache. Inputs stay there from tile to
    tile if half of it holds them.
    """
    p, machine, rows, columns = problem, resources.machine, tile.rows, tile.columns
    share = core_share(unit, Tile(rows, columns, p.k), machine.cores)
    own = Tile(share.rows, share.columns, p.k)
    timing = unit.timing(own)
    compute = gang_interval(unit, own)
    once = share.rows <= machine.core.register_block.rows
    held_bits = p.weight_bits if once or not p.converted_bits else p.converted_bits
    own_bytes = near_bytes(resources, own, p.input_bits, held_bits)
    interval = max(compute, -(-own_bytes // machine.core.private_cache.bytes_per_cycle))
    everywhere = Tile(rows, columns, p.k)
    inputs = tile_bytes(share.rows * p.k, p.input_bits)
    if not tile.first and 2 * inputs <= machine.core.private_cache.capacity_bytes:
        inputs = 0
    weights = tile_bytes(columns * p.k, p.weight_bits)
    own_weights = tile_bytes(share.columns * p.k, p.weight_bits)
    groups = -(-p.k // p.group) if p.group else 0
    return TileCost(
        share=share,
        interval=interval,
        latency=interval + timing.cycles - timing.interval_cycles,
        compute=compute,
        near_read=near_bytes(resources, everywhere, p.input_bits, held_bits),
        cache_bytes=weights * share.row_ways + inputs * min(machine.cores, columns),
        busiest_bytes=own_weights + inputs,
        before=(
            _work([UNPACK] if p.converted_bits else [], share.columns * p.k),
            _work([UNPACK] if p.converted_bits else [], columns * p.k * share.row_ways),
        ),
        after=(
            _work(p.group_work, share.rows * share.columns * groups),
            _work(p.group_work, rows * columns * groups),
        ),
    )


def _work(functions: Iterable[str], elements: int) -> tuple[VectorWork, ...]:
    return tuple(VectorWork(function, elements) for function in functions if elements)
