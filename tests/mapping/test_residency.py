"""Which activations stay on chip, and what that saves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.mapping import MappingSpec
from simulator.mapping.kernels import Kernel, build_kernels
from simulator.mapping.residency import boundary_output_bytes, plan_residency
from simulator.workload.operators import Tensor
from tests.mapping.small import INT8, machine_document, phases, run, transformer

PRECISION = INT8 | {"residual": "bf16"}
TOKENS, HIDDEN, INNER, VOCABULARY = 10, 16, 24, 40
QKV = HIDDEN + 2 * 8  # 4 query heads and 2 key/value heads of 4 elements


def one_layer(folder: Path) -> dict[str, Any]:
    model = transformer(folder, num_hidden_layers=1)
    return {"model": model, "prefill_tokens": TOKENS, "precision": PRECISION}


def parameter_bytes() -> int:
    """Weights in bytes, gains of three norms and the rows of the embedding in bf16."""
    weights = HIDDEN * QKV + HIDDEN * HIDDEN + 3 * HIDDEN * INNER + HIDDEN * VOCABULARY
    return weights + 2 * (3 * HIDDEN + TOKENS * HIDDEN)


def test_everything_stays_if_there_is_room(tmp_path: Path) -> None:
    # Main memory sees parameters, keys and values (written, then read), and the logits.
    result = run(one_layer(tmp_path))
    (phase,) = result.phases
    key_value = 2 * TOKENS * 8
    assert phase.dram_read_bytes == parameter_bytes() + key_value
    assert phase.dram_write_bytes == key_value + 2 * VOCABULARY  # of the last token


def test_a_parallel_block_keeps_what_attention_and_mlp_read(tmp_path: Path) -> None:
    """Falcon, one key/value head of 8 elements: parameters, keys and values, logits, as above."""
    keys = {"model_type": "falcon", "num_attention_heads": 2, "tie_word_embeddings": False}
    model = transformer(tmp_path, num_hidden_layers=1, ffn_hidden_size=INNER, **keys)
    workload = {"model": model, "prefill_tokens": TOKENS, "precision": PRECISION}
    (phase,) = run(workload).phases
    key_value = 2 * TOKENS * 8
    weights = HIDDEN * QKV + HIDDEN * HIDDEN + 2 * HIDDEN * INNER + HIDDEN * VOCABULARY
    # Two LayerNorms and the rows of the embedding are in bf16.
    wide = 2 * 2 * HIDDEN + TOKENS * HIDDEN
    assert phase.dram_read_bytes == weights + 2 * wide + key_value
    assert phase.dram_write_bytes == key_value + 2 * VOCABULARY


def test_nothing_stays_if_not_wanted(tmp_path: Path) -> None:
    # Every activation is written by its producer and read by its consumer; those between
    # an operator and the element-wise ones fused behind it never leave.
    result = run(one_layer(tmp_path), mapping={"keep_activations": False})
    moved = {op.name: (op.bytes["dram_read"], op.bytes["dram_write"]) for op in result.operators}
    row, wide = TOKENS * HIDDEN, TOKENS * HIDDEN * 2  # of bytes, and of bf16
    assert moved == {
        "token_embedding": (wide, wide),
        "input_norm": (wide + 2 * HIDDEN, row),
        "qkv_proj": (row + HIDDEN * QKV, TOKENS * QKV),
        "attention": (row + 2 * TOKENS * 8, row),
        "out_proj": (row + HIDDEN * HIDDEN + wide, wide),
        "post_norm": (wide + 2 * HIDDEN, row),
        "gate_up_proj": (row + 2 * HIDDEN * INNER, TOKENS * INNER),
        "down_proj": (TOKENS * INNER + INNER * HIDDEN + wide, wide),
        "final_norm": (2 * HIDDEN + 2 * HIDDEN, HIDDEN),
        "lm_head": (HIDDEN + HIDDEN * VOCABULARY, 2 * VOCABULARY),
    }


def test_several_cores_never_keep(tmp_path: Path) -> None:
    """A core's scratchpad is not visible to the others: activations go through memory."""
    two = machine_document(cores=2)
    wanted = run(one_layer(tmp_path), two, {"keep_activations": True})
    unwanted = run(one_layer(tmp_path), two, {"keep_activations": False})
    assert wanted.cycles == unwanted.cycles
    assert wanted.phases[0].dram_write_bytes == unwanted.phases[0].dram_write_bytes
    assert not any("kept_on_chip" in op.mapping for op in wanted.operators)


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.3, 0.6, 0.9])
def test_more_room_never_means_more_bytes(tmp_path: Path, fraction: float) -> None:
    small = machine_document(scratchpad={"capacity_bytes": 4096})
    less, more = (
        run(one_layer(tmp_path), small, {"resident_fraction": share}) for share in (0.0, fraction)
    )
    assert more.phases[0].dram_write_bytes <= less.phases[0].dram_write_bytes
    assert more.phases[0].dram_read_bytes <= less.phases[0].dram_read_bytes


