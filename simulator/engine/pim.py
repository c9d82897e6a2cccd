"""Queues of units in the memory: work that a channel does by itself, in order."""

from __future__ import annotations

from simulator.engine.code import Operation
from simulator.engine.dma import DmaQueue, Transfer
from simulator.engine.ledger import Account
from simulator.engine.memory import MemoryPort
from simulator.engine.timeline import Timeline
from simulator.mapping.program import Queue


class PimQueue(DmaQueue):
    """The units of one channel: runs are handed to its controller, which queues them.

    A run is in flight like a transfer, and gives its tokens when its last result is out.
    A command without a run waits for its tokens and gives them on. Time with runs in
    flight is time in which the units compute; what the queue waits for then costs none.

    emptied_fs: since when no run is in flight.
    """

    takes_slots = False

    def __init__(self, index: int, queue: Queue, timeline: Timeline, memory: MemoryPort) -> None:
        super().__init__(index, queue, timeline, memory)
        self.channel = queue.channel
        self.emptied_fs = 0

    def _admit(self, operation: Operation) -> bool:
        """A run needs one of those in flight to have ended."""
        return operation.command.run is None or len(self.in_flight) < self.outstanding

    def _moves(self, operation: Operation) -> bool:
        return operation.command.run is not None

    def _reserve(self) -> bool:
        """Room in the controller's queue is counted here, not by the memory."""
        return True

    def _hand_over(self, operation: Operation, account: Account) -> None:
        run = operation.command.run
        assert run is not None
        self.memory.submit_run(self, self.channel, run)

    def _complete(self, transfer: Transfer) -> None:
        super()._complete(transfer)
        if not self.in_flight:
            self.emptied_fs = self.timeline.now_fs

    def _account_wait(self, account: Account, cause: int) -> None:
        busy_fs = self.timeline.now_fs if self.in_flight else self.emptied_fs
        if busy_fs > self.accounted_fs:
            account.compute_cycles += (busy_fs - self.accounted_fs) // self.period_fs
            self.accounted_fs = busy_fs
        super()._account_wait(account, cause)
