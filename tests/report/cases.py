"""Small constructed Results whose one operator is bound by a known thing."""

from __future__ import annotations

from dataclasses import replace

from simulator.report.result import Estimate, OperatorResult, Result
from tests.report.factory import CLOCK_HZ, make_result


def one_operator(
    bound: str,
    compute: int,
    stalls: dict[str, int],
    *,
    macs: int = 32768 * 1000,
    read: int = 478_000,
    compute_bound: int = 1000,
    memory_bound: int = 1000,
    kind: str = "matmul",
) -> Result:
    """A run of a single operator, `mystery`, in a single phase, `gemm`."""
    base = make_result(layers=1, decode_steps=0, window=False)
    cycles = compute + sum(stalls.values())
    energy = Estimate(1e-3, 5e-4, 2e-3)
    op = OperatorResult(
        phase="gemm",
        name="mystery",
        block="",
        instance=0,
        kind=kind,
        unit="systolic_array",
        start_cycle=0,
        cycles=cycles,
        compute_cycles=compute,
        exclusive_cycles=cycles,
        stall_cycles=stalls,
        bytes={"dram_read": read, "dram_write": 0},
        macs=macs,
        utilisation=macs / (cycles * 32768),
        bound=bound,
        compute_bound_cycles=compute_bound,
        memory_bound_cycles=memory_bound,
        compulsory_bytes=read,
        energy_j=energy,
        energy_parts_j={"core.matrix_unit": 0.75e-3, "static": 0.25e-3},
    )
    phase = replace(
        base.phases[0],
        name="gemm",
        kind="gemm",
        generated=0,
        cycles=cycles,
        seconds=cycles / CLOCK_HZ,
        macs=macs,
        dram_read_bytes=read,
        dram_write_bytes=0,
        memory_busy_seconds=min(memory_bound, cycles) / CLOCK_HZ,
        energy_j=energy,
    )
    return replace(
        base,
        name="one_gemm",
        cycles=cycles,
        seconds=cycles / CLOCK_HZ,
        time_to_first_token_s=None,
        time_per_output_token_s=None,
        tokens_per_s=None,
        utilisation=op.utilisation,
        phases=[phase],
        operators=[op],
    )
