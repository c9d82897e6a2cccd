"""On a Dask worker: a process of its own for each point under way.

A thread of a Dask worker waits for its process, as `pool` does on one machine. So threads
compute in parallel, a point that is over its time is ended, one that crashes takes nothing with
it, and the code is that which lies there now, whatever the Dask worker has imported.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from typing import Any

from simulator.explore.sweep.jobs import RUN, LostError, Setup, Unlike
from simulator.explore.sweep.pool import Pool

IDLE_S = 60.0
"""Processes that nobody has given a point for so long are ended."""

Outcome = tuple[str, Any]
"""`answer` and what came of a point; `lost` or `overdue` and why nothing came of it."""

_lock = threading.Lock()
_children: dict[str, Children] = {}


def same(setup: Setup) -> Setup:
    """What makes a sweep, as a result that workers pass to each other."""
    return setup


def run(sweep: str, setup: Setup, version: str, limit_s: float | None, given: Any) -> Outcome:
    """Simulate a point in a process of its own.

    sweep: a name for all points of one run. version: of the model where the store is.
    """
    with _lock:
        children = _children.setdefault(sweep, Children(sweep, setup, limit_s))
    return children.run(given, version)


def end(sweep: str) -> None:
    """End the processes of a run, whatever they are at."""
    with _lock:
        children = _children.pop(sweep, None)
    if children is not None:
        children.end()


class Children:
    """The processes of one run on one Dask worker: as many as points at once."""

    def __init__(self, sweep: str, setup: Setup, limit_s: float | None) -> None:
        self.sweep = sweep
        self.setup = setup
        self.limit_s = limit_s
        self.lock = threading.Lock()
        self.idle: list[tuple[float, Pool]] = []
        self.busy: set[Pool] = set()
        self.over = threading.Event()
        self.watch: threading.Thread | None = None

    def run(self, given: Any, version: str) -> Outcome:
        """Simulate a point, in an idle process or a new one."""
        pool = self._take()
        try:
            while not pool.idle and not self.over.is_set():
                list(pool.answers())  # waits for the process to begin; no job has an answer yet
            if pool.version != version:
                return "answer", Unlike(_other_version(pool.version, version))
            pool.start(None, RUN, given)
            answer = _answer(pool)
        except BaseException:
            pool.close()
            raise
        finally:
            self._give_back(pool)
        if isinstance(answer, LostError):
            return "overdue" if answer.timed_out else "lost", str(answer)
        if isinstance(answer, Unlike):
            return "answer", Unlike(f"{socket.gethostname()}: {answer.reason}")
        return "answer", answer

    def end(self) -> None:
        """End all processes; those that are at a point first lose it."""
        self.over.set()
        with self.lock:
            for pool in self.busy:
                pool.kill()
            for _, pool in self.idle:
                pool.close()
            self.idle.clear()

    def _take(self) -> Pool:
        with self.lock:
            if self.watch is None:
                self.watch = threading.Thread(target=self._watch, daemon=True)
                self.watch.start()
            pool = self.idle.pop()[1] if self.idle else Pool(self.setup, 1, self.limit_s)
            self.busy.add(pool)
        return pool.__enter__() if not pool.workers else pool

    def _give_back(self, pool: Pool) -> None:
        with self.lock:
            self.busy.discard(pool)
            if self.over.is_set():
                pool.close()
            elif pool.workers:
                self.idle.append((time.monotonic(), pool))

    def _watch(self) -> None:
        """End processes that nobody needs any more, also where nobody says so."""
        while not self.over.wait(IDLE_S / 4):
            with self.lock:
                old = [each for each in self.idle if time.monotonic() - each[0] > IDLE_S]
                for each in old:
                    self.idle.remove(each)
                    each[1].close()
                if old and not self.idle and not self.busy:
                    break
        with self.lock:
            self.watch = None


def _answer(pool: Pool) -> Any:
    while True:
        for _, answer in pool.answers():
            return answer


def _other_version(found: str, expected: str) -> str:
    return (
        f"{socket.gethostname()} has version {found} of the model (process {os.getpid()}, "
        f"{sys.executable}), here it is {expected}: install the same on all workers"
    )
