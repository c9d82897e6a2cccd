"""Time: femtoseconds as integers, clock edges, and who acts when.

What happens at one time is in a fixed order of kinds, so that it is a function of the
machine's state and never of the order in which it was asked for:

1. tokens and transfers that arrive (these commute), 2. actors by turn: the sequencer, the
queues by index, the memory, which takes in new transfers, and the observer that looks for
repeating states.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush

from simpy import Environment
from simpy.events import NORMAL, Event

SEQUENCER, FIRST_QUEUE_TURN = 1 << 0, 1

Callback = Callable[[], object]
EventCallback = Callable[[Event], None]


class Timeline(Environment):
    """SimPy's environment with actors that wake by turn, plus the time that was skipped.

    event_fs: SimPy's time, in which events lie; skipped time does not count. now_fs: time
        since the start of the program, skipped time included.

    An actor has a bit, `1 << turn`, and is woken for at most one time. Most of what happens
    happens at once: such actors are bits of one number, and only what lies ahead is an event
    of SimPy's. Any other process of SimPy's may share the timeline.
    """

    _now: int

    def __init__(self) -> None:
        super().__init__(0)
        self.event_fs = 0
        self.now_fs = 0
        self._arriving: deque[Callback] = deque()
        self._awake = 0
        self._actors: dict[int, Callback] = {}
        self._wakes: list[EventCallback] = [self._wake_now]  # of all events, shared
        self._arrives: list[EventCallback] = [self._arrive_now]

    def enrol(self, bit: int, go_on: Callback) -> None:
        """Have an actor's `go_on` called whenever it is woken."""
        self._actors[bit] = go_on

    def dismiss(self) -> None:
        """Let go of all actors, who hold on to the timeline."""
        self._actors.clear()
        self._wakes.clear()
        self._arrives.clear()

    def run(self, until: object = None) -> None:
        """Go from event to event until none is left.

        SimPy's own loop, with actors between; without what is never used here: stopping at a
        given time or event, and events that fail.
        """
        assert until is None, "programs run to their end"
        ahead, arriving, actors = self._queue, self._arriving, self._actors
        while True:
            while True:
                if arriving:
                    arriving.popleft()()
                elif self._awake:
                    awake = self._awake
                    first = awake & -awake
                    self._awake = awake ^ first
                    actors[first]()
                else:
                    break
            if not ahead:
                return
            event_fs: int = ahead[0][0]  # type: ignore[assignment]
            self.now_fs += event_fs - self.event_fs
            self._now = self.event_fs = event_fs
            while ahead and ahead[0][0] == event_fs:
                event = heappop(ahead)[3]
                callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
                for callback in callbacks:
                    callback(event)

    def wake(self, bit: int, delay_fs: int) -> None:
        """Call an actor in `delay_fs`, when its turn comes."""
        if delay_fs:
            self._ahead(delay_fs, self._wakes, bit)
        else:
            self._awake |= bit

    def later(self, delay_fs: int, callback: Callback) -> None:
        """Something arrives in `delay_fs`."""
        if delay_fs:
            self._ahead(delay_fs, self._arrives, callback)
        else:
            self._arriving.append(callback)

    def _ahead(self, delay_fs: int, callbacks: list[EventCallback], value: object) -> None:
        event = Event(self)
        event.callbacks = callbacks
        event._ok, event._value = True, value
        heappush(self._queue, (self.event_fs + delay_fs, NORMAL, next(self._eid), event))

    def _wake_now(self, event: Event) -> None:
        self._awake |= event._value

    def _arrive_now(self, event: Event) -> None:
        self._arriving.append(event._value)

    def skip(self, time_fs: int) -> None:
        """Let time pass in which events keep their distance."""
        self.now_fs += time_fs

    def until_next_fs(self) -> int | None:
        """Time until the next event, as far as one is known."""
        if self._arriving or self._awake:
            return 0
        return self._queue[0][0] - self.event_fs if self._queue else None  # type: ignore[return-value]

    def to_edge_fs(self, period_fs: int) -> int:
        """Time until the next edge of a clock, 0 on an edge."""
        return -self.now_fs % period_fs