# -- the plan itself ---------------------------------------------------------------
@st.composite
def chains(draw: st.DrawFn) -> list[Kernel]:
    """Kernels whose outputs are read by some of those that follow, or by nobody."""
    count = draw(st.integers(1, 8))
    kernels: list[Kernel] = []
    for index in range(count):
        kernel = Kernel("vector", [])
        size = draw(st.integers(1, 50))
        kernel.outputs = [Tensor(f"t{index}", size, 8, "activation")]
        for source in range(index):
            if draw(st.booleans()):
                kernel.inputs += kernels[source].outputs
                kernel.producers.append(source)
                kernels[source].consumers.append(index)
        kernels.append(kernel)
    return kernels


@given(chains(), st.integers(0, 200))
def test_bytes_are_conserved(kernels: list[Kernel], budget: int) -> None:
    plan = plan_residency(kernels, budget, 0, has_input=False, has_output=False)
    kept = [k.outputs[0] for k in kernels if k.outputs[0].name in plan.names]
    assert sum(plan.alloc_bytes) == sum(plan.free_bytes) == sum(t.bytes for t in kept)
    live = 0
    for index in range(len(kernels)):
        live += plan.alloc_bytes[index]
        assert plan.live_bytes[index] == live <= budget
        live -= plan.free_bytes[index]
    assert live == 0


@given(chains(), st.integers(0, 200))
def test_kept_from_the_producer_to_the_last_reader(kernels: list[Kernel], budget: int) -> None:
    plan = plan_residency(kernels, budget, 0, has_input=False, has_output=False)
    for index, kernel in enumerate(kernels):
        (tensor,) = kernel.outputs
        if tensor.name in plan.names:
            assert kernel.consumers, "what nobody reads need not stay"
            assert plan.live_bytes[index] >= tensor.bytes
            assert plan.live_bytes[max(kernel.consumers)] >= tensor.bytes


def test_residual_stream_between_layers(tmp_path: Path) -> None:
    # Into a layer flow 10 x 16 bf16 values, and out of it; both are held at the same time
    # at the end of a layer, when the next one's input is made.
    (phase,) = phases(one_layer(tmp_path) | {"model": transformer(tmp_path)})
    (layers,) = (s for s in phase.segments if s.name == "layers")
    kernels = build_kernels(layers, MappingSpec(), fuse_attention=True)
    stream = TOKENS * HIDDEN * 2
    assert boundary_output_bytes(kernels) == stream
    plan = plan_residency(kernels, 1 << 20, stream, has_input=True, has_output=True)
    assert {"residual_in", "residual_out"} <= plan.names
    # What is taken and given back by the layer's kernels: the stream comes from the layer
    # before and goes on to the next.
    assert sum(plan.alloc_bytes) == sum(plan.free_bytes)
    assert plan.live_bytes[0] >= stream <= plan.live_bytes[-1]
