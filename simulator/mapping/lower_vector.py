"""Lowers vector kernels (norms, softmax, residuals) and gathers, in tiles of rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from simulator.hardware.scratchpad.spec import ScratchpadSpec
from simulator.hardware.vector_unit.work import VectorWork, vector_cycles
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.errors import NoMappingError
from simulator.mapping.lowering import Lowering
from simulator.mapping.nest import CorePositions, Dimension, Nest
from simulator.mapping.program import Cause, Command, Item, Tokens
from simulator.mapping.regions import Place
from simulator.mapping.tiling import candidate_sizes, tile_bytes
from simulator.workload.bits import Bits


@dataclass(frozen=True, slots=True)
class VectorProblem:
    """Rows that are worked on one by one.

    work: functions with their output elements per row (may be fractional);
        none at all for a gather.
    *_bits per row: loaded from and stored to main memory; read and written on chip.
    """

    rows: int
    work: tuple[tuple[str, float, bool], ...]
    load_bits: Bits
    store_bits: Bits
    read_bits: Bits
    write_bits: Bits

    def work_of(self, rows: int) -> list[VectorWork]:
        """Vector work of so many rows; row latency only for row-wise functions."""
        return [
            VectorWork(function, math.ceil(elements * rows), rows if row_wise else 0)
            for function, elements, row_wise in self.work
        ]


@dataclass(frozen=True, slots=True)
class VectorTiling:
    """Rows per tile, dealt out to `ways` cores."""

    rows: int
    ways: int
    estimated_cycles: int


class VectorPlaces(NamedTuple):
    """Where the tensors of a vector kernel lie; None for what is never moved."""

    inputs: Place | None
    outputs: Place | None
    parameters: Place | None


def tile_vector(
    name: str, problem: VectorProblem, builder: ProgramBuilder, free: int
) -> VectorTiling:
    """The row block with the least estimated time; raises NoMappingError if no row fits."""
    resources = builder.resources
    spec: ScratchpadSpec = resources.core.scratchpad
    cores = len(resources.cores)

    def footprint(rows: int) -> int:
        tiles = -(-problem.rows // rows)
        size = tile_bytes(rows, problem.load_bits) + tile_bytes(rows, problem.store_bits)
        return size * min(tiles, spec.buffers)

    best: VectorTiling | None = None
    for rows in candidate_sizes(problem.rows, 1):
        if footprint(rows) > free:
            continue
        cycles = _estimate(problem, rows, builder)
        ways = min(cores, -(-problem.rows // rows))
        if best is None or cycles < best.estimated_cycles:
            best = VectorTiling(rows, ways, cycles)
    if best is None:
        raise NoMappingError(name, "scratchpad", footprint(1), free)
    return best


def _estimate(problem: VectorProblem, rows: int, builder: ProgramBuilder) -> int:
    resources = builder.resources
    ways = min(len(resources.cores), -(-problem.rows // rows))
    tiles = -(-problem.rows // (rows * ways))
    compute = vector_cycles(resources.core.vector_unit, problem.work_of(rows))
    load = float(tile_bytes(rows, problem.load_bits) * ways / resources.bytes_per_cycle)
    store = float(tile_bytes(rows, problem.store_bits) * ways / resources.bytes_per_cycle)
    latency = resources.latency_cycles if load or store else 0
    buffers = resources.core.scratchpad.buffers
    arriving = (latency + load + (compute if problem.work else latency + store)) / buffers
    leaving = (compute + store + latency) / buffers
    slot = max(arriving if load else 0, leaving if store else 0)
    return math.ceil(tiles * max(compute, load + store, slot) + latency + load + compute + store)


class VectorLowering(Lowering):
    """Turns a vector problem into program items."""

    def __init__(
        self,
        builder: ProgramBuilder,
        operator: int,
        problem: VectorProblem,
        tiling: VectorTiling,
        places: VectorPlaces,
        parameter_bytes: int = 0,
    ) -> None:
        super().__init__(builder, operator, parameter_bytes, places.parameters)
        self.places = places
        self.problem = problem
        self.dimension = Dimension("rows", problem.rows, tiling.rows, tiling.ways)
        self.taking_part = list(range(tiling.ways))
        buffers = min(self.dimension.tiles, self.resources.core.scratchpad.buffers)
        staged = problem.store_bits if problem.work else 0
        self.staging_bytes = parameter_bytes + buffers * tile_bytes(tiling.rows, staged)
        slots = self.resources.core.scratchpad.buffers
        made = Cause.VECTOR_UNIT if problem.work else Cause.MEMORY_READ
        self.slots = {
            core: self.semaphore(core, "input_slots", slots, Cause.BUFFER_SPACE)
            for core in self.taking_part
        }
        self.full = {
            core: self.semaphore(core, "input", 0, Cause.MEMORY_READ) for core in self.taking_part
        }
        self.staging_free = {
            core: self.semaphore(core, "staging_free", slots, Cause.MEMORY_WRITE)
            for core in self.taking_part
        }
        self.staging_full = {
            core: self.semaphore(core, "staging", 0, made) for core in self.taking_part
        }
        self._memo: dict[tuple[int, int, bool, bool], tuple[Command, ...]] = {}

    def items(self) -> tuple[Item, ...]:
        """The kernel in program order."""
        nest = Nest((self.dimension,), len(self.resources.cores), self._leaf)
        return (*self.prologue(), *nest.items())

    def _leaf(self, positions: tuple[CorePositions, ...]) -> tuple[Item, ...]:
        items: list[Item] = []
        for core in self.taking_part:
            (place,) = positions[core]
            if place.size:
                key = (core, place.size, place.first, place.last)
                if key not in self._memo:
                    self._memo[key] = tuple(self._commands(*key))
                items.extend(self._memo[key])
        return tuple(items)

    def _commands(self, core: int, rows: int, first: bool, last: bool) -> list[Command]:
        p = self.problem
        load = tile_bytes(rows, p.load_bits)
        store = tile_bytes(rows, p.store_bits)
        ready = self.wiring.ready[core] if first else ()
        finished = self.finished(core) if last else ()
        room = ((self.builder.pools[core], load), (self.slots[core], 1))
        commands: list[Command] = []
        if load:
            ends = finished if not p.work and not store else ()
            lands = () if not p.work and not store else ((self.full[core], 1),)
            taken = room if p.work or store else ()
            place = self.places.inputs
            commands.append(
                self.load(core, "inputs", load, (*taken, *ready), (*lands, *ends), place)
            )
            ready = ()
        if p.work:
            acquire = [*ready, *(self.parameters(core) if first else ())]
            release = list(room) if load else []
            late = () if store else finished
            if load:
                acquire.append((self.full[core], 1))
            if store:
                acquire.append((self.staging_free[core], 1))
                late = ((self.staging_full[core], 1),)
            commands.append(
                self.vector(
                    core,
                    p.work_of(rows),
                    (tile_bytes(rows, p.read_bits), tile_bytes(rows, p.write_bits)),
                    acquire=tuple(acquire),
                    release=tuple(release),
                    late=late,
                )
            )
        if store:
            source: Tokens = ready
            back: Tokens = ()
            if p.work:
                source, back = ((self.staging_full[core], 1),), ((self.staging_free[core], 1),)
            elif load:
                source, back = ((self.full[core], 1),), room
            back = (*back, *finished)
            commands.append(self.store(core, store, source, back, self.places.outputs))
        elif not load and not p.work:
            commands.append(self.load(core, "nothing", 0, ready, finished, None))
        return commands
