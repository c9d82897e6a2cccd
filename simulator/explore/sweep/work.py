"""Points on their way: claimed in the store, handed to workers, recorded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from simulator.config import CyclelabError
from simulator.explore.sweep.claims import Runner
from simulator.explore.sweep.jobs import RUN, LostError, Ran, Unlike, Workers
from simulator.explore.sweep.point import CRASHED, TIMED_OUT
from simulator.explore.sweep.points import Levels, Sweep

AHEAD = 2
"""Points that are claimed for each worker before they are run."""


class Work:
    """Hands points to workers until all are in the store, this process's or another's."""

    def __init__(self, sweep: Sweep, workers: Workers, runner: Runner) -> None:
        self.sweep = sweep
        self.workers = workers
        self.runner = runner
        self.open: dict[bytes, Levels] = {}
        self.waiting: deque[bytes] = deque()
        self.claimed: deque[bytes] = deque()
        self.elsewhere: list[bytes] = []

    def add(self, points: Iterable[tuple[bytes, Levels]]) -> None:
        """Points that are to be computed: key and levels. Those that are open stay as they are."""
        for key, levels in points:
            if key not in self.open:
                self.open[key] = levels
                self.waiting.append(key)

    def step(self) -> list[bytes]:
        """Wait a little; keys of points that are in the store since.

        Raises CyclelabError if a worker finds another point than was checked here.
        """
        done = self._start()
        for key, answer in self.workers.answers():
            ran = self._ran(key, answer)
            done += self._start()  # the worker goes on while its answer is stored
            self.runner.record(key, ran)
            done.append(key)
        self.runner.beat()
        if self.elsewhere and not self.waiting and not self.claimed:
            others, self.elsewhere = self.elsewhere, []
            done += self._claim(others)
        for key in done:
            del self.open[key]
        return done

    def _start(self) -> list[bytes]:
        done: list[bytes] = []
        while self.workers.idle and (self.claimed or self.waiting):
            if self.claimed:
                key = self.claimed.popleft()
                self.workers.start(key, RUN, (self.open[key], key))
            else:
                count = min(len(self.waiting), AHEAD * self.workers.count)
                done += self._claim([self.waiting.popleft() for _ in range(count)])
        return done

    def _claim(self, keys: list[bytes]) -> list[bytes]:
        """Those of some points that another process has computed; the others are open still."""
        mine, done = self.runner.claim(keys)
        self.claimed += mine
        own = set(mine)
        self.elsewhere += [key for key in keys if key not in own and key not in done]
        return list(done)

    def _ran(self, key: bytes, answer: Any) -> Ran:
        if isinstance(answer, LostError):
            return Ran(TIMED_OUT if answer.timed_out else CRASHED, error=str(answer))
        if isinstance(answer, Unlike):
            title = self.sweep.title(self.open[key])
            raise CyclelabError(
                f"{title}: where it was to be run it is not the point that was checked here: "
                f"{answer.reason}"
            )
        assert isinstance(answer, Ran)
        return answer
