"""What the engine asks of a main memory's timing model, whatever its level of detail.

A model keeps its own clock in port cycles, and moves only when told to:
`advance` is a pure function of what was submitted before, and advancing in two
steps gives the same as advancing in one. It knows nothing about events.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from simulator.hardware.dram.pim.gemv import Run
from simulator.hardware.dram.statistics import DramStatistics


@dataclass(slots=True)
class MemoryCounters:
    """Bytes of completed transfers, and port cycles in which data moved."""

    read_bytes: int = 0
    write_bytes: int = 0
    busy_cycles: int = 0


class Block(NamedTuple):
    """Bytes from `start` to `end` that layers share out among them, each `stride` in turn."""

    start: int
    end: int
    stride: int


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """How what a loop of layers touches moves from each layer to the next.

    blocks: apart from each other; what is touched in one moves on by its stride, all else
        stays. used: the blocks' parts that are touched of layer 0, as (start, end, stride).
    layers: that there are in the blocks. unit_rows: rows of the banks, as (first, how many),
        that units which compute have work in.
    """

    blocks: tuple[Block, ...] = ()
    used: tuple[Block, ...] = ()
    layers: int = 0
    unit_rows: tuple[tuple[int, int], ...] = ()

    def relative(self, address: int, layer: int) -> tuple[int, int]:
        """A name that is the same for what has the same place in any other layer."""
        for number, block in enumerate(self.blocks):
            if block.start <= address < block.end:
                return number, address - layer * block.stride
        return -1, address

    def further(self, address: int, layers: int) -> int:
        """Where something is that many layers later."""
        for block in self.blocks:
            if block.start <= address < block.end:
                return address + layers * block.stride
        return address


STILL = Motion()
"""Nothing moves."""


class MemoryTiming(Protocol):
    """A memory shared by numbered clients; each client's transfers complete in order.

    slots: transfers it accepts at once, over all clients. Whoever submits keeps
        count of them; a slot is free again when `collect` names its client.
    period_fs: of its port cycles.
    alignment_bytes: to which tensors are best aligned; 0 if addresses do not matter.
    layer_alignment_bytes: to which layers are aligned for all to look the same to it.
    """

    period_fs: int
    alignment_bytes: int
    layer_alignment_bytes: int

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

    def signature(self, motion: Motion = STILL, layer: int = 0) -> Hashable:
        """All state that decides what happens from now on, in times relative to now.

        And in rows relative to those of the present layer, of a memory with addresses.
        """

    def counted(self) -> tuple[int, ...]:
        """Everything that adds up: what `repeat` makes grow."""

    def may_repeat(self, motion: Motion, first: int, last: int) -> bool:
        """Whether what layers `first` to `last` touch keeps apart from all that stays in place."""

    def repeat(self, grown: tuple[int, ...], times: int, motion: Motion, layers: int) -> None:
        """What was counted has grown by `grown` again, so many times; it is `layers` later.

        `grown`: between two states with equal signatures. The present one is moved on.
        """

    def statistics(self) -> DramStatistics | None:
        """What the DRAM commands were, of a model that has them."""
