"""Lowers grids of GEMM blocks: waves, and in each the slabs of k."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from simulator.hardware.matrix_unit import MatrixUnit
from simulator.hardware.primitives import ActionCounts
from simulator.hardware.vector_unit.work import VectorWork
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.delay import Delay
from simulator.mapping.gemm_part import GemmPlaces
from simulator.mapping.gpu.occupancy import slab_cycles, slab_traffic, warp_tile
from simulator.mapping.gpu.problem import Block
from simulator.mapping.gpu.waves import Grid, Wave, waves_of
from simulator.mapping.in_step.kernel import Moved, StepKernel
from simulator.mapping.lower_gemm import CONVERSION
from simulator.mapping.program import Cause, Command, Item, Loop, Tokens
from simulator.mapping.tiling import tile_bytes
from simulator.mapping.unit_work import unit_actions
from simulator.workload.bits import Bits


@dataclass(frozen=True, slots=True)
class _Semaphores:
    room: int
    cached: int
    read: int
    slab: dict[Cause, int]
    sums_free: int
    group_sum: int
    blocks: int
    sums: int
    extras_cached: int
    extras: int
    results: int
    written: int
    partial: int
    gathered: int


class GridKernel(StepKernel):
    """One kernel: its grids one after the other, on one matrix unit."""

    def __init__(
        self,
        builder: ProgramBuilder,
        operator: int,
        unit: int,
        grids: list[Grid],
        places: GemmPlaces,
        cache_bytes: float,
        parameter_bytes: int,
    ) -> None:
        super().__init__(builder, operator, parameter_bytes, places.parameters)
        self.unit_index, self.unit = unit, self.step.matrix_units[unit]
        self.grids, self.places, self.cache_bytes = grids, places, cache_bytes

    def items(self) -> tuple[Item, ...]:
        """The kernel in program order."""
        grids = enumerate(self.grids)
        return self.one_by_one(_GridLowering(self, grid, str(number)) for number, grid in grids)


class _GridLowering:
    """The waves of one grid."""

    def __init__(self, kernel: GridKernel, grid: Grid, name: str) -> None:
        self.kernel, self.grid, self.problem, self.block = kernel, grid, grid.problem, grid.block
        self.unit: MatrixUnit[Any] = kernel.unit
        self.results = 0
        self.is_split = grid.block.split > 1
        self.at = self._semaphores(name)

    def items(self) -> Iterator[Item]:
        """Waves, equal neighbours as a loop, and the sum over splits of k."""
        for wave, count in _runs_of(waves_of(self.grid, self.kernel.cache_bytes)):
            body = tuple(self._wave(wave))
            self.results += count
            yield from body if count == 1 else (Loop(count, body),)
        if self.is_split:
            yield from self._reduction()

    def _semaphores(self, name: str) -> _Semaphores:
        def add(what: str, initial: int, cause: Cause) -> int:
            return self.kernel.semaphore(f"{name}.{what}", initial, cause)

        return _Semaphores(
            room=add("room", self.block.stages, Cause.BUFFER_SPACE),
            cached=add("cached", 0, Cause.MEMORY_READ),
            slab={
                cause: add(f"slab_{cause.value}", 0, cause)
                for cause in (Cause.MEMORY_READ, Cause.CACHE, Cause.VECTOR_UNIT)
            },
            read=add("read", 0, Cause.CACHE),
            sums_free=add("sums_free", 2, Cause.VECTOR_UNIT),
            group_sum=add("group_sum", 0, Cause.MATRIX_UNIT),
            blocks=add("blocks", self.grid.waves_in_flight, Cause.MATRIX_UNIT),
            sums=add("sums", 0, Cause.MATRIX_UNIT),
            extras_cached=add("extras_cached", 0, Cause.MEMORY_READ),
            extras=add("extras", 0, Cause.CACHE),
            results=add("results", 0, Cause.VECTOR_UNIT),
            written=add("written", 0, Cause.CACHE),
            partial=add("partial", 0, Cause.CACHE),
            gathered=add("gathered", 0, Cause.CACHE),
        )

    # -- one wave ----------------------------------------------------------------
    def _wave(self, wave: Wave) -> Iterator[Item]:
        slabs: list[Item] = []
        for depth, closes, first, last, count in self._runs():
            body = tuple(self._slab(wave, depth, first, closes, last))
            slabs.extend(body if count == 1 else (Loop(count, body),))
        if self.problem.converted_bits and self.problem.group:
            # The vector unit converts the next slab before it waits for this one's sums.
            scales, queues = self.problem.group_work[0], self.kernel.queues
            delay = Delay(
                core_of=lambda _: 0,
                prepares=lambda command: command.label == CONVERSION,
                is_late=lambda command: command.label.startswith(scales),
                passes=lambda command: command.queue != queues.vector,
                ahead=max(1, self.problem.group // self.block.k),
            )
            slabs = [*delay.items(slabs), *delay.rest()]
        yield from slabs
        yield from self._epilogue(wave)

    def _runs(self) -> Iterator[tuple[int, bool, bool, bool, int]]:
        """Slabs: depth, whether one closes a group, is the first, the last, and how many."""
        slabs = self._slabs()
        final = len(slabs) - 1
        keys = [(*slab, i == 0, i == final) for i, slab in enumerate(slabs)]
        for key, same in groupby(keys):
            yield (*key, sum(1 for _ in same))

    def _slabs(self) -> list[tuple[int, bool]]:
        """Depths of k, and whether a group ends there."""
        group, position, found = self.problem.group, 0, []
        depth = self.grid.depth
        while position < depth:
            size = min(self.block.k, depth - position)
            if group:
                size = min(size, group - position % group)
            position += size
            found.append((size, bool(group) and (position % group == 0 or position == depth)))
        return found

    def _slab(
        self, wave: Wave, depth: int, first: bool, closes: bool, last: bool
    ) -> Iterator[Command]:
        """Loads of what the cache lacks, the way into shared memory, and the products.

        first, last: of the wave's slabs; closes: it is the last of a group of k.
        """
        at, p, k = self.at, self.problem, self.kernel
        room: Tokens = ((at.room, 1), *(((at.blocks, 1),) if first else ()))
        inputs = tile_bytes(wave.missing_rows * depth, p.input_bits)
        weights = tile_bytes(wave.missing_columns * depth, p.weight_bits)
        loads = k.fetch(
            (
                ("inputs", inputs, k.places.inputs),
                ("weights", weights, k.places.weights),
            ),
            room,
            (at.cached,),
        )
        yield from loads
        size = tile_bytes(wave.rows * depth, p.input_bits)
        size += tile_bytes(wave.columns * depth, p.weight_bits)
        m, n = wave.largest
        busiest = float(wave.most_per_sm * depth * (m * p.input_bits + n * p.weight_bits) / 8)
        cached: Tokens = ((at.cached, len(loads)),)
        read = k.read_cache("slab", size, busiest, cached, ())
        convert = self._convert(wave, depth) if p.converted_bits else None
        moved = sum(load.transfer_bytes for load in loads) / float(k.step.bytes_per_cycle)
        times = {
            Cause.MEMORY_READ: moved,
            Cause.CACHE: read.cycles,
            Cause.VECTOR_UNIT: convert.cycles if convert else 0,
        }
        # What the slab waits for in the long run is the slowest of what it comes through.
        slab: Tokens = ((at.slab[max(times, key=lambda cause: times[cause])], 1),)
        if convert:
            yield replace(read, release_late=((at.read, 1),))
            yield replace(convert, release_late=slab)
        else:
            yield replace(read, release_late=slab)
        yield self._multiply(wave, depth, slab, closes, last)
        if p.group and closes:
            late: Tokens = ((at.sums, 1),) if last else ()
            work = [(function, 1.0) for function in p.group_work]
            yield self._on_outputs(wave, work, ((at.group_sum, 1),), ((at.sums_free, 1),), late)

    def _convert(self, wave: Wave, depth: int) -> Command:
        """Weights of a slab become what the unit multiplies, in the registers of each warp."""
        elements = wave.columns * depth * self.block.warps_m
        most = wave.most_per_sm * wave.largest[1] * depth * self.block.warps_m
        return self.kernel.vector(
            [VectorWork(CONVERSION, most)],
            [VectorWork(CONVERSION, elements)],
            ((self.at.read, 1),),
        )

    def _multiply(
        self, wave: Wave, depth: int, arrived: Tokens, closes: bool, last: bool
    ) -> Command:
        at, p, k = self.at, self.problem, self.kernel
        core = k.step.machine.core
        cycles = slab_cycles(p, self.block, depth, wave.most_per_sm, self.unit, core)
        counts = self._slab_actions(wave, depth)
        acquire: Tokens = arrived
        late: Tokens = ()
        if p.group and closes:
            acquire, late = (*arrived, (at.sums_free, 1)), ((at.group_sum, 1),)
        elif last:
            late = ((at.sums, 1),)
        return Command(
            queue=k.worker,
            operator=k.operator,
            label="multiply",
            cycles=cycles.busy,
            latency_cycles=cycles.latency,
            compute_cycles=cycles.compute,
            acquire=acquire,
            release=((at.room, 1),),
            release_late=late,
            actions=counts,
            macs=wave.outputs * depth,
        )

    def _slab_actions(self, wave: Wave, depth: int) -> ActionCounts:
        counts = ActionCounts()
        totals: Counter[str] = Counter()
        for (m, n), blocks in wave.sizes:
            used = Block(m, n, depth, min(self.block.warps_m, m), min(self.block.warps_n, n), 1)
            counts.merge(unit_actions(self.unit, warp_tile(used, depth)), blocks * used.warps)
            moved = slab_traffic(self.problem, used, depth, self.unit)
            for name in ("near_read", "register_read", "register_write"):
                totals[name] += blocks * getattr(moved, name)
        self.kernel.count(counts, Moved(**totals))
        return counts

    # -- its end -----------------------------------------------------------------
    def _epilogue(self, wave: Wave) -> Iterator[Command]:
        at, p, k = self.at, self.problem, self.kernel
        if self.is_split:
            size = tile_bytes(wave.outputs, p.accumulator_bits)
            yield self._write(wave, size, p.accumulator_bits, ((at.sums, 1),))
            return
        waits: Tokens = ((at.sums, 1),)
        if p.extra_bits:
            yield from self._extras(wave.outputs, wave.most_outputs)
            waits = (*waits, (at.extras, 1))
        if p.epilogue:
            yield self._on_outputs(wave, p.epilogue, waits, (), ((at.results, 1),))
            waits = ((at.results, 1),)
        size = tile_bytes(wave.outputs, p.result_bits)
        yield self._write(wave, size, p.result_bits, waits)
        stored = tile_bytes(wave.outputs, p.store_bits)
        if stored:
            yield k.store(stored, ((at.written, 1),), k.places.outputs)

    def _extras(self, outputs: int, most_per_sm: float) -> Iterator[Command]:
        """Further inputs of the epilogue, for so many outputs."""
        at, p, k = self.at, self.problem, self.kernel
        size = tile_bytes(outputs, p.extra_load_bits)
        if size:
            yield k.load("extras", size, (), ((at.extras_cached, 1),), k.places.extras)
        ready: Tokens = ((at.extras_cached, 1),) if size else ()
        most, size = float(most_per_sm * p.extra_bits / 8), tile_bytes(outputs, p.extra_bits)
        yield k.read_cache("extras", size, most, ready, ((at.extras, 1),), to_registers=True)

    def _write(self, wave: Wave, size: int, bits: Bits, waits: Tokens) -> Command:
        """Results into the L2 cache; they end the wave."""
        at, most = self.at, float(wave.most_outputs * bits / 8)
        late: Tokens = ((at.partial if self.is_split else self.kernel.ends, 1),)
        if self.problem.store_bits and not self.is_split:
            late = (*late, (at.written, 1))
        return self.kernel.write_cache(size, most, waits, ((at.blocks, 1),), late)

    def _on_outputs(
        self,
        wave: Wave,
        work: Iterable[tuple[str, float]],
        acquire: Tokens,
        release: Tokens,
        late: Tokens,
    ) -> Command:
        """Vector functions on a wave's outputs, with their elements per output."""
        most, work = wave.most_outputs, tuple(work)
        return self.kernel.vector(
            [VectorWork(function, math.ceil(most * share)) for function, share in work],
            [VectorWork(function, math.ceil(wave.outputs * share)) for function, share in work],
            acquire,
            release,
            late,
        )

    def _reduction(self) -> Iterator[Command]:
        """Sums of every split of k are read again, added up, and finished."""
        at, p, k = self.at, self.problem, self.kernel
        split, sms = self.block.split, self.grid.sms
        size = split * tile_bytes(p.outputs, p.accumulator_bits)
        partial = self.results
        yield k.read_cache(
            "partial sums",
            size,
            size / sms,
            ((at.partial, partial),),
            ((at.gathered, 1),),
            to_registers=True,
        )
        waits: Tokens = ((at.gathered, 1),)
        if p.extra_bits:
            yield from self._extras(p.outputs, p.outputs / sms)
            waits = (*waits, (at.extras, 1))
        work = (("add", split - 1.0), *p.epilogue)
        yield k.vector(
            [VectorWork(f, math.ceil(p.outputs * share / sms)) for f, share in work],
            [VectorWork(f, math.ceil(p.outputs * share)) for f, share in work],
            waits,
            late=((at.results, 1),),
        )
        size, stored = tile_bytes(p.outputs, p.result_bits), tile_bytes(p.outputs, p.store_bits)
        late: Tokens = ((k.ends, 1), *(((at.written, 1),) if stored else ()))
        yield k.write_cache(size, size / sms, ((at.results, 1),), (), late)
        if stored:
            yield k.store(stored, ((at.written, 1),), k.places.outputs)
        self.results = 1


def _runs_of(waves: Iterable[Wave]) -> Iterator[tuple[Wave, int]]:
    """Equal neighbours, counted."""
    for wave, same in groupby(waves):
        yield wave, sum(1 for _ in same)
