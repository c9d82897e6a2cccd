"""Workers of a Dask cluster, with the face of `pool.Pool`: what comes of a point comes back."""

from __future__ import annotations

import logging
import queue
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from simulator.config import CyclelabError
from simulator.explore.sweep.cluster import children
from simulator.explore.sweep.cluster.connection import Cluster
from simulator.explore.sweep.jobs import RUN, LostError, Setup, Workers

if TYPE_CHECKING:
    from distributed import Client, Future

PATIENCE_S = 0.5
"""The longest wait for an answer at a time."""
LOOK_S = 1.0
"""How often the cluster is asked how many threads it has."""
QUEUED = 2
"""Points that each thread is given, so that it has one when it is done with another."""
GOODBYE_S = 5.0
"""How long workers are waited for to end their processes."""
UNANSWERED = ("CancelledError", "FutureCancelledError", "CommClosedError")
"""What Dask raises for points where the scheduler is gone."""
LOUD = ("distributed", "distributed.client", "distributed.scheduler", "tornado.application")
"""Loggers that tell of lost connections and workers, which are told here."""


class ClusterWorkers(Workers):
    """The threads of a cluster's workers, as a context. Each has a process of its own for a
    point (`children`). version: of the model, which workers must have.

    A point whose worker dies is tried again on another by Dask, so often as its setting
    `distributed.scheduler.allowed-failures` says; then it is lost.
    """

    def __init__(
        self, setup: Setup, cluster: Cluster, version: str, time_limit_s: float | None = None
    ) -> None:
        self.setup = setup
        self.cluster = cluster
        self.version = version
        self.time_limit_s = time_limit_s
        self.name = uuid.uuid4().hex
        self.count = 1
        self.jobs: dict[str, tuple[Any, Future]] = {}
        self.ready: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._threads = 0
        self._looked = 0.0
        self._seen = time.monotonic()

    def __enter__(self) -> ClusterWorkers:
        for name in LOUD:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.client: Client = self.cluster.connect()
        try:
            self._look()
            while not self._threads:
                time.sleep(PATIENCE_S)
                self._look()
            self._setup = self.client.submit(
                children.same, self.setup, key=f"cyclelab-sweep-{self.name}"
            )
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Take back what is not done, and end the processes that are at it."""
        with suppress(Exception):  # the scheduler may be gone: then they end by themselves
            if self.client.status == "running":
                self.client.cancel([future for _, future in self.jobs.values()], force=True)
                self.client.run(children.end, self.name, on_error="ignore")
        self.jobs.clear()
        with suppress(Exception):
            self.client.close(timeout=GOODBYE_S)
        self.cluster.close()

    @property
    def idle(self) -> int:
        """Points that may be started now."""
        return max(0, QUEUED * self._threads - len(self.jobs))

    def start(self, job: Any, task: str, given: Any) -> None:
        """Have a point simulated; `job` comes back with its answer."""
        assert task == RUN
        number = uuid.uuid4().hex
        future = self.client.submit(
            children.run,
            self.name,
            self._setup,
            self.version,
            self.time_limit_s,
            given,
            key=f"cyclelab-point-{number}",
            pure=False,
        )
        self.jobs[number] = job, future
        future.add_done_callback(lambda done: self.ready.put((number, _outcome(done))))

    def answers(self) -> Iterator[tuple[Any, Any]]:
        """Wait a little for points that are done: each with its answer, or a LostError.

        Raises CyclelabError if the scheduler, or all workers for long, are gone.
        """
        self._look()
        wait_s = PATIENCE_S
        while True:
            try:
                number, outcome = self.ready.get(timeout=wait_s)
            except queue.Empty:
                return
            wait_s = 0.0
            job, _ = self.jobs.pop(number)
            if isinstance(outcome, BaseException):
                raise self._failed(outcome)
            how, found = outcome
            yield job, found if how == "answer" else LostError(found, how == "overdue")

    def _look(self) -> None:
        """See how many threads there are."""
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        self._threads = self.cluster.threads(self.client)
        self.count = max(1, self._threads)
        if self._threads:
            self._seen = now
        elif self.cluster.patience_s is not None and now - self._seen > self.cluster.patience_s:
            raise CyclelabError(
                f"no worker is at {self.cluster.name} ({self.cluster.patience_s:g} s long); "
                f"start some: {self.cluster.advice}"
            )

    def _failed(self, error: BaseException) -> CyclelabError:
        if isinstance(error, CyclelabError):
            return error
        if isinstance(error, ModuleNotFoundError):
            return CyclelabError(
                f"a worker of {self.cluster.name} cannot load cyclelab ({error}): install version "
                f"{self.version} there"
            )
        if type(error).__name__ in UNANSWERED or self.client.status != "running":
            return self.cluster.gone()
        text = f"{type(error).__name__}: {error}".splitlines()[0]
        return CyclelabError(f"a worker of {self.cluster.name} failed: {text}")


def _outcome(future: Future) -> Any:
    """What a point's task returned; or the error that it ended with, if it is not the point's."""
    from distributed import KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        times = error.allowed_failures + 1
        last = error.last_worker.address
        return "lost", f"its worker ended, {times} times over (the last was {last})"
    except BaseException as error:
        return error
