"""Lowers attention in the memory: runs of every channel, softmaxes between them.

A channel's units multiply queries by the keys of one request after the other. When the
scores of some heads are out, the vector unit makes probabilities of them, which are
written to the channel; then the units multiply them by values. The scores of the next
request come before the context of this one, so that the softmax in between hides.

Vectors that units hold in registers come with the runs themselves, over the data bus. Sums
that are left in the banks are read from there, and those of lanes or chunks added.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from simulator.hardware.vector_unit.work import VectorWork
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.pim.layout import CachedRequest, Chunk, run_cycles
from simulator.mapping.pim.part import ChannelSemaphores, ChannelWork, PimAttentionPart
from simulator.mapping.pim.runs import CORE, PimRuns
from simulator.mapping.program import Cause, Command, Item, Tokens
from simulator.mapping.tiling import tile_bytes

READ_AHEAD = 2
"""Chunks of a channel whose sums are on their way from the banks, or are being added up."""
Due = tuple[int, int, list[Command]]
"""When, behind which channel, what."""


class PimAttentionLowering(PimRuns):
    """Turns a `PimAttentionPart` into program items."""

    def __init__(self, builder: ProgramBuilder, part: PimAttentionPart) -> None:
        super().__init__(builder, part)
        requests = [request for work in part.work for request, _ in work.requests]
        width = sum(r.heads * r.query_heads * r.head_dim for r in requests)
        self.queries_bytes = tile_bytes(width, part.query_bits)
        self.outputs = width
        pairs = sum(request.pairs for request in requests)
        self.chunks = sum(len(chunks) for work in part.work for _, chunks in work.requests)
        self.staging_bytes = (
            self.queries_bytes
            + tile_bytes(pairs, part.probability_bits)
            + part.stored_bytes
            + self._read_bytes()
        )

    def _read_bytes(self) -> int:
        """Room for sums that have been read, of the largest chunks of each channel."""
        if not self.reads_sums:
            return 0
        largest = max(
            self.sums_bytes_of(request, chunk, context=context)
            for work in self.part.work
            for request, chunks in work.requests
            for chunk in chunks
            for context in (False, True)
        )
        return READ_AHEAD * largest * len(self.part.work)

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
                items += _flat(self._softmaxes_of(work, number, semaphores[work.channel]))
            items += self._barrier(semaphores)
            for work, number in everything:
                items += self._contexts_of(work, number, semaphores[work.channel], outputs)
                items += _flat(self._sums_of(work, number, semaphores[work.channel], outputs))
        else:
            due: list[Due] = []
            for work in self.part.work:
                own, cycles = semaphores[work.channel], 0
                for number in range(len(work.requests) + 1):
                    if number < len(work.requests):
                        items += self._scores_of(work, number, own)
                        behind = self._softmaxes_of(work, number, own)
                        cycles = self._add_due(due, work, number, behind, cycles, context=False)
                    if number:
                        items += self._contexts_of(work, number - 1, own, outputs)
                        behind = self._sums_of(work, number - 1, own, outputs)
                        cycles = self._add_due(due, work, number - 1, behind, cycles, context=True)
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

    def _semaphores(self, channel: int) -> ChannelSemaphores:
        def add(name: str, cause: Cause, initial: int = 0) -> int:
            return self.semaphore(CORE, f"channel{channel}.{name}", initial, cause)

        queries = Cause.MEMORY_WRITE if self.part.writes_queries else Cause.DEPENDENCY
        written = {
            "row": Cause.MEMORY_WRITE,
            "bus": Cause.VECTOR_UNIT,
            "registers": Cause.MEMORY_READ,  # of the sums that softmax takes
        }[self.pim.input]
        return ChannelSemaphores(
            there=add("queries", queries),
            scores_left=add("scores_left", Cause.PIM),
            context_left=add("context_left", Cause.PIM),
            context=add("context", Cause.MEMORY_READ),
            room=add("room", Cause.BUFFER_SPACE, READ_AHEAD),
            scores=add("scores", Cause.MEMORY_READ if self.reads_sums else Cause.PIM),
            probabilities=add("probabilities", Cause.VECTOR_UNIT),
            written=add("written", written),
            go=add("go", Cause.DEPENDENCY),
            appended=add("values", Cause.MEMORY_WRITE),
        )

    # -- before ----------------------------------------------------------------
    def _send_queries(self, channels: list[ChannelSemaphores]) -> Iterator[Command]:
        """Write the queries, and what new values take, when their makers are done."""
        ready: Tokens = self.wiring.ready[CORE]
        tokens: Tokens = tuple((own.there, 1) for own in channels)
        places, appended = self.part.places, self.part.appended_bytes
        if self.part.writes_queries:
            yield self.store(CORE, self.queries_bytes, ready, tokens, places["queries"])
        else:
            yield self.note("queries", ready, tokens)
        if appended:
            done: Tokens = tuple((own.appended, 1) for own in channels)
            yield self.store(CORE, appended, (), done, places["values"])

    # -- scores and softmax ------------------------------------------------------
    def _scores_of(
        self, work: ChannelWork, number: int, own: ChannelSemaphores
    ) -> Iterator[Command]:
        """Scores of a channel's request of a number, chunk by chunk."""
        request, chunks = work.requests[number]
        for index, chunk in enumerate(chunks):
            first = not number and not index
            macs = request.context * chunk.heads * request.query_heads * request.head_dim
            wait: Tokens = ((own.there, 1),) if first else ()
            give: Tokens = ((own.scores_left if self.reads_sums else own.scores, 1),)
            results = self.results_of(request, chunk, context=False)
            yield from self.runs_of(work.channel, "scores", chunk.scores, macs, wait, give, results)

    def _add_due(
        self,
        due: list[Due],
        work: ChannelWork,
        number: int,
        behind: Iterator[list[Command]],
        cycles: int,
        *,
        context: bool,
    ) -> int:
        """List what comes behind each chunk's scores, or context, by when those should be out.

        cycles: when the channel begins; returns when it should be done with the request.
        """
        for chunk, commands in zip(work.requests[number][1], behind, strict=True):
            runs = chunk.contexts if context else chunk.scores
            cycles += sum(run_cycles(self.device, run) for run in runs)
            due.append((cycles, work.channel, commands))
        return cycles

    def _softmaxes_of(
        self, work: ChannelWork, number: int, own: ChannelSemaphores
    ) -> Iterator[list[Command]]:
        """Chunk by chunk, probabilities of a channel's request of a number, made and written."""
        request, chunks = work.requests[number]
        for chunk in chunks:
            yield list(self._softmax(request, chunk, own, work.channel))

    def _softmax(
        self, request: CachedRequest, chunk: Chunk, own: ChannelSemaphores, channel: int
    ) -> Iterator[Command]:
        rows = chunk.heads * request.query_heads
        pairs = rows * request.context
        size = tile_bytes(pairs, self.part.probability_bits)
        read = size
        free: Tokens = ()
        if self.reads_sums:
            read, free = self.sums_bytes_of(request, chunk, context=False), ((own.room, 1),)
            yield self.read_sums(read, own.scores_left, own.scores, own, channel)
        added = pairs * (request.sums(self.device)[0] - 1)
        written = self.pim.input == "row"
        yield self.vector(
            CORE,
            [*_additions(added), VectorWork(self.part.softmax_function, pairs, rows)],
            (read, size),
            acquire=((own.scores, 1),),
            late=((own.probabilities if written else own.written, 1), *free),
        )
        if written:
            place = self.part.places["probabilities"]
            ready, done = ((own.probabilities, 1),), ((own.written, 1),)
            yield replace(self.store(CORE, size, ready, done, place), channel=channel)

    # -- context -----------------------------------------------------------------
    def _contexts_of(
        self, work: ChannelWork, number: int, own: ChannelSemaphores, outputs: int
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
            give: Tokens = ((own.context_left if self.reads_sums else outputs, 1),)
            results = self.results_of(request, chunk, context=True)
            yield from self.runs_of(
                work.channel, "context", chunk.contexts, macs, wait, give, results
            )

    def _sums_of(
        self, work: ChannelWork, number: int, own: ChannelSemaphores, outputs: int
    ) -> Iterator[list[Command]]:
        """Chunk by chunk, context that units have left in the banks: read, and added up."""
        request, chunks = work.requests[number]
        for chunk in chunks:
            if not self.reads_sums:
                yield []
                continue
            size = self.sums_bytes_of(request, chunk, context=True)
            read = self.read_sums(size, own.context_left, own.context, own, work.channel)
            elements = chunk.heads * request.query_heads * request.head_dim
            added = self.vector(
                CORE,
                _additions(elements * (request.sums(self.device)[1] - 1)),
                (size, tile_bytes(elements, self.part.query_bits)),
                acquire=((own.context, 1),),
                late=((outputs, 1), (own.room, 1)),
            )
            yield [read, added]

    def _barrier(self, semaphores: dict[int, ChannelSemaphores]) -> Iterator[Command]:
        """All probabilities are written; then every channel may go on."""
        waits: Tokens = tuple(
            (semaphores[work.channel].written, sum(len(chunks) for _, chunks in work.requests))
            for work in self.part.work
        )
        go: Tokens = tuple((own.go, 1) for own in semaphores.values())
        if self.part.commands_per_cycle:
            resume = self.semaphore(CORE, "resume", 0, Cause.DEPENDENCY)
            go = (*go, (resume, 1))
        yield self.note("barrier", waits, go)
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
        work = [] if self.reads_sums else self._partial_sums()
        work += [VectorWork(name, math.ceil(self.outputs * share)) for name, share in part.epilogue]
        if not work and not part.stored_bytes:
            yield self.note("collect", ((outputs, self.chunks),), finished)
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
        return _additions(
            sum(
                (request.sums(self.device)[1] - 1)
                * (request.heads * request.query_heads * request.head_dim)
                for work in self.part.work
                for request, _ in work.requests
            )
        )


def _flat(behind: Iterator[list[Command]]) -> list[Command]:
    return [command for commands in behind for command in commands]


def _additions(count: int) -> list[VectorWork]:
    return [VectorWork("add", count)] if count else []
