"""What the engine asks of a main memory's timing model, whatever its level of detail.

A model keeps its own clock in port cycles, and moves only when told to:
`advance` is a pure function of what was submitted before, and advancing in two
steps gives the same as advancing in one. It knows nothing about events.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from simulator.hardware.dram.pim.gemv import Run
from simulator.hardware.dram.statistics import DramStatistics


@dataclass(slots=True)
class MemoryCounters:
    """Bytes of completed transfers, and port cycles in which data moved."""

    read_bytes: int = 0
    write_bytes: int = 0
    busy_cycles: int = 0


class MemoryTiming(Protocol):
    """A memory shared by numbered clients; each client's transfers complete in order.

    slots: transfers it accepts at once, over all clients. Whoever submits keeps
        count of them; a slot is free again when `collect` names its client.
    period_fs: of its port cycles.
    alignment_bytes: to which tensors are best aligned; 0 if addresses do not matter.
    repeats: whether its state may come back (`signature`), so that loops can be skipped.
    """

    period_fs: int
    alignment_bytes: int
    repeats: bool

    @property
    def counters(self) -> MemoryCounters:
        """Bytes moved and busy cycles so far."""

    @property
    def slots(self) -> int:
        """Transfers accepted at once."""

    def submit(
        self, client: int, size_bytes: int, is_write: bool, address: int, channel: int = -1
    ) -> None:
        """A transfer of at least one byte, from `address` up, arrives in the present cycle.

        channel: that all of it goes to, of a memory whose channels have work of their own.
        """

    def submit_runs(self, client: int, channel: int, runs: Sequence[Run]) -> None:
        """Work for the units of a channel arrives, which completes with the last of the runs.

        Only asked of memories that compute.
        """

    def advance(self, cycles: int) -> None:
        """Let `cycles` port cycles pass."""

    def next_completion(self, within: int | None = None) -> int | None:
        """Cycles from now to the next completion if nothing else is submitted, or fewer.

        Fewer where the exact number is not known yet: whoever asks looks again then.
        within: cycles in which nothing will be submitted; what comes later may be found
        out in vain.
        """

    def collect(self) -> list[int]:
        """Clients whose transfers have completed by now, each transfer named once."""

    def signature(self) -> Hashable:
        """All state that decides what happens from now on, in times relative to now.

        Only asked for where `repeats`.
        """

    def statistics(self) -> DramStatistics | None:
        """What the DRAM commands were, of a model that has them."""
