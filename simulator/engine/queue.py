"""What every in-order hardware queue does: hold commands, acquire tokens, keep time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from enum import IntEnum

from simulator.engine.code import Operation
from simulator.engine.ledger import CAUSES, ISSUE, NOT_YET, Account
from simulator.engine.semaphore import TokenSemaphore, give, take
from simulator.engine.timeline import FIRST_QUEUE_TURN, SEQUENCER, Timeline
from simulator.mapping.program import Cause, Queue, QueueKind

Entry = tuple[Operation, Account]
SpanHook = Callable[[int, Account, Operation, int, int], None]
"""Called with queue index, account, operation, start_fs and end_fs of each interval."""

BUSY_WITH_OTHERS = {
    QueueKind.LOAD: CAUSES.index(Cause.MEMORY_READ),
    QueueKind.STORE: CAUSES.index(Cause.MEMORY_WRITE),
    QueueKind.MATRIX: CAUSES.index(Cause.MATRIX_UNIT),
    QueueKind.VECTOR: CAUSES.index(Cause.VECTOR_UNIT),
    QueueKind.CACHE: CAUSES.index(Cause.CACHE),
    QueueKind.LAUNCH: CAUSES.index(Cause.LAUNCH),
    QueueKind.PIM: CAUSES.index(Cause.PIM),
    QueueKind.LINK: CAUSES.index(Cause.LINK),
}
"""What an operator's wait is called while its primary queue serves other operators."""


class State(IntEnum):
    """What a queue is doing."""

    IDLE = 0
    ACQUIRING = 1
    BUSY = 2
    SLOTS_TAKEN = 3
    MEMORY_FULL = 4


class CommandQueue(ABC):
    """A hardware queue: a process that serves commands in order.

    waiting: commands it holds besides `entry`, the one being served.
    blocks: the sequencer waits for room in this queue, and is woken when there is.
    missing: while ACQUIRING, the semaphore waited for and the amount needed.
    due_fs: event time at which the process will go on, NOT_YET while that
        depends on others.
    free_fs: when it finished (or will finish) the occupancy of the last command
        that it started; accounted_fs: up to where its waiting time has been
        given to operators; both in simulated time.
    moving_since_fs: since when it has had transfers in flight (DMA queues).
    wakes: how often the process went on, to tell whether the queue was active;
    arrivals: results and transfers that ended behind it.
    """

    def __init__(self, index: int, queue: Queue, timeline: Timeline) -> None:
        self.index = index
        self.name = queue.name
        self.period_fs = queue.period_fs
        self.depth = queue.depth
        self.timeline = timeline
        self.cause = BUSY_WITH_OTHERS[queue.kind]
        self.waiting: deque[Entry] = deque()
        self.entry: Entry | None = None
        self.state = State.IDLE
        self.missing: tuple[TokenSemaphore, int] | None = None
        self.blocks = False
        self.span_hook: SpanHook | None = None
        self.due_fs = NOT_YET
        self.free_fs = 0
        self.accounted_fs = 0
        self.moving_since_fs = 0
        self.busy_cycles = 0
        self.wakes = 0
        self.arrivals = 0
        process = self._run()
        next(process)  # until it has something to do
        self._bit = 1 << FIRST_QUEUE_TURN + index
        timeline.enrol(self._bit, process.__next__)

    # -- from outside ----------------------------------------------------------
    def push(self, entry: Entry) -> None:
        """Append a command; the caller has seen to it that there is room."""
        self.waiting.append(entry)
        if self.entry is None and self.due_fs == NOT_YET:
            self.wake()

    def wake(self) -> None:
        """Go on at the next edge of the queue's clock."""
        timeline = self.timeline
        delay_fs = -timeline.now_fs % self.period_fs
        self.due_fs = timeline.event_fs + delay_fs
        timeline.wake(self._bit, delay_fs)

    # -- the process -----------------------------------------------------------
    def _run(self) -> Iterator[None]:
        """Serve commands for ever; it goes on at `due_fs`, or when it is woken."""
        timeline, waiting = self.timeline, self.waiting
        while True:
            if not waiting:
                self.entry = None
                self.state = State.IDLE
                yield
                self.wakes += 1
                self.due_fs = NOT_YET
            self.entry = operation, account = waiting.popleft()
            if self.blocks:
                self.blocks = False
                timeline.wake(SEQUENCER, 0)
            if operation.primary:
                self._turn_to(account)
            self.missing = take(operation.acquire)
            while self.missing is not None:
                self.missing[0].waiters.append((self, self.missing[1]))
                self.state = State.ACQUIRING
                yield
                self.wakes += 1
                self.due_fs = NOT_YET
                if operation.primary:
                    self._account_wait(account, self.missing[0].cause)
                self.missing = take(operation.acquire)
            if operation.moves and not self._admit():
                yield from self._wait(operation, account)
            self._start(operation, account)
            busy_fs = operation.busy_fs
            if busy_fs:
                self.state = State.BUSY
                self.due_fs = timeline.event_fs + busy_fs
                timeline.wake(self._bit, busy_fs)
                yield
                self.wakes += 1
                self.due_fs = NOT_YET
            if not operation.moves:
                give(operation.release)

    def _admit(self) -> bool:
        """Whether a command that moves something, and has its tokens, may start at once."""
        return True

    def _wait(self, operation: Operation, account: Account) -> Iterator[None]:
        """Wait until a command that was not admitted may start; units admit every one."""
        yield from ()

    @abstractmethod
    def behind(self, now_fs: int, instance: int | None) -> tuple[Hashable, ...]:
        """What goes on behind the queue, as it is now; as of `machine_signature`."""

    @abstractmethod
    def _start(self, operation: Operation, account: Account) -> None:
        """A command begins to occupy the queue."""

    # -- accounts --------------------------------------------------------------
    def _turn_to(self, account: Account) -> None:
        """The queue takes a command of an operator that is accounted on it."""
        if account.start_fs == NOT_YET:
            account.start_fs = self.free_fs
        elif self.free_fs > account.accounted_fs:
            others_fs = self.free_fs - account.accounted_fs
            account.stalls[self.cause] += others_fs // self.period_fs
        self.accounted_fs = self.free_fs
        self._account_wait(account, ISSUE)

    def _account_wait(self, account: Account, cause: int) -> None:
        """The time since it was last accounted went by waiting for `cause`."""
        now_fs = self.timeline.now_fs
        if now_fs > self.accounted_fs:
            account.stalls[cause] += (now_fs - self.accounted_fs) // self.period_fs
            self.accounted_fs = now_fs
