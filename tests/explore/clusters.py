"""Dask clusters of real processes on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from simulator.config.resources import PACKAGE_FOLDER

WORKER = "from distributed.cli.dask_worker import main; main()"
SCHEDULER = "from distributed.cli.dask_scheduler import main; main()"


class DaskCluster:
    """A scheduler, and workers that come to it; all end with the context `running`."""

    def __init__(self, folder: Path, stack: ExitStack, **settings: str) -> None:
        self.folder = folder
        self.stack = stack
        self.environment = {**os.environ, "PYTHONPATH": str(PACKAGE_FOLDER.parent), **settings}
        self.workers: list[subprocess.Popen[bytes]] = []
        self.file = folder / "scheduler.json"
        options = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.process = self._start(SCHEDULER, *options, "--scheduler-file", str(self.file))
        limit = time.monotonic() + 60
        while not self.file.is_file():
            assert self.process.poll() is None and time.monotonic() < limit
            time.sleep(0.05)
        time.sleep(0.1)
        self.address: str = json.loads(self.file.read_text())["address"]

    def add(self, prelude: str = "", *options: str) -> subprocess.Popen[bytes]:
        """A worker with a thread. prelude: what it executes before."""
        where = self.folder / f"worker{len(self.workers)}"
        chosen = options or ("--no-nanny",)
        worker = self._start(
            f"{prelude}\n{WORKER}",
            *(self.address, "--nthreads", "1", "--no-dashboard", *chosen),
            *("--local-directory", str(where)),
        )
        self.workers.append(worker)
        return worker

    def wait_for_workers(self) -> None:
        """Go on when all that were added have come."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(len(self.workers), timeout=60)

    def _start(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = self.stack.enter_context((self.folder / f"log{time.monotonic_ns()}").open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            env=self.environment,
            stdout=log,
            stderr=log,
        )
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        return process


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[DaskCluster]:
    """A scheduler. settings: environment of all processes."""
    with ExitStack() as stack:
        yield DaskCluster(folder, stack, **settings)
