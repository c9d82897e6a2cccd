"""Continuous batching: which requests take part in the next iteration.

Requests join and leave between iterations (Yu et al., Orca, OSDI 2022), first come, first
served. A request that the KV cache has no more room for leaves and is computed again later
(Kwon et al., PagedAttention, SOSP 2023, section 4.5: preemption by recomputation).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from simulator.workload import batch
from simulator.workload.batch import Batch
from simulator.workload.serving.arrivals import Arrival
from simulator.workload.serving.spec import ServingSpec


class KvRoom(Protocol):
    """The room that a machine has for keys and values."""

    def admit(self, request: int, tokens: int, reserved: int, beside: Collection[int]) -> bool:
        """Take in a request of `tokens` if there is room for `reserved` of it.

        beside: requests that it will share iterations with.
        """
        ...

    def grow(self, request: int, tokens: int) -> bool:
        """Whether a request that is in can have so many tokens; if so, it has them."""
        ...

    def release(self, request: int) -> None:
        """A request leaves."""
        ...

    def channel_of(self, request: int) -> int | None:
        """The memory channel of a request that is in; None if it is on all of them."""
        ...

    def rivals_of(self, request: int) -> Iterable[int]:
        """Requests whose leaving would give `request` room, itself included."""
        ...

    def check(self, tokens: int) -> None:
        """Raise CyclelabError if a request of `tokens` does not even fit alone."""
        ...


@dataclass(slots=True, eq=False)
class ServedRequest:
    """A request on its way.

    cached: tokens in the KV cache. generated: output tokens so far; each pass that ends
        with one of the request's tokens generates the next. midway: it was being served
        when the run began.
    """

    number: int
    prompt_tokens: int
    output_tokens: int
    arrival_fs: int
    midway: bool = False
    cached: int = 0
    generated: int = 0
    preemptions: int = 0
    channel: int | None = None
    admitted_fs: int | None = None
    first_token_fs: int | None = None
    finished_fs: int | None = None

    @property
    def known(self) -> int:
        """Tokens that there are: prompt and output so far."""
        return self.prompt_tokens + self.generated

    @property
    def final(self) -> int:
        """Tokens in the cache at the end; the last one that is generated is not kept."""
        return self.prompt_tokens + self.output_tokens - 1


@dataclass(frozen=True, slots=True)
class Iteration:
    """What is done at once: whole prompts, and a token each of others."""

    prompts: tuple[ServedRequest, ...]
    decodes: tuple[ServedRequest, ...]

    @property
    def kind(self) -> Literal["prefill", "decode", "mixed"]:
        """What it consists of."""
        if not self.decodes:
            return "prefill"
        return "mixed" if self.prompts else "decode"

    @property
    def prompt_tokens(self) -> int:
        """Tokens of prompts, those of earlier outputs that are computed again included."""
        return sum(request.known for request in self.prompts)

    def batch(self) -> Batch:
        """As a pass through the model, in the order of admission."""
        done = [batch.Sequence(r.known, 0, r.channel) for r in self.prompts]
        tokens = (batch.Sequence(1, r.cached, r.channel) for r in self.decodes)
        return Batch((*done, *tokens))


@dataclass(slots=True)
class Scheduler:
    """Requests that have yet to arrive, that wait, and that are served.

    Micro-batches of a pipeline have a scheduler each: they share the room, and those who
    come, wait, and are done.

    limit: most requests at once. running: in the order of admission. prompts: those of them
    whose prompts have yet to be processed. done: in the order of their ends.
    """

    spec: ServingSpec
    room: KvRoom
    limit: int
    coming: deque[ServedRequest]
    waiting: deque[ServedRequest] = field(default_factory=deque)
    running: list[ServedRequest] = field(default_factory=list)
    prompts: list[ServedRequest] = field(default_factory=list)
    done: list[ServedRequest] = field(default_factory=list)

    @classmethod
    def of(
        cls, spec: ServingSpec, room: KvRoom, arrivals: Sequence[Arrival], micro_batches: int = 1
    ) -> list[Scheduler]:
        """One for each micro-batch, with as many requests as the others or one more at most.

        Nothing served yet. Raises CyclelabError for a request that never fits.
        """
        requests = [
            ServedRequest(number, each.prompt_tokens, each.output_tokens, each.arrival_fs)
            for number, each in enumerate(arrivals)
        ]
        if spec.start == "midway":
            _put_midway(requests[: spec.batch], spec.requests.seed)
        room.check(max(request.final for request in requests))
        each, more = divmod(spec.batch, micro_batches)
        first = cls(spec, room, each + (more > 0), deque(requests))
        return [first] + [
            cls(spec, room, each + (number < more), first.coming, first.waiting, done=first.done)
            for number in range(1, micro_batches)
        ]

    @property
    def next_arrival_fs(self) -> int | None:
        """When the next request arrives; None if all have."""
        return self.coming[0].arrival_fs if self.coming else None

    def next(self, now_fs: int) -> Iteration | None:
        """The iteration that begins now; None if there is nothing to do before more arrive."""
        while self.coming and self.coming[0].arrival_fs <= now_fs:
            self.waiting.append(self.coming.popleft())
        self._make_room()
        self._admit(now_fs)
        chosen = self._next_prompts()
        if chosen and self.spec.prompts == "separate":
            return Iteration(chosen, ())
        pending = set(self.prompts)
        decodes = tuple(request for request in self.running if request not in pending)
        return Iteration(chosen, decodes) if chosen or decodes else None

    def finish(self, iteration: Iteration, end_fs: int) -> None:
        """What an iteration has brought about."""
        for request in iteration.prompts:
            request.cached = request.known
            self.prompts.remove(request)
        for request in iteration.decodes:
            request.cached += 1
        for request in (*iteration.prompts, *iteration.decodes):
            self._generate(request, end_fs)

    def _generate(self, request: ServedRequest, now_fs: int) -> None:
        request.generated += 1
        if request.first_token_fs is None:
            request.first_token_fs = now_fs
        if request.generated == request.output_tokens:
            request.finished_fs = now_fs
            self.room.release(request.number)
            self.running.remove(request)
            self.done.append(request)

    def _admit(self, now_fs: int) -> None:
        while self.waiting and len(self.running) < self.limit:
            request = self.waiting[0]
            begun = request.midway and request.admitted_fs is None
            tokens = request.known + (self.spec.prompts == "elsewhere" and not begun)
            reserved = request.final if self.spec.admission == "reserve" else tokens
            beside = [each.number for each in self.running]
            if not self.room.admit(request.number, min(tokens, request.final), reserved, beside):
                return
            self.waiting.popleft()
            self.running.append(request)
            request.channel = self.room.channel_of(request.number)
            if request.admitted_fs is None:
                request.admitted_fs = now_fs
            if begun:
                request.cached = request.known - 1
            elif self.spec.prompts == "elsewhere":
                request.cached = request.known
                self._generate(request, now_fs)
            else:
                self.prompts.append(request)

    def _make_room(self) -> None:
        """Give every request that decodes room for a token; the last ones admitted leave."""
        pending = set(self.prompts)
        for request in tuple(self.running):
            if request in pending:
                continue
            while request.cached and not self.room.grow(request.number, request.cached + 1):
                rivals = set(self.room.rivals_of(request.number))
                self._preempt(next(r for r in reversed(self.running) if r.number in rivals))

    def _preempt(self, request: ServedRequest) -> None:
        self.room.release(request.number)
        self.running.remove(request)
        if request in self.prompts:
            self.prompts.remove(request)
        request.cached = 0
        request.preemptions += 1
        self.waiting.appendleft(request)

    def _next_prompts(self) -> tuple[ServedRequest, ...]:
        """Prompts in order, as many as the limit allows, and at least one."""
        chosen: list[ServedRequest] = []
        tokens = 0
        for request in self.prompts:
            tokens += request.known
            if chosen and tokens > self.spec.prompt_tokens:
                break
            chosen.append(request)
        return tuple(chosen)


def _put_midway(requests: Sequence[ServedRequest], seed: int) -> None:
    """Let requests be at random points of their outputs, with at least a token to go."""
    generator = np.random.default_rng([seed, 2])
    for request in requests:
        if request.output_tokens > 1:
            request.midway = True
            request.generated = int(generator.integers(1, request.output_tokens))
