"""What devices send each other: cycles by hand, bytes, and what overlaps."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from simulator.config import CyclelabError
from simulator.experiment import load_experiment
from simulator.report.efficiency import efficiency_of
from simulator.report.explain import explain
from simulator.report.result import OperatorResult, Result
from simulator.report.tables import operator_rows
from simulator.runner import run_experiment
from tests.mapping.gpu.small import gpu_document
from tests.mapping.result_laws import check_result, findings
from tests.mapping.small import INT8, machine_document, run, transformer

RATE, LATENCY = 2, 5
"""Bytes per cycle and cycles of the links."""
TOKENS, WIDTH, LANES = 3, 16, 4
SIZE = TOKENS * WIDTH
"""Bytes of the residual stream, elements of one byte."""

Options = dict[str, Any]


def links(**changes: Any) -> Options:
    return {
        "device": "board",
        "bandwidth_bytes_per_s": RATE * 1e9,
        "latency_s": LATENCY * 1e-9,
        "topology": "ring",
    } | changes


@pytest.fixture
def decode(tmp_path: Path) -> Callable[..., Result]:
    """Runs one decode step of a llama of two layers and width 16 on small machines."""

    def decoded(
        tensor: int = 1,
        pipeline: int = 1,
        machine: Options | None = None,
        every_event: bool = False,
        mapping: Options | None = None,
        model: Options | None = None,
        **changes: Any,
    ) -> Result:
        workload = {
            "model": transformer(tmp_path, **(model or {})),
            "batch": TOKENS,
            "context_tokens": 5,
            "decode_steps": 1,
            "tensor_parallel": tensor,
            "pipeline_parallel": pipeline,
            "precision": INT8,
        } | changes
        chosen = machine_document(links=links()) if machine is None else machine
        return run(workload, chosen, mapping, every_event, 0)

    return decoded


def named(result: Result, name: str) -> list[OperatorResult]:
    found = [op for op in result.operators if op.name == name]
    assert found
    return found


def steady(result: Result) -> dict[str, Any]:
    """Findings but for the names of what ran."""
    return {k: v for k, v in findings(result).items() if k not in ("workload", "devices")}


# -- cycles by hand -------------------------------------------------------------------
def test_an_all_reduce_of_two_devices(decode: Callable[..., Result]) -> None:
    """48 bytes in two chunks of 24. A message takes 24 / 2 + 5 = 17 cycles, adding what came
    24 / 4 = 6, the sum's way back 17, and the residual that is fused behind 48 / 4 = 12."""
    for op in named(decode(2), "attention_all_reduce"):
        assert op.exclusive_cycles == 17 + 6 + 17 + 12
        assert op.bytes["link_sent"] == 2 * 24
        assert (op.unit, op.kind, op.compute_bound_cycles) == ("link", "collective", 24)


@pytest.mark.parametrize(
    ("topology", "cycles"),
    [
        # Chunks of 12 bytes: six messages of 6 + 5 cycles, three additions of 3, a residual.
        ("ring", 6 * (6 + LATENCY) + 3 * 3 + 12),
        # Two messages of 36 bytes, an addition of three chunks, a residual.
        ("switch", 2 * (18 + LATENCY) + 9 + 12),
    ],
)
def test_four_devices_on_a_ring_and_at_a_switch(
    decode: Callable[..., Result], topology: str, cycles: int
) -> None:
    machine = machine_document(links=links(topology=topology))
    result = decode(4, machine=machine, model={"num_key_value_heads": 4})
    op = named(result, "mlp_all_reduce")[0]
    assert op.exclusive_cycles == cycles
    assert op.bytes["link_sent"] == 2 * 3 * 12
    assert op.bound == ("latency" if topology == "ring" else "link")


def test_where_nothing_is_kept_on_chip_shares_are_loaded_and_sums_stored(
    decode: Callable[..., Result],
) -> None:
    """48 bytes at 4 per cycle each way: the share and the residual in, the sum out."""
    result = decode(2, mapping={"keep_activations": False})
    op = named(result, "attention_all_reduce")[0]
    assert op.bytes["dram_read"] == 2 * SIZE and op.bytes["dram_write"] == SIZE
    check_result(result)


