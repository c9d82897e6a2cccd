"""Worker processes: started once, each given one job at a time, replaced if they hang or die."""

from __future__ import annotations

import os
import pickle
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from simulator.config import CyclelabError
from simulator.config.resources import PACKAGE_FOLDER
from simulator.explore.sweep.jobs import LostError, Setup, Workers

START = "from simulator.explore.sweep.worker import main; main()"
"""What a worker executes; as a module of that name its answers could not be read here."""
PATIENCE_S = 0.5
"""The longest wait before time limits are looked at."""


@dataclass(slots=True)
class _Worker:
    """A process with the job it is at. ready: it has said so, and is given jobs."""

    process: subprocess.Popen[bytes]
    job: Any = None
    busy: bool = False
    ready: bool = False
    since: float = 0.0


class Pool(Workers):
    """Workers for one sweep, as a context. time_limit_s: of one job; None: as long as it takes.

    After `start`, wait for answers with `answers`. version: of the model that they have, once
    one of them is idle.
    """

    def __init__(self, setup: Setup, workers: int, time_limit_s: float | None = None) -> None:
        self.setup = setup
        self.version = ""
        self.time_limit_s = time_limit_s
        self.selector = selectors.DefaultSelector()
        self.workers: list[_Worker] = []
        self.count = workers

    def __enter__(self) -> Pool:
        try:
            for _ in range(self.count):
                self._launch()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """End all workers, whatever they are at."""
        for worker in self.workers:
            _end(worker)
        self.workers.clear()
        self.selector.close()

    def kill(self) -> None:
        """End all workers at once; from another thread, that one finds them lost."""
        for worker in self.workers:
            worker.process.kill()

    @property
    def idle(self) -> int:
        """Workers that have begun and have nothing to do."""
        return sum(worker.ready and not worker.busy for worker in self.workers)

    def start(self, job: Any, task: str, given: Any) -> None:
        """Give a task to an idle worker; `job` comes back with its answer."""
        worker = next(each for each in self.workers if each.ready and not each.busy)
        worker.job, worker.busy, worker.since = job, True, time.monotonic()
        self._send(worker, (task, given))

    def answers(self) -> Iterator[tuple[Any, Any]]:
        """Wait a little for jobs that are done: each with its answer, or a LostError."""
        for key, _ in self.selector.select(PATIENCE_S):
            worker: _Worker = key.data
            try:
                assert worker.process.stdout is not None
                answer = pickle.load(worker.process.stdout)
            except (EOFError, OSError, pickle.UnpicklingError):
                yield from self._lost(worker)
                continue
            if not worker.ready:
                worker.ready, self.version = True, answer
            else:
                worker.busy = False
                yield worker.job, answer
        if self.time_limit_s is not None:
            yield from self._overdue(self.time_limit_s)

    def _overdue(self, limit_s: float) -> Iterator[tuple[Any, Any]]:
        now = time.monotonic()
        for worker in list(self.workers):
            if worker.busy and now - worker.since > limit_s:
                self._replace(worker)
                yield worker.job, LostError(f"took longer than {limit_s:g} s", timed_out=True)

    def _lost(self, worker: _Worker) -> Iterator[tuple[Any, Any]]:
        code = worker.process.wait()
        if not worker.ready:
            raise CyclelabError(
                f"a worker process ended with status {code} before it had begun; what it "
                "printed stands above"
            )
        self._replace(worker)
        if worker.busy:
            how = f"killed by signal {-code}" if code < 0 else f"status {code}"
            yield worker.job, LostError(f"its process ended ({how})", timed_out=False)

    def _replace(self, worker: _Worker) -> None:
        assert worker.process.stdout is not None
        self.selector.unregister(worker.process.stdout)
        self.workers.remove(worker)
        _end(worker)
        self._launch()

    def _launch(self) -> None:
        paths = [str(PACKAGE_FOLDER.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        process = subprocess.Popen(
            [sys.executable, "-c", START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        worker = _Worker(process)
        self.workers.append(worker)
        assert process.stdout is not None
        self.selector.register(process.stdout, selectors.EVENT_READ, worker)
        self._send(worker, self.setup)

    def _send(self, worker: _Worker, message: object) -> None:
        """Write a message; a worker that is gone is found when its answer is waited for."""
        assert worker.process.stdin is not None
        with suppress(BrokenPipeError):
            pickle.dump(message, worker.process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            worker.process.stdin.flush()


def _end(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.wait()
    for stream in (worker.process.stdin, worker.process.stdout):
        assert stream is not None
        with suppress(BrokenPipeError):  # what was not sent any more
            stream.close()
