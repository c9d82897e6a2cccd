"""Lowers fused attention: rounds in which every core takes one step of some block.

While the vector unit works on a step's scores, the matrix units multiply the next
step's, and then this step's context, as two blocks on one core, or two groups of its
threads, do in turns (Shah et al., FlashAttention-3, arXiv:2407.08608).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from simulator.hardware.matrix_unit import MatrixUnit, Tile
from simulator.hardware.primitives import ActionCounts
from simulator.hardware.vector_unit.work import VectorWork
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.in_step.attention import AttentionCosts, AttentionGrid
from simulator.mapping.in_step.kernel import Moved, StepKernel
from simulator.mapping.lower_attention import AttentionPlaces
from simulator.mapping.program import Cause, Command, Item, Loop, Tokens
from simulator.mapping.tiling import tile_bytes
from simulator.mapping.unit_work import gang_actions, gang_timing, gang_traffic


@dataclass(frozen=True, slots=True)
class _Round:
    """What all cores do in a round: steps of blocks, and bytes.

    keys, values, queries: from main memory; read: from the shared cache; outputs: elements.
    """

    steps: int
    keys: int
    values: int
    queries: int
    read: int
    outputs: int


class AttentionKernel(StepKernel):
    """One kernel: its grids one after the other, on one matrix unit."""

    def __init__(
        self,
        builder: ProgramBuilder,
        operator: int,
        unit: int,
        costs: AttentionCosts,
        grids: list[AttentionGrid],
        places: AttentionPlaces,
        cache_bytes: float,
    ) -> None:
        super().__init__(builder, operator)
        self.unit_index, self.grids, self.places = unit, grids, places
        self.costs, self.cache_bytes = costs, cache_bytes

    def items(self) -> tuple[Item, ...]:
        """The kernel in program order."""
        grids = enumerate(self.grids)
        return self.one_by_one(_GridLowering(self, grid, str(number)) for number, grid in grids)


class _GridLowering:
    """The rounds of one grid."""

    def __init__(self, kernel: AttentionKernel, grid: AttentionGrid, name: str) -> None:
        self.kernel, self.grid = kernel, grid
        self.unit: MatrixUnit[Any] = kernel.costs.unit
        self.cores = kernel.step.machine.cores
        self.results = 1 if grid.split > 1 else grid.rounds

        def add(what: str, initial: int, cause: Cause) -> int:
            return kernel.semaphore(f"{name}.{what}", initial, cause)

        self.room = add("room", grid.slots, Cause.BUFFER_SPACE)
        self.cached = add("cached", 0, Cause.MEMORY_READ)
        self.raw = add("raw", 0, Cause.CACHE)
        self.keys = {
            cause: add(f"keys_{cause.value}", 0, cause)
            for cause in (Cause.MEMORY_READ, Cause.CACHE, Cause.VECTOR_UNIT)
        }
        self.scores = add("scores", 0, Cause.MATRIX_UNIT)
        self.probabilities = add("probabilities", 0, Cause.VECTOR_UNIT)
        self.sums = add("sums", 0, Cause.MATRIX_UNIT)
        self.made = add("made", 0, Cause.VECTOR_UNIT)
        self.partial = add("partial", 0, Cause.CACHE)
        self.gathered = add("gathered", 0, Cause.CACHE)
        self.written = add("written", 0, Cause.CACHE)

    def items(self) -> Iterator[Item]:
        """All rounds: operands, scores, softmax, context, each beside its neighbours'."""
        usual, last = self._rounds()
        first = last if usual is None else usual
        yield from self._arrive(first)
        yield from self._scores(first)
        if usual is not None:
            yield from self._step(None, usual, last if self.grid.rounds == 2 else usual)
            body = tuple(self._step(usual, usual, usual))
            count = self.grid.rounds - 3
            yield from (Loop(count, body),) if count > 1 else body * count
            if self.grid.rounds > 2:
                yield from self._step(usual, usual, last)
            yield from self._finish(usual)
        yield self._context(last)
        yield from self._finish(last)
        if self.grid.split > 1:
            yield from self._combine()

    def _step(self, before: _Round | None, now: _Round, following: _Round) -> Iterator[Command]:
        """Scores of the next round, then the context of this one.

        The vector unit does what it can first: it converts the next keys before it waits
        for the results of the round before.
        """
        yield from self._arrive(following)
        yield from self._finish(before) if before else ()
        yield from self._scores(following)
        yield self._context(now)

    def _rounds(self) -> tuple[_Round | None, _Round]:
        """What the last round does, and what every one before does; None for a single one."""
        g, s = self.grid, self.grid.shape
        passes = g.passes(self.cores, self.kernel.cache_bytes)
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

    def _arrive(self, each: _Round) -> Iterator[Command]:
        """Keys and values on their way to the cores, and converted there if need be."""
        k, places = self.kernel, self.kernel.places
        loads = k.fetch(
            (
                ("queries", each.queries, places.queries),
                ("keys", each.keys, places.keys),
                ("values", each.values, places.values),
            ),
            ((self.room, 1),),
            (self.cached,),
        )
        yield from loads
        busiest = max(self.grid.key_value_bytes, each.read / self.cores)
        cached: Tokens = ((self.cached, len(loads)),)
        read = k.read_cache("keys and values", each.read, busiest, cached, ())
        if not self.grid.converted_bits:
            yield replace(read, release_late=self._arrival(each))
            return
        yield replace(read, release_late=((self.raw, 1),))
        work = self.grid.conversion()
        everywhere = [VectorWork(w.function, w.elements * each.steps) for w in work]
        done: Tokens = ((self.keys[Cause.VECTOR_UNIT], 1),)
        command = k.vector(work, everywhere, ((self.raw, 1),), late=done)
        written, stored = self.grid.converted_bytes, self.grid.key_value_bytes
        k.count(
            command.actions,
            Moved(near_read=each.steps * stored, near_write=each.steps * written),
        )
        yield command

    def _arrival(self, each: _Round) -> Tokens:
        """What the scores of a round wait for; as `_arrive` gives it."""
        if self.grid.converted_bits:
            return ((self.keys[Cause.VECTOR_UNIT], 1),)
        moved = each.queries + each.keys + each.values
        fetched = moved / float(self.kernel.step.bytes_per_cycle)
        busiest = max(self.grid.key_value_bytes, each.read / self.cores)
        slower = fetched > self.kernel.cache_cycles(each.read, busiest)
        return ((self.keys[Cause.MEMORY_READ if slower else Cause.CACHE], 1),)

    def _scores(self, each: _Round) -> Iterator[Command]:
        scores, _ = self.grid.products()
        late: Tokens = ((self.scores, 1),)
        yield self._multiply("scores", scores, each.steps, self._arrival(each), (), late)
        yield self._softmax(each)

    def _softmax(self, each: _Round) -> Command:
        g = self.grid
        busiest = g.softmax()
        everywhere = [
            VectorWork(work.function, work.elements * each.steps, work.rows * each.steps)
            for work in busiest
        ]
        late = ((self.probabilities, 1),)
        return self.kernel.vector(busiest, everywhere, ((self.scores, 1),), late=late)

    def _context(self, each: _Round) -> Command:
        _, context = self.grid.products()
        ready: Tokens = ((self.probabilities, 1),)
        done: Tokens = ((self.sums, 1),)
        return self._multiply("context", context, each.steps, ready, ((self.room, 1),), done)

    def _finish(self, each: _Round) -> Iterator[Command]:
        """A round's share of the results, which are spread over all rounds."""
        g, k = self.grid, self.kernel
        if g.split > 1:
            size = g.split * tile_bytes(each.outputs, g.accumulator_bits)
            late: Tokens = ((self.partial, 1),)
            yield k.write_cache(size, size / self.cores, ((self.sums, 1),), (), late)
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
            [VectorWork(f, math.ceil(outputs * share / self.cores)) for f, share in work],
            [VectorWork(f, math.ceil(outputs * share)) for f, share in work],
            waits,
            late=((self.made, 1),),
        )
        size, stored = tile_bytes(outputs, g.result_bits), tile_bytes(outputs, g.store_bits)
        late: Tokens = ((k.ends, 1), *(((self.written, 1),) if stored else ()))
        yield k.write_cache(size, size / self.cores, ((self.made, 1),), (), late)
        if stored:
            yield k.store(stored, ((self.written, 1),), k.places.outputs)

    def _combine(self) -> Iterator[Command]:
        """Results of all shares of a block's keys are read again, scaled and added up."""
        g, k = self.grid, self.kernel
        size = g.split * tile_bytes(g.outputs, g.accumulator_bits)
        ready: Tokens = ((self.partial, g.rounds),)
        yield k.read_cache(
            "partial results",
            size,
            size / self.cores,
            ready,
            ((self.gathered, 1),),
            to_registers=True,
        )
        yield from self._results(g.outputs, ((self.gathered, 1),), [("scale_add", float(g.split))])

    def _multiply(
        self, label: str, tile: Tile, steps: int, acquire: Tokens, release: Tokens, late: Tokens
    ) -> Command:
        """One product on every core, by all its matrix units together."""
        k = self.kernel
        timing = gang_timing(self.unit, tile)
        moved = gang_traffic(self.unit, tile, accumulate=False)
        operands = moved.input_read_bytes + moved.weight_read_bytes
        busy, near = k.costs.product_cycles(self.grid, tile), k.costs.near_bytes(self.grid, tile)
        counts = ActionCounts()
        counts.merge(gang_actions(self.unit, tile), steps)
        k.count(
            counts,
            Moved(
                near_read=steps * near,
                register_read=steps * (operands + moved.psum_read_bytes),
                register_write=steps * (near + moved.psum_write_bytes),
            ),
        )
        return Command(
            queue=k.worker,
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