# -- laws -----------------------------------------------------------------------------
@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.parametrize(("tensor", "pipeline"), [(2, 1), (1, 2), (2, 2)])
def test_every_event_finds_the_same(
    decode: Callable[..., Result], tensor: int, pipeline: int, cores: int
) -> None:
    options = {"machine": machine_document(links=links(), cores=cores), "batch": 4}
    options["model"] = {"num_hidden_layers": 12}
    quick, complete = (
        decode(tensor, pipeline, every_event=every_event, **options)
        for every_event in (False, True)
    )
    assert quick.simulation["skipped_commands"] > 0
    assert findings(quick) == findings(complete)
    check_result(quick)


def test_one_device_does_not_see_its_links(decode: Callable[..., Result]) -> None:
    with_links, without = decode(1), decode(1, machine=machine_document())
    assert with_links.phases[0].busy_cycles.pop("device.link") == 0
    with_links.machine.pop("links")
    assert steady(with_links) == steady(without)
    assert with_links.devices == 1


def test_free_collectives_leave_the_share_of_one_device(decode: Callable[..., Result]) -> None:
    free = decode(2, mapping={"collectives": "free"}, machine=machine_document())
    assert all(op.kind != "collective" and "link_sent" not in op.bytes for op in free.operators)
    assert free.cycles < decode(2).cycles


def test_devices_together_send_what_they_receive(decode: Callable[..., Result]) -> None:
    """An all-reduce of n bytes on p devices: 2 (p - 1) n in all, whatever carries them."""
    for topology in ("ring", "switch"):
        result = decode(2, machine=machine_document(links=links(topology=topology)))
        for name, times in (("attention_all_reduce", 2), ("mlp_all_reduce", 2)):
            sent = 2 * sum(op.bytes["link_sent"] for op in named(result, name))
            assert sent == times * 2 * SIZE


def test_faster_links_are_never_slower(decode: Callable[..., Result]) -> None:
    cycles = [
        decode(2, machine=machine_document(links=links(bandwidth_bytes_per_s=rate))).cycles
        for rate in (1e9, 2e9, 5e9, 1e12)
    ]
    assert cycles == sorted(cycles, reverse=True) and len(set(cycles)) == len(cycles)
    shorter = decode(2, machine=machine_document(links=links(latency_s=0))).cycles
    assert shorter < decode(2).cycles


def test_what_is_sent_costs_energy(decode: Callable[..., Result]) -> None:
    result = decode(2)
    sent = sum(op.bytes.get("link_sent", 0) for op in result.operators)
    joules = result.energy_by_component["links"]
    assert joules.value == pytest.approx(sent * 8 * 10e-12)
    assert joules.low == pytest.approx(sent * 8 * 1.3e-12)


def test_energy_per_token_is_that_of_all_devices(decode: Callable[..., Result]) -> None:
    result = decode(2)
    found = efficiency_of(result.phases[0], result.area_mm2)
    assert found.energy_per_token_j is not None
    assert found.energy_per_token_j.value == pytest.approx(2 * result.energy_j.value / TOKENS)


# -- stages ---------------------------------------------------------------------------
def test_a_round_trip_is_all_stages_and_sends(decode: Callable[..., Result]) -> None:
    result = decode(1, 2, batch=4)
    (phase,) = result.phases
    facts = phase.pipeline
    assert facts is not None
    assert sum(facts["stage_cycles"]) + facts["between_cycles"] == phase.cycles
    sends = named(result, "stage_send") + named(result, "token_return")
    assert sum(op.exclusive_cycles for op in sends) == facts["between_cycles"]
    # Two requests of the four: 32 bytes of the residual stream, and two tokens of four bytes.
    assert [op.bytes["link_sent"] for op in sends] == [2 * WIDTH, 2 * 4]
    assert sends[0].exclusive_cycles == 2 * WIDTH // RATE + LATENCY


def test_all_micro_batches_are_made_in_a_round(decode: Callable[..., Result]) -> None:
    """Each comes round when it is through, and no sooner than the slowest stage is with all."""
    result = decode(1, 2, batch=4)
    facts = result.phases[0].pipeline
    assert facts is not None
    expected = max(result.cycles, 2 * max(facts["stage_cycles"]))
    assert facts["round_cycles"] == expected
    assert result.tokens_per_s == pytest.approx(4 / (expected * 1e-9))
    assert result.tokens_per_s_per_device == pytest.approx(2 / (expected * 1e-9))
    assert result.time_per_output_token_s == pytest.approx(expected * 1e-9)
    assert result.devices == 2


def test_layers_are_numbered_through_all_stages(decode: Callable[..., Result]) -> None:
    result = decode(1, 2, batch=4, model={"num_hidden_layers": 5})
    assert [op.instance for op in named(result, "qkv_proj")] == [0, 1, 2, 3, 4]


