"""A matrix-vector product streams its weights at the speed of main memory."""

from __future__ import annotations

import pytest

from simulator.api import gemm

BYTES = 2  # bf16


@pytest.mark.parametrize("n, k", [(11008, 4096), (4096, 11008), (32000, 4096)])
def test_weights_stream_at_full_bandwidth(n: int, k: int) -> None:
    result = gemm(1, n, k, "tpuv3_core")
    (phase,) = result.phases
    assert phase.dram_read_bytes == BYTES * (n * k + k)
    assert phase.dram_write_bytes == BYTES * n
    assert phase.memory_busy_seconds >= 0.95 * phase.seconds
    assert result.operators[0].bound == "memory"


@pytest.mark.parametrize("m", [1, 2, 8, 32])
def test_a_small_batch_costs_no_more_than_its_weights(m: int) -> None:
    # A fold of 128 x 128 weights takes 32 KiB / 479 bytes per cycle = 68 cycles to load,
    # and max(m, 128) / 2 cycles to use on two arrays: up to m = 128 the weights decide.
    single, batch = gemm(1, 4096, 4096), gemm(m, 4096, 4096)
    assert batch.cycles <= 1.1 * single.cycles


def test_gemv_on_gemmini() -> None:
    # int8, 16 bytes per cycle at 1 GHz: 16 MiB of weights are 1,048,576 cycles. A fold of
    # 16 x 16 takes 16 cycles, as long as its 256 bytes take on the bus.
    result = gemm(1, 4096, 4096, "gemmini_16x16", {"workload.precision.residual": "int8"})
    (phase,) = result.phases
    assert phase.dram_read_bytes == 4096 * 4096 + 4096
    assert 1_048_576 < result.cycles <= 1_048_576 / 0.95
