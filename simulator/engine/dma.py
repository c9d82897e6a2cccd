"""Queues of DMA engines: transfers in flight, in order of issue."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import partial

from simulator.engine.code import Operation
from simulator.engine.ledger import NOT_YET, Account
from simulator.engine.memory import MemoryPort
from simulator.engine.queue import CommandQueue, State
from simulator.engine.semaphore import give
from simulator.engine.timeline import Timeline
from simulator.mapping.program import Queue, QueueKind


class Transfer:
    """A transfer that the memory has, or that has arrived and waits for an edge.

    bus_free_fs, due_fs: event times when the DMA bus has carried it, and when it
        completes (NOT_YET while the memory works on it).
    """

    __slots__ = ("account", "bus_free_fs", "due_fs", "operation", "start_fs")

    def __init__(
        self, operation: Operation, account: Account, start_fs: int, bus_free_fs: int
    ) -> None:
        self.operation = operation
        self.account = account
        self.start_fs = start_fs
        self.bus_free_fs = bus_free_fs
        self.due_fs = NOT_YET

    def relative(self, now_fs: int, instance: int | None) -> Hashable:
        """What decides when it completes, and to whom it counts."""
        account, due_fs, bus_fs = self.account, self.due_fs, self.bus_free_fs - now_fs
        return (
            self.operation,
            account if instance is None else account.instance - instance,
            bus_fs if bus_fs > 0 else 0,
            due_fs - now_fs if due_fs != NOT_YET else None,
        )


class DmaQueue(CommandQueue):
    """Loads or stores of one core.

    A transfer occupies the queue for its time on the DMA bus, the memory for its
    own; it completes at the queue's next edge after both, and then gives its
    tokens. in_flight: from submission to completion, in order of submission;
    `busy_cycles` adds up the intervals in which there are any.
    """

    takes_slots = True

    def __init__(self, index: int, queue: Queue, timeline: Timeline, memory: MemoryPort) -> None:
        super().__init__(index, queue, timeline)
        self.memory = memory
        self.outstanding = queue.outstanding
        self.is_write = queue.kind is QueueKind.STORE
        self.in_flight: list[Transfer] = []

    def behind(self, now_fs: int, instance: int | None) -> tuple[Hashable, ...]:
        """Transfers in flight."""
        return tuple([each.relative(now_fs, instance) for each in self.in_flight])

    def _admit(self) -> bool:
        """A transfer needs an outstanding one to have ended, and a slot of the memory."""
        return len(self.in_flight) < self.outstanding and self._reserve()

    def _start(self, operation: Operation, account: Account) -> None:
        start_fs = self.timeline.now_fs
        self.free_fs = start_fs + operation.busy_fs
        if operation.primary:
            self._account_bus(operation, account)
        elif operation.opens and account.start_fs == NOT_YET:
            account.start_fs = start_fs
        account.ends(self.free_fs)
        if operation.moves:
            if not self.in_flight:
                self.moving_since_fs = start_fs
            bus_free_fs = self.timeline.event_fs + operation.busy_fs
            self.in_flight.append(Transfer(operation, account, start_fs, bus_free_fs))
            self._hand_over(operation, account)

    def _account_bus(self, operation: Operation, account: Account) -> None:
        """The operator waits for memory while the DMA bus is occupied."""
        account.stalls[self.cause] += operation.cycles
        account.accounted_fs = self.free_fs

    def _reserve(self) -> bool:
        """Whether the memory has a slot, which is reserved then."""
        return self.memory.reserve()

    def _wait(self, operation: Operation, account: Account) -> Iterator[None]:
        """Wait for an outstanding transfer to end, then for a slot of the memory."""
        while len(self.in_flight) >= self.outstanding:
            self.state = State.SLOTS_TAKEN
            yield
            self.wakes += 1
            self.due_fs = NOT_YET
        if not self._reserve():
            self.memory.queue_up(self)
            self.state = State.MEMORY_FULL
            yield
            self.wakes += 1
            self.due_fs = NOT_YET
        if operation.primary:
            self._account_wait(account, self.cause)

    def _hand_over(self, operation: Operation, account: Account) -> None:
        self.memory.submit(
            self,
            operation.transfer_bytes,
            self.is_write,
            operation.command.region,
            account.instance,
            operation.command.channel,
        )

    # -- completion ------------------------------------------------------------
    def transferred(self) -> None:
        """The memory has completed the oldest transfer that it had of this queue."""
        for transfer in self.in_flight:
            if transfer.due_fs == NOT_YET:
                break
        now_fs = self.timeline.event_fs
        delay_fs = transfer.bus_free_fs - now_fs
        if delay_fs <= 0:
            delay_fs = self.timeline.to_edge_fs(self.period_fs)
        transfer.due_fs = now_fs + delay_fs
        if delay_fs:
            self.timeline.later(delay_fs, partial(self._complete, transfer))
        else:
            self._complete(transfer)

    def _complete(self, transfer: Transfer) -> None:
        self.arrivals += 1
        now_fs = self.timeline.now_fs
        operation = transfer.operation
        self.in_flight.remove(transfer)
        if not self.in_flight:
            self.busy_cycles += (now_fs - self.moving_since_fs) // self.period_fs
        transfer.account.ends(now_fs)
        if self.span_hook is not None:
            self.span_hook(self.index, transfer.account, operation, transfer.start_fs, now_fs)
        give(operation.release)
        if self.state is State.SLOTS_TAKEN and self.due_fs == NOT_YET:
            self.wake()