# -- in the report --------------------------------------------------------------------
def test_the_summary_speaks_of_all_devices(decode: Callable[..., Result]) -> None:
    text = decode(2, 2, batch=4).summary()
    assert "devices   4 (tensor parallel 2 × pipeline parallel 2) · ring of 2.00" in text
    assert "2 micro-batches" in text
    assert "devices  " not in decode(1).summary()


def test_results_of_several_devices_are_read_back(decode: Callable[..., Result]) -> None:
    result = decode(2, 2, batch=4)
    again = Result.from_dict(result.to_dict())
    assert again == result
    assert again.tokens_per_s_per_device == result.tokens_per_s_per_device
    assert operator_rows(again)[-1]["link_sent_bytes"] == 2 * 4, "token_return"


def test_the_explanation_says_what_is_sent(decode: Callable[..., Result]) -> None:
    text = " ".join(explain(decode(2), "attention_all_reduce").split())
    assert "It is an all-reduce among 2 devices, in which each sends 48.0 B in 2 messages" in text
    assert "24 cycles for the links" in text


# -- on a GPU -------------------------------------------------------------------------
def test_a_gpu_sends_from_its_cache(decode: Callable[..., Result]) -> None:
    """A kernel of its own: launch, messages, and additions through the L2 cache."""
    machine = gpu_document(links=links())
    result = decode(2, machine=machine)
    check_result(result)
    op = named(result, "attention_all_reduce")[0]
    assert op.bytes["link_sent"] == 48
    assert op.exclusive_cycles > 50 + 2 * (12 + LATENCY)
    assert findings(result) == findings(decode(2, machine=machine, every_event=True))


# -- sub-batches ----------------------------------------------------------------------
SMALL = (
    "workload.model=gpt3-small",
    "workload.tensor_parallel=4",
    "workload.running.requests=12",
    "workload.running.channels=mapped",
    "machine.memory.channels=8",
    "workload.sub_batches=2",
    "mapping.pim.interleave=always",
)


@cache
def in_turns(*settings: str) -> Result:
    return run_experiment(load_experiment("neupims_gpt3_7b_b64", (*SMALL, *settings)))


@pytest.mark.parametrize(("half", "other", "layer"), [(1, 2, 0), (2, 1, 1)])
def test_one_half_adds_up_while_the_other_is_in_the_memory(
    half: int, other: int, layer: int, _compiled_kernel: None
) -> None:
    result = in_turns("workload.layers=2")
    inside = next(op for op in named(result, f"attention[{other}]") if op.instance == layer)
    found = named(result, f"attention_all_reduce[{half}]") + named(
        result, f"mlp_all_reduce[{half}]"
    )
    assert any(
        op.start_cycle + op.cycles - op.compute_cycles >= inside.start_cycle
        and op.start_cycle + op.cycles < inside.start_cycle + inside.cycles
        for op in found
    )


def test_halves_pass_all_stages_in_turns(_compiled_kernel: None) -> None:
    result = in_turns("workload.layers=4", "workload.pipeline_parallel=2")
    check_result(result)
    for half in (1, 2):
        assert [op.instance for op in named(result, f"fc2[{half}]")] == [0, 1, 2, 3]
        (send,) = named(result, f"stage_send[{half}]")
        assert send.bytes["link_sent"] == 3 * 768 * 2, "three of twelve requests, in FP16"


# -- what cannot be -------------------------------------------------------------------
def test_shared_work_needs_links(decode: Callable[..., Result]) -> None:
    with pytest.raises(CyclelabError) as caught:
        decode(2, machine=machine_document())
    assert str(caught.value) == (
        "experiment: machine: missing key 'links': small shares its work with other devices, and "
        "'embedding_all_reduce' sends them data; give it links (device, bandwidth_bytes_per_s, "
        "latency_s, topology), or leave out of the count what is sent, with "
        "mapping.collectives=free"
    )


def test_missing_links_are_said_where_the_machine_is_named() -> None:
    chosen = load_experiment("llama2_7b_int8_on_tpuv4i", ["workload.tensor_parallel=4"])
    with pytest.raises(CyclelabError, match=r"on_tpuv4i\.yaml:3: machine: missing key 'links'"):
        run_experiment(chosen)


def test_links_that_the_technology_does_not_price(decode: Callable[..., Result]) -> None:
    with pytest.raises(CyclelabError, match=r"knows no link called 'bord'.*did you mean 'board'"):
        decode(2, machine=machine_document(links=links(device="bord")))
