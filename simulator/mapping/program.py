"""What the mapper hands to the engine: commands, loops and semaphores.

A program is a stream in program order. Each command goes to one hardware queue
(a matrix unit, a vector unit, a DMA direction of one core). A queue serves its
commands in order. A command waits until its semaphores hold enough, takes the
amounts, occupies its queue, and gives amounts back when it ends. Buffers are
semaphores that count free bytes or free slots, data is a semaphore that counts
what has arrived: nothing else couples the queues, as in decoupled
access-execute machines.

Loops keep the stream compact, and tell the engine where a state may repeat.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from simulator.hardware.dram.pim.gemv import Run
from simulator.hardware.primitives import ActionCounts
from simulator.workload.operators import TensorKind

Tokens = tuple[tuple[int, int], ...]
"""Pairs of `(index into Program.semaphores, amount)`."""
BETWEEN_STAGES = -1
"""Stage of an operator that takes data from one to another."""


class QueueKind(StrEnum):
    """What a queue drives."""

    LOAD = "load"
    STORE = "store"
    MATRIX = "matrix"
    VECTOR = "vector"
    CACHE = "cache"
    LAUNCH = "launch"
    PIM = "pim"
    LINK = "link"


class Cause(StrEnum):
    """Why a queue waits; the cause is a property of the semaphore it waits on."""

    MEMORY_READ = "memory_read"
    MEMORY_WRITE = "memory_write"
    BUFFER_SPACE = "buffer_space"
    MATRIX_UNIT = "matrix_unit"
    VECTOR_UNIT = "vector_unit"
    CACHE = "cache"
    LAUNCH = "launch"
    PIM = "pim"
    LINK = "link"
    DEPENDENCY = "dependency"


@dataclass(frozen=True, slots=True)
class Queue:
    """One in-order hardware queue.

    depth: commands it can hold besides the one being served.
    outstanding: transfers it may have in flight (DMA queues; 1 otherwise).
    bytes_per_cycle: issue rate of a DMA queue, 0 = as fast as memory.
    channel: of the memory, whose units a PIM queue drives.
    """

    name: str
    kind: QueueKind
    core: int
    period_fs: int
    depth: int
    outstanding: int = 1
    bytes_per_cycle: int = 0
    channel: int = -1


@dataclass(frozen=True, slots=True)
class Semaphore:
    """A counter; `cause` is what waiting on it is called."""

    name: str
    initial: int
    cause: Cause


@dataclass(frozen=True, slots=True)
class Region:
    """A place in main memory for one tensor, or for several that are moved together.

    size_bytes: of one instance, at least what one pass over it transfers.
    instances: copies that lie one after the other: a repeated segment has weights
        and KV cache of its own in every layer; all layers use the same activations.
    """

    name: str
    tensor: TensorKind
    size_bytes: int
    instances: int


@dataclass(frozen=True, slots=True, eq=False)
class Command:
    """Work for one queue.

    queue, operator: indices into the program's tables.
    cycles: cycles of the queue's clock until it can take the next command.
    latency_cycles: cycles until the results are out, at least `cycles`.
    compute_cycles: of `cycles`, those that the unit computes; the rest is
        waiting for its on-chip ports (`port_stall` in reports).
    transfer_bytes: main-memory bytes (LOAD and STORE queues only; 0 there is an
        allocation, which takes its tokens and no time).
    acquire: tokens taken when it starts; release: given after `cycles` (for a
        transfer: when it ends); release_late: given after `latency_cycles`.
    tensor: what a transfer moves, as its region says: `weight`, `activation` or `kv`.
    region: index into the program's regions; -1 if no bytes are transferred.
    channel: of the memory, that a whole transfer goes to; -1 if it is spread over all.
    runs: what the units in the memory do, one after the other (PIM queues only).
    actions: on-chip actions of one execution (main memory is counted apart).
    Compared by identity: a loop executes the same object many times.
    """

    queue: int
    operator: int
    label: str
    cycles: int = 0
    latency_cycles: int = 0
    compute_cycles: int = 0
    transfer_bytes: int = 0
    tensor: str = ""
    acquire: Tokens = ()
    release: Tokens = ()
    release_late: Tokens = ()
    actions: ActionCounts = field(default_factory=ActionCounts)
    macs: int = 0
    region: int = -1
    channel: int = -1
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """`count` executions of `body`.

    instances: True when each iteration makes operator records of its own (a
        model's layers); False inside an operator (its tiles).
    first_instance: of the first iteration. ahead: operators that are an instance further
        on than the iteration they are in.
    """

    count: int
    body: tuple[Item, ...]
    instances: bool = False
    label: str = ""
    first_instance: int = 0
    ahead: frozenset[int] = frozenset()


Item = Command | Loop


@dataclass(frozen=True, slots=True)
class OperatorInfo:
    """Static facts about an operator of the program, for reports and checks.

    primary: index of the queue that the operator's cycles are accounted on.
    name: without layer; `block` is the repeated block it belongs to, if any.
    macs, vector_elements, weight_bytes…: of one instance.
    compulsory_bytes: main-memory bytes that no mapping can avoid.
    compute_bound_cycles, memory_bound_cycles: roofline bounds, core clock.
    unit: name of the unit chosen; mapping: human-readable tiling.
    peak_macs_per_cycle: of all matrix units of the kind chosen, 0 for vector work.
    first_instance: number of its block that the first instance is. stage: of the pipeline
        that it is part of, -1 between stages.
    """

    name: str
    kind: str
    block: str
    unit: str
    primary: int
    macs: int
    vector_elements: int
    read_bytes: int
    write_bytes: int
    compulsory_bytes: int
    compute_bound_cycles: int
    memory_bound_cycles: int
    mapping: dict[str, object]
    peak_macs_per_cycle: float = 0
    first_instance: int = 0
    stage: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """A phase (a prefill, one decode step) ready to run on a machine.

    regions: where the transfers go; may be left out where addresses do not matter.
    """

    name: str
    queues: tuple[Queue, ...]
    semaphores: tuple[Semaphore, ...]
    operators: tuple[OperatorInfo, ...]
    body: tuple[Item, ...]
    regions: tuple[Region, ...] = ()

    def commands(self) -> Iterator[Command]:
        """Every distinct command object, in first-execution order."""
        stack: list[Item] = list(reversed(self.body))
        seen: set[int] = set()
        while stack:
            item = stack.pop()
            if id(item) in seen:
                continue
            seen.add(id(item))
            if isinstance(item, Loop):
                stack.extend(reversed(item.body))
            else:
                yield item
