"""Queues of units in the memory: work that a channel does by itself, in order."""

from __future__ import annotations

from simulator.engine.code import Operation
from simulator.engine.dma import DmaQueue, Transfer
from simulator.engine.ledger import ISSUE, NOT_YET, Account
from simulator.engine.memory import MemoryPort
from simulator.engine.timeline import Timeline
from simulator.mapping.program import Queue


class PimQueue(DmaQueue):
    """The units of one channel: runs are handed to its controller, which queues them.

    The runs of a command are in flight like a transfer, and give its tokens when their last
    result is out. A command without runs waits for its tokens and gives them on.

    Units serve in order. So the time with runs in flight is computing of the operator whose
    runs have been there for longest, whatever the queue waits for meanwhile, and how many
    commands the controller has ahead does not show. accounted_fs: up to where that is known.
    """

    takes_slots = False

    def __init__(self, index: int, queue: Queue, timeline: Timeline, memory: MemoryPort) -> None:
        super().__init__(index, queue, timeline, memory)
        self.channel = queue.channel

    def _reserve(self) -> bool:
        """Room in the controller's queue is counted here, not by the memory."""
        return True

    def _hand_over(self, operation: Operation, account: Account) -> None:
        self.memory.submit_runs(self, self.channel, operation.command.runs)

    def _complete(self, transfer: Transfer) -> None:
        super()._complete(transfer)
        now_fs = self.timeline.now_fs
        if transfer.operation.primary:
            account = transfer.account
            self._claim(account)
            account.compute_cycles += (now_fs - self.accounted_fs) // self.period_fs
            account.accounted_fs = now_fs
        self.accounted_fs = now_fs

    # -- accounts --------------------------------------------------------------
    def _account_bus(self, operation: Operation, account: Account) -> None:
        """Handing runs over takes no time."""

    def _turn_to(self, account: Account) -> None:
        self._account_wait(account, ISSUE)

    def _account_wait(self, account: Account, cause: int) -> None:
        if not self.in_flight:
            self._claim(account)
            super()._account_wait(account, cause)
            account.accounted_fs = self.accounted_fs

    def _claim(self, account: Account) -> None:
        """From `accounted_fs` on, the units are an operator's; others may have had them before."""
        if account.start_fs == NOT_YET:
            account.start_fs = self.accounted_fs
        elif account.accounted_fs < self.accounted_fs:
            others_fs = self.accounted_fs - account.accounted_fs
            account.stalls[self.cause] += others_fs // self.period_fs
        account.accounted_fs = self.accounted_fs
