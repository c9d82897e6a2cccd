"""Lowers attention in the memory: runs of every channel, softmaxes between them.

A channel's units multiply queries by the keys of one request after the other. When the
scores of some heads are out, the vector unit makes probabilities of them, which are
written to the channel; then the units multiply them by values. The scores of the next
request come before the context of this one, so that the softmax in between hides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.dram.pim.gemv import Run, commands_of, pim_of
from simulator.hardware.vector_unit.work import VectorWork
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.lowering import Lowering
from simulator.mapping.pim.layout import CachedRequest, Chunk, run_cycles
from simulator.mapping.program import Cause, Command, Item, Tokens
from simulator.mapping.regions import Place
from simulator.mapping.resources import PIM_RUNS_TOGETHER, NpuResources
from simulator.mapping.tiling import tile_bytes

CORE = 0
"""The core whose vector unit and DMA engine serve the memory."""


@dataclass(slots=True)
class ChannelWork:
    """Requests on a channel, each with its chunks."""

    channel: int
    requests: list[tuple[CachedRequest, list[Chunk]]]


@dataclass(slots=True)
class PimAttentionPart:
    """Attention of all requests, with everything needed to lower it.

    appended_bytes: written for new values beyond their own bytes. stored_bytes: of the
    output, 0 if it stays on chip. writes_queries: they go to the memory first. barrier,
    commands_per_cycle: as in `PimMappingSpec`.
    """

    operator: int
    work: list[ChannelWork]
    query_bits: float
    probability_bits: float
    appended_bytes: int
    stored_bytes: int
    barrier: bool
    commands_per_cycle: int
    writes_queries: bool
    epilogue: tuple[tuple[str, float], ...]
    places: dict[str, Place | None]


@dataclass(slots=True)
class _ChannelSemaphores:
    """there: vectors that scores need are in the memory; scores, probabilities: of chunks.

    written: probabilities are in the memory. go: all channels' are, where that is waited for.
    appended: new values are.
    """

    there: int
    scores: int
    probabilities: int
    written: int
    go: int
    appended: int


class PimAttentionLowering(Lowering):
    """Turns a `PimAttentionPart` into program items."""

    resources: NpuResources

    def __init__(self, builder: ProgramBuilder, part: PimAttentionPart) -> None:
        super().__init__(builder, part.operator)
        self.part = part
        self.taking_part = [CORE]
        requests = [request for work in part.work for request, _ in work.requests]
        width = sum(r.heads * r.query_heads * r.head_dim for r in requests)
        self.queries_bytes = tile_bytes(width, part.query_bits)
        self.outputs = width
        pairs = sum(request.pairs for request in requests)
        self.staging_bytes = (
            self.queries_bytes + tile_bytes(pairs, part.probability_bits) + part.stored_bytes
        )
        memory = self.resources.machine.memory
        assert isinstance(memory, DramMemorySpec)
        self.device = memory.device
        self.composite = pim_of(memory.device).composite
        self.handed_out = 0  # commands of the run before
        self.chunks = sum(len(chunks) for work in part.work for _, chunks in work.requests)

    def items(self) -> tuple[Item, ...]:
        """The part in program order.

        A channel has the scores of its next request before the context of the last one.
        Softmaxes, which all channels share, come in the order in which scores ought to be
        out. With a barrier, all goes channel by channel, as in the published simulator.
        """
        outputs = self.semaphore(CORE, "outputs", 0, Cause.PIM)
        semaphores = {work.channel: self._semaphores(work.channel) for work in self.part.work}
        items: list[Item] = list(self.prologue())
        items += self._send_queries(list(semaphores.values()))
        if self.part.barrier:
            everything = [(w, n) for w in self.part.work for n in range(len(w.requests))]
            for work, number in everything:
                items += self._scores_of(work, number, semaphores[work.channel])
                items += self._softmaxes_of(work, number, semaphores[work.channel])
            items += self._barrier(semaphores)
            for work, number in everything:
                items += self._contexts_of(work, number, semaphores[work.channel], outputs)
        else:
            due: list[tuple[int, int, list[Command]]] = []
            for work in self.part.work:
                own, cycles = semaphores[work.channel], 0
                for number in range(len(work.requests) + 1):
                    if number < len(work.requests):
                        items += self._scores_of(work, number, own)
                        cycles += self._expected(work, number, context=False)
                        softmaxes = list(self._softmaxes_of(work, number, own))
                        due.append((cycles, work.channel, softmaxes))
                    if number:
                        items += self._contexts_of(work, number - 1, own, outputs)
                        cycles += self._expected(work, number - 1, context=True)
            due.sort(key=lambda each: each[:2])
            items += [command for _, _, commands in due for command in commands]
        items += self._collect(outputs)
        return tuple(map(self._beside, items))

    def _beside(self, item: Item) -> Item:
        """A command in the queues that serve the memory, where it is not that of a channel."""
        assert isinstance(item, Command)
        core = self.resources.cores[CORE]
        instead = {core.vector: self.resources.pim_vector, core.store: self.resources.pim_store}
        return replace(item, queue=instead.get(item.queue, item.queue))

    def _semaphores(self, channel: int) -> _ChannelSemaphores:
        def add(name: str, cause: Cause) -> int:
            return self.semaphore(CORE, f"channel{channel}.{name}", 0, cause)

        return _ChannelSemaphores(
            there=add("queries", Cause.MEMORY_WRITE),
            scores=add("scores", Cause.PIM),
            probabilities=add("probabilities", Cause.VECTOR_UNIT),
            written=add("written", Cause.MEMORY_WRITE),
            go=add("go", Cause.DEPENDENCY),
            appended=add("values", Cause.MEMORY_WRITE),
        )

    # -- before ----------------------------------------------------------------
    def _send_queries(self, channels: list[_ChannelSemaphores]) -> Iterator[Command]:
        """Write the queries, and what new values take, when their makers are done."""
        ready: Tokens = self.wiring.ready[CORE]
        tokens: Tokens = tuple((own.there, 1) for own in channels)
        if not self.part.writes_queries:
            yield self._note("queries", ready, tokens)
            return
        places, appended = self.part.places, self.part.appended_bytes
        yield self.store(CORE, self.queries_bytes, ready, tokens, places["queries"])
        if appended:
            done: Tokens = tuple((own.appended, 1) for own in channels)
            yield self.store(CORE, appended, (), done, places["values"])

    # -- scores and softmax ------------------------------------------------------
    def _scores_of(
        self, work: ChannelWork, number: int, own: _ChannelSemaphores
    ) -> Iterator[Command]:
        """Scores of a channel's request of a number, chunk by chunk."""
        request, chunks = work.requests[number]
        for index, chunk in enumerate(chunks):
            first = not number and not index
            macs = request.context * chunk.heads * request.query_heads * request.head_dim
            wait: Tokens = ((own.there, 1),) if first else ()
            give: Tokens = ((own.scores, 1),)
            yield from self._runs(work.channel, "scores", chunk.scores, macs, wait, give)

    def _expected(self, work: ChannelWork, number: int, *, context: bool) -> int:
        """Cycles that the scores, or the context, of a channel's request should take."""
        _, chunks = work.requests[number]
        runs = [run for each in chunks for run in (each.contexts if context else each.scores)]
        return sum(run_cycles(self.device, run) for run in runs)

    def _softmaxes_of(
        self, work: ChannelWork, number: int, own: _ChannelSemaphores
    ) -> Iterator[Command]:
        """Probabilities of a channel's request of a number, made and written."""
        request, chunks = work.requests[number]
        for chunk in chunks:
            yield from self._softmax(request, chunk, own, work.channel)

    def _softmax(
        self, request: CachedRequest, chunk: Chunk, own: _ChannelSemaphores, channel: int
    ) -> Iterator[Command]:
        rows = chunk.heads * request.query_heads
        pairs = rows * request.context
        size = tile_bytes(pairs, self.part.probability_bits)
        yield self.vector(
            CORE,
            [VectorWork("softmax", pairs, rows)],
            (size, size),
            acquire=((own.scores, 1),),
            late=((own.probabilities, 1),),
        )
        place = self.part.places["probabilities"]
        written = self.store(CORE, size, ((own.probabilities, 1),), ((own.written, 1),), place)
        yield replace(written, channel=channel)

    # -- context -----------------------------------------------------------------
    def _contexts_of(
        self, work: ChannelWork, number: int, own: _ChannelSemaphores, outputs: int
    ) -> Iterator[Command]:
        """Context of a channel's request of a number, chunk by chunk, head by head."""
        request, chunks = work.requests[number]
        for index, chunk in enumerate(chunks):
            wait: Tokens = ((own.written, 1),)
            if self.part.barrier:
                wait = () if number or index else ((own.go, 1),)
            if self.part.appended_bytes and not (number or index):
                wait = (*wait, (own.appended, 1))
            macs = request.context * chunk.heads * request.query_heads * request.head_dim
            give: Tokens = ((outputs, 1),)
            yield from self._runs(work.channel, "context", chunk.contexts, macs, wait, give)

    def _barrier(self, semaphores: dict[int, _ChannelSemaphores]) -> Iterator[Command]:
        """All probabilities are written; then every channel may go on."""
        waits: Tokens = tuple(
            (semaphores[work.channel].written, sum(len(chunks) for _, chunks in work.requests))
            for work in self.part.work
        )
        go: Tokens = tuple((own.go, 1) for own in semaphores.values())
        if self.part.commands_per_cycle:
            resume = self.semaphore(CORE, "resume", 0, Cause.DEPENDENCY)
            go = (*go, (resume, 1))
        yield self._note("barrier", waits, go)
        if self.part.commands_per_cycle:
            self.handed_out = 0
            yield Command(
                queue=self.resources.pim_dispatch,
                operator=self.operator,
                label="barrier",
                acquire=((resume, 1),),
            )

    # -- after -------------------------------------------------------------------
    def _collect(self, outputs: int) -> Iterator[Command]:
        """Add what longer requests have in parts, run the epilogue, store."""
        part, finished = self.part, self.finished(CORE)
        work = self._partial_sums()
        work += [VectorWork(name, math.ceil(self.outputs * share)) for name, share in part.epilogue]
        if not work and not part.stored_bytes:
            yield self._note("collect", ((outputs, self.chunks),), finished)
            return
        size = tile_bytes(self.outputs, part.query_bits) if work else 0
        stored = self.semaphore(CORE, "collected", 0, Cause.VECTOR_UNIT)
        late: Tokens = ((stored, 1),) if part.stored_bytes else finished
        yield self.vector(CORE, work, (size, size), acquire=((outputs, self.chunks),), late=late)
        if part.stored_bytes:
            place = part.places["outputs"]
            yield self.store(CORE, part.stored_bytes, ((stored, 1),), finished, place)

    def _partial_sums(self) -> list[VectorWork]:
        """Sums over tokens that a row does not hold leave the banks in parts."""
        added = 0
        for work in self.part.work:
            for request, chunks in work.requests:
                runs = sum(len(chunk.contexts) for chunk in chunks)
                parts = runs // (request.heads * request.query_heads)
                added += (parts - 1) * request.heads * request.query_heads * request.head_dim
        return [VectorWork("add", added)] if added else []

    # -- pieces ------------------------------------------------------------------
    def _runs(
        self,
        channel: int,
        label: str,
        runs: tuple[Run, ...],
        macs: int,
        acquire: Tokens,
        release: Tokens,
    ) -> Iterator[Command]:
        """Runs of a channel, all behind `acquire`; tokens are given with the last.

        Several make one command, except where it takes time to hand them out.
        """
        size = 1 if self.part.commands_per_cycle else PIM_RUNS_TOGETHER
        each, rest = divmod(macs, len(runs))
        for first in range(0, len(runs), size):
            together = runs[first : first + size]
            if self.part.commands_per_cycle:
                yield self._hand_out(channel, together)
                acquire = (*acquire, (self._handed(channel), 1))
            yield Command(
                queue=self.resources.pim_queues[channel],
                operator=self.operator,
                label=label,
                acquire=acquire,
                release=release if first + size >= len(runs) else (),
                macs=each * len(together) + rest,
                runs=together,
            )
            acquire, rest = (), 0

    def _hand_out(self, channel: int, runs: tuple[Run, ...]) -> Command:
        """Hands the commands of runs to a channel, when those of the runs before are."""
        cycles = -(-self.handed_out // self.part.commands_per_cycle)
        self.handed_out = sum(commands_of(run, self.composite) for run in runs)
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

    def _note(self, label: str, acquire: Tokens, release: Tokens) -> Command:
        """Tokens for tokens, in no time."""
        return Command(
            queue=self.resources.cores[CORE].vector,
            operator=self.operator,
            label=label,
            acquire=acquire,
            release=release,
        )
