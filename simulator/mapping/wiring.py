"""Strings planned kernels together: who waits for whom, within and between segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.mapping.builder import ProgramBuilder, Wiring
from simulator.mapping.kernels import Kernel
from simulator.mapping.lowering import KernelPart
from simulator.mapping.program import Cause, Command, Item, Loop, Tokens
from simulator.mapping.residency import Residency, boundary_sink
from simulator.workload.operators import Segment


@dataclass(slots=True)
class SegmentPlan:
    """A segment with its kernels planned: `parts[k]` are kernel k's lowerings."""

    segment: Segment
    kernels: list[Kernel]
    residency: Residency
    parts: list[Sequence[KernelPart]]

    def boundary_readers(self) -> list[tuple[int, int]]:
        """`(kernel, core)` pairs that wait for the segment before; never empty."""
        kernels = [i for i, kernel in enumerate(self.kernels) if kernel.reads_boundary] or [0]
        return [(i, core) for i in kernels for core in _cores_of(self.parts[i])]


class Wirer:
    """Connects planned kernels by semaphores and strings segments together.

    Between segments flows one tensor. Its readers (a kernel on a core) have a
    semaphore each, numbered in program order and shared by all segments, so that
    a loop over layers can hand on to itself and to what follows alike.
    """

    def __init__(self, builder: ProgramBuilder, plans: list[SegmentPlan], stream: int) -> None:
        self.builder = builder
        self.pools = builder.pools
        self.plans = plans
        self.stream_bytes = stream
        self.cores = len(builder.resources.cores)
        first_repeats = plans[0].segment.repeat > 1
        takers = plans if first_repeats else plans[1:]
        slots = max((len(plan.boundary_readers()) for plan in takers), default=0)
        givers = plans if plans[-1].segment.repeat > 1 else plans[:-1]
        self.most_parts = max((len(p.parts[boundary_sink(p.kernels)]) for p in givers), default=1)
        self.share = self.cores * self.most_parts
        self.initial = self.share if first_repeats else 0
        self.boundary = [
            builder.semaphore(f"residual stream {slot}", self.initial, Cause.DEPENDENCY)
            for slot in range(slots)
        ]

    def body(self) -> tuple[Item, ...]:
        """The whole phase in program order."""
        items: list[Item] = []
        for index, plan in enumerate(self.plans):
            body = tuple(item for kernel in self.kernel_items(index) for item in kernel)
            repeat = plan.segment.repeat
            items.extend(
                body
                if repeat == 1
                else (Loop(repeat, body, instances=True, label=plan.segment.name),)
            )
        first_repeats, last_repeats = (self.plans[end].segment.repeat > 1 for end in (0, -1))
        if self.stream_bytes and first_repeats:
            items[:0] = self.builder.allocation(0, 0, self.stream_bytes)
        if last_repeats and (self.stream_bytes or self.share > self.initial):
            items.append(self._drain())
        return tuple(items)

    def kernel_items(self, index: int) -> list[tuple[Item, ...]]:
        """A segment once, kernel by kernel, in program order; to be asked for once."""
        plan = self.plans[index]
        self._wire(index, plan)
        self.builder.pools = self.pools
        return [tuple(i for part in parts for i in part.items()) for parts in plan.parts]

    def _drain(self) -> Command:
        """Takes what a last repeated segment hands on to nobody."""
        left = self.share - self.initial
        size = self.stream_bytes
        return Command(
            queue=self.builder.resources.cores[0].vector,
            operator=len(self.builder.operators) - 1,
            label="hand over",
            acquire=tuple((semaphore, left) for semaphore in self.boundary if left),
            release=((self.builder.pools[0], size),) if size else (),
        )

    def _wire(self, index: int, plan: SegmentPlan) -> None:
        repeats = plan.segment.repeat > 1
        takes = index > 0 or repeats
        gives = index < len(self.plans) - 1 or repeats
        ready: dict[tuple[int, int], list[tuple[int, int]]] = {}
        done: list[list[tuple[int, int]]] = [[] for _ in plan.kernels]
        for reader, kernel in enumerate(plan.kernels):
            for core in _cores_of(plan.parts[reader]):
                tokens = ready.setdefault((reader, core), [])
                if not kernel.producers:
                    continue
                semaphore = self.builder.semaphore(
                    f"{plan.segment.name}.{kernel.name}.core{core}.ready", 0, Cause.DEPENDENCY
                )
                for source in kernel.producers:
                    done[source].append((semaphore, 1))
                amount = self.cores * sum(len(plan.parts[source]) for source in kernel.producers)
                tokens.append((semaphore, amount))
        if takes:
            readers = plan.boundary_readers()
            for slot, semaphore in enumerate(self.boundary):
                reader_core = readers[slot] if slot < len(readers) else readers[0]
                ready[reader_core].append((semaphore, self.share))
        sink = boundary_sink(plan.kernels)
        for number, parts in enumerate(plan.parts):
            gives_on = gives and number == sink
            self._wire_kernel(plan, number, parts, ready, done[number], gives_on)

    def _wire_kernel(
        self,
        plan: SegmentPlan,
        number: int,
        parts: Sequence[KernelPart],
        ready: dict[tuple[int, int], list[tuple[int, int]]],
        done: list[tuple[int, int]],
        gives_on: bool,
    ) -> None:
        begun: set[int] = set()
        for position, part in enumerate(parts):
            last = position == len(parts) - 1
            amount = self.most_parts - len(parts) + 1 if last else 1
            stream: Tokens = tuple((s, amount) for s in self.boundary) if gives_on else ()
            waits: list[Tokens] = [
                tuple(ready[number, core]) if core in part.taking_part and core not in begun else ()
                for core in range(self.cores)
            ]
            begun.update(part.taking_part)
            part.wiring = Wiring(
                ready=waits,
                done=(*done, *stream),
                cores=self.cores,
                alloc_bytes=plan.residency.alloc_bytes[number] if position == 0 else 0,
                free_bytes=plan.residency.free_bytes[number] if last else 0,
            )


def _cores_of(parts: Sequence[KernelPart]) -> list[int]:
    return sorted({core for part in parts for core in part.taking_part})
