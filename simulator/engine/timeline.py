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

SEQUENCER, FIRST_QUEUE_TURN = 1 << 0, 1
ARRIVAL = 0
"""Where an actor's entry has its bit."""

Callback = Callable[[], object]


class Timeline:
    """The event loop, plus the time that was skipped.

    event_fs: time in which events lie; skipped time does not count. now_fs: time since the
        start of the program, skipped time included.

    An actor has a bit, `1 << turn`, and is woken for at most one time. Most of what happens
    happens at once: such actors are bits of one number, and only what lies ahead is sorted.
    """

    def __init__(self) -> None:
        self.event_fs = 0
        self.now_fs = 0
        self._ahead: list[tuple[int, int, int, Callback | None]] = []
        self._asked = 0  # arrivals so far: those of one time keep their order
        self._arriving: deque[Callback] = deque()
        self._awake = 0
        self._actors: dict[int, Callback] = {}

    def enrol(self, bit: int, go_on: Callback) -> None:
        """Have an actor's `go_on` called whenever it is woken."""
        self._actors[bit] = go_on

    def dismiss(self) -> None:
        """Let go of all actors, who hold on to the timeline."""
        self._actors.clear()

    def run(self) -> None:
        """Go from event to event until none is left."""
        ahead, arriving, actors = self._ahead, self._arriving, self._actors
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
            event_fs = ahead[0][0]
            self.now_fs += event_fs - self.event_fs
            self.event_fs = event_fs
            while ahead and ahead[0][0] == event_fs:
                _, bit, _, callback = heappop(ahead)
                if callback is None:
                    self._awake |= bit
                else:
                    arriving.append(callback)

    def wake(self, bit: int, delay_fs: int) -> None:
        """Call an actor in `delay_fs`, when its turn comes."""
        if delay_fs:
            heappush(self._ahead, (self.event_fs + delay_fs, bit, 0, None))
        else:
            self._awake |= bit

    def later(self, delay_fs: int, callback: Callback) -> None:
        """Something arrives in `delay_fs`."""
        if delay_fs:
            self._asked += 1
            heappush(self._ahead, (self.event_fs + delay_fs, ARRIVAL, self._asked, callback))
        else:
            self._arriving.append(callback)

    def skip(self, time_fs: int) -> None:
        """Let time pass in which events keep their distance."""
        self.now_fs += time_fs

    def until_next_fs(self) -> int | None:
        """Time until the next event, as far as one is known."""
        if self._arriving or self._awake:
            return 0
        return self._ahead[0][0] - self.event_fs if self._ahead else None

    def to_edge_fs(self, period_fs: int) -> int:
        """Time until the next edge of a clock, 0 on an edge."""
        return -self.now_fs % period_fs
