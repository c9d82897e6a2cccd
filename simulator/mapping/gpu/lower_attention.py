"""Lowers fused attention: rounds in which every SM takes one step of some block.

While the vector unit works on a step's scores, the matrix units multiply the next
step's, and then this step's context, as two blocks on an SM, or two groups of warps of
one block, do in turns (Shah et al., FlashAttention-3, arXiv:2407.08608).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from simulator.hardware.matrix_unit import MatrixUnit, Tile
from simulator.hardware.primitives import ActionCounts
from simulator.hardware.vector_unit.work import VectorWork
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.gpu.attention import AttentionGrid, shared_cycles
from simulator.mapping.gpu.kernel import GpuKernel, Moved
from simulator.mapping.lower_attention import AttentionPlaces
from simulator.mapping.program import Cause, Command, Item, Loop, Tokens
from simulator.mapping.tiling import tile_bytes
from simulator.mapping.unit_work import gang_actions, gang_timing, gang_traffic


@dataclass(frozen=True, slots=True)
class _Round:
    """What all SMs do in a round: steps of blocks, and bytes.

    keys, values, queries: from main memory; read: from the L2 cache; outputs: elements.
    """

    steps: int
    keys: int
    values: int
    queries: int
    read: int
    outputs: int


class AttentionKernel(GpuKernel):
    """One kernel: its grids one after the other, on one matrix unit."""

    def __init__(
        self,
        builder: ProgramBuilder,
        operator: int,
        unit: int,
        grids: list[AttentionGrid],
        places: AttentionPlaces,
        cache_bytes: float,
    ) -> None:
        super().__init__(builder, operator)
        self.unit_index, self.grids, self.places = unit, grids, places
        self.cache_bytes = cache_bytes

    def items(self) -> tuple[Item, ...]:
        """The kernel in program order."""
        items, results = self.begin(), 0
        for number, grid in enumerate(self.grids):
            lowering = _GridLowering(self, grid, str(number))
            items.extend(lowering.items())
            results += lowering.results
        return (*items, *self.end(results))


class _GridLowering:
    """The rounds of one grid."""

    def __init__(self, kernel: AttentionKernel, grid: AttentionGrid, name: str) -> None:
        self.kernel, self.grid = kernel, grid
        self.unit: MatrixUnit[Any] = kernel.gpu.matrix_units[kernel.unit_index]
        self.sms = kernel.gpu.machine.cores
        self.results = 1 if grid.split > 1 else grid.rounds

        def add(what: str, initial: int, cause: Cause) -> int:
            return kernel.semaphore(f"{name}.{what}", initial, cause)

        self.room = add("room", grid.slots, Cause.BUFFER_SPACE)
        self.cached = add("cached", 0, Cause.MEMORY_READ)
        self.loaded = add("loaded", 0, Cause.MEMORY_READ)
        self.keys = add("keys", 0, Cause.L2)
        self.scores = add("scores", 0, Cause.MATRIX_UNIT)
        self.probabilities = add("probabilities", 0, Cause.VECTOR_UNIT)
        self.sums = add("sums", 0, Cause.MATRIX_UNIT)
        self.made = add("made", 0, Cause.VECTOR_UNIT)
        self.partial = add("partial", 0, Cause.L2)
        self.gathered = add("gathered", 0, Cause.L2)
        self.written = add("written", 0, Cause.L2)

    def items(self) -> Iterator[Item]:
        """All rounds, each from its scores into the context of the one before."""
        usual, last = self._rounds()
        if usual is None:
            yield from self._scores(last)
        else:
            yield from self._scores(usual)
            body = (*self._scores(usual), *self._context(usual))
            count = self.grid.rounds - 2
            yield from (Loop(count, body),) if count > 1 else body * count
            yield from self._scores(last)
            yield from self._context(usual)
        yield from self._context(last)
        if self.grid.split > 1:
            yield from self._combine()

    def _rounds(self) -> tuple[_Round | None, _Round]:
        """What the last round does, and what every one before does; None for a single one."""
        g, s = self.grid, self.grid.shape
        passes = g.passes(self.sms, self.kernel.cache_bytes)
        held = s.count * s.context_tokens * s.head_dim
        queries = tile_bytes(g.outputs, g.query_bits)
        totals = {
            "steps": g.steps,
            "keys": 0 if g.cache_on_chip else passes * tile_bytes(held, g.key_bits),
            "values": 0 if g.cache_on_chip else passes * tile_bytes(held, g.value_bits),
            "queries": 0 if g.queries_on_chip else queries,
            "read": g.steps * g.key_value_bytes + g.split * queries,
            "outputs": g.outputs,
        }
        if g.rounds == 1:
            return None, _Round(**totals)
        usual = {name: total // g.rounds for name, total in totals.items()}
        rest = {name: total - (g.rounds - 1) * usual[name] for name, total in totals.items()}
        return _Round(**usual), _Round(**rest)

    def _scores(self, each: _Round) -> Iterator[Command]:
        """Keys and values on their way into shared memory, and the first product."""
        k, places = self.kernel, self.kernel.places
        loads = k.fetch(
            (
                ("queries", each.queries, places.queries),
                ("keys", each.keys, places.keys),
                ("values", each.values, places.values),
            ),
            ((self.room, 1),),
            (self.cached, self.loaded),
        )
        yield from loads
        busiest = max(self.grid.key_value_bytes, each.read / self.sms)
        ready: Tokens = ((self.cached, len(loads)),)
        yield k.read_l2("keys and values", each.read, busiest, ready, ((self.keys, 1),))
        arrived: Tokens = ((self.loaded, len(loads)), (self.keys, 1))
        scores, _ = self.grid.products()
        yield self._multiply("scores", scores, each.steps, arrived, (), ((self.scores, 1),))
        yield self._softmax(each)

    def _softmax(self, each: _Round) -> Command:
        g = self.grid
        busiest = [*g.softmax(), *g.conversion()]
        everywhere = [
            VectorWork(work.function, work.elements * each.steps, work.rows * each.steps)
            for work in busiest
        ]
        late = ((self.probabilities, 1),)
        return self.kernel.vector(busiest, everywhere, Moved(), ((self.scores, 1),), late=late)

    def _context(self, each: _Round) -> Iterator[Command]:
        """The second product, and a share of the results, spread over all rounds."""
        g, k = self.grid, self.kernel
        _, context = g.products()
        ready: Tokens = ((self.probabilities, 1),)
        yield self._multiply(
            "context", context, each.steps, ready, ((self.room, 1),), ((self.sums, 1),)
        )
        if g.split > 1:
            size = g.split * tile_bytes(each.outputs, g.accumulator_bits)
            late: Tokens = ((self.partial, 1),)
            yield k.write_l2(size, size / self.sms, ((self.sums, 1),), (), late)
        else:
            yield from self._results(each.outputs, ((self.sums, 1),), [])

    def _results(
        self, outputs: int, waits: Tokens, before: list[tuple[str, float]]
    ) -> Iterator[Command]:
        """Division by the softmax's sums and the epilogue, and the way to memory.

        before: further vector work, as functions with their elements per output.
        """
        g, k = self.grid, self.kernel
        work = [*before, ("multiply", 1.0), *g.epilogue]
        yield k.vector(
            [VectorWork(f, math.ceil(outputs * share / self.sms)) for f, share in work],
            [VectorWork(f, math.ceil(outputs * share)) for f, share in work],
            Moved(),
            waits,
            late=((self.made, 1),),
        )
        size, stored = tile_bytes(outputs, g.result_bits), tile_bytes(outputs, g.store_bits)
        late: Tokens = ((k.ends, 1), *(((self.written, 1),) if stored else ()))
        yield k.write_l2(size, size / self.sms, ((self.made, 1),), (), late)
        if stored:
            yield k.store(stored, ((self.written, 1),), k.places.outputs)

    def _combine(self) -> Iterator[Command]:
        """Results of all shares of a block's keys are read again, scaled and added up."""
        g, k = self.grid, self.kernel
        size = g.split * tile_bytes(g.outputs, g.accumulator_bits)
        ready: Tokens = ((self.partial, g.rounds),)
        yield k.read_l2("partial results", size, size / self.sms, ready, ((self.gathered, 1),))
        yield from self._results(g.outputs, ((self.gathered, 1),), [("scale_add", float(g.split))])

    def _multiply(
        self, label: str, tile: Tile, steps: int, acquire: Tokens, release: Tokens, late: Tokens
    ) -> Command:
        """One product on every SM, by all its matrix units together."""
        k = self.kernel
        timing = gang_timing(self.unit, tile)
        moved = gang_traffic(self.unit, tile, accumulate=False)
        operands = moved.input_read_bytes + moved.weight_read_bytes
        core = k.gpu.machine.core
        busy = max(timing.interval_cycles, shared_cycles(self.grid, core))
        shared = core.sub_cores * self.grid.key_value_bytes // 2
        counts = ActionCounts()
        counts.merge(gang_actions(self.unit, tile), steps)
        k.count(
            counts,
            Moved(
                shared_read=steps * shared,
                register_read=steps * (operands + moved.psum_read_bytes),
                register_write=steps * (shared + moved.psum_write_bytes),
            ),
        )
        return Command(
            queue=k.queues.matrix[k.unit_index],
            operator=k.operator,
            label=label,
            cycles=busy,
            latency_cycles=busy + timing.cycles - timing.interval_cycles,
            compute_cycles=timing.interval_cycles,
            acquire=acquire,
            release=release,
            release_late=late,
            actions=counts,
        )
