"""What passes between the process that runs a sweep and its workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from simulator.config import CyclelabError, Document

if TYPE_CHECKING:  # a Dask scheduler reads these messages: it need not load the simulator
    from simulator.explore.sweep.points import Levels, Sweep

CHECK, RUN = "check", "run"
"""Tasks: check a list of points; simulate the point of some levels and a key."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What makes the sweep again in another process.

    folder: that paths start from which have no folder of their own.
    """

    document: Document
    overrides: tuple[str, ...]
    folder: Path

    @classmethod
    def of(cls, sweep: Sweep) -> Setup:
        """Of a sweep, as it was written."""
        return cls(sweep.document, sweep.overrides, Path.cwd())

    @classmethod
    def resolved(cls, sweep: Sweep) -> Setup:
        """Of a sweep whose experiment needs no files: presets and settings are in it."""
        document = sweep.document.replaced(("experiment",), sweep.base.root)
        return cls(document, sweep.overrides, Path.cwd())


@dataclass(frozen=True, slots=True)
class Checked:
    """A point that was checked: its key, None if a condition leaves it out; or what is wrong."""

    levels: Levels
    key: bytes | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a point: figures, or an error. state: see `point`."""

    state: str
    seconds: float = 0.0
    figures: dict[str, float] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Unlike:
    """A point was not run: it is another one where the worker is. reason: for a person."""

    reason: str


class LostError(CyclelabError):
    """A worker did not answer: it ended, or was ended for being over its time."""

    def __init__(self, message: str, timed_out: bool) -> None:
        super().__init__(message)
        self.timed_out = timed_out


class Workers(ABC):
    """Processes that do jobs, here or elsewhere; a context. count: jobs that are done at once."""

    count: int

    @property
    @abstractmethod
    def idle(self) -> int:
        """How many jobs may be started now."""

    @abstractmethod
    def start(self, job: Any, task: str, given: Any) -> None:
        """Have a task done; `job` comes back with its answer."""

    @abstractmethod
    def answers(self) -> Iterator[tuple[Any, Any]]:
        """Wait a little for jobs that are done: each with its answer, or a LostError."""

    @abstractmethod
    def close(self) -> None:
        """End all workers, whatever they are at."""

    @abstractmethod
    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
