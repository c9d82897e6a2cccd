"""Lowers a tiled GEMM to commands: loads, products, epilogue, stores.

Per tile of the output: the k loop accumulates in one accumulator slot; after
its last step the vector unit runs the fused epilogue into a staging slot, and
the store queue writes it out. An operand is loaded when its tile changes and
freed after its last use, so what can stay is never fetched twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from simulator.hardware.matrix_unit import Tile
from simulator.hardware.npu import NpuCoreSpec
from simulator.hardware.vector_unit.work import VectorWork
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.delay import Delay
from simulator.mapping.gemm_part import GemmPart
from simulator.mapping.lowering import Lowering
from simulator.mapping.nest import CorePositions, Dimension, Nest
from simulator.mapping.program import Cause, Command, Item, QueueKind, Tokens
from simulator.mapping.tiling import RUNNING_SUM_BITS, tile_bytes
from simulator.mapping.unit_work import gang_actions, gang_timing, gang_traffic

INPUT_DIMENSIONS = frozenset({"count", "m", "k"})
WEIGHT_DIMENSIONS = frozenset({"count", "n", "k"})
_Sizes = tuple[int, ...]
"""Of a tile in every dimension of the nest."""

CONVERSION = "dequantise"
"""The vector function that converts weights."""


@dataclass(slots=True)
class _CoreSemaphores:
    """Indices of one core's semaphores for one part."""

    input_slots: int
    input_full: int
    weight_slots: int
    weight_full: int
    raw_slots: int
    raw_full: int
    extra_slots: int
    extra_full: int
    extra_go: int
    accumulator_free: int
    accumulator_full: int
    staging_free: int
    staging_full: int


class _Flags(NamedTuple):
    """What one iteration has to do besides multiplying."""

    load_input: bool
    load_weight: bool
    free_input: bool
    free_weight: bool
    first_k: bool
    last_k: bool
    first_output: bool
    first: bool
    last: bool


