"""Stages of a pipeline: their layers, their micro-batches, what they send each other."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.config import ConfigError, CyclelabError, Document, validate
from simulator.workload import WorkloadSpec, load_workload
from simulator.workload.load import find_model
from simulator.workload.operators import Collective, Devices, Segment, Workload
from simulator.workload.phases import Request
from simulator.workload.pipeline import micro_batch, stage_layers

DECODING = {"context_tokens": 99, "decode_steps": 1}


def load(stages: int, devices: int = 1, **workload: Any) -> Workload:
    keys = {"model": "gpt3-small", "tensor_parallel": devices, "pipeline_parallel": stages}
    document = Document.from_data(keys | workload, "workload")
    return load_workload(validate(WorkloadSpec, document))


def collectives(segment: Segment) -> list[Collective]:
    return [op for op in segment.operators() if isinstance(op, Collective)]


# -- tensor parallelism ---------------------------------------------------------------
def test_devices_add_up_their_shares_where_megatron_does() -> None:
    """Behind the output and the down projection; the vocabulary is divided at both ends."""
    (phase,) = load(1, 4, batch=8, layers=2, **DECODING).phases
    embedding, layers, output = phase.segments
    width = find_model("gpt3-small").hidden_size
    found = {op.name: op for op in collectives(layers)}
    assert list(found) == ["attention_all_reduce", "mlp_all_reduce"]
    for op in (*found.values(), *collectives(embedding)):
        assert (op.function, op.devices) == ("all_reduce", 4)
        assert op.inputs[0].elements == op.outputs[0].elements == 8 * width
    (logits,) = collectives(output)
    assert logits.function == "all_gather"
    assert logits.outputs[0].elements == 4 * logits.inputs[0].elements >= 8 * 50_257


def test_experts_are_added_up_once_per_layer() -> None:
    (phase,) = load(1, 2, model="mixtral-8x7b", layers=1, batch=2, **DECODING).phases
    segment = phase.segments[1]
    assert [op.name for op in collectives(segment)] == ["attention_all_reduce", "mlp_all_reduce"]
    assert list(segment.graph.predecessors("mlp_all_reduce")) == ["combine"]


def test_one_device_sends_nothing() -> None:
    (phase,) = load(1, 1, batch=2, **DECODING).phases
    assert not any(collectives(segment) for segment in phase.segments)


# -- stages ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("layers", "stages", "expected"),
    [(12, 4, (3, 3, 3, 3)), (10, 4, (3, 3, 2, 2)), (3, 3, (1, 1, 1))],
)
def test_the_first_stages_have_a_layer_more(
    layers: int, stages: int, expected: tuple[int, ...]
) -> None:
    model = find_model("gpt3-small").model_copy(update={"layers": layers})
    assert stage_layers(model, stages) == expected


def test_a_micro_batch_passes_all_stages() -> None:
    workload = load(3, 2, layers=8, batch=7, **DECODING)
    (phase,) = workload.phases
    assert [(s.name, s.repeat, s.stage, s.first) for s in phase.segments] == [
        ("embedding", 1, 0, 0),
        ("layers", 3, 0, 0),
        ("stages", 1, 0, 0),
        ("layers", 3, 1, 3),
        ("stages", 1, 0, 0),
        ("layers", 2, 2, 6),
        ("output", 1, 2, 0),
    ]
    assert workload.devices == Devices(tensor=2, pipeline=3, requests=7, micro_batch=3)
    assert workload.devices.count == 6
    assert phase.generated == phase.tokens == 3
    width = find_model("gpt3-small").hidden_size
    (send,) = collectives(phase.segments[2])
    assert (send.function, send.inputs[0].elements) == ("send", 3 * width)
    assert collectives(phase.segments[-1])[-1].inputs[0].bytes == 3 * 4, "tokens of 32 bits"


def test_a_stage_holds_its_layers_and_the_caches_of_all_micro_batches() -> None:
    """Half of the layers, of all six requests; the model's ends are on every stage's account."""
    whole, half = (load(stages, batch=6, **DECODING).phases[0] for stages in (1, 2))
    assert 2 * half.kv_bytes_after == whole.kv_bytes_after
    model = find_model("gpt3-small")
    ends = 2 * 50_257 * model.hidden_size
    assert whole.weight_bytes / 2 < half.weight_bytes < whole.weight_bytes / 2 + ends


def test_layers_of_unequal_routing_are_divided_too() -> None:
    (phase,) = load(2, model="mixtral-8x7b", layers=4, batch=4, **DECODING).phases
    layers = [segment for segment in phase.segments if segment.name.startswith("layers")]
    assert [sum(s.repeat for s in layers if s.stage == stage) for stage in (0, 1)] == [2, 2]


# -- micro-batches --------------------------------------------------------------------
def test_requests_are_dealt_out_longest_first() -> None:
    requests = [Request(0, length, 1) for length in (10, 50, 30, 40, 20)]
    assert [r.context_tokens for r in micro_batch(requests, 2)] == [10, 50, 30]


def test_requests_of_a_channel_are_divided() -> None:
    placed = [Request(0, 10 + index, 1, channel=index % 2) for index in range(8)]
    chosen = micro_batch(placed, 2)
    assert [r.channel for r in chosen].count(0) == [r.channel for r in chosen].count(1) == 2


# -- what cannot be -------------------------------------------------------------------
def test_more_stages_than_layers() -> None:
    with pytest.raises(CyclelabError) as caught:
        load(4, layers=3, batch=4, **DECODING)
    assert str(caught.value) == (
        "pipeline_parallel: 4 stages are more than the 3 layers of gpt3-small"
    )


def test_fewer_requests_than_micro_batches() -> None:
    with pytest.raises(CyclelabError) as caught:
        load(4, batch=3, **DECODING)
    assert str(caught.value) == (
        "pipeline_parallel: 3 requests are too few for 4 micro-batches, one per stage"
    )


@pytest.mark.parametrize("stages", [0, 1025, "two"])
def test_numbers_of_stages_that_cannot_be(stages: object) -> None:
    document = Document.from_data({"model": "m", "pipeline_parallel": stages}, "workload")
    with pytest.raises(ConfigError, match=r"pipeline_parallel: found"):
        validate(WorkloadSpec, document)


def test_stages_have_no_meaning_for_gemms() -> None:
    document = Document.from_data({"gemms": "x", "pipeline_parallel": 2}, "workload")
    with pytest.raises(ConfigError, match="pipeline_parallel has no meaning in a workload of"):
        validate(WorkloadSpec, document)
