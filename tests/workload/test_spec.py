"""The `workload:` mapping: what it accepts, and what it says about the rest."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import ConfigError, CyclelabError, Document, parse_document, validate
from simulator.workload import WorkloadSpec, load_workload


def load(text: str) -> WorkloadSpec:
    return validate(WorkloadSpec, parse_document(text, "e.yaml"))


def test_the_smallest_workload() -> None:
    spec = load("model: llama-2-7b\nprefill_tokens: 4\n")
    assert (spec.batch, spec.decode_steps, spec.precision.weights) == (1, None, "bf16")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batch: 1", "exactly one of model, gemms, topology, imported, found none of them"),
        ("model: a\ngemms: b", "found model and gemms"),
        ("gemms: a\nbatch: 2", "batch has no meaning in a workload of gemms"),
        ("topology: a\nmoe: {seed: 1}", "moe has no meaning in a workload of topology"),
        ("gemms: []", "gemms is empty"),
        ("model: a\nbatch: 0", "batch"),
        ("model: a\nbatch: -1", "batch"),
        ("model: a\nbatch: 1000000000", "batch"),
        ("model: a\nprefill_tokens: many", "prefill_tokens: found 'many'"),
        ("model: a\nprefil_tokens: 4", "did you mean 'prefill_tokens'"),
        ("model: a\nrequests: [{}]", "a request needs prefill_tokens, context_tokens or both"),
        ("model: a\nbatch: 2\nrequests: [{prefill_tokens: 1}]", "batch has no meaning"),
        ("model: a\nbatch: 2\ntrace: {file: f, requests: 1}", "batch has no meaning"),
        ("model: a\nprecision: {weights: itn3}", "unknown number format 'itn3'"),
        ("model: a\nprecision: {weights: 4}", "precision.weights"),
        (
            "model: a\nprecision: {weights: mxfp4, weight_group_size: 32}",
            "precision.weight_group_size: has no meaning with mxfp4",
        ),
        (
            "model: a\nprecision: {weights: uint4, weight_zero_point: uint4}",
            "precision.weight_zero_point: goes with a weight_group_size",
        ),
        (
            "model: a\nprecision: {weights: int4, weight_group_size: 8, weight_zero_point: uint4}",
            "weight_zero_point: a zero point in uint4 goes with unsigned integer codes",
        ),
        ("model: a\nprecision: {weights: int4, weight_scale: fp32}", "goes with a weight_group_s"),
        (
            "model: a\nprecision: {weights: int4, weight_group_size: 8, weight_scale: int8}",
            "precision.weight_scale: scale: found 'int8'",
        ),
        ("model: a\nprecision: {weights: mxfp5}", "did you mean the scheme 'mxfp4'"),
        ("model: a\nmoe: {routing: given}", "'load' goes with 'routing: given'"),
        ("gemms: [{m: 1, n: 2, k: 0}]", r"gemms.0.k"),
        (
            "model: a\nrequests: [{prefill_tokens: 1, count: 60000}, "
            "{prefill_tokens: 1, count: 60000}]",
            "120,000 requests in the batch, at most 100,000",
        ),
    ],
)
def test_contradictions_are_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load(text)
    assert "e.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: lama-2-7b\nprefill_tokens: 1", "did you mean 'llama-2-7b'"),
        ("model: ./nowhere.json\nprefill_tokens: 1", "no such file"),
        ("gemms: sqares", "did you mean 'squares'"),
        ("topology: nowhere.csv", "no such file"),
        ("model: llama-2-7b\ntrace: {file: nowhere.csv, requests: 1}", "no such file"),
    ],
)
def test_names_that_lead_nowhere(text: str, message: str) -> None:
    with pytest.raises(CyclelabError, match=message):
        load_workload(load(text))


def test_requests_take_the_common_decode_steps() -> None:
    text = """
        model: llama-2-7b
        decode_steps: 2
        requests:
          - {prefill_tokens: 5, count: 3}
          - {context_tokens: 9, decode_steps: 4}
    """
    phases = load_workload(load(text)).phases
    # The cached request decodes once during the prefill, then three times.
    assert [(p.kind, p.tokens) for p in phases] == [
        ("mixed", 16),
        ("decode", 4),
        ("decode", 4),
        ("decode", 1),
    ]


MODELS = ["llama-2-7b", "mixtral-8x7b", "bert-base", "vit-base", "gpt3-13b"]
ANY: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 600), st.floats(), st.sampled_from(["", "int8", "x"])
)


@given(
    st.sampled_from(MODELS),
    st.dictionaries(
        st.sampled_from(
            ["batch", "prefill_tokens", "context_tokens", "decode_steps", "precision", "moe", "x"]
        ),
        ANY | st.dictionaries(st.sampled_from(["weights", "seed", "routing"]), ANY, max_size=2),
        max_size=3,
    ),
)
def test_any_workload_loads_or_is_refused(model: str, keys: dict[str, Any]) -> None:
    steps = keys.get("decode_steps")
    if steps is None or (isinstance(steps, int) and steps > 5):
        keys["decode_steps"] = 1  # phases are not what is tried here
    try:
        document = Document.from_data({"model": model, **keys}, "e.yaml")
        workload = load_workload(validate(WorkloadSpec, document))
    except CyclelabError as error:
        assert str(error)
    else:
        assert all(phase.macs() > 0 for phase in workload.phases)


def test_building_is_quick() -> None:
    spec = load("model: llama-2-7b\nprefill_tokens: 2048\ndecode_steps: 1000\n")
    load_workload(spec.model_copy(update={"decode_steps": 1}))
    start = time.process_time()
    load_workload(spec)
    assert time.process_time() - start < 2


def test_importing_the_room_is_light() -> None:
    code = (
        "import sys, simulator.workload, simulator.workload.operators;"
        "print([m for m in ('networkx', 'numpy', 'pydantic') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
