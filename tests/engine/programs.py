"""Builds small programs for tests."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.hardware.memory.spec import IdealMemorySpec
from simulator.mapping.program import (
    Cause,
    Command,
    Item,
    Loop,
    OperatorInfo,
    Program,
    Queue,
    QueueKind,
    Semaphore,
    Tokens,
)

PERIOD_FS = 1_000_000  # 1 GHz


def memory_spec(
    bytes_per_cycle: float = 64,
    latency_cycles: int = 0,
    queue_depth: int = 64,
    arbitration_bytes: int = 4096,
) -> IdealMemorySpec:
    """An ideal memory in terms of a 1 GHz clock."""
    return IdealMemorySpec(
        device="test",
        capacity_bytes=2**40,
        bandwidth_bytes_per_s=bytes_per_cycle * 1e9,
        latency_s=float(f"{latency_cycles}e-9"),
        queue_depth=queue_depth,
        arbitration_bytes=arbitration_bytes,
    )


@dataclass
class Builder:
    """Tables of a program under construction."""

    queues: list[Queue] = field(default_factory=list)
    semaphores: list[Semaphore] = field(default_factory=list)
    operators: list[OperatorInfo] = field(default_factory=list)

    def queue(
        self,
        kind: QueueKind,
        depth: int = 16,
        period_fs: int = PERIOD_FS,
        outstanding: int = 16,
        bytes_per_cycle: int = 0,
        core: int = 0,
    ) -> int:
        name = f"core{core}.{kind}{len(self.queues)}"
        self.queues.append(Queue(name, kind, core, period_fs, depth, outstanding, bytes_per_cycle))
        return len(self.queues) - 1

    def semaphore(self, initial: int = 0, cause: Cause = Cause.DEPENDENCY) -> int:
        self.semaphores.append(Semaphore(f"s{len(self.semaphores)}", initial, cause))
        return len(self.semaphores) - 1

    def operator(self, primary: int) -> int:
        name = f"op{len(self.operators)}"
        self.operators.append(
            OperatorInfo(name, "gemm", "", "unit", primary, 0, 0, 0, 0, 0, 0, 0, {})
        )
        return len(self.operators) - 1

    def program(self, *body: Item) -> Program:
        return Program(
            "test", tuple(self.queues), tuple(self.semaphores), tuple(self.operators), body
        )


def compute(
    queue: int,
    operator: int,
    cycles: int,
    *,
    latency: int = 0,
    busy: int | None = None,
    acquire: Tokens = (),
    release: Tokens = (),
    late: Tokens = (),
    label: str = "compute",
) -> Command:
    """A command of a unit; `busy`: cycles it computes, if fewer than `cycles`."""
    return Command(
        queue,
        operator,
        label,
        cycles=cycles,
        latency_cycles=latency,
        compute_cycles=cycles if busy is None else busy,
        acquire=acquire,
        release=release,
        release_late=late,
    )


def transfer(
    queue: int,
    operator: int,
    size_bytes: int,
    *,
    acquire: Tokens = (),
    release: Tokens = (),
    label: str = "transfer",
) -> Command:
    """A load or store."""
    return Command(
        queue, operator, label, transfer_bytes=size_bytes, acquire=acquire, release=release
    )


@dataclass(frozen=True)
class Pipeline:
    """Load, compute, store through `buffers` slots each: the usual tile loop of one core."""

    load: int
    unit: int
    store: int
    free: int
    full: int
    out_free: int
    out_full: int

    @classmethod
    def build(
        cls,
        b: Builder,
        buffers: int = 2,
        core: int = 0,
        depth: int = 4,
        outstanding: int = 16,
        period_fs: int = PERIOD_FS,
        unit_period_fs: int = PERIOD_FS,
        bytes_per_cycle: int = 0,
    ) -> Pipeline:
        return cls(
            b.queue(QueueKind.LOAD, depth, period_fs, outstanding, bytes_per_cycle, core),
            b.queue(QueueKind.MATRIX, depth, unit_period_fs, core=core),
            b.queue(QueueKind.STORE, depth, period_fs, outstanding, bytes_per_cycle, core),
            b.semaphore(buffers, Cause.BUFFER_SPACE),
            b.semaphore(0, Cause.MEMORY_READ),
            b.semaphore(buffers, Cause.MEMORY_WRITE),
            b.semaphore(0, Cause.MATRIX_UNIT),
        )

    def tile(
        self, operator: int, load_bytes: int, cycles: int, store_bytes: int, latency: int = 0
    ) -> tuple[Command, ...]:
        """Commands of one tile; no store if `store_bytes` is 0."""
        stored = bool(store_bytes)
        commands = [
            transfer(
                self.load,
                operator,
                load_bytes,
                acquire=((self.free, 1),),
                release=((self.full, 1),),
            ),
            compute(
                self.unit,
                operator,
                cycles,
                latency=latency,
                acquire=((self.full, 1), (self.out_free, 1)) if stored else ((self.full, 1),),
                release=((self.free, 1),),
                late=((self.out_full, 1),) if stored else (),
            ),
        ]
        if stored:
            commands.append(
                transfer(
                    self.store,
                    operator,
                    store_bytes,
                    acquire=((self.out_full, 1),),
                    release=((self.out_free, 1),),
                )
            )
        return tuple(commands)


def loop(count: int, *body: Item, instances: bool = False) -> Loop:
    return Loop(count, body, instances)
