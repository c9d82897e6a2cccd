"""What every kernel on cores that work in step shares: its launch, its end, its commands.

Commands stand for all cores of a GPU or a CPU: their cycles are those of the busiest
core, their bytes and actions those of all. Kernels run one after the other, as in one
stream of a GPU or between two barriers of threads: the next one is launched when the
last result of this one is in the cache that all cores share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from simulator.hardware.bill import VECTOR_UNIT
from simulator.hardware.primitives import ActionCounts
from simulator.hardware.scratchpad.structure import accesses, read_action, write_action
from simulator.hardware.vector_unit.work import (
    VectorWork,
    lane_slots,
    vector_actions,
    vector_cycles,
)
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.in_step.resources import StepQueues, StepResources
from simulator.mapping.lowering import KernelPart
from simulator.mapping.program import Cause, Command, Item, Tokens
from simulator.mapping.regions import Place
from simulator.numerics import format_named

STREAM = "stream"
OPERANDS = 2
"""That a lane reads per operation; a third comes from the result before it."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Bytes at the memories inside all cores.

    near: shared memory of an SM, private cache of a CPU's core.
    """

    near_read: int = 0
    near_write: int = 0
    register_read: int = 0
    register_write: int = 0


class Part(Protocol):
    """Some of a kernel's commands. results: that gave to `ends`, known once it has its items."""

    results: int

    def items(self) -> Iterable[Item]:
        """They, in program order."""


