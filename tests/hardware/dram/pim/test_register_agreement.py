"""Cycles that the published simulators of AttAcc and of HBM-PIM take, and what takes them here."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.pim.channel import simulate_runs
from simulator.hardware.dram.pim.gemv import GemvLayout, Run
from tests.hardware.dram.devices import device, serve
from tests.hardware.dram.pim.test_register_units import BANK, SAMSUNG

ALL_BANK = ControllerSpec(refresh="all_bank")
TOKENS, HEAD = 2048, 128
HEADS = 9
"""130 heads on 16 channels: nine on the busiest."""


def attention() -> list[Run]:
    """Heads in pairs, as AttAcc's traces have them: scores of both, then context of both.

    Context has 64 dimensions at a time in the banks' lanes, each with 128 tokens per group of
    banks: a sum per lane, read out behind four rows. Its vector is 16 groups' 128 probabilities.
    """
    found = []
    for first in range(0, HEADS, 2):
        pair = range(first, min(first + 2, HEADS))
        for head in pair:
            found += GemvLayout(device(BANK), TOKENS, HEAD, first_row=1 + 16 * head).runs()
        for head in pair:
            found.append(Run(0, 0, 9 + 16 * head, 8, 1, 32, 64, 4))
    return found


@pytest.mark.parametrize(("interval", "published"), [(6, 36_572), (4, 26_768)])
def test_attention_in_attacc(interval: int, published: int) -> None:
    """144 rows of 31 intervals and 46 cycles; refreshes of both pseudo channels, a cycle apart,
    behind the row at hand, of which there are seven, or five. At both ends: the first COMP at
    29 + 20, no row behind the last one (46 less), eight results 2 apart and nCL + nBL: 39."""
    spec = device(BANK, f"timing.cycles.nCOMP={interval}")
    result = simulate_runs(spec, ALL_BANK, attention())
    assert result.commands["COMP"] == 512 * HEADS
    assert result.commands["READRES"] == (64 + 16) * HEADS
    refreshes = result.commands["REFab"] // 2
    rows = 16 * HEADS * (31 * interval + 46)
    assert result.cycles == rows + refreshes * 457 + 39
    assert result.cycles == pytest.approx(published, rel=0.003)


def test_a_matrix_in_hbm_pim() -> None:
    """4,096 × 4,096 on 64 pseudo channels: one's share, 64 outputs."""
    layout = GemvLayout(device(SAMSUNG), 4096 // 64, 4096)
    result = simulate_runs(layout.device, ALL_BANK, layout.runs())
    assert result.commands["COMP"] == 32 * 64
    assert result.cycles == pytest.approx(13_166, rel=0.01)
    host = host_cycles()
    assert host == pytest.approx(36_082, rel=0.01)
    assert host / result.cycles == pytest.approx(2.74, rel=0.01)


def host_cycles() -> float:
    """Reading the same share, row after row, bank group by bank group."""
    spec = device(SAMSUNG)
    number = np.arange(64 * 4096 * 2 // 32)
    stream = np.zeros((len(number), 5), dtype=np.int64)
    group, number = number % 4, number // 4
    stream[:, 4], number = number % 32, number // 32
    stream[:, 2] = 4 * group + number % 4
    stream[:, 3] = number // 4
    return serve(spec, stream, ControllerSpec(refresh="all_bank", read_queue=64)).cycles
