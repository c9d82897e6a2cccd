"""Element-wise and row-wise kernels, and gathers: chunks of rows over all SMs.

A chunk is what all resident threads read at once, each with the widest access.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from simulator.hardware.gpu import GpuSpec
from simulator.hardware.vector_unit.work import VectorWork
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.gpu.kernel import GpuKernel
from simulator.mapping.lower_vector import VectorPlaces, VectorProblem
from simulator.mapping.program import Cause, Command, Item, Loop, Tokens
from simulator.mapping.tiling import tile_bytes

ACCESS_BYTES = 16
"""Of one thread: the widest load of CUDA, 128 bits."""
CHUNKS_IN_FLIGHT = 2


class Chunks(NamedTuple):
    """Rows of a chunk, and how many chunks are whole; the rest is one more."""

    rows: int
    whole: int
    rest: int


def chunks(problem: VectorProblem, machine: GpuSpec) -> Chunks:
    """How the rows are cut."""
    at_once = machine.cores * machine.core.max_threads * ACCESS_BYTES
    bits = max(1.0, problem.read_bits, problem.write_bits)
    rows = min(problem.rows, max(1, int(at_once * 8 / bits)))
    return Chunks(rows, *divmod(problem.rows, rows))


class VectorKernel(GpuKernel):
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
        self.room = self.semaphore("room", CHUNKS_IN_FLIGHT, Cause.BUFFER_SPACE)
        self.cached = self.semaphore("cached", 0, Cause.MEMORY_READ)
        self.chunk = {
            cause: self.semaphore(f"chunk_{cause.value}", 0, cause)
            for cause in (Cause.MEMORY_READ, Cause.L2)
        }
        self.made = self.semaphore("made", 0, Cause.VECTOR_UNIT)
        self.written = self.semaphore("written", 0, Cause.L2)

    def items(self) -> tuple[Item, ...]:
        """The kernel in program order."""
        cut = chunks(self.problem, self.gpu.machine)
        items = self.begin()
        body = tuple(self._chunk(cut.rows))
        items.extend(body if cut.whole == 1 else (Loop(cut.whole, body),))
        if cut.rest:
            items.extend(self._chunk(cut.rest))
        return (*items, *self.end(cut.whole + bool(cut.rest)))

    def _chunk(self, rows: int) -> Iterator[Command]:
        p, sms = self.problem, self.gpu.machine.cores
        load, store = tile_bytes(rows, p.load_bits), tile_bytes(rows, p.store_bits)
        read, write = tile_bytes(rows, p.read_bits), tile_bytes(rows, p.write_bits)
        inputs = (("inputs", load, self.places.inputs),)
        yield from self.fetch(inputs, ((self.room, 1),), (self.cached,))
        share = -(-rows // sms) / rows
        ready: Tokens = ((self.cached, 1),)
        fetched = load / float(self.gpu.bytes_per_cycle)
        command = self.read_l2("inputs", read, read * share, ready, (), to_registers=True)
        cause = Cause.MEMORY_READ if fetched > command.cycles else Cause.L2
        waits: Tokens = ((self.chunk[cause], 1),)
        yield replace(command, release_late=waits)
        if p.work:
            everywhere = p.work_of(rows)
            busiest = [self._busiest(work, rows) for work in everywhere]
            yield self.vector(busiest, everywhere, waits, late=((self.made, 1),))
            waits = ((self.made, 1),)
        late: Tokens = ((self.ends, 1), *(((self.written, 1),) if store else ()))
        yield self.write_l2(write, write * share, waits, ((self.room, 1),), late)
        if store:
            yield self.store(store, ((self.written, 1),), self.places.outputs)

    def _busiest(self, work: VectorWork, rows: int) -> VectorWork:
        """What the busiest SM does: whole rows of what works on rows, else any share."""
        sms = self.gpu.machine.cores
        if not work.rows:
            return VectorWork(work.function, -(-work.elements // sms))
        most = -(-rows // sms)
        return VectorWork(work.function, math.ceil(work.elements * most / rows), most)