class StepKernel(KernelPart):
    """A kernel between its launch and its end.

    parameter_bytes: biases, gains and scales, loaded at the start; parameters: where
        they lie.
    ends: semaphore that every command which makes a last result gives to.
    loads_made: it loads what other kernels have made, beside weights.
    unit_index: of the matrix units that it is for, None without any.
    """

    loads_made = True
    unit_index: int | None = None

    def __init__(
        self,
        builder: ProgramBuilder,
        operator: int,
        parameter_bytes: int = 0,
        parameters: Place | None = None,
    ) -> None:
        super().__init__(builder, operator)
        self.step: StepResources[Any] = cast("StepResources[Any]", builder.resources)
        self.queues: StepQueues = self.step.cores[0]
        self.cache, self.cache_path = self.step.cache
        self.parameter_bytes, self.parameter_place = parameter_bytes, parameters
        self.ends = self.semaphore("results", 0, Cause.MATRIX_UNIT)
        self.parameters_in = self.semaphore("parameters", 0, Cause.MEMORY_READ)

    def semaphore(self, name: str, initial: int, cause: Cause) -> int:
        """A new semaphore of this kernel."""
        return self.builder.semaphore(f"{self.operator}.{name}", initial, cause)

    # -- beginning and end -----------------------------------------------------
    def gated(self) -> list[int]:
        """Queues whose commands wait for the launch; those behind them wait for their data."""
        loads = self.loads_made or not self.step.loads_ahead
        return [*([self.queues.load] if loads else []), self.queues.cache, self.worker]

    @property
    def worker(self) -> int:
        """Queue of the units that the kernel is for: its wait for the launch is called that."""
        return (
            self.queues.vector if self.unit_index is None else self.queues.matrix[self.unit_index]
        )

    def one_by_one(self, parts: Iterable[Part]) -> tuple[Item, ...]:
        """The kernel in program order, of parts that follow each other."""
        items, results = self.begin(), 0
        for part in parts:
            items.extend(part.items())
            results += part.results
        return (*items, *self.end(results))

    def begin(self) -> list[Item]:
        """The launch; what the kernel keeps on chip is taken, its parameters are loaded."""
        stream = self.builder.shared_semaphore(STREAM, 1, Cause.DEPENDENCY)
        started = {
            queue: self.semaphore(f"{self.step.queues[queue].name}.started", 0, Cause.LAUNCH)
            for queue in self.gated()
        }
        cycles = self.step.launch_cycles
        commands: list[Item] = [
            Command(
                queue=self.queues.launch,
                operator=self.operator,
                label="launch",
                cycles=cycles,
                latency_cycles=cycles,
                compute_cycles=cycles,
                acquire=((stream, 1), *self.wiring.ready[0]),
                release=tuple((semaphore, 1) for semaphore in started.values()),
            )
        ]
        if self.queues.load in started:
            commands.append(self._start(self.queues.load, ((started[self.queues.load], 1),)))
        commands.extend(self.builder.allocation(0, self.operator, self.wiring.alloc_bytes))
        arrived: Tokens = ()
        if self.parameter_bytes:
            place, size = self.parameter_place, self.parameter_bytes
            arrived = ((self.parameters_in, 1),)
            commands.append(self.load("parameters", size, (), arrived, place))
        for queue, semaphore in started.items():
            if queue != self.queues.load:
                behind = arrived if queue == self.queues.cache else ()
                commands.append(self._start(queue, ((semaphore, 1), *behind)))
        return commands

    def _start(self, queue: int, acquire: Tokens) -> Command:
        return Command(queue, self.operator, "begin", acquire=acquire)

    def end(self, results: int) -> list[Item]:
        """What follows the last of `results` commands that gave to `ends`."""
        stream = self.builder.shared_semaphore(STREAM, 1, Cause.DEPENDENCY)
        size = self.wiring.free_bytes
        pool: Tokens = ((self.builder.pools[0], size),) if size else ()
        done = self.wiring.done_for(0, self.taking_part)
        return [
            Command(
                queue=self.queues.cache_write,
                operator=self.operator,
                label="end",
                acquire=((self.ends, results),),
                release=((stream, 1), *pool, *done),
            )
        ]

    # -- commands --------------------------------------------------------------
    def load(
        self, label: str, size: int, acquire: Tokens, release: Tokens, place: Place | None
    ) -> Command:
        """A transfer from main memory into the shared cache."""
        counts = ActionCounts()
        counts.add(write_action(self.cache, self.cache_path), accesses(self.cache, size))
        queue = self.queues.load
        return self.transfer(queue, f"load {label}", size, acquire, release, place, counts)

    def fetch(
        self, what: Sequence[tuple[str, int, Place | None]], room: Tokens, arrivals: Sequence[int]
    ) -> list[Command]:
        """Loads of all that has bytes to load; `arrivals` are given one token by each.

        room: taken by the first, or by a request that finds everything in the cache, so
        that room is taken in program order.
        """
        release = tuple((semaphore, 1) for semaphore in arrivals)
        loads = [each for each in what if each[1]]
        if not loads:
            queue, operator = self.queues.load, self.operator
            return [Command(queue, operator, "request", acquire=room, release=release)]
        return [
            self.load(label, size, () if position else room, release, place)
            for position, (label, size, place) in enumerate(loads)
        ]

    def store(self, size: int, acquire: Tokens, place: Place | None) -> Command:
        """A transfer from the shared cache to main memory."""
        counts = ActionCounts()
        counts.add(read_action(self.cache, self.cache_path), accesses(self.cache, size))
        queue = self.queues.store
        return self.transfer(queue, "store outputs", size, acquire, (), place, counts)

    def read_cache(
        self,
        label: str,
        size: int,
        most_per_core: float,
        acquire: Tokens,
        late: Tokens,
        to_registers: bool = False,
    ) -> Command:
        """From the shared cache into the memory near the units, or straight into registers.

        most_per_core: bytes of the busiest core.
        """
        cycles = self.cache_cycles(size, most_per_core)
        counts = ActionCounts()
        counts.add(read_action(self.cache, self.cache_path), accesses(self.cache, size))
        self.count(counts, Moved(register_write=size) if to_registers else Moved(near_write=size))
        return Command(
            queue=self.queues.cache,
            operator=self.operator,
            label=f"read {label}",
            cycles=cycles,
            latency_cycles=cycles + self.step.cache_latency_cycles,
            compute_cycles=cycles,
            acquire=acquire,
            release_late=late,
            actions=counts,
        )

    def write_cache(
        self, size: int, most_per_core: float, acquire: Tokens, release: Tokens, late: Tokens
    ) -> Command:
        """From registers into the shared cache."""
        cycles = self.cache_cycles(size, most_per_core)
        counts = ActionCounts()
        counts.add(write_action(self.cache, self.cache_path), accesses(self.cache, size))
        self.count(counts, Moved(register_read=size))
        return Command(
            queue=self.queues.cache_write,
            operator=self.operator,
            label="write outputs",
            cycles=cycles,
            latency_cycles=cycles + self.step.cache_latency_cycles,
            compute_cycles=cycles,
            acquire=acquire,
            release=release,
            release_late=late,
            actions=counts,
        )

    def vector(
        self,
        busiest: Sequence[VectorWork],
        everywhere: Sequence[VectorWork],
        acquire: Tokens,
        release: Tokens = (),
        late: Tokens = (),
    ) -> Command:
        """Vector work: what the busiest core does, and what all of them do, in registers."""
        spec = self.step.core.vector_unit
        cycles = vector_cycles(spec, busiest)
        counts = vector_actions(spec, everywhere, VECTOR_UNIT)
        word = format_named(spec.format).bits // 8
        slots = sum(lane_slots(spec, work) for work in everywhere)
        self.count(
            counts,
            Moved(register_read=OPERANDS * word * slots, register_write=word * slots),
        )
        return Command(
            queue=self.queues.vector,
            operator=self.operator,
            label="+".join(item.function for item in busiest),
            cycles=cycles,
            latency_cycles=cycles + spec.latency_cycles,
            compute_cycles=cycles,
            acquire=acquire,
            release=release,
            release_late=late,
            actions=counts,
        )

    def count(self, counts: ActionCounts, moved: Moved) -> None:
        """Add accesses to the memory near the units, and to registers where they are one."""
        near, registers = self.step.near, self.step.registers
        moves = [(near, moved.near_read, moved.near_write)]
        if registers is not None:
            moves.append((registers, moved.register_read, moved.register_write))
        for (spec, path), read, written in moves:
            counts.add(read_action(spec, path), accesses(spec, read))
            counts.add(write_action(spec, path), accesses(spec, written))

    def cache_cycles(self, size: int, most_per_core: float) -> int:
        """Cycles of the shared cache's way to, or from, the cores."""
        everywhere, one = self.step.cache_bytes_per_cycle
        return max(-(-size // everywhere), math.ceil(most_per_core / one))
