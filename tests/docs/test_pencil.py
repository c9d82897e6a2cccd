"""The arithmetic of docs/pencil.md, and that the page quotes it."""

from __future__ import annotations

import pytest

import simulator as sim
from tests.docs.pages import ROOT

LATENCY = 100
BEAT_BYTES = 16
WEIGHTS = 64 * 64 // BEAT_BYTES
FOLDS = (64 // 16) * (64 // 16)


def beats(rows: int, bytes_per_element: int) -> int:
    return rows * 64 * bytes_per_element // BEAT_BYTES


def outputs_after(rows: int) -> int:
    """Cycles of a tile: first load, periods, the last fold's stream and wave."""
    return 16 + (FOLDS - 1) * rows + (rows + 16 + 16 - 2)


def test_two_tiles() -> None:
    both_operands = WEIGHTS + beats(32, 1) + LATENCY
    store = beats(32, 2) + LATENCY
    total = both_operands + FOLDS * 32 + outputs_after(32) + store
    assert (both_operands, FOLDS * 32, outputs_after(32), store) == (484, 512, 558, 356)
    assert total == 1910
    assert sim.gemm(64, 64, 64, "gemmini_16x16", {"mapping.operators.gemm.m": 32}).cycles == total


def test_four_tiles_with_contention() -> None:
    start = WEIGHTS + beats(16, 1) + LATENCY
    undisturbed = start + 3 * FOLDS * 16 + outputs_after(16) + beats(16, 2) + LATENCY
    first_outputs = start + outputs_after(16)
    # Tile 2 of A left when tile 0 gave up its slot, and is still under way.
    left = beats(16, 1) - (first_outputs - (start + FOLDS * 16))
    stored = first_outputs + beats(16, 2) + left + LATENCY
    late = stored - (start + 2 * FOLDS * 16)
    assert (start, undisturbed, left, stored, late) == (420, 1718, 18, 968, 36)
    result = sim.gemm(64, 64, 64, "gemmini_16x16", {"mapping.operators.gemm.m": 16})
    assert result.cycles == undisturbed + late == 1754
    assert result.operators[0].stall_cycles["memory_write"] == late


@pytest.mark.parametrize("number", ["1,910", "484 + 512 + 558 + 356 = 1,910", "1,718 + 36 = 1,754"])
def test_the_page_quotes_it(number: str) -> None:
    assert number in (ROOT / "docs" / "pencil.md").read_text("utf-8")
