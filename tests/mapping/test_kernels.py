"""Which operators run as one kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.mapping import MappingSpec
from simulator.mapping.kernels import Kernel, build_kernels
from simulator.workload.operators import Segment
from tests.mapping.small import phases, transformer

BF16: dict[str, str] = {}
INT8 = {"weights": "int8", "activations": "int8"}


EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 8}
KEYS: dict[str, dict[str, Any]] = {
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2},
    "qwen2_moe": EXPERTS | {"shared_expert_intermediate_size": 12},
    "qwen3": {"head_dim": 4},
    "gemma2": {"head_dim": 4, "attn_logit_softcapping": 50.0},
}
"""What models need besides the keys of a Llama."""


def layer(folder: Path, precision: dict[str, str], **model: Any) -> Segment:
    workload = {
        "model": transformer(folder, **model),
        "prefill_tokens": 10,
        "precision": precision,
    }
    (phase,) = phases(workload)
    return phase.segments[1]  # behind the embedding


def names(kernels: list[Kernel]) -> list[list[str]]:
    return [[op.name for op in kernel.operators] for kernel in kernels]


def test_llama_layer(tmp_path: Path) -> None:
    kernels = build_kernels(layer(tmp_path, BF16), MappingSpec(), fuse_attention=True)
    assert names(kernels) == [
        ["input_norm"],
        ["qkv_proj", "rope"],
        ["attention_scores", "attention_softmax", "attention_context"],
        ["out_proj", "attention_residual"],
        ["post_norm"],
        ["gate_up_proj", "silu_multiply"],
        ["down_proj", "mlp_residual"],
    ]


def test_falcon_layer(tmp_path: Path) -> None:
    """Attention's output waits for that of the MLP; both are added behind its last GEMM."""
    kernels = build_kernels(
        layer(tmp_path, BF16, model_type="falcon"), MappingSpec(), fuse_attention=True
    )
    assert names(kernels) == [
        ["input_norm"],
        ["qkv_proj", "rope"],
        ["attention_scores", "attention_softmax", "attention_context"],
        ["out_proj"],
        ["fc1", "gelu"],
        ["fc2", "block_sum", "block_residual"],
    ]
    assert kernels[0].consumers == [1, 4]
    last = kernels[-1]
    assert {t.name for t in last.inputs if t.kind == "activation"} == {
        "gelu_output",
        "attention_projected",
        "residual_in",
    }
    assert [t.name for t in last.outputs] == ["residual_out"]


def test_a_layer_with_norms_of_everything(tmp_path: Path) -> None:
    """Gemma 3: the rotation follows the norm of queries and keys, sums that of outputs."""
    keys = KEYS["gemma2"] | {"model_type": "gemma3_text"}
    kernels = build_kernels(layer(tmp_path, BF16, **keys), MappingSpec(), fuse_attention=True)
    assert names(kernels) == [
        ["input_norm"],
        ["qkv_proj"],
        ["qk_norm", "rope"],
        ["attention_scores", "attention_softmax", "attention_context"],
        ["out_proj"],
        ["attention_norm", "attention_residual"],
        ["post_norm"],
        ["gate_up_proj", "gelu_multiply"],
        ["down_proj"],
        ["mlp_norm", "mlp_residual"],
    ]


def test_nothing_fused(tmp_path: Path) -> None:
    spec = MappingSpec(fuse_elementwise=False)
    segment = layer(tmp_path, BF16)
    kernels = build_kernels(segment, spec, fuse_attention=False)
    assert names(kernels) == [[op.name] for op in segment.operators()]


@pytest.mark.parametrize("precision", [BF16, INT8])
@pytest.mark.parametrize(
    "kind",
    ["llama", "bert", "mixtral", "bitnet", "qwen3", "gemma2", "falcon", "olmo2", "qwen2_moe"],
)
@pytest.mark.parametrize("fuse", [True, False])
def test_every_operator_once_and_in_order(
    tmp_path: Path, precision: dict[str, str], kind: str, fuse: bool
) -> None:
    segment = layer(tmp_path, precision, model_type=kind, **KEYS.get(kind, {}))
    kernels = build_kernels(segment, MappingSpec(fuse_elementwise=fuse), fuse_attention=fuse)
    together = [name for group in names(kernels) for name in group]
    assert sorted(together) == sorted(op.name for op in segment.operators())
    made: dict[str, int] = {}
    for index, kernel in enumerate(kernels):
        # A kernel depends on those before it only, and knows them.
        sources = {made[t.name] for t in kernel.inputs if t.name in made}
        assert sources == set(kernel.producers)
        assert all(index in kernels[source].consumers for source in sources)
        for op in kernel.operators:
            for tensor in op.outputs:
                made[tensor.name] = index
        # Row-wise work (norms, softmax) needs whole rows: it is never an epilogue.
        assert all(op.row_elements == 1 for op in kernel.epilogue)


def test_outputs_read_outside_leave_the_kernel(tmp_path: Path) -> None:
    kernels = build_kernels(layer(tmp_path, BF16), MappingSpec(), fuse_attention=True)
    attention = next(k for k in kernels if k.kind == "attention")
    assert {t.name for t in attention.inputs} == {"keys", "values", "queries"}
    assert {t.name for t in attention.outputs} == {"attention_output"}
    qkv = kernels[1]
    assert {t.name for t in qkv.outputs} == {"queries", "keys", "values"}
