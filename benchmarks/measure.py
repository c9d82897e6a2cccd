"""CPU time and peak memory of child processes, read from the kernel's accounts."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low

REPOSITORY = Path(__file__).resolve().parent.parent
KIBIBYTE = 1 if sys.platform == "darwin" else 1024
"""Unit of `ru_maxrss`, in bytes."""


class ChildError(Exception):
    """A child ended with an error; the message is the end of what it wrote."""


@dataclass(frozen=True)
class Run:
    """One child. cpu_s: user and system time; None if it was stopped at its limit."""

    cpu_s: float | None
    peak_bytes: int
    output: str


def run_child(arguments: Sequence[str], limit_s: int, python: str = sys.executable) -> Run:
    """Run `python arguments` in an empty directory, for at most `limit_s` CPU seconds.

    Raises ChildError if it ends with an error.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s))

    # OpenBLAS starts a thread per core at import and some of them spin.
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    # An installed package has its byte code; without, a start compiles all it imports.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            [python, *arguments],
            cwd=directory,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=limit,
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode()
    cpu_s = usage.ru_utime + usage.ru_stime
    peak_bytes = usage.ru_maxrss * KIBIBYTE
    if child.returncode < 0 and cpu_s >= 0.9 * limit_s:
        return Run(None, peak_bytes, text)
    if child.returncode:
        raise ChildError(f"{' '.join(arguments)}: exit {child.returncode}\n{text[-2000:]}")
    return Run(cpu_s, peak_bytes, text)


def run_repeatedly(
    arguments: Sequence[str], repeats: int, limit_s: int, python: str = sys.executable
) -> tuple[list[Run], Run]:
    """Run a child `repeats` times after a warm-up; all runs, and the one of median CPU time.

    One that reaches its limit is not repeated; a single run (`repeats` 1) has no warm-up.
    """
    runs: list[Run] = []
    for _ in range(repeats + 1 if repeats > 1 else 1):
        runs.append(run_child(arguments, limit_s, python))
        if runs[-1].cpu_s is None:
            return runs[-1:], runs[-1]
    runs = runs[1:] or runs
    middle = median_low([run.cpu_s or 0.0 for run in runs])
    return runs, next(run for run in runs if run.cpu_s == middle)
