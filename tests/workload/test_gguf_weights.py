"""Weights of GGUF types in workloads: bytes to the last one, and rows that blocks fill."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from simulator.config import CyclelabError, parse_document, validate
from simulator.numerics import GGUF_TYPES
from simulator.workload import WorkloadSpec, load_workload
from simulator.workload.operators import MatMul, Phase

LLAMA_2_7B = 6_607_077_376
"""Weights of all matrix multiplications, the LM head's included."""
BOUNDS = Path(__file__).parent / "gguf_bounds.csv"


def decode(model: str, **precision: Any) -> Phase:
    spec = WorkloadSpec.model_validate(
        {"model": model, "context_tokens": 1, "decode_steps": 1, "precision": precision}
    )
    (phase,) = load_workload(spec).phases
    return phase


def read_per_step(phase: Phase) -> int:
    """Bytes of weights that multiply activations, once each."""
    return sum(
        segment.repeat * op.inputs[0].bytes
        for segment in phase.segments
        for op in segment.operators()
        if isinstance(op, MatMul)
    )


def matmul(phase: Phase, name: str) -> MatMul:
    for segment in phase.segments:
        for op in segment.operators():
            if op.name == name and isinstance(op, MatMul):
                return op
    raise AssertionError(name)


def bounds() -> list[dict[str, str]]:
    with BOUNDS.open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@pytest.mark.parametrize("row", bounds(), ids=lambda row: f"{row['model']}-{row['type']}")
def test_bytes_per_step_are_the_published_bound(row: dict[str, str]) -> None:
    phase = decode(row["model"].lower(), weights=row["type"].lower())
    read = read_per_step(phase)
    assert GGUF_TYPES[row["type"].lower()].bits_per_weight == float(row["bpw"])
    assert read / 1e9 == pytest.approx(float(row["weight_GB"]), abs=5.1e-4)
    assert 100e9 / read == pytest.approx(float(row["steps_per_s_at_100GBps"]), abs=5.1e-3)
    assert 204.8e9 / read == pytest.approx(float(row["at_204.8GBps"]), abs=5.1e-3)


@pytest.mark.parametrize("name", GGUF_TYPES)
def test_bytes_are_whole_blocks(name: str) -> None:
    kind = GGUF_TYPES[name]
    phase = decode("llama-2-7b", weights=name)
    assert LLAMA_2_7B % kind.block_size == 0
    assert read_per_step(phase) == LLAMA_2_7B // kind.block_size * kind.block_bytes


def test_q4_0_of_llama_2_7b_reads_3_716_481_024_bytes() -> None:
    phase = decode("llama-2-7b", weights="q4_0")
    assert read_per_step(phase) == 3_716_481_024
    rest = 6_738_415_616 - LLAMA_2_7B
    assert phase.weight_bytes == 3_716_481_024 + 2 * rest  # tables and norms in bf16


@pytest.mark.parametrize(
    ("name", "element", "group", "minimum"),
    [
        ("q2_k", "uint2", 16, True),
        ("q3_k", "int3", 16, False),
        ("q4_0", "int4", 32, False),
        ("q4_1", "uint4", 32, True),
        ("q4_k", "uint4", 32, True),
        ("q5_0", "int5", 32, False),
        ("q5_1", "uint5", 32, True),
        ("q5_k", "uint5", 32, True),
        ("q6_k", "int6", 16, False),
        ("q8_0", "int8", 32, False),
    ],
)
def test_codes_are_in_groups_with_or_without_a_minimum(
    name: str, element: str, group: int, minimum: bool
) -> None:
    op = matmul(decode("llama-2-7b", weights=name), "down_proj")
    assert (op.weight_format, op.weight_group, op.zero_points) == (element, group, minimum)


def test_the_head_has_a_type_of_its_own() -> None:
    phase = decode("llama-2-7b", weights="q4_0", lm_head="q6_k")
    head, body = 32000 * 4096, LLAMA_2_7B - 32000 * 4096
    assert read_per_step(phase) == body * 18 // 32 + head * 210 // 256
    op = matmul(phase, "lm_head")
    assert (op.weight_format, op.weight_group) == ("int6", 16)
    assert matmul(phase, "qkv_proj").weight_group == 32
    plain = matmul(decode("llama-2-7b", weights="q4_0", lm_head="int4"), "lm_head")
    assert (plain.weight_format, plain.weight_group) == ("int4", 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "model: bitnet-b1.58-3b\ndecode_steps: 1\ncontext_tokens: 1\n"
            "precision: {weights: q4_k}",
            r"operator 'qkv_proj' has k = 3200, which is no multiple of 256, the weights in a "
            r"block of q4_k; types whose blocks fit: q4_0, q4_1, q5_0, q5_1, q8_0",
        ),
        (
            "gemms: [{name: odd, m: 1, n: 8, k: 48}]\nprecision: {weights: q8_0}",
            r"operator 'odd' has k = 48, which is no multiple of 32, the weights in a block of "
            r"q8_0$",
        ),
    ],
)
def test_rows_that_blocks_do_not_fill(text: str, message: str) -> None:
    spec = validate(WorkloadSpec, parse_document(text, "e.yaml"))
    with pytest.raises(CyclelabError, match=message):
        load_workload(spec)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("weights: Q4_K_M", "did you mean the GGUF type 'q4_k'"),
        ("lm_head: q6k", "did you mean the GGUF type 'q6_k'"),
        ("weights: q4_0, weight_group_size: 32", "weight_group_size: has no meaning with q4_0"),
        ("activations: q8_0", "unknown number format 'q8_0'"),
    ],
)
def test_messages(text: str, message: str) -> None:
    document = parse_document(f"model: a\nprecision: {{{text}}}", "e.yaml")
    with pytest.raises(CyclelabError, match=message):
        validate(WorkloadSpec, document)
