"""Serving: conservation, agreement with single runs, iterations by likeness."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from simulator.api import load, run
from simulator.config import CyclelabError
from simulator.runner import run_experiment
from simulator.serving.serve import serve_experiment
from simulator.workload.serving.lengths import draw_lengths, load_lengths
from tests.serving.cases import SHORT, plain, serve, small


@pytest.fixture(scope="module")
def lengths() -> list[tuple[int, int]]:
    """Prompt and output of the ten requests."""
    return draw_lengths(load_lengths(SHORT), 10, 0, 2048)


def test_all_requests_get_all_their_tokens(lengths: list[tuple[int, int]]) -> None:
    result = plain()
    assert result.generated == sum(output for _, output in lengths)
    assert [(r.prompt_tokens, r.output_tokens) for r in result.requests] == lengths
    assert all(r.generated == r.output_tokens for r in result.requests)
    assert len(result.finished) == 10
    prompts = [each for each in result.iterations if each.kind == "prefill"]
    assert sum(each.prompt_tokens for each in prompts) == sum(prompt for prompt, _ in lengths)


def test_time_is_that_of_the_iterations() -> None:
    """One after the other without gaps where all requests are there from the start."""
    result = plain()
    assert result.iterations[0].start_s == 0
    assert all(a.end_s == b.start_s for a, b in pairwise(result.iterations))
    clock_hz = result.machine["clock_hz"]
    cycles = sum(each.cycles for each in result.iterations)
    assert result.seconds == pytest.approx(cycles / clock_hz)
    assert result.busy_seconds == pytest.approx(result.seconds)
    assert result.tokens_per_s == result.generated / result.seconds


def test_an_iteration_takes_what_a_run_of_its_batch_takes(lengths: list[tuple[int, int]]) -> None:
    """The first prefill and the decode step behind it, of the first four requests."""
    result = serve({"iterations": 2})
    requests = [{"prefill_tokens": prompt, "decode_steps": 1} for prompt, _ in lengths[:4]]
    alone = run(
        {
            "name": "alone",
            "machine": "tpuv3_core",
            "workload": {"model": "gpt3-small", "layers": 2, "requests": requests},
        }
    )
    assert [each.cycles for each in result.iterations] == [each.cycles for each in alone.phases]
    assert [each.energy_j.value for each in result.iterations] == pytest.approx(
        [each.energy_j.value for each in alone.phases]
    )
    assert [each.memory_bytes for each in result.iterations] == [
        each.dram_read_bytes + each.dram_write_bytes for each in alone.phases
    ]
    assert [each.macs for each in result.iterations] == [each.macs for each in alone.phases]


def test_latencies_follow_from_the_iterations() -> None:
    result = plain()
    first = result.iterations[0]
    early = [r for r in result.requests if r.admitted_s == 0]
    assert len(early) == 4 and all(r.first_token_s == first.end_s for r in early)
    spread = result.time_to_first_token
    assert spread is not None and spread.count == 10
    waits = sorted(r.first_token_s or 0.0 for r in result.requests)
    assert spread.mean == pytest.approx(sum(waits) / 10)
    assert waits[0] <= spread.percentiles[50] <= spread.percentiles[99] <= waits[-1]
    ends = [r.finished_s for r in result.requests]
    assert max(end for end in ends if end is not None) == result.seconds


def test_likeness_without_tolerance_is_exact() -> None:
    """With nothing alike but the same, and all layers, both ways are the same."""
    exact = plain()
    alike = serve({"steps": "alike", "alike": {"work": 0, "layers": 2, "check_every": 2}})
    assert [e.cycles for e in alike.iterations] == pytest.approx(
        [e.cycles for e in exact.iterations], rel=0.002
    )
    assert alike.seconds == pytest.approx(exact.seconds, rel=1e-3)


def test_iterations_by_likeness_stay_near() -> None:
    """Fewer simulations, and the whole run within half a percent, as its own check says."""
    alike = serve({"steps": "alike", "alike": {"work": 0.3, "check_every": 4}})
    exact = plain()
    assert alike.seconds == pytest.approx(exact.seconds, rel=0.005)
    assert sum(e.simulated for e in alike.iterations) < 0.8 * len(alike.iterations)
    assert alike.generated == exact.generated
    likeness = alike.likeness
    assert likeness.errors and likeness.largest_error is not None
    assert likeness.largest_error < 0.05
    assert alike.energy_j.value == pytest.approx(exact.energy_j.value, rel=0.01)


def test_layers_that_stand_for_others() -> None:
    """Two of eight layers, with the error that is stated for an iteration."""
    whole = serve({"iterations": 4}, layers=8)
    few = serve({"iterations": 4, "steps": "alike", "alike": {"work": 0}}, layers=8)
    error = few.likeness.layers_error
    assert error is not None and abs(error) < 0.02
    assert few.iterations[1].cycles == pytest.approx(whole.iterations[1].cycles * (1 + error))
    for one, other in zip(few.iterations, whole.iterations, strict=True):
        assert one.cycles == pytest.approx(other.cycles, rel=0.02)
        assert one.macs == other.macs
        assert one.memory_bytes == pytest.approx(other.memory_bytes, rel=0.01)


def test_waiting_for_requests_is_idle_time() -> None:
    result = serve({"arrivals": "poisson", "requests_per_s": 2000.0})
    gaps = [b.start_s - a.end_s for a, b in pairwise(result.iterations)]
    assert min(gaps) >= 0 and max(gaps) > 0
    assert result.busy_seconds < result.seconds
    for request in result.requests:
        assert request.admitted_s is not None and request.admitted_s >= request.arrival_s


def test_mixed_iterations_do_both() -> None:
    result = serve({"prompts": "mixed"})
    mixed = [each for each in result.iterations if each.kind == "mixed"]
    assert mixed and all(each.prompts and each.decodes for each in mixed)
    assert len(result.iterations) < len(plain().iterations)


def test_a_small_memory_makes_requests_leave() -> None:
    """Room for the weights and 60 tokens; all tokens are generated nevertheless."""
    weights = plain().workload["weight_bytes"]
    per_token = plain().workload["kv_bytes_per_token"]
    assert per_token == 2 * 2 * 768 * 2, "keys and values of two layers in bf16"
    tight = {
        "name": "tight",
        "machine": {
            "extends": "tpuv3_core",
            "memory": {"capacity_bytes": weights + 60 * per_token},
        },
        "workload": {"model": "gpt3-small", "layers": 2},
        "serving": {
            "requests": {"lengths": SHORT, "count": 10},
            "batch": 4,
            "admission": "grow",
            "prompt_tokens": 64,
        },
    }
    grows = serve_experiment(load(tight))
    assert grows.preemptions > 0
    assert grows.generated == plain().generated
    assert max(each.kv_share for each in grows.iterations) <= 1.0
    reserved = serve_experiment(load(tight, {"serving.admission": "reserve"}))
    assert reserved.preemptions == 0
    assert reserved.mean_batch < grows.mean_batch < plain().mean_batch


@pytest.mark.parametrize("capacity", [100_000_000, 109_000_000])
def test_what_does_not_fit_is_said_in_bytes(capacity: int) -> None:
    with pytest.raises(CyclelabError, match=r"bytes.*[\d,]+ bytes missing"):
        serve_experiment(
            load(
                {
                    "name": "tight",
                    "machine": "tpuv3_core",
                    "workload": {"model": "gpt3-small", "layers": 2},
                    "serving": {"requests": {"lengths": "sharegpt", "count": 12}, "batch": 4},
                },
                {"machine.memory.capacity_bytes": capacity},
            )
        )


def test_run_and_serve_know_what_is_theirs() -> None:
    with pytest.raises(CyclelabError, match="cyclelab serve runs it"):
        run_experiment(small())
    with pytest.raises(CyclelabError, match="has no `serving`"):
        serve_experiment(load("llama2_7b_on_tpu"))


@pytest.mark.parametrize(
    ("workload", "said"),
    [
        ({"batch": 3}, "batch has no meaning in an experiment with 'serving'"),
        ({"decode_steps": 3}, "decode_steps has no meaning"),
        ({"model": "bert-base"}, "is an encoder"),
    ],
)
def test_workloads_that_are_not_served(workload: dict[str, object], said: str) -> None:
    with pytest.raises(CyclelabError, match=said):
        serve_experiment(small(None, **{"layers": 1} | workload))


def test_requests_longer_than_the_context_are_said_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("arrived_at,num_prefill_tokens,num_decode_tokens\n0,4,2\n0,2044,9\n")
    trace = {"trace": str(file), "count": 2}
    with pytest.raises(CyclelabError, match=r"trace.csv:3: the request grows to 2,052 tokens"):
        serve({"requests": trace})
    with pytest.raises(CyclelabError, match="only 1 requests to be had"):
        serve({"requests": trace | {"skip_too_long": True}})


def test_prompts_of_other_lengths_are_unlike(tmp_path: Path) -> None:
    """One prompt of 960 tokens and eight of 120 have as many tokens, not as many pairs."""
    file = tmp_path / "trace.csv"
    rows = [
        f"{second},{prompt},1" for second in range(4) for prompt in ([960], [120] * 8)[second % 2]
    ]
    file.write_text("arrived_at,num_prefill_tokens,num_decode_tokens\n" + "\n".join(rows) + "\n")
    requests = {"trace": str(file), "count": len(rows)}
    changes = {"requests": requests, "arrivals": "trace", "batch": 8}
    exact = serve(changes, layers=1)
    alike = serve(changes | {"steps": "alike"}, layers=1)
    assert [e.cycles for e in alike.iterations] == [e.cycles for e in exact.iterations]
    assert len({e.cycles for e in exact.iterations}) == 2


def test_what_need_not_be_simulated_is_checked_at_least_once() -> None:
    few = serve({"steps": "alike", "iterations": 6, "alike": {"work": 0.5}})
    assert len(few.likeness.errors) == 1
    assert few.likeness.largest_error is not None


def test_requests_midway_have_no_first_token_here() -> None:
    result = serve({"start": "midway", "iterations": 4})
    midway = [request for request in result.requests if request.midway]
    assert midway and all(request.first_token_s is None for request in midway)


def test_fixed_tilings_that_nothing_takes_are_mistakes() -> None:
    with pytest.raises(CyclelabError, match="no GEMM or attention of the workload has this name"):
        serve_experiment(
            load(
                {
                    "name": "fixed",
                    "machine": "tpuv3_core",
                    "workload": {"model": "gpt3-small", "layers": 1},
                    "mapping": {"operators": {"qkv_porj": {"m": 8}}},
                    "serving": {
                        "requests": {"lengths": SHORT, "count": 2},
                        "batch": 2,
                        "iterations": 2,
                    },
                }
            )
        )
