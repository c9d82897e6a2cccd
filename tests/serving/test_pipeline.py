"""Serving on stages: micro-batches one behind the other, each with iterations of its own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.api import load, run
from simulator.config import CyclelabError
from simulator.experiment import Experiment
from simulator.mapping.kv_room import SharedRoom
from simulator.serving.amount import Amount
from simulator.serving.serve import serve_experiment
from simulator.serving.server import Server
from simulator.serving.steps import Step
from simulator.workload.serving.arrivals import Arrival
from simulator.workload.serving.scheduler import Scheduler
from simulator.workload.serving.spec import ServingSpec
from tests.serving.cases import plain, serve

MACHINE = {
    "extends": "tpuv3_core",
    "links": {
        "device": "board",
        "bandwidth_bytes_per_s": 100e9,
        "latency_s": 1e-6,
        "topology": "ring",
    },
}


@dataclass
class Given:
    """Iterations that take what is given, whatever they do."""

    stage_cycles: tuple[float, ...]
    between_cycles: float = 0.0

    def step(self, *_: Any) -> Step:
        return Step(Amount(self.stage_cycles, self.between_cycles), True)


def server(
    arrivals: list[Arrival], timer: Given, batch: int, tokens: int = 10**9, **changes: Any
) -> Server:
    """Its clock has a period of 1 fs."""
    spec = ServingSpec.model_validate(
        {"requests": {"lengths": "sharegpt", "count": 1}, "batch": batch, "prompts": "mixed"}
        | changes
    )
    room = SharedRoom(tokens, lambda count: count)
    schedulers = Scheduler.of(spec, room, arrivals, len(timer.stage_cycles))
    made = Server(spec, 1, room, schedulers, timer, len(arrivals))  # type: ignore[arg-type]
    made.run(None)
    return made


def times(made: Server) -> list[tuple[int, int, int]]:
    """Micro-batch, start and end of all iterations in fs."""
    return [(r.micro_batch, round(r.start_s * 1e15), round(r.end_s * 1e15)) for r in made.records]


def test_two_micro_batches_by_hand() -> None:
    """Stages of 10 and 20, sends of 1: 1 follows 0 at 10, waits for stage 1 from 21 to 31.

    0 is through at 31 and back at 32, when stage 0 has long been free; it meets stage 1 at
    43, which is at work for 1 until 51: done at 71, back at 72.
    """
    made = server([Arrival(4, 2)] * 2, Given((10, 20), 2), batch=2)
    assert times(made) == [(0, 0, 32), (1, 10, 52), (0, 32, 72), (1, 52, 92)]
    assert made.busy_fs == [40, 80] and made.free_fs == [62, 91]
    assert [r.cycles for r in made.records] == [32, 42, 40, 40]


def test_full_stages_set_the_pace() -> None:
    """Four equal stages and four micro-batches: one iteration ends every 10 once all flow."""
    made = server([Arrival(4, 6)] * 4, Given((10,) * 4), batch=4)
    ends = [end for _, _, end in times(made)]
    assert ends == [40 + 10 * n for n in range(24)]


def test_a_micro_batch_waits_for_a_request() -> None:
    """The second has nothing to do until a request arrives at 55; the first then follows it."""
    made = server([Arrival(4, 5), Arrival(4, 1, 55)], Given((10, 10)), batch=2)
    first = [(0, 0, 20), (0, 20, 40), (0, 40, 60)]
    assert times(made) == [*first, (1, 55, 75), (0, 65, 85), (0, 85, 105)]


def test_room_that_is_left_is_taken_when_it_is_left() -> None:
    """Room for one request: the other is admitted when the first is done, not when it is known."""
    made = server([Arrival(4, 2)] * 2, Given((10, 20)), batch=2, tokens=6)
    assert times(made) == [(0, 0, 30), (0, 30, 60), (0, 60, 90), (0, 90, 120)]
    assert [each.admitted_fs for each in made.schedulers[0].done] == [0, 60]


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 5), st.integers(0, 99)), min_size=4),
    st.lists(st.integers(1, 30), min_size=1, max_size=4),
    st.integers(0, 8),
    st.integers(4, 12),
    st.integers(20, 60),
)
def test_stages_have_one_micro_batch_at_a_time(
    requests: list[tuple[int, int, int]], stages: list[int], send: int, batch: int, tokens: int
) -> None:
    """All tokens are made, no micro-batch overtakes itself or another, no stage is shared."""
    arrivals = [Arrival(p, o, t) for p, o, t in sorted(requests, key=lambda each: each[2])]
    cycles, sends = tuple(map(float, stages)), float(send * len(stages))
    made = server(arrivals, Given(cycles, sends), batch, tokens)
    assert sum(r.generated for r in made.records) == sum(output for _, output, _ in requests)
    assert all(a.cached == a.final for a in made.schedulers[0].done) and not made.room.used_share
    least = sum(stages) + send * len(stages)
    found = times(made)
    for (_, start, end), (_, later, last) in pairwise(found):
        assert later >= start + stages[0] and last >= end + max(stages)
    assert all(end - start >= least for _, start, end in found)
    for number in range(len(stages)):
        own = [(start, end) for each, start, end in found if each == number]
        assert all(end <= later for (_, end), (later, _) in pairwise(own))


def test_one_stage_is_what_it_was() -> None:
    assert serve(pipeline_parallel=1) == plain()


def staged(folder: Path, requests: list[tuple[int, int]], **settings: Any) -> Experiment:
    """Requests that are all there, on two stages of one core each."""
    trace = folder / "trace.csv"
    rows = [f"0,{prompt},{output}" for prompt, output in requests]
    trace.write_text("\n".join(["arrived_at,num_prefill_tokens,num_decode_tokens", *rows]) + "\n")
    return load(
        {
            "name": "staged",
            "machine": MACHINE,
            "workload": {"model": "gpt3-small", "layers": 7, "pipeline_parallel": 2},
            "serving": {"requests": {"trace": str(trace), "count": len(requests)}, "batch": 4},
        },
        settings,
    )


def test_an_iteration_takes_what_a_run_with_stages_takes(tmp_path: Path) -> None:
    """Prompts of the first micro-batch: its way through both stages, and their sends."""
    result = serve_experiment(staged(tmp_path, [(12, 3)] * 4))
    requests = [{"prefill_tokens": 12, "decode_steps": 1}] * 4
    workload = {"model": "gpt3-small", "layers": 7, "pipeline_parallel": 2, "requests": requests}
    alone = run({"name": "alone", "machine": MACHINE, "workload": workload}).phases[0]
    first, second = result.iterations[:2]
    assert alone.pipeline is not None and first.prompts == second.prompts == 2
    assert first.cycles == pytest.approx(alone.cycles, abs=3)
    assert first.macs == alone.macs
    assert first.energy_j.value == pytest.approx(alone.energy_j.value)
    # The second micro-batch follows when the first stage is free, and waits for the other.
    stages, clock_hz = alone.pipeline["stage_cycles"], result.machine["clock_hz"]
    assert second.start_s * clock_hz == pytest.approx(stages[0], abs=1)
    assert (second.end_s - first.end_s) * clock_hz == pytest.approx(max(stages), abs=2)
    assert result.generated == 4 * 3 and len(result.finished) == 4
    assert result.devices == 2 and sum(result.stage_busy_s) < 2 * result.seconds


def test_layers_that_stand_for_others_of_their_stage(tmp_path: Path) -> None:
    """Of four and three layers, two each."""
    requests = [(12, 4), (9, 6), (14, 5), (10, 3)]
    exact = serve_experiment(staged(tmp_path, requests))
    alike = {"serving.steps": "alike", "serving.alike": {"work": 0, "layers": 2}}
    few = serve_experiment(staged(tmp_path, requests, **alike))
    for one, other in zip(few.iterations, exact.iterations, strict=True):
        assert one.cycles == pytest.approx(other.cycles, rel=0.03)
        assert one.macs == other.macs
    assert few.stage_busy_s == pytest.approx(exact.stage_busy_s, rel=0.03)


def test_stages_hold_their_own_layers(tmp_path: Path) -> None:
    facts = serve_experiment(staged(tmp_path, [(12, 1)] * 2)).workload
    assert facts["pipeline_parallel"] == 2
    assert facts["kv_bytes_per_token"] == 4 * 2 * 768 * 2, "keys and values of four layers, bf16"


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(
        CyclelabError, match=r"serving\.batch: 1 requests at once are too few for 2"
    ):
        serve_experiment(staged(tmp_path, [(12, 1)], **{"serving.batch": 1}))
    with pytest.raises(CyclelabError, match="missing key 'links'"):
        serve_experiment(staged(tmp_path, [(12, 1)] * 2, machine="tpuv3_core"))
    with pytest.raises(CyclelabError, match="8 stages are more than the 7 layers"):
        serve_experiment(staged(tmp_path, [(12, 1)] * 2, **{"workload.pipeline_parallel": 8}))
