"""What the signature of a state leaves out: counters, and times in absolute terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from simulator.engine.dma import DmaQueue
from simulator.engine.ledger import NOT_YET, Account, Ledger
from simulator.engine.memory import MemoryPort
from simulator.engine.motion import Motions
from simulator.engine.queue import CommandQueue
from simulator.engine.sequencer import Frame, Sequencer
from simulator.engine.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that has state."""

    timeline: Timeline
    queues: Sequence[CommandQueue]
    memory: MemoryPort
    sequencer: Sequencer
    ledger: Ledger
    motions: Motions

    def dismiss(self) -> None:
        """Let go of what holds on to all others, so that they go when they are not needed."""
        self.timeline.dismiss()
        self.memory.dismiss()
        self.sequencer.on_enter = self.sequencer.on_iteration = None


class QueueMoment(NamedTuple):
    """Counters and absolute times of a queue (fields as in `CommandQueue`)."""

    wakes: int
    free_fs: int
    accounted_fs: int
    moving_since_fs: int
    busy_cycles: int


_of_queue = attrgetter(*QueueMoment._fields)


class AccountMoment(NamedTuple):
    """Counters and absolute times of an account (fields as in `Account`)."""

    account: Account
    touches: int
    start_fs: int
    end_fs: int
    accounted_fs: int
    compute_cycles: int
    stalls: tuple[int, ...]


class Moment:
    """Counters and times at the end of an iteration: what the signature leaves out.

    Of a loop within an operator, its accounts go on growing. Of a loop of
    instances, accounts are opened and finished, and those that are open must
    repeat as they are.
    """

    __slots__ = (
        "_queues",
        "accounts",
        "counts",
        "iteration",
        "memory",
        "open_accounts",
        "open_states",
        "opened",
        "submitted",
        "time_fs",
    )

    def __init__(self, parts: Parts, frame: Frame) -> None:
        self.time_fs = parts.timeline.now_fs
        self.iteration = frame.iteration
        self.counts = [semaphore.count for semaphore in frame.code.unbalanced]
        self._queues = [_of_queue(queue) for queue in parts.queues]
        self.memory = parts.memory.timing.counted()
        self.submitted = parts.memory.submitted
        self.opened = len(parts.ledger.accounts)
        self.accounts: list[AccountMoment | None] = []
        self.open_accounts: list[Account] = []
        self.open_states: list[tuple[object, ...]] = []
        if frame.code.instances:
            self.open_accounts = _open_accounts(parts)
            self.open_states = [
                _relative(account, self.time_fs, parts.ledger.instance)
                for account in self.open_accounts
            ]
        else:
            present = parts.ledger.present
            self.accounts = [_account_moment(present[each]) for each in frame.code.operators]

    @property
    def queues(self) -> list[QueueMoment]:
        """Of every queue; hardly ever asked for."""
        return [QueueMoment._make(each) for each in self._queues]


def _account_moment(account: Account | None) -> AccountMoment | None:
    if account is None:
        return None
    return AccountMoment(
        account,
        account.touches,
        account.start_fs,
        account.end_fs,
        account.accounted_fs,
        account.compute_cycles,
        tuple(account.stalls),
    )


def _open_accounts(parts: Parts) -> list[Account]:
    """Accounts that a command may still change, in program order."""
    found = {id(account): account for account in parts.ledger.present if account is not None}
    for queue in parts.queues:
        entries = [*queue.waiting] if queue.entry is None else [queue.entry, *queue.waiting]
        for _, account in entries:
            found[id(account)] = account
        if isinstance(queue, DmaQueue):
            for transfer in queue.in_flight:
                found[id(transfer.account)] = transfer.account
    return sorted(found.values(), key=lambda account: (account.instance, account.rank))


def _relative(account: Account, now_fs: int, instance: int) -> tuple[object, ...]:
    times = (account.start_fs, account.end_fs, account.accounted_fs)
    return (
        account.operator,
        account.instance - instance,
        account.rank,
        tuple(None if time_fs == NOT_YET else time_fs - now_fs for time_fs in times),
        account.compute_cycles,
        tuple(account.stalls),
        tuple(sorted(account.executions.items())),
    )
