"""Time: femtoseconds as integers, clock edges, and reusable events.

Events of one timestamp are processed in a fixed order of kinds, so that what
happens is a function of the machine's state and never of the order in which
events were scheduled:

1. tokens and transfers that arrive (SimPy's `NORMAL`; these commute),
2. the sequencer, 3. the queues by index, 4. the memory takes in new transfers,
5. the observer that looks for repeating states.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from simpy import Environment
from simpy.events import NORMAL, Event, EventPriority, Process

SEQUENCER_PRIORITY = 2
FIRST_QUEUE_PRIORITY = 3


class Timeline(Environment):
    """SimPy's environment plus the time that was skipped.

    Events lie in SimPy's time; a skip moves the offset and thereby all of them.
    """

    _now: int

    def __init__(self) -> None:
        super().__init__(0)
        self.offset_fs = 0

    @property
    def now_fs(self) -> int:
        """Time since the start of the program, skipped time included."""
        return self._now + self.offset_fs

    @property
    def event_fs(self) -> int:
        """Time in which events are scheduled: skipped time does not count."""
        return self._now

    def run(self, until: object = None) -> None:
        """Process events until none are left.

        SimPy's own loop, without what is never used here: stopping at a given
        time or event, and events that fail.
        """
        assert until is None, "programs run to their end"
        queue = self._queue
        while queue:
            self._now, _, _, event = heappop(queue)  # type: ignore[assignment]
            callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
            for callback in callbacks:
                callback(event)

    def later(self, delay_fs: int, callback: Callable[[Event], None], value: Any = None) -> None:
        """Call `callback` in `delay_fs`, with an event that has `value`."""
        event = Event(self)
        event._ok = True
        event._value = value
        event.callbacks.append(callback)
        heappush(self._queue, (self._now + delay_fs, NORMAL, next(self._eid), event))

    def until_next_fs(self) -> int | None:
        """Time until the next event, as far as one is scheduled."""
        return self._queue[0][0] - self._now if self._queue else None  # type: ignore[return-value]

    def to_edge_fs(self, period_fs: int) -> int:
        """Time until the next edge of a clock, 0 on an edge."""
        return -(self._now + self.offset_fs) % period_fs


class Server(Process):
    """A process that waits for alarms only, and that nobody waits for or interrupts."""

    def _resume(self, event: Event) -> None:
        """Go on to the next wait: SimPy's own method without failures and return values."""
        try:
            event = self._generator.send(None)
        except StopIteration:
            return
        event.callbacks.append(self._resume)


class Alarm(Event):
    """An event that can be used again once it has been processed.

    `set` schedules it at once; who waits for somebody else to wake him waits for
    `cleared()`, and the other one calls `ring`.
    """

    def __init__(self, timeline: Timeline, priority: int) -> None:
        super().__init__(timeline)
        self._ok = True
        self._value = None
        self._priority = EventPriority(priority)

    def cleared(self) -> Alarm:
        """This alarm, ready to be waited for."""
        self.callbacks = []
        return self

    def ring(self, delay_fs: int) -> None:
        """Wake whoever waits, `delay_fs` from now."""
        env = self.env
        heappush(env._queue, (env._now + delay_fs, self._priority, next(env._eid), self))

    def set(self, delay_fs: int) -> Alarm:
        """This alarm, ready to be waited for and due in `delay_fs`."""
        self.callbacks = []
        env = self.env
        heappush(env._queue, (env._now + delay_fs, self._priority, next(env._eid), self))
        return self
