import re

import pytest

from simulator.config import CyclelabError
from simulator.report.explain import explain
from simulator.report.result import Result
from simulator.report.units import SPACE
from tests.report.cases import one_operator


def words(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace(SPACE, " "))


def test_memory_bound() -> None:
    run = one_operator(
        "memory",
        100,
        {"memory_read": 880, "drain": 20},
        macs=100 * 32768,
        compute_bound=100,
        memory_bound=960,
    )
    text = words(explain(run, "mystery"))
    assert "1,000 cycles (1.06 µs), 100 % of the phase" in text
    assert "100 cycles for compute and 960 cycles for memory (478 kB at 450 GB/s)" in text
    assert "it is memory-bound, and takes 1.04× its larger bound" in text
    assert "88 % waiting for memory reads, 10 % computing and 2.0 % draining" in text
    assert "6.86 MACs per byte moved where 68.4 would keep the matrix units busy" in text
    assert "a larger batch, fewer bits per weight or more bandwidth would help" in text


def test_memory_bound_on_a_unit_that_is_nearly_as_slow() -> None:
    run = one_operator(
        "memory",
        930,
        {"memory_read": 70},
        macs=10 * 32768,
        compute_bound=10,
        memory_bound=980,
    )
    text = words(explain(run, "mystery"))
    assert "92 % on overhead inside the unit" in text
    assert "it waits for memory only 7.0 % of the time" in text
    assert "more bandwidth alone would save no more than that wait" in text
    assert text.count("would save no more than that wait") == 1
    assert "would save no more than that wait" in words(explain(run))


def test_compute_bound() -> None:
    run = one_operator("compute", 1100, {"drain": 30}, memory_bound=200)
    text = words(explain(run, "mystery"))
    assert "it is compute-bound, and takes 1.13× its larger bound" in text
    assert "88 % computing, 8.8 % on overhead inside the unit" in text
    assert "More or faster matrix units would help" in text


def test_compute_bound_but_badly_filled() -> None:
    run = one_operator("compute", 4000, {"drain": 30}, compute_bound=1000, memory_bound=200)
    text = words(explain(run, "mystery"))
    assert "It uses 25 % of the peak MACs" in text
    assert "fill the array badly" in text


def test_port_bound() -> None:
    run = one_operator("compute", 1000, {"port": 900, "drain": 100}, memory_bound=200)
    text = words(explain(run, "mystery"))
    assert "45 % held up by on-chip ports that are too narrow" in text
    assert "Wider or more on-chip ports would help: they cost 45 % of its time" in text


def test_latency_bound() -> None:
    run = one_operator(
        "latency", 10, {"drain": 300, "dependency": 200}, compute_bound=8, memory_bound=4
    )
    text = words(explain(run, "mystery"))
    assert "latency-bound" in text
    assert "No roof is near; most of it is draining" in text


def test_vector_bound() -> None:
    run = one_operator("vector", 990, {"drain": 10}, macs=0, read=0, memory_bound=0, kind="vector")
    text = words(explain(run, "mystery"))
    assert "Its bound is 1,000 cycles for the vector unit" in text
    assert "stays on chip" in text
    assert "More vector lanes" in text


def test_traffic_above_the_compulsory_is_told() -> None:
    run = one_operator("memory", 100, {"memory_read": 1900})
    run.operators[0].compulsory_bytes //= 2
    assert "2.00× the bytes that any mapping must move" in words(explain(run, "mystery"))


def test_patterns_phases_and_counts(result: Result) -> None:
    text = words(explain(result, "gate_*", phase="decode"))
    assert text.startswith("decode ×2 / gate_up_proj (×8)")
    assert "1×4096 · 4096×22016" in text
    assert "90.2 MMACs" in text
    assert "prefill" not in text
    assert explain(result, "layers.gate_up_proj", "prefill").startswith("prefill / gate_up_proj")
    assert explain(result, "*_proj").count(" / ") == 8


def test_phase_by_the_name_of_one_step(result: Result) -> None:
    assert explain(result, "lm_head", "decode[1]").startswith("decode ×2 / lm_head")


def test_overall_names_verdicts_and_top_operators(result: Result) -> None:
    text = words(explain(result))
    assert "prefill is compute-bound" in text and "decode ×2 is memory-bound" in text
    assert text.count(" / ") == 6


def test_unknown_names_get_the_nearest(result: Result) -> None:
    with pytest.raises(CyclelabError, match="did you mean 'gate_up_proj'"):
        explain(result, "gate_up_prj")
    with pytest.raises(CyclelabError, match="did you mean 'decode'"):
        explain(result, None, phase="decod")


def test_memory_roof_that_is_not_reached() -> None:
    run = one_operator(
        "memory", 960, {"memory_read": 40}, macs=10 * 32768, compute_bound=10, memory_bound=600
    )
    text = words(explain(run))
    assert "gemm has memory as its roof, but overhead inside the units keeps it below" in text
    assert "main memory is busy 60 % of the time" in text
