"""Lowers a collective on the cores of an NPU: messages, additions, epilogue.

A tile goes through the steps of the collective one after the other: a message leaves while
one of the same size comes in; what has come in is added on the vector unit where the step
asks for that, and goes out with the next one. The tensor stays in one tile if it is on chip.
Core 0 serves the links.
"""

from __future__ import annotations

from collections.abc import Iterator

from simulator.hardware.primitives import ActionCounts
from simulator.hardware.vector_unit.work import VectorWork, vector_cycles
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.collective import ADDITION, CollectivePlaces, CollectiveProblem
from simulator.mapping.errors import NoMappingError
from simulator.mapping.lowering import Lowering
from simulator.mapping.nest import CorePositions, Dimension, Nest
from simulator.mapping.program import Cause, Command, Item, Tokens
from simulator.mapping.tiling import candidate_sizes, tile_bytes

CORE = 0


def tile_collective(
    name: str, problem: CollectiveProblem, builder: ProgramBuilder, free: int
) -> int:
    """Elements of the tile with the least estimated time; NoMappingError if not one fits."""
    if problem.stays_on_chip:
        return problem.elements
    sizes = candidate_sizes(problem.elements, 1)
    fitting = [size for size in sizes if _footprint(problem, size, builder) <= free]
    if not fitting:
        raise NoMappingError(name, "scratchpad", _footprint(problem, sizes[0], builder), free)
    return min(fitting, key=lambda size: _estimate(problem, size, builder))


