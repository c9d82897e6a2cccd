"""A process that checks and simulates points, as its parent asks for on standard input.

Messages are pickled (`jobs`): first what makes the sweep, then tasks with what they are given.
"""

from __future__ import annotations

import gc
import os
import pickle
import queue
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, BinaryIO

from simulator.config import CyclelabError
from simulator.explore.sweep.figures import figures_of
from simulator.explore.sweep.jobs import CHECK, Checked, Ran, Setup, Unlike
from simulator.explore.sweep.points import Levels, Sweep, key_of
from simulator.explore.sweep.version import model_version
from simulator.runner import run_experiment

COLLECT_AFTER = 20_000
"""Objects made between two searches for garbage, as on the command line."""


def check(sweep: Sweep, points: Sequence[Levels]) -> list[Checked]:
    """Resolve and validate points."""
    found = []
    for levels in points:
        try:
            experiment = sweep.experiment(levels)
            key = None if experiment is None else key_of(experiment)
            found.append(Checked(levels, key))
        except CyclelabError as error:
            found.append(Checked(levels, error=str(error)))
    return found


def simulate(sweep: Sweep, levels: Levels, key: bytes) -> Ran | Unlike:
    """Simulate a point; whatever goes wrong is what comes of it.

    key: of the point where it was checked; a point of another one is not run.
    """
    start = time.perf_counter()
    try:
        experiment = sweep.experiment(levels)
    except CyclelabError as error:
        return Unlike(str(error))
    if experiment is None or key_of(experiment) != key:
        return Unlike("its configuration, or a file that it names, is another one there")
    try:
        figures = figures_of(run_experiment(experiment, provenance=False))
        return Ran("done", time.perf_counter() - start, figures)
    except CyclelabError as error:
        return Ran("failed", time.perf_counter() - start, error=str(error))
    except Exception as error:  # a defect of ours must not end the whole sweep
        text = f"unexpected {type(error).__name__}: {error}"
        return Ran("failed", time.perf_counter() - start, error=text)


def main() -> None:
    """Serve until the parent closes standard input, or is gone."""
    gc.set_threshold(COLLECT_AFTER)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not get among the answers
    jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, jobs), daemon=True).start()
    setup: Setup = jobs.get()
    with suppress(OSError):  # on another machine it need not be there
        os.chdir(setup.folder)
    sweep = Sweep(setup.document, setup.overrides)
    _answer(answers, model_version())
    while True:
        task, given = jobs.get()
        _answer(answers, check(sweep, given) if task == CHECK else simulate(sweep, *given))


def _listen(source: BinaryIO, jobs: queue.SimpleQueue[Any]) -> None:
    """Pass jobs on; the end of the parent is the end of this process, whatever it is at."""
    while True:
        try:
            jobs.put(pickle.load(source))
        except (EOFError, OSError, pickle.UnpicklingError):
            os._exit(0)


def _answer(answers: BinaryIO, answer: object) -> None:
    try:
        pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()
    except BrokenPipeError:
        os._exit(0)
