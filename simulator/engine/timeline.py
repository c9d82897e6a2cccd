"""Time: femtoseconds as integers, clock edges, and reusable events.

Events of one timestamp are processed in a fixed order of kinds, so that what
happens is a function of the machine's state and never of the order in which
events were scheduled:

1. tokens and transfers that arrive (SimPy's `NORMAL`; these commute),
2. the sequencer, 3. the queues by index, 4. the memory takes in new transfers,
5. the observer that looks for repeating states.
"""

from __future__ import annotations

from simpy import Environment
from simpy.events import Event, EventPriority

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

    def to_edge_fs(self, period_fs: int) -> int:
        """Time until the next edge of a clock, 0 on an edge."""
        return -(self._now + self.offset_fs) % period_fs


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
        self.env.schedule(self, self._priority, delay_fs)

    def set(self, delay_fs: int) -> Alarm:
        """This alarm, ready to be waited for and due in `delay_fs`."""
        self.callbacks = []
        self.env.schedule(self, self._priority, delay_fs)
        return self
