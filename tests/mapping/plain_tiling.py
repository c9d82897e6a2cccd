"""One tiling of a GEMM, worked out step by step: what the search does for all at once.

Loads are counted by walking every core through its loops; the rest is the arithmetic of
docs/mapping.md, one candidate at a time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Any

from simulator.hardware.matrix_unit import MatrixUnit, Tile
from simulator.mapping.nest import Dimension
from simulator.mapping.tiling import (
    RUNNING_SUM_BITS,
    Budget,
    GemmProblem,
    GemmTiling,
    Schedule,
    gang_interval,
    gang_latency,
    loops,
    tile_bytes,
)
from tests.mapping.test_nest import own_tiles


@dataclass(frozen=True)
class Operand:
    """What the cores do with one operand under a schedule.

    extent: rows (or columns) loaded, over all cores and repeats. loads: tiles per core.
    share: of a core's iterations in which it loads any.
    """

    extent: int
    loads: float
    share: float
    slots: int


def walked(
    p: GemmProblem, tile: Tile, schedule: Schedule, names: tuple[str, str], keep: bool
) -> int:
    """Elements of an operand that are loaded; held is one tile, or all since first use."""
    dims = loops(p, tile, schedule)
    order = [dim.name for dim in dims]
    loaded = 0
    for core in range(schedule.ways):
        held: set[tuple[int, ...]] = set()
        for indices in product(*(own_tiles(dim, core) for dim in dims)):
            at = dict(zip(order, indices, strict=True))
            wanted = (at["count"], at[names[0]], at[names[1]])
            if wanted in held:
                continue
            size = {dim.name: dim.size(at[dim.name]) for dim in dims}
            loaded += size[names[0]] * size[names[1]]
            held = {*held, wanted} if keep else {wanted}
    return loaded


def operand(
    p: GemmProblem, b: Budget, tile: Tile, schedule: Schedule, own: str, keep: bool
) -> Operand | None:
    """Of the operand with dimensions `own` and k; None if keeping it makes no difference."""
    dims = {dim.name: dim for dim in loops(p, tile, schedule)}
    mine, other, depth = dims[own], dims["n" if own == "m" else "m"], dims["k"]
    names = ("m", "k") if own == "m" else ("k", "n")
    plain = walked(p, tile, schedule, names, keep=False) // p.k
    once = mine.total * min(other.ways, other.tiles) * p.count
    if keep and plain == once:
        return None
    extent = once if keep else plain
    repeats = dims["count"].rounds
    slots = min(mine.tiles * depth.tiles * p.count, b.buffers)
    if keep:
        inside = schedule.order.endswith(own)
        groups = mine.rounds * (min(b.buffers, repeats) if inside else repeats)
        slots = depth.tiles * (groups if inside else min(b.buffers, groups))
    size = {"m": tile.m, "n": tile.n}[own]
    return Operand(
        extent=extent,
        loads=extent / size * depth.tiles / cores_used(dims, schedule),
        share=1 / other.rounds if keep or plain == once else 1,
        slots=slots,
    )


def cores_used(dims: dict[str, Dimension], schedule: Schedule) -> int:
    return min(schedule.ways, dims[schedule.parallel].tiles)


def footprint(
    p: GemmProblem, b: Budget, tile: Tile, inputs: Operand, weights: Operand
) -> tuple[int, int]:
    """Bytes of scratchpad and accumulator."""
    m, n, k = tile.m, tile.n, tile.k
    outputs = -(-p.m // m) * -(-p.n // n) * p.count
    raw = weights.slots
    if p.converted_weight_bits:
        raw = min(-(-p.n // n) * -(-p.k // k) * p.count, b.buffers)
    scratchpad = inputs.slots * tile_bytes(m * k, p.input_bits)
    scratchpad += raw * tile_bytes(k * n, p.weight_bits)
    scratchpad += weights.slots * tile_bytes(k * n, p.converted_weight_bits)
    staged = tile_bytes(m * n, p.extra_bits) + tile_bytes(m * n, p.staging_bits)
    scratchpad += min(outputs, b.buffers) * staged
    drained = outputs * -(-p.k // k) if p.group else outputs
    groups = -(-k // p.group) if p.group else 1
    psums = min(drained, b.accumulator_buffers) * tile_bytes(m * n * groups, p.accumulator_bits)
    psums += tile_bytes(m * n, RUNNING_SUM_BITS) if p.group else 0
    return (scratchpad + psums, 0) if b.accumulator_bytes is None else (scratchpad, psums)


def work(
    p: GemmProblem, unit: MatrixUnit[Any], tile: Tile, schedule: Schedule, ports: int
) -> tuple[int, int]:
    """Cycles of the busiest core's units, or of ports that need so many per tile; iterations."""
    compute = iterations = 0
    dims = loops(p, tile, schedule)
    for classes in product(*(dim.size_classes() for dim in dims)):
        size = {dim.name: each for dim, (each, _) in zip(dims, classes, strict=True)}
        times = math.prod(rounds for _, rounds in classes)
        part = Tile(size["m"], size["n"], size["k"])
        compute += times * gang_interval(unit, part, p.group)
        iterations += times
    return math.ceil(compute * max(1.0, ports / gang_interval(unit, tile, p.group))), iterations


