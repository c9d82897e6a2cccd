"""GEMMs on a 4x4 array whose cycles are worked out by hand, from YAML to result.

Weight stationary and double buffered: a tile of one fold (k = n = 4) that streams
m rows takes 4 (load) + m + 4 + 4 - 2 cycles to its last output, and the next tile
follows max(m, 4) cycles later. Memory moves whole beats, and answers `latency`
cycles after the last one; loads come in the order weights, inputs.
"""

from __future__ import annotations

from typing import Any

import pytest

from simulator.report.result import OperatorResult, Result
from tests.mapping.small import gemms, machine_document, run


def timed(
    size: tuple[int, int, int],
    tile: tuple[int, int, int],
    bytes_per_cycle: int,
    latency_cycles: int = 10,
    order: str = "mn",
    **machine: Any,
) -> Result:
    m, n, k = tile
    return run(
        gemms(size),
        machine_document(
            memory={
                "bandwidth_bytes_per_s": bytes_per_cycle * 1e9,
                "latency_s": float(f"{latency_cycles}e-9"),
            },
            **machine,
        ),
        {"operators": {"gemm": {"m": m, "n": n, "k": k, "order": order}}},
    )


def only(result: Result) -> OperatorResult:
    (operator,) = result.operators
    assert operator.cycles == operator.compute_cycles + sum(operator.stall_cycles.values())
    return operator


def test_one_tile() -> None:
    #  0 ..  4   weights, 16 bytes at 4 per cycle; there at 14
    #  4 ..  8   inputs; there at 18
    # 18 .. 32   the tile: 4 + 4 + 4 + 4 - 2
    # 32 .. 36   outputs, 16 bytes; written at 46
    result = timed((4, 4, 4), (4, 4, 4), bytes_per_cycle=4)
    assert result.cycles == 46
    operator = only(result)
    # The unit waits 18 cycles for data and is busy for 4 (its interval); the other 24
    # pass in its pipeline and the store.
    assert operator.compute_cycles == 4
    assert operator.stall_cycles == {"memory_read": 18, "drain": 24}


def test_compute_bound_loop() -> None:
    # m = 64, n = 4, k = 16 in four steps of k; 16 + 256 bytes per step at 8 per cycle.
    #   0 ..  34   weights and inputs of the first step; there at 44
    #  44 .. 300   four steps, 64 cycles apart; loads of 34 + 10 cycles hide behind them
    # The last one starts at 236 and ends at 236 + 4 + 64 + 4 + 4 - 2 = 310.
    # 310 .. 342   256 bytes of outputs; written at 352
    result = timed((64, 4, 16), (64, 4, 4), bytes_per_cycle=8)
    assert result.cycles == 352
    assert only(result).compute_cycles == 4 * 64


def test_memory_bound_loop() -> None:
    # m = n = 4, k = 64 in 16 steps of k; 32 bytes per step at 1 per cycle.
    #   0 .. 512   all operands one after the other: a step's slot is free again 4 cycles
    #              after its data came, long before the bus asks for it; last there at 522
    # 522 .. 536   the last step
    # 536 .. 552   16 bytes of outputs; written at 562
    result = timed((4, 4, 64), (4, 4, 4), bytes_per_cycle=1)
    assert result.cycles == 562
    (phase,) = result.phases
    assert phase.memory_busy_seconds == pytest.approx(528e-9)
    assert phase.dram_read_bytes == 512 and phase.dram_write_bytes == 16


def test_latency_bound_loop() -> None:
    # The same, 100 cycles from memory, with two slots for tiles. Step 0 has its data at
    # 32 + 100, step 1 at 64 + 100. A slot is filled anew when its tile is done: steps i
    # and i + 2 are 4 + 32 + 100 cycles apart. Step 15 has its data at 164 + 7 x 136 = 1116.
    # It ends at 1130; 16 bytes of outputs are written 16 + 100 cycles later.
    result = timed((4, 4, 64), (4, 4, 4), bytes_per_cycle=1, latency_cycles=100)
    assert result.cycles == 1246


def test_single_buffer() -> None:
    # One slot: every step of k waits for its own data, 32 / 4 + 10 cycles, and is busy
    # for 4: 16 x 22. The last one takes 10 more to its last output, the store 4 + 10.
    result = timed((4, 4, 64), (4, 4, 4), bytes_per_cycle=4, scratchpad={"buffers": 1})
    assert result.cycles == 16 * 22 + 10 + 14


def test_outstanding_transfers() -> None:
    # One transfer at a time: weights 4 + 10, then inputs 4 + 10 cycles, per step of k;
    # the loads of a step overlap with the step before, whose slots are others.
    result = timed((4, 4, 64), (4, 4, 4), bytes_per_cycle=4, dma={"outstanding": 1})
    assert result.cycles == 16 * 28 + 14 + 14


def test_two_cores() -> None:
    # 64 rows; columns 0-3 on core 0, 4-7 on core 1, which both need all inputs. 16 + 256
    # bytes are 1 + 4 beats of 64 bytes; core 0 has its turn on the bus first.
    #  0 ..   5   operands of core 0; there at 15
    #  5 ..  10   operands of core 1; there at 20
    # 15 ..  89   core 0's tile: 4 + 64 + 4 + 4 - 2; its outputs are on the bus till 93
    # 20 ..  94   core 1's tile
    # 94 ..  98   256 bytes of outputs; written at 108
    result = timed((64, 8, 4), (64, 4, 4), bytes_per_cycle=64, cores=2)
    assert result.cycles == 108
    assert result.phases[0].dram_read_bytes == 2 * (16 + 256)


def test_two_units_share_a_tile() -> None:
    # Two arrays take 4 of the 8 columns each: the tile takes as long as one of 4 columns.
    #  0 .. 12   weights (32 bytes) and inputs (16); there at 22
    # 22 .. 36   both halves
    # 36 .. 44   32 bytes of outputs; written at 54
    result = timed((4, 8, 4), (4, 8, 4), bytes_per_cycle=4, unit={"count": 2})
    assert result.cycles == 54


def test_narrow_accumulator_port() -> None:
    # 64 outputs of 4 bytes per step leave through a port of 16 bytes per cycle: 16 cycles
    # instead of 4 per 4 rows. Steps are 64 cycles apart at m = 16 instead of 16.
    def cycles(width: int) -> OperatorResult:
        document = machine_document(memory={"bandwidth_bytes_per_s": 1e15, "latency_s": 0})
        document["core"]["accumulator"]["write_bytes_per_cycle"] = width
        mapping = {"operators": {"gemm": {"m": 16, "n": 4, "k": 4}}}
        return only(run(gemms((16, 4, 4)), document, mapping))

    wide, narrow = cycles(1024), cycles(4)
    assert wide.compute_cycles == narrow.compute_cycles == 16
    assert wide.stall_cycles.get("port", 0) == 0
    assert narrow.stall_cycles["port"] == 16 * 4 * 4 // 4 - 16
    assert narrow.cycles == wide.cycles + 48


@pytest.mark.parametrize("dataflow", ["output_stationary", "input_stationary"])
def test_other_dataflows(dataflow: str) -> None:
    # Output stationary: 4 (k) + 4 + 4 - 2 to the last product, 4 to shift it out; input
    # stationary: as weight stationary with m and n exchanged. Both 14 for a 4x4x4 tile.
    result = timed((4, 4, 4), (4, 4, 4), bytes_per_cycle=4, unit={"dataflow": dataflow})
    assert result.cycles == 46
