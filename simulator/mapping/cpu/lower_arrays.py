"""Lowers GEMMs on the arrays beside a CPU's last-level cache: steps of three stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from simulator.hardware.bill import ARRAYS, CONVERSION_ARRAYS
from simulator.hardware.matrix_unit import Tile
from simulator.hardware.primitives import Action, ActionCounts
from simulator.hardware.scratchpad.structure import accesses, read_action, write_action
from simulator.hardware.sram_pim.parts import ARRAY, elements
from simulator.hardware.vector_unit.work import VectorWork
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.cpu.arrays import ArrayModel, ArraySharing, Step, StepCost
from simulator.mapping.cpu.lower_gemm import GemmInStep, GemmSemaphores
from simulator.mapping.gemm_part import GemmPlaces
from simulator.mapping.in_step.problem import StepGemm
from simulator.mapping.program import Cause, Command, Item, Loop, Tokens
from simulator.mapping.tiling import tile_bytes

ROOM = "arrays.room"
BUFFERED_STEPS = 2
"""Steps whose sums are in the arrays or have left them, and are not converted yet."""


@dataclass(frozen=True, slots=True)
class ArraySemaphores:
    """Beside those of every GEMM: sums in the arrays, and the place where they are drained to."""

    raw: int
    drained: int
    free: int


class ArrayGemm(GemmInStep):
    """One kernel: its problems one after the other.

    Weights do not wait for the operators before: they come as soon as the cache has room,
    unless inputs come from main memory, too.
    """

    def __init__(
        self,
        builder: ProgramBuilder,
        operator: int,
        shared: list[tuple[ArrayModel, ArraySharing]],
        places: GemmPlaces,
        parameter_bytes: int,
    ) -> None:
        super().__init__(builder, operator, places, parameter_bytes)
        self.shared = shared
        self.loads_made = not all(model.problem.inputs_on_chip for model, _ in shared)
        self.room = builder.shared_semaphore(ROOM, self.cpu.streamed_bytes, Cause.BUFFER_SPACE)

    @property
    def worker(self) -> int:
        """The arrays."""
        return self.cpu.cores[0].arrays

    def gated(self) -> list[int]:
        """Also the way into the arrays."""
        return [*super().gated(), self.cpu.cores[0].feed]

    def items(self) -> tuple[Item, ...]:
        """The kernel in program order."""
        shared = enumerate(self.shared)
        return self.one_by_one(_Steps(self, *each, str(number)) for number, each in shared)


class _Steps:
    """The steps of one problem."""

    def __init__(self, kernel: ArrayGemm, model: ArrayModel, sharing: ArraySharing, name: str):
        self.kernel, self.model, self.sharing = kernel, model, sharing
        self.problem: StepGemm = model.problem
        self.at: GemmSemaphores = kernel.semaphores(name, 1)

        def add(what: str, initial: int, cause: Cause) -> int:
            return kernel.semaphore(f"{name}.{what}", initial, cause)

        self.arrays = ArraySemaphores(
            raw=add("raw", 0, Cause.MATRIX_UNIT),
            drained=add("drained", 0, Cause.VECTOR_UNIT),
            free=add("free", BUFFERED_STEPS, Cause.VECTOR_UNIT),
        )
        self.results = 0

    def items(self) -> Iterator[Item]:
        """All steps; the first brings the inputs into the cache."""
        p, first = self.problem, True
        for step in self.model.steps(self.sharing):
            cost, count = self.model.step(self.sharing, step), step.times
            self.results += count
            if first and not p.inputs_on_chip:
                size = tile_bytes(p.count * p.m * p.k, p.input_bits)
                yield from self._step(step, cost, size)
                count -= 1
            first = False
            body = tuple(self._step(step, cost, 0))
            if count:
                yield from body if count == 1 else (Loop(count, body),)

    def _step(self, step: Step, cost: StepCost, input_bytes: int) -> Iterator[Command]:
        k, at, mine, p = self.kernel, self.at, self.arrays, self.problem
        weights = 0 if p.weights_on_chip else cost.weight_bytes
        held = min(weights, k.cpu.streamed_bytes)
        room: Tokens = ((k.room, held),) if held else ()
        loads = k.fetch(
            (("weights", weights, k.places.weights), ("inputs", input_bytes, k.places.inputs)),
            room,
            (at.cached,),
        )
        yield from loads
        feed = self._feed(cost, ((at.cached, len(loads)),))
        waits = k.arrival(at, loads, feed)
        yield replace(feed, release_late=waits)
        yield self._look_up(step, cost, (*waits, (mine.free, 1)), room)
        yield from self._drain(step, cost)

    def _feed(self, cost: StepCost, acquire: Tokens) -> Command:
        """Weights and activations from the slices of the cache to the arrays."""
        k, feed = self.kernel, self.model.spec.feed_bytes_per_cycle
        everywhere, _ = k.step.cache_bytes_per_cycle
        cycles = max(-(-cost.feed_bytes // everywhere), -(-cost.busiest_bytes // feed))
        counts = ActionCounts()
        counts.add(read_action(k.cache, k.cache_path), accesses(k.cache, cost.feed_bytes))
        return Command(
            queue=k.cpu.cores[0].feed,
            operator=k.operator,
            label="feed arrays",
            cycles=cycles,
            latency_cycles=cycles + k.step.cache_latency_cycles,
            compute_cycles=cycles,
            acquire=acquire,
            actions=counts,
        )

    def _look_up(self, step: Step, cost: StepCost, acquire: Tokens, release: Tokens) -> Command:
        """Tables are built of the weights, and read with the activations' bits."""
        s, p = self.sharing, self.problem
        unit, working = self.model.unit_of(s), step.blocks * s.k_ways
        counts = ActionCounts()
        tile = Tile(p.m, min(s.outputs, p.n), s.group)
        shares = working * s.groups
        for action, count in unit.actions(tile).counts.items():
            path = f"{ARRAYS}.{action.path}"
            spared = action.path == ARRAY and action.verb == unit.spec.array_layout.lookup_verb
            saved = cost.saved * working if spared else 0
            counts.add(Action(path, action.primitive, action.verb), count * shares - saved)
        for action, count in self.model.reuse_actions(s, working).items():
            counts.add(action, count)
        return Command(
            queue=self.kernel.cpu.cores[0].arrays,
            operator=self.kernel.operator,
            label="build and look up",
            cycles=cost.busy,
            latency_cycles=cost.busy,
            compute_cycles=cost.build + cost.lookup - cost.saved,
            acquire=acquire,
            release=release,
            release_late=((self.arrays.raw, 1),),
            actions=counts,
            macs=p.m * step.columns * p.k,
        )

    def _drain(self, step: Step, cost: StepCost) -> Iterator[Command]:
        """Sums leave the arrays, and become FP32 and scaled on their way if arrays do that.

        Cores add shares of k up, and do whatever comes behind; else the sums are results.
        """
        k, at, mine, p = self.kernel, self.at, self.arrays, self.problem
        outputs = p.m * step.columns
        before = self.model.after_sums(self.sharing)
        cores_work = bool(before or p.epilogue or p.extra_bits)
        stored = 0 if cores_work else tile_bytes(outputs, p.store_bits)
        late: Tokens = ((mine.drained, 1),) if cores_work else ((k.ends, 1),)
        yield self._drained(cost, (*late, *(((at.written, 1),) if stored else ())), step.blocks)
        if stored:
            yield k.store(stored, ((at.written, 1),), k.places.outputs)
        if not cores_work:
            return
        busiest = -(-outputs // k.cpu.machine.cores)
        size, ready = cost.drained_bytes, ((mine.drained, 1),)
        share = size * busiest / outputs
        yield k.read_cache("sums", size, share, ready, ((at.sums, 1),), to_registers=True)
        own = [VectorWork(f, busiest * times) for f, times in before]
        everywhere = [VectorWork(f, outputs * times) for f, times in before]
        yield from k.finish(at, p, outputs, busiest, ((own, everywhere),))

    def _drained(self, cost: StepCost, late: Tokens, blocks: int) -> Command:
        k, counts = self.kernel, ActionCounts()
        counts.add(write_action(k.cache, k.cache_path), accesses(k.cache, cost.drained_bytes))
        if cost.converting:
            slices = min(k.cpu.machine.llc.slices, blocks * self.sharing.slices)
            arrays = slices * self.model.spec.conversion_arrays_per_slice
            path, primitive = (
                f"{CONVERSION_ARRAYS}.{ARRAY}",
                elements(self.model.unit.spec)[ARRAY].primitive,
            )
            counts.add(Action(path, primitive, "compute"), arrays * cost.converting)
        return Command(
            queue=k.cpu.cores[0].drain,
            operator=k.operator,
            label="drain and convert" if cost.converting else "drain",
            cycles=cost.drain,
            latency_cycles=cost.drain,
            compute_cycles=cost.drain,
            acquire=((self.arrays.raw, 1),),
            release=((self.arrays.free, 1),),
            release_late=late,
            actions=counts,
        )
