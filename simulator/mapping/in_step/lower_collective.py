"""A collective: a kernel whose messages go from shared cache to shared cache.

Additions, and what is fused behind the collective, run on all cores.
"""

from __future__ import annotations

from collections.abc import Iterator

from simulator.hardware.primitives import ActionCounts
from simulator.hardware.scratchpad.structure import accesses, read_action, write_action
from simulator.hardware.vector_unit.work import VectorWork
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.collective import ADDITION, CollectivePlaces, CollectiveProblem
from simulator.mapping.in_step.kernel import StepKernel
from simulator.mapping.program import Cause, Command, Item, Loop, Tokens
from simulator.mapping.tiling import tile_bytes

CHUNKS_IN_FLIGHT = 2


def chunk_elements(problem: CollectiveProblem, cache_bytes: int) -> int:
    """Elements that are sent at once: all that stay in the cache, or a share of it of others."""
    if problem.stays_on_chip:
        return problem.elements
    room = cache_bytes * 8 // CHUNKS_IN_FLIGHT
    bits = problem.load_bits + problem.store_bits
    return min(problem.elements, max(1, int(room / bits)))


class CollectiveKernel(StepKernel):
    """Messages of one collective, chunk by chunk.

    arrived, passed: by messages, to work of the SMs and to the next message. read, made,
    added: by the steps of that work.
    """

    def __init__(
        self,
        builder: ProgramBuilder,
        operator: int,
        problem: CollectiveProblem,
        chunk: int,
        places: CollectivePlaces,
        parameter_bytes: int,
    ) -> None:
        super().__init__(builder, operator, parameter_bytes, places.parameters)
        self.problem, self.chunk, self.places = problem, chunk, places
        self.room = self.semaphore("room", CHUNKS_IN_FLIGHT, Cause.BUFFER_SPACE)
        self.cached = self.semaphore("cached", 0, Cause.MEMORY_READ)
        self.begun = self.semaphore("begun", 0, Cause.DEPENDENCY)
        self.arrived = self.semaphore("arrived", 0, Cause.LINK)
        self.passed = self.semaphore("passed", 0, Cause.LINK)
        self.read = self.semaphore("read", 0, Cause.CACHE)
        self.made = self.semaphore("made", 0, Cause.VECTOR_UNIT)
        self.added = self.semaphore("added", 0, Cause.VECTOR_UNIT)
        self.finished = self.semaphore("finished", 0, Cause.CACHE)

    @property
    def worker(self) -> int:
        """The links."""
        return self.step.link

    def items(self) -> tuple[Item, ...]:
        """The kernel in program order."""
        whole, rest = divmod(self.problem.elements, self.chunk)
        body = tuple(self._chunk(self.chunk))
        items = [*self.begin(), *(body if whole == 1 else (Loop(whole, body),))]
        if rest:
            items += self._chunk(rest)
        return (*items, *self.end(whole + bool(rest)))

    def _chunk(self, elements: int) -> Iterator[Command]:
        p = self.problem
        load, store = tile_bytes(elements, p.load_bits), tile_bytes(elements, p.store_bits)
        inputs = (("inputs", load, self.places.inputs),)
        yield from self.fetch(inputs, ((self.room, 1),), (self.cached,))
        yield Command(
            self.queues.cache, self.operator, "send", acquire=((self.cached, 1),),
            release=((self.begun, 1),),
        )  # fmt: skip
        waits: Tokens = ((self.begun, 1),)
        ends: Tokens = ((self.ends, 1), (self.room, 1))
        ends = (*ends, (self.finished, 1)) if store else ends
        work = p.epilogue_of(elements)
        steps = p.steps(elements, self.resources)
        for number, step in enumerate(steps):
            size = p.bytes_of(step.sent)
            counts = ActionCounts()
            counts.add(read_action(self.cache, self.cache_path), accesses(self.cache, size))
            counts.add(write_action(self.cache, self.cache_path), accesses(self.cache, size))
            passed: Tokens = ((self.passed, 1),)
            if number == len(steps) - 1:
                passed = ((self.arrived, 1),) if work else ends
            arrived: Tokens = ((self.arrived, 1),) if step.added else ()
            yield self.message(p.op.function, size, waits, (*passed, *arrived), counts)
            waits = passed
            if step.added:
                size, what = p.bytes_of(step.added), [VectorWork(ADDITION, step.added)]
                added: Tokens = ((self.added, 1),)
                yield from self._work(what, (2 * size, size), arrived, added)
                waits = (*passed, *added)
        if work:
            moved = tile_bytes(elements, p.read_bits), tile_bytes(elements, p.write_bits)
            yield from self._work(work, moved, waits, ends)
        if store:
            yield self.store(store, ((self.finished, 1),), self.places.outputs)

    def _work(
        self, work: list[VectorWork], moved: tuple[int, int], acquire: Tokens, late: Tokens
    ) -> Iterator[Command]:
        """Vector work on all cores, from the cache and back. moved: bytes read and written."""
        cores = self.step.machine.cores
        busiest = [VectorWork(each.function, -(-each.elements // cores)) for each in work]
        read, made = ((self.read, 1),), ((self.made, 1),)
        share = -(-moved[0] // cores)
        yield self.read_cache("operands", moved[0], share, acquire, read, to_registers=True)
        yield self.vector(busiest, work, read, late=made)
        yield self.write_cache(moved[1], -(-moved[1] // cores), made, (), late)
