"""Runs a program on a machine: builds the parts, lets time pass, closes the books."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence

from simulator.engine.addresses import AddressBook
from simulator.engine.check import DMA_KINDS, check_places, check_program
from simulator.engine.code import Compiler, LoopCode
from simulator.engine.dma import DmaQueue
from simulator.engine.laws import check_finished, check_laws
from simulator.engine.ledger import CAUSES, Ledger
from simulator.engine.memory import MemoryPort
from simulator.engine.moment import Parts
from simulator.engine.motion import Motions
from simulator.engine.pim import PimQueue
from simulator.engine.queue import CommandQueue
from simulator.engine.record import Execution
from simulator.engine.semaphore import TokenSemaphore
from simulator.engine.sequencer import Sequencer
from simulator.engine.skip import Skipper
from simulator.engine.spans import SpanRecorder
from simulator.engine.timeline import FIRST_QUEUE_TURN, Timeline
from simulator.engine.unit import UnitQueue
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.memory.ideal import IdealMemory
from simulator.hardware.memory.spec import IdealMemorySpec
from simulator.hardware.memory.timing import MemoryTiming
from simulator.mapping.layout import Position, lay_out
from simulator.mapping.program import Program, Queue, QueueKind


def run_program(
    program: Program,
    memory: IdealMemorySpec | DramMemorySpec,
    *,
    reference_period_fs: int,
    every_event: bool = False,
    span_limit: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Execution:
    """Simulate `program` from an empty machine until its last command has ended.

    reference_period_fs: clock of the reports; the port of an ideal memory moves whole
        beats at it, that of a command-level one has the clock of its device.
    every_event: simulate every command instead of skipping repeats; the result
        is the same (`==`).
    span_limit: command intervals to record for a timeline, from the start; they
        are simulated one by one, so that the record has no gaps.
    progress: called now and then with the share of commands issued, 0 to 1.

    Raises CyclelabError for a program that is inconsistent, DeadlockError (one)
    when commands wait for tokens that nobody will give, InvariantError (one) if a
    law is broken that every run obeys.
    """
    check_program(program)
    semaphores = [
        TokenSemaphore(index, each.name, each.initial, CAUSES.index(each.cause))
        for index, each in enumerate(program.semaphores)
    ]
    clients = len(program.queues)
    movers = [index for index, queue in enumerate(program.queues) if queue.kind in DMA_KINDS]
    timing = build_memory(
        memory, reference_period_fs, clients, movers=movers, every_event=every_event
    )
    compiler = Compiler(program, semaphores, timing.period_fs)
    root = compiler.compile()
    parts = _build(program, timing, memory.capacity_bytes, root, progress)
    recorder = SpanRecorder(span_limit, parts.queues)
    skipper = None
    if not every_event:
        skipper = Skipper(parts, FIRST_QUEUE_TURN + len(parts.queues) + 1, recorder)
    collects = gc.isenabled()
    gc.disable()  # nothing that is made while time passes needs it
    try:
        parts.timeline.run()
    finally:
        if collects:
            gc.enable()
        parts.dismiss()
    check_finished(program, parts)
    execution = _execution(parts)
    execution.spans = recorder.spans(parts.ledger.accounts)
    execution.skipped_commands = skipper.skipped_commands if skipper else 0
    check_laws(program, compiler.operations, semaphores, parts, execution)
    return execution


def build_memory(
    memory: IdealMemorySpec | DramMemorySpec,
    period_fs: int,
    clients: int,
    *,
    movers: Sequence[int] | None = None,
    every_event: bool = False,
) -> MemoryTiming:
    """The timing model of a memory. period_fs: clock of an ideal memory's port.

    movers: those of the clients that transfer bytes; all if left out.
    """
    if isinstance(memory, IdealMemorySpec):
        return IdealMemory(memory, period_fs, clients)
    from simulator.hardware.dram.memory import DramMemory

    return DramMemory(memory, clients, movers=movers, every_event=every_event)


def _build(
    program: Program,
    timing: MemoryTiming,
    capacity_bytes: int,
    root: LoopCode,
    progress: Callable[[float], None] | None,
) -> Parts:
    """The machine: memory, queues by index, and the sequencer that feeds them."""
    timeline = Timeline()
    clients = len(program.queues)
    book: AddressBook | None = None
    positions: tuple[Position, ...] = ()
    if timing.alignment_bytes:
        if not program.regions:  # otherwise they have been checked with the program
            check_places(program)
        positions = lay_out(
            program.regions, timing.alignment_bytes, capacity_bytes, timing.layer_alignment_bytes
        )
        book = AddressBook(program.regions, positions)
    port = MemoryPort(timing, book, timeline, FIRST_QUEUE_TURN + clients)
    queues = [
        _build_queue(index, queue, timeline, port) for index, queue in enumerate(program.queues)
    ]
    ledger = Ledger(program)
    sequencer = Sequencer(root, queues, ledger, timeline, progress)
    motions = Motions(program, positions, timing.layer_alignment_bytes)
    return Parts(timeline, queues, port, sequencer, ledger, motions)


def _build_queue(index: int, queue: Queue, timeline: Timeline, port: MemoryPort) -> CommandQueue:
    if queue.kind is QueueKind.PIM:
        return PimQueue(index, queue, timeline, port)
    if queue.kind in DMA_KINDS:
        return DmaQueue(index, queue, timeline, port)
    return UnitQueue(index, queue, timeline)


def _execution(parts: Parts) -> Execution:
    records = parts.ledger.records()
    parts.memory.catch_up()  # it refreshes and draws power to the end
    counters = parts.memory.timing.counters
    return Execution(
        duration_fs=max((record.end_fs for record in records), default=0),
        records=records,
        busy_cycles={queue.name: queue.busy_cycles for queue in parts.queues},
        read_bytes=counters.read_bytes,
        write_bytes=counters.write_bytes,
        memory_busy_fs=counters.busy_cycles * parts.memory.period_fs,
        dram=parts.memory.timing.statistics(),
        events=parts.sequencer.wakes
        + parts.memory.events
        + sum(queue.wakes + queue.arrivals for queue in parts.queues),
    )
