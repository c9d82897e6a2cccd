"""What every in-order hardware queue does: hold commands, acquire tokens, keep time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from enum import IntEnum

from simpy.events import ProcessGenerator

from simulator.engine.code import Operation
from simulator.engine.ledger import CAUSES, ISSUE, NOT_YET, Account
from simulator.engine.semaphore import TokenSemaphore, take
from simulator.engine.timeline import FIRST_QUEUE_PRIORITY, Alarm, Server, Timeline
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
    """A hardware queue: a SimPy process that serves commands in order.

    waiting: commands it holds besides `entry`, the one being served.
    blocks: the sequencer waits for room in this queue; `on_room` tells it.
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
        self.on_room: Callable[[], None] = _nobody
        self.span_hook: SpanHook | None = None
        self.due_fs = NOT_YET
        self.free_fs = 0
        self.accounted_fs = 0
        self.moving_since_fs = 0
        self.busy_cycles = 0
        self.wakes = 0
        self.arrivals = 0
        self._alarm = Alarm(timeline, FIRST_QUEUE_PRIORITY + index)
        Server(timeline, self._run())

    # -- from outside ----------------------------------------------------------
    def push(self, operation: Operation, account: Account) -> None:
        """Append a command; the caller has seen to it that there is room."""
        self.waiting.append((operation, account))
        if self.state is State.IDLE and self.due_fs == NOT_YET:
            self.wake()

    def wake(self) -> None:
        """Go on at the next edge of the queue's clock."""
        delay_fs = self.timeline.to_edge_fs(self.period_fs)
        self.due_fs = self.timeline.event_fs + delay_fs
        self._alarm.ring(delay_fs)

    # -- the process -----------------------------------------------------------
    def _run(self) -> ProcessGenerator:
        """Serve commands for ever."""
        waiting = self.waiting
        while True:
            if not waiting:
                self.entry = None
                yield self._sleep(State.IDLE)
                self.wakes += 1
                self.due_fs = NOT_YET
            self.entry = operation, account = waiting.popleft()
            if self.blocks:
                self.blocks = False
                self.on_room()
            if operation.primary:
                self._turn_to(account)
            self.missing = take(operation.acquire)
            while self.missing is not None:
                self.missing[0].waiters.append((self, self.missing[1]))
                yield self._sleep(State.ACQUIRING)
                self.wakes += 1
                self.due_fs = NOT_YET
                if operation.primary:
                    self._account_wait(account, self.missing[0].cause)
                self.missing = take(operation.acquire)
            if not self._admit(operation):
                yield from self._wait(operation, account)
            self._start(operation, account)
            if operation.busy_fs:
                yield self._occupy(operation.busy_fs)
                self.wakes += 1
                self.due_fs = NOT_YET
            self._finish(operation)

    def _admit(self, operation: Operation) -> bool:
        """Whether a command that has its tokens may start at once."""
        return True

    def _wait(self, operation: Operation, account: Account) -> ProcessGenerator:
        """Wait until a command that was not admitted may start; units admit every one."""
        yield from ()

    @abstractmethod
    def _start(self, operation: Operation, account: Account) -> None:
        """A command begins to occupy the queue."""

    @abstractmethod
    def _finish(self, operation: Operation) -> None:
        """The queue goes on to the next command."""

    def _sleep(self, state: State) -> Alarm:
        """Event to yield while waiting for `wake`."""
        self.state = state
        return self._alarm.cleared()

    def _occupy(self, duration_fs: int) -> Alarm:
        """Event to yield while busy for a time known beforehand."""
        self.state = State.BUSY
        self.due_fs = self.timeline.event_fs + duration_fs
        return self._alarm.set(duration_fs)

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


def _nobody() -> None:
    """Nobody waits for room."""