class GemmLowering(Lowering):
    """Turns a `GemmPart` into program items."""

    def __init__(self, builder: ProgramBuilder, part: GemmPart) -> None:
        super().__init__(builder, part.operator, part.parameter_bytes, part.places.parameters)
        self.part = part
        self.problem = part.problem
        self.unit = self.resources.matrix_units[part.unit]
        self.dimensions = part.tiling.dimensions(part.problem)
        cores = len(self.resources.cores)
        self.tiles_of = [
            tuple(_tiles_of_core(dim, core) for dim in self.dimensions) for core in range(cores)
        ]
        self.taking_part = [core for core in range(cores) if all(self.tiles_of[core])]
        if part.tiling.schedule.parallel == "n":
            self.parameter_shares = len(self.taking_part)
        self.staging_bytes = self._staging_bytes()
        self.semaphores = {core: self._semaphores(core) for core in self.taking_part}
        schedule = part.tiling.schedule
        self._held = {
            core: (
                self._held_in(core, INPUT_DIMENSIONS, schedule.keep_inputs),
                self._held_in(core, WEIGHT_DIMENSIONS, schedule.keep_weights),
            )
            for core in self.taking_part
        }
        self._memo: dict[tuple[int, _Sizes, _Flags], tuple[Command, ...]] = {}

    def items(self) -> tuple[Item, ...]:
        """The part in program order."""
        first = self.prologue()
        items: Sequence[Item] = Nest(self.dimensions, len(self.resources.cores), self._leaf).items()
        if self.problem.converted_weight_bits and self.part.drained_by_vector:
            # The vector unit converts the next weights before it waits for these sums.
            delay = Delay(self._core_of, _converts, self._is_late, self._is_load)
            items = [*delay.items(items), *delay.rest()]
        return (*first, *items)

    def _core_of(self, command: Command) -> int:
        return self.resources.queues[command.queue].core

    def _is_load(self, command: Command) -> bool:
        return self.resources.queues[command.queue].kind is QueueKind.LOAD

    def _is_late(self, command: Command) -> bool:
        """Whether it finishes outputs: all vector work but conversions, and stores."""
        kind = self.resources.queues[command.queue].kind
        vector = kind is QueueKind.VECTOR and not _converts(command)
        return vector or kind is QueueKind.STORE

    # -- set-up --------------------------------------------------------------
    def _staging_bytes(self) -> int:
        tile, p = self.part.tiling.tile, self.problem
        outputs = p.count * -(-p.m // tile.m) * -(-p.n // tile.n)
        core: NpuCoreSpec = self.resources.core
        total = tile_bytes(tile.m * tile.n, p.staging_bits) * min(outputs, core.scratchpad.buffers)
        if core.accumulator is None:
            slots = min(outputs * (-(-p.k // tile.k) if p.group else 1), core.scratchpad.buffers)
            total += tile_bytes(tile.m * tile.n * p.groups(tile.k), p.accumulator_bits) * slots
            total += tile_bytes(tile.m * tile.n, RUNNING_SUM_BITS) * bool(p.group)
        converted = tile_bytes(tile.k * tile.n, p.converted_weight_bits)
        total += converted * self.part.tiling.weight_slots
        return total + self.part.parameter_bytes

    def _semaphores(self, core: int) -> _CoreSemaphores:
        spec = self.resources.core
        buffers = spec.scratchpad.buffers
        psums = spec.accumulator.buffers if spec.accumulator else buffers

        def add(name: str, initial: int, cause: Cause) -> int:
            return self.semaphore(core, name, initial, cause)

        by_vector = self.part.drained_by_vector
        drained = Cause.VECTOR_UNIT if by_vector else Cause.MEMORY_WRITE
        made = Cause.VECTOR_UNIT if by_vector else Cause.MATRIX_UNIT
        return _CoreSemaphores(
            input_slots=add("input_slots", self.part.tiling.input_slots, Cause.BUFFER_SPACE),
            input_full=add("input", 0, Cause.MEMORY_READ),
            weight_slots=add("weight_slots", self.part.tiling.weight_slots, Cause.BUFFER_SPACE),
            weight_full=add(
                "weight",
                0,
                Cause.VECTOR_UNIT if self.problem.converted_weight_bits else Cause.MEMORY_READ,
            ),
            raw_slots=add("raw_slots", buffers, Cause.BUFFER_SPACE),
            raw_full=add("raw", 0, Cause.MEMORY_READ),
            extra_slots=add("extra_slots", buffers, Cause.BUFFER_SPACE),
            extra_full=add("extra", 0, Cause.MEMORY_READ),
            extra_go=add("extra_go", 0, Cause.DEPENDENCY),
            accumulator_free=add("accumulator_free", psums, drained),
            accumulator_full=add("accumulator", 0, Cause.MATRIX_UNIT),
            staging_free=add("staging_free", buffers, Cause.MEMORY_WRITE),
            staging_full=add("staging", 0, made),
        )

    # -- one iteration -------------------------------------------------------
    def _leaf(self, positions: tuple[CorePositions, ...]) -> tuple[Item, ...]:
        items: list[Item] = []
        for core in self.taking_part:
            place = positions[core]
            if all(position.size for position in place):
                items.extend(self._iteration(core, place))
        return tuple(items)

    def _iteration(self, core: int, place: CorePositions) -> tuple[Command, ...]:
        sizes, first, last = zip(*place, strict=True)
        inputs, weights = self._held[core]
        flags = _Flags(
            load_input=all([first[i] for i in inputs]),
            load_weight=all([first[i] for i in weights]),
            free_input=all([last[i] for i in inputs]),
            free_weight=all([last[i] for i in weights]),
            first_k=first[-1],
            last_k=last[-1],
            first_output=all(first[:-1]),
            first=all(first),
            last=all(last),
        )
        key = (core, sizes, flags)
        if key not in self._memo:
            named = {dim.name: size for dim, size in zip(self.dimensions, sizes, strict=True)}
            tile = Tile(named["m"], named["n"], named["k"])
            self._memo[key] = tuple(self._commands(core, tile, flags))
        return self._memo[key]

    def _held_in(self, core: int, dimensions: frozenset[str], keep: bool) -> list[int]:
        """Loops during which a tile of the operand is held, as indices of dimensions.

        Those inside the innermost loop whose tiles change the operand; all that it
        does not have if it is kept. In the first of them it is loaded, in the last freed.
        """
        held: list[int] = []
        for index in reversed(range(len(self.dimensions))):
            if self.dimensions[index].name not in dimensions:
                held.append(index)
            elif self.tiles_of[core][index] > 1 and not keep:
                break
        return held

    def _commands(self, core: int, tile: Tile, flags: _Flags) -> list[Command]:
        commands: list[Command] = []
        dependent_weight = self.part.weight_tensor != "weight"
        ready: Tokens = self.wiring.ready[core] if flags.first else ()
        if flags.load_weight and self.problem.weight_bits:
            commands.extend(self._load_weight(core, tile, ready if dependent_weight else ()))
            ready = () if dependent_weight else ready
        if flags.load_input and self.problem.input_bits:
            commands.append(self._load_input(core, tile, ready))
            ready = ()
        commands.append(self._multiply(core, tile, flags, ready))
        if flags.last_k and self.problem.extra_bits:
            commands.append(self._load_extra(core, tile, flags.first_output))
        if self.part.group_work or (flags.last_k and self.part.epilogue):
            commands.append(self._drain(core, tile, flags))
        if flags.last_k and self.problem.store_bits:
            commands.append(self._store(core, tile, flags))
        return commands

    def _load_weight(self, core: int, tile: Tile, ready: Tokens) -> list[Command]:
        s, p = self.semaphores[core], self.problem
        raw = tile_bytes(tile.k * tile.n, p.weight_bits)
        converted = tile_bytes(tile.k * tile.n, p.converted_weight_bits)
        slots, arrived = (s.raw_slots, s.raw_full) if converted else (s.weight_slots, s.weight_full)
        room = ((self.builder.pools[core], raw), (slots, 1))
        place = self.part.places.weights
        commands = [self.load(core, "weights", raw, (*room, *ready), ((arrived, 1),), place)]
        if converted:
            commands.append(
                self.vector(
                    core,
                    [VectorWork(CONVERSION, tile.k * tile.n)],
                    (raw, converted),
                    acquire=((s.raw_full, 1), (s.weight_slots, 1)),
                    release=room,
                    late=((s.weight_full, 1),),
                )
            )
        return commands

    def _load_input(self, core: int, tile: Tile, ready: Tokens) -> Command:
        s = self.semaphores[core]
        size = tile_bytes(tile.m * tile.k, self.problem.input_bits)
        room = ((self.builder.pools[core], size), (s.input_slots, 1))
        place = self.part.places.inputs
        return self.load(core, "inputs", size, (*room, *ready), ((s.input_full, 1),), place)

    def _load_extra(self, core: int, tile: Tile, first: bool) -> Command:
        s = self.semaphores[core]
        size = tile_bytes(tile.m * tile.n, self.problem.extra_bits)
        acquire: Tokens = ((self.builder.pools[core], size), (s.extra_slots, 1))
        if first and self._extra_waits():
            acquire = (*acquire, (s.extra_go, 1))
        place = self.part.places.extras
        return self.load(core, "epilogue inputs", size, acquire, ((s.extra_full, 1),), place)

    def _extra_waits(self) -> bool:
        """Whether no other load of the kernel waits for its producers."""
        return not self.problem.input_bits and self.part.weight_tensor == "weight"

    def _multiply(self, core: int, tile: Tile, flags: _Flags, ready: Tokens) -> Command:
        s, p, b = self.semaphores[core], self.problem, self.builder
        timing = gang_timing(self.unit, tile, p.group)
        onto = not flags.first_k and not p.group
        traffic = gang_traffic(self.unit, tile, accumulate=onto, group=p.group)
        psums = (traffic.psum_read_bytes, traffic.psum_write_bytes)
        reads = traffic.input_read_bytes + traffic.weight_read_bytes
        cycles = max(timing.interval_cycles, b.ports.cycles(reads, 0, psums))
        acquire = [*ready, *(self.parameters(core) if flags.first else ())]
        release: list[tuple[int, int]] = []
        late: list[tuple[int, int]] = []
        if flags.load_weight and p.weight_bits:
            acquire.append((s.weight_full, 1))
        if flags.load_input and p.input_bits:
            acquire.append((s.input_full, 1))
        if flags.first_k or p.group:
            acquire.append((s.accumulator_free, 1))
        if flags.first and p.extra_bits and self._extra_waits():
            release.append((s.extra_go, 1))
        if flags.free_weight and p.weight_bits:
            release.append((s.weight_slots, 1))
            if not p.converted_weight_bits:
                release.append((b.pools[core], tile_bytes(tile.k * tile.n, p.weight_bits)))
        if flags.free_input and p.input_bits:
            size = tile_bytes(tile.m * tile.k, p.input_bits)
            release += [(s.input_slots, 1), (b.pools[core], size)]
        by_vector = self.part.drained_by_vector
        if flags.last_k or p.group:
            drained = by_vector or p.store_bits
            late.append((s.accumulator_full if drained else s.accumulator_free, 1))
        if flags.last and not by_vector and not p.store_bits:
            late += self.finished(core)
        counts = gang_actions(self.unit, tile, p.group)
        b.count_scratchpad(counts, reads, 0)
        b.count_accumulator(counts, *psums)
        if flags.last_k and not (by_vector or p.store_bits):
            b.count_accumulator(counts, tile_bytes(tile.m * tile.n, p.accumulator_bits), 0)
            b.count_scratchpad(counts, 0, tile_bytes(tile.m * tile.n, self.part.result_bits))
        return Command(
            queue=self.resources.cores[core].matrix[self.part.unit],
            operator=self.operator,
            label="multiply",
            cycles=cycles,
            latency_cycles=timing.cycles + cycles - timing.interval_cycles,
            compute_cycles=timing.interval_cycles,
            acquire=tuple(acquire),
            release=tuple(release),
            release_late=tuple(late),
            actions=counts,
            macs=tile.macs,
        )

    def _drain(self, core: int, tile: Tile, flags: _Flags) -> Command:
        """Vector work on sums as they leave: of groups, and behind the last the epilogue.

        Scaled groups are added to a running sum, which is read but for the first tile of
        k and written but for the last.
        """
        s, p = self.semaphores[core], self.problem
        outputs = tile.m * tile.n
        groups = p.groups(tile.k)
        work = [VectorWork(f, outputs * groups) for f in self.part.group_work]
        psums = tile_bytes(outputs * groups, p.accumulator_bits)
        running = tile_bytes(outputs, RUNNING_SUM_BITS) if self.part.group_work else 0
        sums = (psums + running * (not flags.first_k), running * (not flags.last_k))
        if not flags.last_k:
            return self.vector(
                core,
                work,
                (0, 0),
                sums,
                acquire=((s.accumulator_full, 1),),
                release=((s.accumulator_free, 1),),
            )
        work += [VectorWork(f, math.ceil(outputs * share)) for f, share in self.part.epilogue]
        extra = tile_bytes(outputs, p.extra_bits)
        acquire = [(s.accumulator_full, 1)]
        release = [(s.accumulator_free, 1)]
        late: list[tuple[int, int]] = []
        if extra:
            acquire.append((s.extra_full, 1))
            release += [(s.extra_slots, 1), (self.builder.pools[core], extra)]
        if p.store_bits:
            acquire.append((s.staging_free, 1))
            late.append((s.staging_full, 1))
        elif flags.last:
            late += self.finished(core)
        return self.vector(
            core,
            work,
            (
                tile_bytes(outputs, self.part.extra_read_bits),
                tile_bytes(outputs, self.part.result_bits),
            ),
            sums,
            acquire=tuple(acquire),
            release=tuple(release),
            late=tuple(late),
        )

    def _store(self, core: int, tile: Tile, flags: _Flags) -> Command:
        s, p = self.semaphores[core], self.problem
        size = tile_bytes(tile.m * tile.n, p.store_bits)
        full, free = (
            (s.staging_full, s.staging_free)
            if self.part.drained_by_vector
            else (s.accumulator_full, s.accumulator_free)
        )
        raw = 0 if self.part.drained_by_vector else p.accumulator_bits
        return self.store(
            core,
            size,
            ((full, 1),),
            ((free, 1), *(self.finished(core) if flags.last else ())),
            self.part.places.outputs,
            tile_bytes(tile.m * tile.n, raw),
        )


def _converts(command: Command) -> bool:
    return command.label == CONVERSION


def _tiles_of_core(dim: Dimension, core: int) -> int:
    if dim.ways == 1:
        return dim.tiles
    return max(0, -(-(dim.tiles - core) // dim.ways))
