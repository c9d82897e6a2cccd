"""Cores that work in step behind one shared cache, as the mapper sees them."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from fractions import Fraction

from simulator.hardware.machine import FEMTOSECONDS_PER_SECOND
from simulator.hardware.scratchpad.structure import Banked
from simulator.mapping.program import QueueKind
from simulator.mapping.resources import CoreQueues, MachineT, Resources

QUEUE_DEPTH = 64
"""Commands that stand for all cores: what they are of runs ahead as far as buffers let it."""

At = tuple[Banked, str]
"""A buffer, and its path."""


@dataclass(frozen=True, slots=True)
class StepQueues(CoreQueues):
    """Also the shared cache's ways to and from the cores, and the launches of kernels."""

    cache: int
    cache_write: int
    launch: int


class StepResources(Resources[MachineT]):
    """Cores that do the same in step: one set of queues stands for all of them.

    prefix: of the names of queues.
    """

    prefix: str
    cores: tuple[StepQueues, ...]

    @property
    def loads_ahead(self) -> bool:
        """Whether loads of weights may come before the launch of the kernel that needs them."""
        return False

    @property
    def keeps_activations(self) -> bool:
        """All cores see the shared cache."""
        return True

    @property
    @abstractmethod
    def cache(self) -> At:
        """The cache that all cores share."""

    @property
    @abstractmethod
    def cache_bytes_per_cycle(self) -> tuple[int, int]:
        """Bytes per cycle between the shared cache and all cores together, and one of them."""

    @property
    @abstractmethod
    def cache_latency_cycles(self) -> int:
        """From a request to the shared cache's data."""

    @property
    @abstractmethod
    def near(self) -> At:
        """The memory of one core beside its units."""

    @property
    def registers(self) -> At | None:
        """The registers of one core, where they are a buffer of their own."""
        return None

    @property
    @abstractmethod
    def bytes_at_once(self) -> int:
        """What all cores read together of a vector kernel's operands."""

    @property
    @abstractmethod
    def launch_s(self) -> float:
        """From one kernel's end to the next one's start."""

    @property
    def launch_cycles(self) -> int:
        """`launch_s` in whole cycles, rounded up."""
        overhead_fs = Fraction(repr(self.launch_s)) * FEMTOSECONDS_PER_SECOND
        return math.ceil(overhead_fs / self.period_fs)

    def _queue(self, name: str, kind: QueueKind, **options: int) -> int:
        return self._add(f"{self.prefix}.{name}", kind, 0, QUEUE_DEPTH, **options)
