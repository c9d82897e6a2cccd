"""Element-wise and row-wise kernels, and gathers: chunks of rows over all cores.

A chunk is what all cores read at once, as far as their threads or buffers go.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from simulator.hardware.vector_unit.work import VectorWork
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.in_step.kernel import StepKernel
from simulator.mapping.lower_vector import VectorPlaces, VectorProblem
from simulator.mapping.program import Cause, Command, Item, Loop, Tokens
from simulator.mapping.tiling import tile_bytes

CHUNKS_IN_FLIGHT = 2


class Chunks(NamedTuple):
    """Rows of a chunk, and how many chunks are whole; the rest is one more."""

    rows: int
    whole: int
    rest: int


def chunks(problem: VectorProblem, bytes_at_once: int) -> Chunks:
    """How the rows are cut. bytes_at_once: that all cores read together."""
    bits = max(1.0, problem.read_bits, problem.write_bits)
    rows = min(problem.rows, max(1, int(bytes_at_once * 8 / bits)))
    return Chunks(rows, *divmod(problem.rows, rows))


class VectorKernel(StepKernel):
    """One kernel of vector work, or of none (a gather)."""

    def __init__(
        self,
        builder: ProgramBuilder,
        operator: int,
        problem: VectorProblem,
        places: VectorPlaces,
        parameter_bytes: int,
    ) -> None:
        super().__init__(builder, operator, parameter_bytes, places.parameters)
        self.problem, self.places = problem, places
        self.loads_made = bool(problem.load_bits)
        self.room = self.semaphore("room", CHUNKS_IN_FLIGHT, Cause.BUFFER_SPACE)
        self.cached = self.semaphore("cached", 0, Cause.MEMORY_READ)
        self.chunk = {
            cause: self.semaphore(f"chunk_{cause.value}", 0, cause)
            for cause in (Cause.MEMORY_READ, Cause.CACHE)
        }
        self.made = self.semaphore("made", 0, Cause.VECTOR_UNIT)
        self.written = self.semaphore("written", 0, Cause.CACHE)

    def items(self) -> tuple[Item, ...]:
        """The kernel in program order."""
        cut = chunks(self.problem, self.step.bytes_at_once)
        items = self.begin()
        body = tuple(self._chunk(cut.rows))
        items.extend(body if cut.whole == 1 else (Loop(cut.whole, body),))
        if cut.rest:
            items.extend(self._chunk(cut.rest))
        return (*items, *self.end(cut.whole + bool(cut.rest)))

    def _chunk(self, rows: int) -> Iterator[Command]:
        p, cores = self.problem, self.step.machine.cores
        load, store = tile_bytes(rows, p.load_bits), tile_bytes(rows, p.store_bits)
        read, write = tile_bytes(rows, p.read_bits), tile_bytes(rows, p.write_bits)
        inputs = (("inputs", load, self.places.inputs),)
        yield from self.fetch(inputs, ((self.room, 1),), (self.cached,))
        share = -(-rows // cores) / rows
        ready: Tokens = ((self.cached, 1),)
        fetched = load / float(self.step.bytes_per_cycle)
        command = self.read_cache("inputs", read, read * share, ready, (), to_registers=True)
        cause = Cause.MEMORY_READ if fetched > command.cycles else Cause.CACHE
        waits: Tokens = ((self.chunk[cause], 1),)
        yield replace(command, release_late=waits)
        if p.work:
            everywhere = p.work_of(rows)
            busiest = [self._busiest(work, rows) for work in everywhere]
            yield self.vector(busiest, everywhere, waits, late=((self.made, 1),))
            waits = ((self.made, 1),)
        late: Tokens = ((self.ends, 1), *(((self.written, 1),) if store else ()))
        yield self.write_cache(write, write * share, waits, ((self.room, 1),), late)
        if store:
            yield self.store(store, ((self.written, 1),), self.places.outputs)

    def _busiest(self, work: VectorWork, rows: int) -> VectorWork:
        """What the busiest core does: whole rows of what works on rows, else any share."""
        cores = self.step.machine.cores
        if not work.rows:
            return VectorWork(work.function, -(-work.elements // cores))
        most = -(-rows // cores)
        return VectorWork(work.function, math.ceil(work.elements * most / rows), most)