def _footprint(problem: CollectiveProblem, tile: int, builder: ProgramBuilder) -> int:
    """Bytes of the scratchpad that tiles of a size take: inputs, outputs, what comes in."""
    moved = tile_bytes(tile, problem.load_bits) + tile_bytes(tile, problem.store_bits)
    buffers: int = builder.resources.core.scratchpad.buffers
    slots = min(-(-problem.elements // tile), buffers)
    return moved * slots + _incoming_bytes(problem, tile, builder)


def _incoming_bytes(problem: CollectiveProblem, tile: int, builder: ProgramBuilder) -> int:
    """Room for what comes in before it is added; all else goes where the result is made."""
    steps = problem.steps(tile, builder.resources)
    return max(problem.bytes_of(step.added) for step in steps)


def _estimate(problem: CollectiveProblem, tile: int, builder: ProgramBuilder) -> float:
    """Cycles: tiles overlap, but for the first one's load and the last one's store."""
    resources = builder.resources
    steps = problem.steps(tile, resources)
    work = [VectorWork(ADDITION, step.added) for step in steps if step.added]
    inside = vector_cycles(resources.core.vector_unit, [*work, *problem.epilogue_of(tile)])
    inside += sum(resources.link_cycles(problem.bytes_of(step.sent)) for step in steps)
    inside += len(steps) * resources.link_latency_cycles
    load = float(tile_bytes(tile, problem.load_bits) / resources.bytes_per_cycle)
    store = float(tile_bytes(tile, problem.store_bits) / resources.bytes_per_cycle)
    there = load + resources.latency_cycles * bool(load)
    gone = store + resources.latency_cycles * bool(store)
    buffers: int = resources.core.scratchpad.buffers
    tiles = -(-problem.elements // tile)
    slot = (inside + max(there, gone)) / buffers
    return tiles * max(inside, load + store, slot) + there + gone


class CollectiveLowering(Lowering):
    """Turns a collective into program items.

    arrived, passed, complete: by messages, to additions, to the next message, and to the
    epilogue. added: by an addition, to the message that takes its result on.
    """

    def __init__(
        self,
        builder: ProgramBuilder,
        operator: int,
        problem: CollectiveProblem,
        tile: int,
        places: CollectivePlaces,
        parameter_bytes: int,
    ) -> None:
        super().__init__(builder, operator, parameter_bytes, places.parameters)
        self.problem, self.places = problem, places
        self.dimension = Dimension("elements", problem.elements, tile)
        self.taking_part = [CORE]
        slots: int = self.resources.core.scratchpad.buffers
        stored = tile_bytes(tile, problem.store_bits) * min(self.dimension.tiles, slots)
        self.staging_bytes = parameter_bytes + stored + _incoming_bytes(problem, tile, builder)
        self.slots = self.semaphore(CORE, "input_slots", slots, Cause.BUFFER_SPACE)
        self.full = self.semaphore(CORE, "input", 0, Cause.MEMORY_READ)
        self.begun = self.semaphore(CORE, "begun", 0, Cause.DEPENDENCY)
        self.arrived = self.semaphore(CORE, "arrived", 0, Cause.LINK)
        self.passed = self.semaphore(CORE, "passed", 0, Cause.LINK)
        self.complete = self.semaphore(CORE, "complete", 0, Cause.LINK)
        self.added = self.semaphore(CORE, "added", 0, Cause.VECTOR_UNIT)
        self.staging_free = self.semaphore(CORE, "staging_free", slots, Cause.MEMORY_WRITE)
        self.staging_full = self.semaphore(CORE, "staging", 0, Cause.VECTOR_UNIT)
        self._memo: dict[tuple[int, bool, bool], tuple[Command, ...]] = {}

    def items(self) -> tuple[Item, ...]:
        """The kernel in program order."""
        nest = Nest((self.dimension,), len(self.resources.cores), self._leaf)
        return (*self.prologue(), *nest.items())

    def _leaf(self, positions: tuple[CorePositions, ...]) -> tuple[Item, ...]:
        (place,) = positions[CORE]
        key = (place.size, place.first, place.last)
        if key not in self._memo:
            self._memo[key] = tuple(self._commands(*key))
        return self._memo[key]

    def _commands(self, elements: int, first: bool, last: bool) -> Iterator[Command]:
        p = self.problem
        load, store = tile_bytes(elements, p.load_bits), tile_bytes(elements, p.store_bits)
        waits = self.wiring.ready[CORE] if first else ()
        room: Tokens = ()
        if load:
            room = ((self.builder.pools[CORE], load), (self.slots, 1))
            full: Tokens = ((self.full, 1),)
            yield self.load(CORE, "inputs", load, (*room, *waits), full, self.places.inputs)
            waits = full
        elif waits:
            yield self._begin(waits)
            waits = ((self.begun, 1),)
        if store:
            waits = (*waits, (self.staging_free, 1))
        work = p.epilogue_of(elements)
        finished = self.finished(CORE) if last else ()
        ends: Tokens = ((self.staging_full, 1),) if store else finished
        steps = p.steps(elements, self.resources)
        for number, step in enumerate(steps):
            size = p.bytes_of(step.sent)
            counts = ActionCounts()
            self.builder.count_scratchpad(counts, size, size)
            passed: Tokens = ((self.passed, 1),)
            if number == len(steps) - 1:
                passed = ((self.complete, 1),) if work else (*ends, *room)
            arrived: Tokens = ((self.arrived, 1),) if step.added else ()
            yield self.message(p.op.function, size, waits, (*passed, *arrived), counts)
            waits = passed
            if step.added:
                size = p.bytes_of(step.added)
                what, late = [VectorWork(ADDITION, step.added)], ((self.added, 1),)
                yield self.vector(CORE, what, (2 * size, size), acquire=arrived, late=late)
                waits = (*passed, *late)
        if work:
            moved = tile_bytes(elements, p.read_bits), tile_bytes(elements, p.write_bits)
            if first:
                waits = (*waits, *self.parameters(CORE))
            yield self.vector(CORE, work, moved, acquire=waits, release=room, late=ends)
        if store:
            back = ((self.staging_free, 1), *finished)
            yield self.store(CORE, store, ((self.staging_full, 1),), back, self.places.outputs)

    def _begin(self, waits: Tokens) -> Command:
        """Waits for what is sent in the vector unit's queue, as others that read it do.

        So the tensor that segments hand on is taken in program order.
        """
        return Command(
            queue=self.resources.cores[CORE].vector,
            operator=self.operator,
            label="begin",
            acquire=waits,
            release=((self.begun, 1),),
        )
