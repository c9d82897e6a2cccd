"""How long a GEMM should take with each of many tilings at once.

All sums are of whole numbers or in a fixed order, so that an estimate is the same
whatever other tilings it is worked out beside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.mapping.extent import Numbers
from simulator.mapping.gemm_use import UseOfSome, whole_bytes
from simulator.mapping.tiling import Budget, GemmProblem
from simulator.workload.bits import Bits


@dataclass(frozen=True, slots=True)
class Candidates:
    """Tilings to be timed: arrays with a number for each.

    m, n, k: sizes of the tile. compute: cycles of the busiest core's units or their ports.
    iterations: tiles that it multiplies. latency: cycles of one. use: what they need.
    """

    m: Numbers
    n: Numbers
    k: Numbers
    compute: Numbers
    iterations: Numbers
    latency: Numbers
    use: UseOfSome


def estimated_cycles(p: GemmProblem, b: Budget, c: Candidates) -> Numbers:
    """Time of the busiest core: the slowest resource, plus fill and drain."""
    tiles_m, tiles_n, tiles_k = -(-p.m // c.m), -(-p.n // c.n), -(-p.k // c.k)
    input_loads = p.count * c.use.inputs / c.m * tiles_k / c.use.cores
    weight_loads = p.count * c.use.weights / c.n * tiles_k / c.use.cores

    def transfer(elements: Numbers, bits: Bits) -> Numbers:
        return np.asarray(whole_bytes(elements, bits) * c.use.cores / b.bytes_per_cycle)

    stored = transfer(c.m * c.n, p.store_bits)
    finish = c.latency - c.compute / c.iterations
    outputs = p.count * tiles_m * tiles_n / c.use.cores
    epilogue = p.vector_cycles / c.use.cores / outputs
    conversion = p.conversion_cycles / (p.count * p.k * p.n) * c.k * c.n
    converted = weight_loads * conversion
    leaving = b.latency_cycles + stored if p.store_bits else np.zeros_like(stored)
    # An accumulator is filled, and then read out by the epilogue or stored; what the
    # epilogue made is stored.
    scaling = p.group_cycles / c.use.cores
    filled = c.iterations if p.group else outputs
    read_out = epilogue if p.vector_cycles else leaving
    accumulating = c.compute + filled * finish + scaling + outputs * read_out
    staging = outputs * (epilogue + leaving) * (p.vector_cycles > 0)
    moving = _moving(p, b, c, input_loads, weight_loads)
    if (p.vector_cycles or p.group) and p.conversion_cycles:
        # The vector unit works in order: weights wait behind what drains before them.
        exposed = np.minimum(filled, weight_loads)
        moving += exposed * (finish + (scaling + outputs * epilogue) / filled + conversion)
    steady = np.maximum.reduce(
        [
            moving,
            c.use.traffic / b.bytes_per_cycle,
            outputs * epilogue + converted + scaling,
            accumulating / b.accumulator_buffers,
            staging / b.buffers,
        ]
    )
    inputs, weights = transfer(c.m * c.k, p.input_bits), transfer(c.k * c.n, p.weight_bits)
    fill = b.latency_cycles + inputs + weights + conversion + finish
    return np.asarray(np.floor(steady + fill + epilogue + stored))


def _moving(
    p: GemmProblem, b: Budget, c: Candidates, input_loads: Numbers, weight_loads: Numbers
) -> Numbers:
    """Cycles of compute and loads side by side.

    What is not loaded again comes in bursts: inputs in the first round of the loop
    over n, weights in the first round of the loop over m. In each kind of iteration
    the units, the memory or the wait for a free slot and its new tile is slowest.
    """
    rate = b.bytes_per_cycle / c.use.cores
    inputs = c.m * c.k * float(p.input_bits) / 8 / rate
    weights = c.k * c.n * float(p.weight_bits) / 8 / rate
    loaded = input_loads * inputs + weight_loads * weights
    stored = (c.use.traffic / b.bytes_per_cycle - loaded) / c.iterations
    interval = c.compute / c.iterations
    # With loads of inputs and without, and beside that with loads of weights and without.
    share_n = _both(c.use.input_share, 1 - c.use.input_share)[:, np.newaxis]
    share_m = _both(c.use.weight_share, 1 - c.use.weight_share)
    input_slots = _both(_waited_for(p.input_bits, input_loads, c.use.input_slots), np.inf)
    weight_slots = _both(_waited_for(p.weight_bits, weight_loads, c.use.weight_slots), np.inf)
    arriving = _both(inputs, 0)[:, np.newaxis] + _both(weights, 0)
    slots = np.minimum(input_slots[:, np.newaxis], weight_slots)
    wait = (b.latency_cycles + arriving + interval) / slots
    period = np.maximum(np.maximum(interval, arriving + stored), wait)
    first, *rest = (c.iterations * share_n * share_m * period).reshape(4, -1)
    return np.asarray(sum(rest, start=first))


def _both(loading: Numbers, idle: Numbers | float) -> Numbers:
    both = np.empty((2, len(loading)))
    both[0], both[1] = loading, idle
    return both


def _waited_for(bits: Bits, loads: Numbers, slots: Numbers) -> Numbers:
    """Slots that an operand's loads wait for: none if all tiles have a place of their own."""
    if not bits:
        return np.full_like(loads, np.inf)
    return np.where(loads > slots, slots, np.inf)
