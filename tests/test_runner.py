"""What a run puts together from its phases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator import __version__
from simulator.config import CyclelabError
from simulator.report.result import Result
from simulator.runner import run_experiment
from tests.mapping.gpu.small import gpu_document
from tests.mapping.small import (
    INT8,
    experiment,
    gemms,
    machine_document,
    run,
    transformer,
)

PRECISION = INT8 | {"residual": "bf16"}


def generate(folder: Path, **workload: Any) -> Result:
    model = transformer(folder)
    return run({"model": model, "precision": PRECISION, **workload})


def test_prefill_and_decode(tmp_path: Path) -> None:
    result = generate(tmp_path, batch=2, prefill_tokens=20, decode_steps=3)
    kinds = [(p.name, p.kind, p.tokens, p.generated) for p in result.phases]
    assert kinds == [
        ("prefill", "prefill", 40, 2),
        ("decode[0]", "decode", 2, 2),
        ("decode[1]", "decode", 2, 2),
        ("decode[2]", "decode", 2, 2),
    ]
    seconds = [phase.seconds for phase in result.phases]
    assert result.time_to_first_token_s == seconds[0]
    assert result.time_per_output_token_s == pytest.approx(sum(seconds[1:]) / 3)
    assert result.tokens_per_s == pytest.approx(8 / sum(seconds))
    assert [p.start_cycle for p in result.phases][1] == result.phases[0].cycles
    assert all(op.start_cycle >= result.phases[3].start_cycle for op in result.operators[-5:])


def test_decode_alone_has_no_first_token(tmp_path: Path) -> None:
    result = generate(tmp_path, context_tokens=20, decode_steps=2)
    assert result.time_to_first_token_s is None
    assert result.time_per_output_token_s is not None


def test_encoders_produce_their_tokens(tmp_path: Path) -> None:
    model = transformer(tmp_path, model_type="bert", num_key_value_heads=4)
    result = run({"model": model, "precision": PRECISION, "prefill_tokens": 20, "batch": 3})
    assert [phase.kind for phase in result.phases] == ["encode"]
    assert result.time_to_first_token_s is result.time_per_output_token_s is None
    assert result.tokens_per_s == pytest.approx(60 / result.seconds)


def test_gemms_produce_no_tokens() -> None:
    result = run(gemms((8, 8, 8), (4, 4, 4)))
    assert result.tokens_per_s is None
    assert [op.name for op in result.operators] == ["gemm", "gemm_2"]
    assert sum(op.macs for op in result.operators) == 8**3 + 4**3


def test_cycles_and_seconds() -> None:
    # 46 cycles (see tests/mapping/test_gemm_cycles.py) of 2 GHz.
    document = machine_document(memory={"bandwidth_bytes_per_s": 8e9, "latency_s": 5e-9})
    result = run(gemms((4, 4, 4)), document | {"clock": {"frequency_hz": 2e9}})
    assert result.cycles == 46
    assert result.seconds == pytest.approx(23e-9)
    assert result.utilisation == pytest.approx(64 / (46 * 16))
    assert result.power_w.value == pytest.approx(result.energy_j.value / 23e-9)


def test_repeats_are_recorded_one_by_one(tmp_path: Path) -> None:
    result = generate(tmp_path, prefill_tokens=5)
    layers = [op for op in result.operators if op.name == "qkv_proj"]
    assert [op.path for op in layers] == ["layers.0.qkv_proj", "layers.1.qkv_proj"]
    assert layers[0].start_cycle < layers[1].start_cycle


def test_configuration_is_complete_and_hashed() -> None:
    plain = run_experiment(experiment(gemms((4, 4, 4))))
    assert plain.configuration["machine"]["core"]["dma"]["bytes_per_cycle"] == 0, "a default"
    assert plain.version == __version__
    again = run_experiment(experiment(gemms((4, 4, 4))))
    other = run_experiment(experiment(gemms((4, 4, 5))))
    assert plain.configuration_hash == again.configuration_hash != other.configuration_hash


def test_progress_goes_from_nothing_to_everything(tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []
    workload = {"model": transformer(tmp_path), "precision": PRECISION}
    workload |= {"prefill_tokens": 100, "decode_steps": 1}
    tiles = {"operators": {"*_proj": {"m": 4, "n": 4, "k": 4}}}
    run_experiment(
        experiment(workload, mapping=tiles, every_event=True),
        lambda phase, share: seen.append((phase, share)),
    )
    shares = [share for _, share in seen]
    assert shares == sorted(shares) and shares[0] >= 0 and shares[-1] <= 1
    assert {phase for phase, _ in seen} <= {"prefill", "decode[0]"}
    # Two phases share the bar: the first one ends in its middle.
    assert all((share <= 0.5) == (phase == "prefill") for phase, share in seen)


def test_timeline_is_bounded() -> None:
    document = {"operators": {"gemm": {"m": 4, "n": 4, "k": 4}}}
    wanted = experiment(gemms((40, 40, 40)), mapping=document)
    assert 0 < len(run_experiment(wanted).spans) <= wanted.spec.simulation.timeline_commands


@pytest.mark.parametrize("tokens, missing", [(10, 0), (10, 1), (11, 0), (11, 32)])
def test_weights_and_cache_have_to_fit_the_memory(
    tmp_path: Path, tokens: int, missing: int
) -> None:
    # Matrices, in bytes: per layer 16 x 32 (QKV), 16 x 16, 3 x 16 x 24; LM head 16 x 40.
    # In bf16: the embedding, 40 x 16, and five norms of 16.
    # The cache: 2 layers x keys and values x 8 elements per token.
    weights = 2 * (16 * 32 + 16 * 16 + 3 * 16 * 24) + 16 * 40 + 2 * (40 * 16 + 5 * 16)
    capacity = weights + 32 * tokens - missing
    document = machine_document(memory={"capacity_bytes": capacity})
    workload = {"model": transformer(tmp_path), "precision": PRECISION}
    workload |= {"context_tokens": tokens - 1, "decode_steps": 1}
    if not missing:
        run(workload, document)
        return
    with pytest.raises(CyclelabError, match=rf"weights {weights:,} bytes.*\({missing} bytes"):
        run(workload, document)


@pytest.mark.parametrize("missing", [0, 1])
@pytest.mark.parametrize("kind", ["npu", "gpu"])
def test_activations_have_to_fit_the_memory(kind: str, missing: int) -> None:
    """Inputs of 3000 x 2000 and outputs of 3000 x 1000, too large to stay on chip."""
    document = machine_document() if kind == "npu" else gpu_document()
    document["memory"]["capacity_bytes"] = 2000 * 1000 + 3000 * 2000 + 3000 * 1000 - missing
    if not missing:
        run(gemms((3000, 1000, 2000)), document)
        return
    expected = r"weights 2,000,000 bytes.*activations of 'gemm' 9,000,000 bytes.*\(1 bytes missing"
    with pytest.raises(CyclelabError, match=expected):
        run(gemms((3000, 1000, 2000)), document)


def test_scores_that_stay_on_chip_need_no_memory(tmp_path: Path) -> None:
    """Of 1000 tokens and 4 heads they are 4 MB; fused, they never leave the chip."""
    document = machine_document(memory={"capacity_bytes": 1_000_000})
    workload = {"model": transformer(tmp_path), "precision": PRECISION, "prefill_tokens": 1000}
    run(workload, document)
    with pytest.raises(CyclelabError, match=r"activations of 'attention_(scores|softmax)'"):
        run(workload, document, {"fuse_attention": "never"})
