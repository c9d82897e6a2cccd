"""Continuous batching: who takes part when, on a room that counts tokens."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import CyclelabError
from simulator.workload.serving.arrivals import Arrival
from simulator.workload.serving.scheduler import Iteration, Scheduler
from simulator.workload.serving.spec import ServingSpec


@dataclass
class Tokens:
    """Room for so many tokens."""

    capacity: int = 10**9
    held: dict[int, int] = field(default_factory=dict)
    most: int = 0

    def admit(self, request: int, tokens: int, reserved: int, beside: Collection[int]) -> bool:
        assert request not in self.held and tokens <= reserved
        return self._hold(request, reserved)

    def grow(self, request: int, tokens: int) -> bool:
        return self._hold(request, max(tokens, self.held[request]))

    def release(self, request: int) -> None:
        del self.held[request]

    def channel_of(self, request: int) -> int | None:
        return None

    def rivals_of(self, request: int) -> Iterable[int]:
        return self.held

    def check(self, tokens: int) -> None:
        if tokens > self.capacity:
            raise CyclelabError("too long")

    def _hold(self, request: int, tokens: int) -> bool:
        others = sum(self.held.values()) - self.held.get(request, 0)
        if others + tokens > self.capacity:
            return False
        self.held[request] = tokens
        self.most = max(self.most, others + tokens)
        return True


def spec(**changes: Any) -> ServingSpec:
    return ServingSpec.model_validate(
        {"requests": {"lengths": "sharegpt", "count": 1}, "batch": 2} | changes
    )


def scheduler(
    sizes: list[tuple[int, int]], room: Tokens | None = None, **changes: Any
) -> Scheduler:
    arrivals = [Arrival(prompt, output) for prompt, output in sizes]
    return Scheduler.of(spec(**changes), room or Tokens(), arrivals)[0]


def served(made: Scheduler, limit: int = 10_000) -> list[Iteration]:
    """All iterations, each of them 10 fs long."""
    found = []
    now = 0
    while len(found) < limit:
        iteration = made.next(now)
        if iteration is None:
            if made.next_arrival_fs is None:
                return found
            now = made.next_arrival_fs
            continue
        found.append(iteration)
        now += 10
        made.finish(iteration, now)
    raise AssertionError("requests are never done")


@dataclass
class Seen:
    """What an iteration was when it began."""

    iteration: Iteration
    prompt_tokens: int
    lengths: list[tuple[int, int]]


def seen(made: Scheduler) -> list[Seen]:
    """As `served`, with what changes while requests are served."""
    found = []
    now = 0
    while (each := made.next(now)) is not None:
        lengths = [(s.tokens, s.context) for s in each.batch().sequences]
        found.append(Seen(each, each.prompt_tokens, lengths))
        now += 10
        made.finish(each, now)
    return found


def shapes(iterations: list[Iteration]) -> list[tuple[str, list[int], list[int]]]:
    return [
        (i.kind, [r.number for r in i.prompts], [r.number for r in i.decodes]) for i in iterations
    ]


def test_prompts_in_iterations_of_their_own() -> None:
    """Two at once: the prompts give a token each, the third request follows the first."""
    assert shapes(served(scheduler([(8, 2), (8, 3), (8, 1)]))) == [
        ("prefill", [0, 1], []),
        ("decode", [], [0, 1]),
        ("prefill", [2], []),
        ("decode", [], [1]),
    ]


def test_prompts_beside_decoding() -> None:
    assert shapes(served(scheduler([(8, 2), (8, 3), (8, 1)], prompts="mixed"))) == [
        ("prefill", [0, 1], []),
        ("decode", [], [0, 1]),
        ("mixed", [2], [1]),
    ]


def test_prompts_elsewhere_leave_only_decoding() -> None:
    """The first token has been generated elsewhere; a request of one token needs nothing."""
    made = scheduler([(8, 2), (8, 3), (8, 1)], prompts="elsewhere")
    assert shapes(served(made)) == [("decode", [], [0, 1]), ("decode", [], [1])]
    assert [r.number for r in made.done] == [0, 2, 1]


def test_prompts_are_limited() -> None:
    """Of 30 tokens at most: two prompts of 12, then one; one of 50 is alone."""
    made = scheduler([(12, 1), (12, 1), (12, 1), (50, 1)], batch=4, prompt_tokens=30)
    assert [each.prompt_tokens for each in seen(made)] == [24, 12, 50]


def test_what_attention_sees_grows_by_a_token() -> None:
    lengths = [each.lengths for each in seen(scheduler([(8, 4)]))]
    assert lengths == [[(8, 8)], [(1, 9)], [(1, 10)], [(1, 11)]]


def test_reserved_room_holds_requests_back() -> None:
    """A request of 8 + 4 tokens keeps 11 at the end; two do not fit 20."""
    made = scheduler([(8, 4), (8, 4)], Tokens(20))
    assert [len(i.batch().sequences) for i in served(made)] == [1] * 8
    assert all(r.preemptions == 0 for r in made.done)


def test_growing_caches_make_the_last_one_leave() -> None:
    """Two of 8 fit 20 until both have 10; the second leaves and is computed again."""
    room = Tokens(20)
    made = scheduler([(8, 4), (8, 4)], room, admission="grow")
    found = seen(made)
    assert shapes([each.iteration for each in found]) == [
        ("prefill", [0, 1], []),
        ("decode", [], [0, 1]),
        ("decode", [], [0, 1]),
        ("decode", [], [0]),
        ("prefill", [1], []),
    ]
    assert found[-1].prompt_tokens == 11, "prompt and three tokens of output"
    assert [(r.number, r.preemptions) for r in made.done] == [(0, 0), (1, 1)]
    assert room.most == 20 and not room.held


def test_later_requests_wait_for_their_arrival() -> None:
    arrivals = [Arrival(4, 1, 0), Arrival(4, 1, 100)]
    (made,) = Scheduler.of(spec(), Tokens(), arrivals)
    assert made.next(0) is not None
    made.finish(made.next(0) or pytest.fail("nothing to do"), 10)
    assert made.next(20) is None and made.next_arrival_fs == 100
    assert made.next(100) is not None


def test_midway_requests_have_tokens_to_go() -> None:
    made = scheduler([(8, 50)] * 40 + [(8, 1)], batch=41, start="midway")
    first = made.next(0)
    assert first is not None and [r.number for r in first.prompts] == [40]
    decodes = made.next(0)
    generated = [r.generated for r in made.running if r.midway]
    assert decodes is not None and len(generated) == 40
    assert min(generated) >= 1 and max(generated) < 50 and len(set(generated)) > 10
    assert all(r.cached == 8 + r.generated - 1 for r in made.running if r.midway)


def test_requests_that_never_fit_are_refused_at_once() -> None:
    with pytest.raises(CyclelabError, match="too long"):
        scheduler([(8, 4), (20, 2)], Tokens(20), admission="grow")


@given(
    sizes=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 20)), min_size=1, max_size=25),
    batch=st.integers(1, 8),
    prompts=st.sampled_from(["separate", "mixed", "elsewhere"]),
    admission=st.sampled_from(["reserve", "grow"]),
    capacity=st.integers(50, 200),
    prompt_tokens=st.integers(1, 60),
)
def test_every_token_is_generated_once(
    sizes: list[tuple[int, int]],
    batch: int,
    prompts: str,
    admission: str,
    capacity: int,
    prompt_tokens: int,
) -> None:
    """All requests end with all of their tokens, within the batch and the room."""
    room = Tokens(capacity)
    made = scheduler(
        sizes,
        room,
        batch=batch,
        prompts=prompts,
        admission=admission,
        prompt_tokens=prompt_tokens,
    )
    total = 0
    now = 0
    while (iteration := made.next(now)) is not None:
        members = [*iteration.prompts, *iteration.decodes]
        assert len(set(members)) == len(members) <= batch
        assert iteration.prompt_tokens <= prompt_tokens or len(iteration.prompts) == 1
        assert sum(s.context for s in iteration.batch().sequences) <= capacity
        now += 1
        made.finish(iteration, now)
        total += len(members)
        assert now < 10_000
    assert sorted(r.number for r in made.done) == list(range(len(sizes)))
    assert all(r.generated == r.output_tokens for r in made.done)
    outputs = sum(output for _, output in sizes)
    if prompts == "elsewhere":
        passes = sum(1 + r.preemptions for r in made.done)
        assert total == outputs - passes, "each pass of a prompt has generated a token"
    else:
        assert total == outputs
    if admission == "reserve":
        assert all(r.preemptions == 0 for r in made.done)
    assert room.most <= capacity and not room.held


def test_micro_batches_share_what_waits_and_what_is_done() -> None:
    """Five at once are three and two; requests go to whoever has room first."""
    arrivals = [Arrival(4, 2)] * 7
    first, second = Scheduler.of(spec(batch=5), Tokens(), arrivals, 2)
    one, other = first.next(0), second.next(0)
    assert one is not None and [r.number for r in one.prompts] == [0, 1, 2]
    assert other is not None and [r.number for r in other.prompts] == [3, 4]
    for made, iteration in ((first, one), (second, other)):
        made.finish(iteration, 10)
        made.finish(made.next(10) or pytest.fail("a token to go"), 20)
    last = second.next(20)
    assert last is not None and [r.number for r in last.prompts] == [5, 6]
    assert first.next(20) is None
    assert [r.number for r in first.done] == [0, 1, 2, 3, 4] and first.done is second.done
