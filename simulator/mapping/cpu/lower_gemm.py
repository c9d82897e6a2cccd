"""Lowers GEMMs on a CPU's cores: tiles of columns, through the shared cache."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from simulator.hardware.matrix_unit import Tile
from simulator.hardware.primitives import ActionCounts
from simulator.hardware.vector_unit.work import VectorWork
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.cpu.cost import TileCost, tile_cost
from simulator.mapping.cpu.resources import CpuResources
from simulator.mapping.cpu.tiling import ColumnTile, ColumnTiling
from simulator.mapping.gemm_part import GemmPlaces
from simulator.mapping.in_step.kernel import Moved, StepKernel
from simulator.mapping.in_step.problem import StepGemm
from simulator.mapping.program import Cause, Command, Item, Loop, Tokens
from simulator.mapping.tiling import tile_bytes
from simulator.mapping.unit_work import unit_actions


@dataclass(frozen=True, slots=True)
class GemmSemaphores:
    """Of one problem: room for tiles, and what has happened to the one under way.

    operands: by what they came through most slowly, which is what waiting for them is called.
    """

    room: int
    cached: int
    operands: dict[Cause, int]
    sums: int
    extras_cached: int
    extras: int
    results: int
    written: int


class GemmInStep(StepKernel):
    """What GEMM kernels on cores and on arrays share: semaphores, and a tile's results."""

    def __init__(
        self,
        builder: ProgramBuilder,
        operator: int,
        places: GemmPlaces,
        parameter_bytes: int,
    ) -> None:
        super().__init__(builder, operator, parameter_bytes, places.parameters)
        self.places = places
        assert isinstance(self.step, CpuResources)
        self.cpu: CpuResources = self.step

    def semaphores(self, name: str, slots: int) -> GemmSemaphores:
        """Those of one problem."""

        def add(what: str, initial: int, cause: Cause) -> int:
            return self.semaphore(f"{name}.{what}", initial, cause)

        return GemmSemaphores(
            room=add("room", slots, Cause.BUFFER_SPACE),
            cached=add("cached", 0, Cause.MEMORY_READ),
            operands={
                cause: add(f"operands_{cause.value}", 0, cause)
                for cause in (Cause.MEMORY_READ, Cause.CACHE)
            },
            sums=add("sums", 0, Cause.MATRIX_UNIT),
            extras_cached=add("extras_cached", 0, Cause.MEMORY_READ),
            extras=add("extras", 0, Cause.CACHE),
            results=add("results", 0, Cause.VECTOR_UNIT),
            written=add("written", 0, Cause.CACHE),
        )

    def arrival(self, at: GemmSemaphores, loads: Sequence[Command], read: Command) -> Tokens:
        """What operands give when they are there, named after the slower part of their way."""
        moved = sum(load.transfer_bytes for load in loads) / float(self.cpu.bytes_per_cycle)
        cause = Cause.MEMORY_READ if moved > read.cycles else Cause.CACHE
        return ((at.operands[cause], 1),)

    def finish(
        self,
        at: GemmSemaphores,
        problem: StepGemm,
        outputs: int,
        busiest: int,
        before: Sequence[tuple[Sequence[VectorWork], Sequence[VectorWork]]],
    ) -> Iterator[Command]:
        """Sums become results: vector work, and the way into the cache and to memory.

        outputs, busiest: of all cores, and of the one with most.
        before: vector work ahead of the epilogue, of the busiest core and of all.
        """
        p = problem
        waits: Tokens = ((at.sums, 1),)
        share = busiest / outputs
        if p.extra_bits:
            yield from self._extras(at, p, outputs, share)
            waits = (*waits, (at.extras, 1))
        own = [work for each, _ in before for work in each]
        everywhere = [work for _, each in before for work in each]
        own += [VectorWork(f, math.ceil(busiest * part)) for f, part in p.epilogue]
        everywhere += [VectorWork(f, math.ceil(outputs * part)) for f, part in p.epilogue]
        if own:
            yield self.vector(own, everywhere, waits, late=((at.results, 1),))
            waits = ((at.results, 1),)
        size, stored = tile_bytes(outputs, p.result_bits), tile_bytes(outputs, p.store_bits)
        late: Tokens = ((self.ends, 1), *(((at.written, 1),) if stored else ()))
        yield self.write_cache(size, size * share, waits, (), late)
        if stored:
            yield self.store(stored, ((at.written, 1),), self.places.outputs)

    def _extras(
        self, at: GemmSemaphores, problem: StepGemm, outputs: int, share: float
    ) -> Iterator[Command]:
        """Further inputs of the epilogue."""
        p = problem
        size = tile_bytes(outputs, p.extra_load_bits)
        if size:
            yield self.load("extras", size, (), ((at.extras_cached, 1),), self.places.extras)
        ready: Tokens = ((at.extras_cached, 1),) if size else ()
        size = tile_bytes(outputs, p.extra_bits)
        late: Tokens = ((at.extras, 1),)
        yield self.read_cache("extras", size, size * share, ready, late, to_registers=True)


