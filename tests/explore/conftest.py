"""Sweeps without worker processes."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from simulator.explore.sweep import options
from simulator.explore.sweep.jobs import Setup
from simulator.explore.sweep.points import Sweep
from simulator.explore.sweep.worker import simulate


class Here:
    """A pool without processes: it counts what it is asked for."""

    asked: ClassVar[list[Any]] = []

    def __init__(self, setup: Setup, workers: int, time_limit_s: float | None = None) -> None:
        self.sweep = Sweep(setup.document, setup.overrides)
        self.count, self.idle = workers, 1
        self.job: tuple[Any, Any] | None = None

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def start(self, job: Any, task: str, given: Any) -> None:
        self.asked.append(given)
        self.job, self.idle = (job, simulate(self.sweep, *given)), 0

    def answers(self) -> list[Any]:
        found, self.job, self.idle = [self.job] if self.job else [], None, 1
        return found


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setattr(options, "Pool", Here)
    Here.asked = []
    return Here.asked
