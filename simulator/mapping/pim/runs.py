"""Runs handed to the units of a channel, and what of them moves on the buses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.dram.pim.gemv import Run, commands_of, pim_of
from simulator.hardware.primitives import ActionCounts
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.lowering import Lowering
from simulator.mapping.pim.layout import CachedRequest, Chunk, sums_bytes, sums_in_banks
from simulator.mapping.pim.part import ChannelSemaphores, PimAttentionPart
from simulator.mapping.program import Cause, Command, Tokens
from simulator.mapping.resources import PIM_RUNS_TOGETHER, NpuResources
from simulator.mapping.tiling import tile_bytes

CORE = 0
"""The core whose vector unit and DMA engine serve the memory."""


class PimRuns(Lowering):
    """A part of a kernel that has runs on the channels of a memory.

    reads_sums: units leave sums in the banks, which are read from there.
    """

    resources: NpuResources

    def __init__(self, builder: ProgramBuilder, part: PimAttentionPart) -> None:
        super().__init__(builder, part.operator)
        self.part = part
        self.taking_part = [CORE]
        memory = self.resources.machine.memory
        assert isinstance(memory, DramMemorySpec)
        self.device = memory.device
        self.pim = pim_of(memory.device)
        self.reads_sums = sums_in_banks(memory.device)
        self.handed_out = 0  # commands of the run before

    def runs_of(
        self,
        channel: int,
        label: str,
        runs: tuple[Run, ...],
        macs: int,
        acquire: Tokens,
        release: Tokens,
        results_bytes: int,
    ) -> Iterator[Command]:
        """Runs of a channel, all behind `acquire`; tokens and results are given with the last.

        Several make one command, except where it takes time to hand them out.
        """
        size = 1 if self.part.commands_per_cycle else PIM_RUNS_TOGETHER
        each, rest = divmod(macs, len(runs))
        for first in range(0, len(runs), size):
            together = runs[first : first + size]
            if self.part.commands_per_cycle:
                yield self._hand_out(channel, together)
                acquire = (*acquire, (self._handed(channel), 1))
            last = first + size >= len(runs)
            yield Command(
                queue=self.resources.pim_queues[channel],
                operator=self.operator,
                label=label,
                acquire=acquire,
                release=release if last else (),
                macs=each * len(together) + rest,
                runs=together,
                actions=self._accesses(together, results_bytes if last else 0),
            )
            acquire, rest = (), 0

    def _accesses(self, runs: tuple[Run, ...], results_bytes: int) -> ActionCounts:
        """Of the scratchpad: vectors that the bus brings to the units, and what they give."""
        counts = ActionCounts()
        sent = sum(run.inputs for run in runs) * self.device.burst_bytes
        self.builder.count_scratchpad(counts, sent * (self.pim.input != "row"), results_bytes)
        return counts

    def results_of(self, request: CachedRequest, chunk: Chunk, *, context: bool) -> int:
        """Bytes of a chunk's scores, or context, as they arrive from the units; 0 if they stay."""
        if self.reads_sums:
            return 0
        elements = chunk.heads * request.query_heads
        elements *= request.head_dim if context else request.context
        bits = self.part.query_bits if context else self.part.probability_bits
        return tile_bytes(elements * request.sums(self.device)[context], bits)

    def _hand_out(self, channel: int, runs: tuple[Run, ...]) -> Command:
        """Hands the commands of runs to a channel, when those of the runs before are."""
        cycles = -(-self.handed_out // self.part.commands_per_cycle)
        self.handed_out = sum(commands_of(run, self.pim.composite) for run in runs)
        return Command(
            queue=self.resources.pim_dispatch,
            operator=self.operator,
            label="hand out",
            cycles=cycles,
            release=((self._handed(channel), 1),),
        )

    def _handed(self, channel: int) -> int:
        """Semaphore of runs that have been handed to a channel."""
        return self.builder.shared_semaphore(f"channel{channel}.commands", 0, Cause.LAUNCH)

    def note(self, label: str, acquire: Tokens, release: Tokens) -> Command:
        """Tokens for tokens, in no time."""
        return Command(
            queue=self.resources.cores[CORE].vector,
            operator=self.operator,
            label=label,
            acquire=acquire,
            release=release,
        )

    def sums_bytes_of(self, request: CachedRequest, chunk: Chunk, *, context: bool) -> int:
        """Bytes of sums that leave the units for a chunk's scores, or its context."""
        elements = chunk.heads * request.query_heads
        elements *= request.head_dim if context else request.context
        return sums_bytes(self.device, elements * request.sums(self.device)[context])

    def read_sums(
        self, size: int, left: int, there: int, own: ChannelSemaphores, channel: int
    ) -> Command:
        """Read sums that units have left in the banks."""
        wait: Tokens = ((left, 1), (own.room, 1))
        read = self.load(CORE, "sums", size, wait, ((there, 1),), self.part.places["sums"])
        return replace(read, queue=self.resources.pim_load, channel=channel)
