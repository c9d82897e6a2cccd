"""More hardware is used when it helps; reports name the unit that did the work."""

from __future__ import annotations

import pytest

from simulator.api import gemm, run

SMALL = {"kind": "systolic_array", "rows": 32, "columns": 32, "dataflow": "weight_stationary"}
FORMATS = {"input_format": "bf16", "weight_format": "bf16", "accumulator_format": "fp32"}


@pytest.mark.parametrize("shape", [(4096, 4096, 4096), (1, 4096, 4096), (1000, 3000, 500)])
def test_more_cores_are_not_slower(shape: tuple[int, int, int]) -> None:
    """Within 1 %: the mapper takes what moves least among what is about as fast."""
    fastest = float("inf")
    for cores in (1, 2, 3, 4, 8):
        cycles = gemm(*shape, set={"machine.cores": cores}).cycles
        assert cycles <= 1.01 * fastest
        fastest = min(fastest, cycles)


@pytest.mark.parametrize("order", [1, -1])
def test_the_faster_of_two_units_of_one_kind_is_reported(order: int) -> None:
    units = [{**SMALL, **FORMATS}, {**SMALL, **FORMATS, "rows": 128, "columns": 128}]
    settings = {"machine.core.matrix_units": units[::order]}
    operator = gemm(512, 512, 512, set=settings).operators[0]
    assert operator.unit == f"systolic_array{[0, 1][::order][1]}"
    assert operator.compute_bound_cycles == 512**3 // 128**2
    assert operator.compute_bound_cycles <= operator.compute_cycles <= operator.cycles


@pytest.mark.parametrize("fuse", ["always", "never"])
def test_masked_pairs_are_not_counted_as_work(fuse: str) -> None:
    """512 causal queries see 512 · 513 / 2 keys each way: scores and context, 32 heads of 128."""
    result = run(
        "llama2_7b_on_tpu",
        set={
            "workload.prefill_tokens": 512,
            "workload.decode_steps": 0,
            "mapping.fuse_attention": fuse,
        },
    )
    kinds = ("attention", "scores", "context")
    macs = sum(op.macs for op in result.operators if op.kind in kinds and op.instance == 0)
    assert macs == 2 * 32 * 128 * (512 * 513 // 2)


def test_more_arrays_are_not_slower_behind_narrow_ports() -> None:
    """From 16 arrays on the scratchpad's ports are the limit; tiles are chosen for them."""
    cycles = [
        gemm(4096, 4096, 4096, set={"machine.core.matrix_units.0.count": count}).cycles
        for count in (4, 8, 16, 64)
    ]
    assert cycles == sorted(cycles, reverse=True)


def test_heads_that_units_do_not_divide_are_taken_by_fewer() -> None:
    """Six heads on four units: three at a time."""
    result = run(
        {
            "name": "six heads",
            "machine": "tpuv4i",
            "workload": {
                "model": "gpt3-small",
                "layers": 1,
                "tensor_parallel": 2,
                "context_tokens": 1500,
                "decode_steps": 1,
            },
            "mapping": {"collectives": "free"},
        }
    )
    (attention,) = (op for op in result.operators if op.name == "attention")
    assert attention.mapping["heads_side_by_side"] == 3