def moving(
    p: GemmProblem, b: Budget, tile: Tile, used: int, operands: tuple[Operand, Operand],
    traffic: int, compute: int, iterations: int,
) -> float:  # fmt: skip
    """Cycles of compute and loads, over the kinds of iterations: with loads of each or without."""
    rate = b.bytes_per_cycle / used
    bits = tile.m * tile.k * p.input_bits, tile.k * tile.n * p.weight_bits
    times = [each / 8 / rate for each in bits]
    loaded = operands[0].loads * times[0] + operands[1].loads * times[1]
    stored = (traffic / b.bytes_per_cycle - loaded) / iterations
    interval = compute / iterations
    kinds = [
        [
            (each.share, time, each.slots if time and each.loads > each.slots else math.inf),
            (1 - each.share, 0.0, math.inf),
        ]
        for each, time in zip(operands, times, strict=True)
    ]
    cycles = 0.0
    for (share_n, input_time, free_inputs), (share_m, weight_time, free_weights) in product(*kinds):
        arriving = input_time + weight_time
        wait = (b.latency_cycles + arriving + interval) / min(free_inputs, free_weights)
        cycles += iterations * share_n * share_m * max(interval, arriving + stored, wait)
    return cycles


def plain_tiling(
    p: GemmProblem,
    b: Budget,
    unit: MatrixUnit[Any],
    tile: Tile,
    schedule: Schedule,
    ports: int = 0,
) -> GemmTiling | None:
    """The tiling with all that is known of it; None if it keeps what it need not.

    ports: cycles that they take for a tile.
    """
    inputs = operand(p, b, tile, schedule, "m", schedule.keep_inputs)
    weights = operand(p, b, tile, schedule, "n", schedule.keep_weights)
    if inputs is None or weights is None:
        return None
    dims = {dim.name: dim for dim in loops(p, tile, schedule)}
    used = cores_used(dims, schedule)
    bits = inputs.extent * p.k * p.input_bits + weights.extent * p.k * p.weight_bits
    bits += p.count * p.m * p.n * (p.extra_bits + p.store_bits)
    traffic = math.ceil(bits / 8)
    scratchpad, psums = footprint(p, b, tile, inputs, weights)
    compute, iterations = work(p, unit, tile, schedule, ports)

    def transfer(elements: int, bits: float) -> float:
        return tile_bytes(elements, bits) * used / b.bytes_per_cycle

    stored = transfer(tile.m * tile.n, p.store_bits)
    finish = gang_latency(unit, tile, p.group) - compute / iterations
    outputs = p.count * dims["m"].tiles * dims["n"].tiles / used
    epilogue = p.vector_cycles / used / outputs
    conversion = p.conversion_cycles / (p.count * p.k * p.n) * tile.k * tile.n
    leaving = b.latency_cycles + stored if p.store_bits else 0.0
    scaling = p.group_cycles / used
    filled = iterations if p.group else outputs
    accumulators = compute + filled * finish + scaling + outputs * (epilogue or leaving)
    loads = moving(p, b, tile, used, (inputs, weights), traffic, compute, iterations)
    if (p.vector_cycles or p.group) and conversion:
        waits = finish + (scaling + outputs * epilogue) / filled + conversion
        loads += min(filled, weights.loads) * waits
    steady = max(
        loads,
        traffic / b.bytes_per_cycle,
        outputs * epilogue + weights.loads * conversion + scaling,
        accumulators / b.accumulator_buffers,
        outputs * (epilogue + leaving) / b.buffers if epilogue else 0.0,
    )
    first = transfer(tile.m * tile.k, p.input_bits) + transfer(tile.k * tile.n, p.weight_bits)
    fill = b.latency_cycles + first + conversion + finish
    cycles = math.floor(steady + fill + epilogue + stored)
    return GemmTiling(
        tile, schedule, inputs.slots, weights.slots, traffic, scratchpad, psums, cycles
    )