class CoreGemm(GemmInStep):
    """One kernel: its problems one after the other, on one of the cores' matrix units."""

    def __init__(
        self,
        builder: ProgramBuilder,
        operator: int,
        unit: int,
        tiled: list[tuple[StepGemm, ColumnTiling]],
        places: GemmPlaces,
        parameter_bytes: int,
    ) -> None:
        super().__init__(builder, operator, places, parameter_bytes)
        self.unit_index, self.unit, self.tiled = unit, self.cpu.matrix_units[unit], tiled

    def items(self) -> tuple[Item, ...]:
        """The kernel in program order."""
        items, results = self.begin(), 0
        for number, (problem, tiling) in enumerate(self.tiled):
            at = self.semaphores(str(number), tiling.slots)
            for tile, count in tiling.tiles(problem):
                body = tuple(self._tile(at, problem, tile))
                items.extend(body if count == 1 else (Loop(count, body),))
                results += count
        return (*items, *self.end(results))

    def _tile(self, at: GemmSemaphores, p: StepGemm, tile: ColumnTile) -> Iterator[Command]:
        cost = tile_cost(p, self.unit, self.cpu, tile)
        loads = self.fetch(
            (
                ("inputs", tile.input_bytes, self.places.inputs),
                ("weights", tile.weight_bytes, self.places.weights),
            ),
            ((at.room, 1),),
            (at.cached,),
        )
        yield from loads
        ready: Tokens = ((at.cached, len(loads)),)
        read = self.read_cache("operands", cost.cache_bytes, cost.busiest_bytes, ready, ())
        waits = self.arrival(at, loads, read)
        yield replace(read, release_late=waits)
        if cost.before[0]:
            yield self.vector(*cost.before, waits)
            waits = ()
        yield self._multiply(at, p, tile, cost, waits)
        busiest = cost.share.rows * cost.share.columns
        yield from self.finish(at, p, tile.rows * tile.columns, busiest, (cost.after,))

    def _multiply(
        self, at: GemmSemaphores, p: StepGemm, tile: ColumnTile, cost: TileCost, acquire: Tokens
    ) -> Command:
        counts = ActionCounts()
        self.count(counts, Moved(near_read=cost.near_read))
        share = cost.share
        own = Tile(share.rows, share.columns, p.k)
        # Work of all cores in whole shares of the busiest: what the last one lacks is little.
        parts = tile.rows * tile.columns / (share.rows * share.columns)
        counts.merge(unit_actions(self.unit, own), math.ceil(parts))
        return Command(
            queue=self.worker,
            operator=self.operator,
            label="multiply",
            cycles=cost.interval,
            latency_cycles=cost.latency,
            compute_cycles=cost.compute,
            acquire=acquire,
            release=((at.room, 1),),
            release_late=((at.sums, 1),),
            actions=counts,
            macs=tile.rows * tile.columns * p.k,
        )
