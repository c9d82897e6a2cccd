"""Lowers fused attention: scores, softmax and context block by block, nothing spilled.

The matrix queue is in order, so the scores of the next block are issued before
the context of this one: the softmax in between hides behind them. Heads follow
each other without a gap in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from simulator.hardware.matrix_unit import Tile
from simulator.hardware.npu import NpuCoreSpec
from simulator.hardware.primitives import ActionCounts
from simulator.hardware.vector_unit.work import VectorWork
from simulator.mapping.attention import (
    AttentionProblem,
    AttentionTiling,
    Step,
    output_work,
    softmax_work,
)
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.lowering import Lowering
from simulator.mapping.program import Cause, Command, Item, Loop, Tokens
from simulator.mapping.regions import Place
from simulator.mapping.tiling import tile_bytes
from simulator.mapping.unit_work import (
    GangTiming,
    gang_actions,
    gang_timing,
    gang_traffic,
    unit_actions,
)
from simulator.workload.bits import Bits

BLOCKS = ("keys", "values")


class AttentionPlaces(NamedTuple):
    """Where the tensors of attention lie; None for what is never moved."""

    queries: Place | None
    keys: Place | None
    values: Place | None
    outputs: Place | None


@dataclass(slots=True)
class AttentionPart:
    """One attention shape of a kernel, with everything needed to lower it.

    result_bits: of an output element as it is written on chip.
    """

    operator: int
    unit: int
    problem: AttentionProblem
    tiling: AttentionTiling
    places: AttentionPlaces
    result_bits: Bits


@dataclass(slots=True)
class _CoreSemaphores:
    query_slots: int
    query_full: int
    slots: dict[str, int]
    full: dict[str, int]
    raw_slots: dict[str, int]
    raw_full: dict[str, int]
    scores_free: int
    scores_full: int
    probabilities_free: int
    probabilities_full: int
    output_free: int
    output_full: int
    staging_free: int
    staging_full: int


class AttentionLowering(Lowering):
    """Turns an `AttentionPart` into program items."""

    def __init__(self, builder: ProgramBuilder, part: AttentionPart) -> None:
        super().__init__(builder, part.operator)
        self.part = part
        self.problem = part.problem
        self.shape = part.problem.shape
        self.tiling = part.tiling
        self.unit = self.resources.matrix_units[part.unit]
        self.steps = list(part.tiling.steps(self.shape))
        groups = self.shape.count // part.tiling.heads
        cores = len(self.resources.cores)
        self.groups_of = {
            core: -(-(groups - core) // cores) for core in range(cores) if core < groups
        }
        self.taking_part = list(self.groups_of)
        self.staging_bytes = self._staging_bytes()
        self.semaphores = {core: self._semaphores(core) for core in self.taking_part}
        self._memo: dict[tuple[object, ...], tuple[Command, ...]] = {}

    def items(self) -> tuple[Item, ...]:
        """The part in program order; all cores advance head group by head group."""
        fewest = min(self.groups_of.values())
        items: list[Item] = list(self.prologue())
        for core in self.taking_part:
            items.extend(self._scores(core, self.steps[0], first=True))
        body = tuple(c for core in self.taking_part for c in self._head(core, last=False))
        if fewest > 2:
            items.append(Loop(fewest - 1, body))
        else:
            items.extend(body * (fewest - 1))
        for core in self.taking_part:
            if self.groups_of[core] > fewest:
                items.extend(self._head(core, last=False))
        for core in self.taking_part:
            items.extend(self._head(core, last=True))
        return tuple(items)

    def _head(self, core: int, last: bool) -> list[Command]:
        """One head group from its second scores on, into the first scores of the next."""
        commands: list[Command] = []
        for index, step in enumerate(self.steps):
            final = last and index + 1 == len(self.steps)
            context = self._context(core, step, final)
            following: tuple[Command, ...] = ()
            if not final:
                following = self._scores(core, self.steps[(index + 1) % len(self.steps)], False)
            if self.resources.core.scratchpad.buffers == 1:
                # The next probabilities have no place until this context has used its own.
                commands += (*context, *following)
            else:
                commands += (*following, *context)
        return commands

    # -- set-up --------------------------------------------------------------
    def _staging_bytes(self) -> int:
        p, t = self.problem, self.tiling
        core: NpuCoreSpec = self.resources.core
        rows = t.query_tokens * self.shape.query_heads * t.heads
        depth = self.shape.head_dim
        buffers = min(core.scratchpad.buffers, len(self.steps) * self.shape.count // t.heads)
        total = buffers * tile_bytes(rows * depth, p.staging_bits)
        total += buffers * tile_bytes(rows * t.keys, p.probability_bits)
        converted = tile_bytes(t.keys * depth * t.heads, p.converted_bits)
        total += len(BLOCKS) * t.key_value_slots * converted
        if core.accumulator is None:
            total += buffers * tile_bytes(rows * t.keys, p.accumulator_bits)
            total += buffers * tile_bytes(rows * depth, p.accumulator_bits)
        return total

    def _semaphores(self, core: int) -> _CoreSemaphores:
        spec = self.resources.core
        buffers = spec.scratchpad.buffers
        psums = spec.accumulator.buffers if spec.accumulator else buffers
        slots = self.tiling.key_value_slots

        def add(name: str, initial: int, cause: Cause) -> int:
            return self.semaphore(core, name, initial, cause)

        arrival = Cause.VECTOR_UNIT if self.problem.converted_bits else Cause.MEMORY_READ
        return _CoreSemaphores(
            query_slots=add("query_slots", buffers, Cause.BUFFER_SPACE),
            query_full=add("query", 0, Cause.MEMORY_READ),
            slots={w: add(f"{w}_slots", slots, Cause.BUFFER_SPACE) for w in BLOCKS},
            full={w: add(w, 0, arrival) for w in BLOCKS},
            raw_slots={w: add(f"raw_{w}_slots", buffers, Cause.BUFFER_SPACE) for w in BLOCKS},
            raw_full={w: add(f"raw_{w}", 0, Cause.MEMORY_READ) for w in BLOCKS},
            scores_free=add("scores_free", psums, Cause.VECTOR_UNIT),
            scores_full=add("scores", 0, Cause.MATRIX_UNIT),
            probabilities_free=add("probabilities_free", buffers, Cause.MATRIX_UNIT),
            probabilities_full=add("probabilities", 0, Cause.VECTOR_UNIT),
            output_free=add("output_free", psums, Cause.VECTOR_UNIT),
            output_full=add("output", 0, Cause.MATRIX_UNIT),
            staging_free=add("staging_free", buffers, Cause.MEMORY_WRITE),
            staging_full=add("staging", 0, Cause.VECTOR_UNIT),
        )

    # -- scores and softmax of one block pair ----------------------------------
    def _scores(self, core: int, step: Step, first: bool) -> tuple[Command, ...]:
        key = ("scores", core, step, first)
        if key not in self._memo:
            self._memo[key] = tuple(self._make_scores(core, step, first))
        return self._memo[key]

    def _make_scores(self, core: int, step: Step, first: bool) -> list[Command]:
        s, p = self.semaphores[core], self.problem
        rows, depth = step.rows * self.tiling.heads, self.shape.head_dim
        ready: Tokens = self.wiring.ready[core] if first else ()
        acquire: list[tuple[int, int]] = []
        release: list[tuple[int, int]] = []
        commands: list[Command] = []
        if step.load_key_value and p.key_bits:
            commands += self._load_block(core, "keys", step, p.key_bits, ready)
            acquire.append((s.full["keys"], 1))
            ready = ()
        query = tile_bytes(rows * depth, p.query_bits)
        if query:
            room = ((self.builder.pools[core], query), (s.query_slots, 1))
            if step.first_of_row:
                arrived = ((s.query_full, 1),)
                place = self.part.places.queries
                commands.append(self.load(core, "queries", query, (*room, *ready), arrived, place))
                acquire.append((s.query_full, 1))
                ready = ()
            if step.last_of_row:
                release += room
        if ready and p.value_bits:
            # Values follow in the load queue, which so far has nothing to wait with.
            arrived = ((s.query_full, 1),)
            commands.append(self.load(core, "nothing", 0, ready, arrived, None))
            acquire.append((s.query_full, 1))
            ready = ()
        if step.free_key_value and p.key_bits:
            release += self._free_block(core, "keys", step, p.key_bits)
        product = Tile(step.rows, step.keys, depth)
        commands.append(
            self._product(
                core, "scores", product, False,
                (*acquire, *ready, (s.scores_free, 1)), tuple(release), ((s.scores_full, 1),),
            )
        )  # fmt: skip
        pairs = rows * step.keys
        work = softmax_work(p, step, self.tiling.heads)
        commands.append(
            self.vector(
                core,
                work,
                (0, tile_bytes(pairs, p.probability_bits)),
                (tile_bytes(pairs, p.accumulator_bits), 0),
                acquire=((s.scores_full, 1), (s.probabilities_free, 1)),
                release=((s.scores_free, 1),),
                late=((s.probabilities_full, 1),),
            )
        )
        return commands

    # -- context of one block pair ---------------------------------------------
    def _context(self, core: int, step: Step, final: bool) -> tuple[Command, ...]:
        key = ("context", core, step, final)
        if key not in self._memo:
            self._memo[key] = tuple(self._make_context(core, step, final))
        return self._memo[key]

    def _make_context(self, core: int, step: Step, final: bool) -> list[Command]:
        s, p = self.semaphores[core], self.problem
        acquire: list[tuple[int, int]] = [(s.probabilities_full, 1)]
        release: list[tuple[int, int]] = [(s.probabilities_free, 1)]
        commands: list[Command] = []
        if step.load_key_value and p.value_bits:
            commands += self._load_block(core, "values", step, p.value_bits, ())
            acquire.append((s.full["values"], 1))
        if step.free_key_value and p.value_bits:
            release += self._free_block(core, "values", step, p.value_bits)
        if step.first_of_row:
            acquire.append((s.output_free, 1))
        product = Tile(step.rows, self.shape.head_dim, step.keys)
        late = ((s.output_full, 1),) if step.last_of_row else ()
        commands.append(
            self._product(
                core, "context", product, not step.first_of_row,
                tuple(acquire), tuple(release), late,
            )
        )  # fmt: skip
        if step.last_of_row:
            commands += self._write_out(core, step, final)
        return commands

    def _write_out(self, core: int, step: Step, final: bool) -> list[Command]:
        """Normalise a block of finished output rows, run the epilogue, store."""
        s, p = self.semaphores[core], self.problem
        outputs = step.rows * self.tiling.heads * self.shape.head_dim
        work = output_work(outputs, self.problem.epilogue)
        store = tile_bytes(outputs, p.store_bits)
        finished = self.finished(core) if final else ()
        acquire = [(s.output_full, 1)]
        if store:
            acquire.append((s.staging_free, 1))
        commands = [
            self.vector(
                core,
                work,
                (0, tile_bytes(outputs, self.part.result_bits)),
                (tile_bytes(outputs, p.accumulator_bits), 0),
                acquire=tuple(acquire),
                release=((s.output_free, 1),),
                late=((s.staging_full, 1),) if store else finished,
            )
        ]
        if store:
            back = ((s.staging_free, 1), *finished)
            place = self.part.places.outputs
            commands.append(self.store(core, store, ((s.staging_full, 1),), back, place))
        return commands

    # -- pieces ----------------------------------------------------------------
    def _load_block(
        self, core: int, what: str, step: Step, bits: Bits, ready: Tokens
    ) -> list[Command]:
        s = self.semaphores[core]
        elements = step.held_keys * self.shape.head_dim * self.tiling.heads
        raw = tile_bytes(elements, bits)
        converted = tile_bytes(elements, self.problem.converted_bits)
        slots, full = (s.raw_slots, s.raw_full) if converted else (s.slots, s.full)
        room = ((self.builder.pools[core], raw), (slots[what], 1))
        place = self.part.places.keys if what == "keys" else self.part.places.values
        commands = [self.load(core, what, raw, (*room, *ready), ((full[what], 1),), place)]
        if converted:
            commands.append(
                self.vector(
                    core,
                    [VectorWork("dequantise", elements)],
                    (raw, converted),
                    acquire=((s.raw_full[what], 1), (s.slots[what], 1)),
                    release=room,
                    late=((s.full[what], 1),),
                )
            )
        return commands

    def _free_block(self, core: int, what: str, step: Step, bits: Bits) -> Tokens:
        """What the last use of a block gives back; a converted copy has a place of its own."""
        slot = ((self.semaphores[core].slots[what], 1),)
        if self.problem.converted_bits:
            return slot
        elements = step.held_keys * self.shape.head_dim * self.tiling.heads
        return (*slot, (self.builder.pools[core], tile_bytes(elements, bits)))

    def _product(
        self,
        core: int,
        label: str,
        tile: Tile,
        accumulate: bool,
        acquire: Tokens,
        release: Tokens,
        late: Tokens,
    ) -> Command:
        """One block product: a unit per head side by side, or all units on one head."""
        heads, unit = self.tiling.heads, self.unit
        if heads == 1:
            timing, counts = gang_timing(unit, tile), gang_actions(unit, tile)
            traffic = gang_traffic(unit, tile, accumulate)
        else:
            one, counts = unit.timing(tile), ActionCounts()
            timing = GangTiming(one.cycles, one.interval_cycles)
            counts.merge(unit_actions(unit, tile), heads)
            traffic = unit.traffic(tile, accumulate=accumulate)
        reads = heads * (traffic.input_read_bytes + traffic.weight_read_bytes)
        psums = heads * traffic.psum_read_bytes, heads * traffic.psum_write_bytes
        cycles = max(timing.interval_cycles, self.builder.ports.cycles(reads, 0, psums))
        self.builder.count_scratchpad(counts, reads, 0)
        self.builder.count_accumulator(counts, *psums)
        return Command(
            queue=self.resources.cores[core].matrix[self.part.unit],
            operator=self.operator,
            label=label,
            cycles=cycles,
            latency_cycles=timing.cycles + cycles - timing.interval_cycles,
            compute_cycles=timing.interval_cycles,
            acquire=acquire,
            release=release,
            release_late=late,
            actions=counts,
            macs=heads * tile.macs,
        )
