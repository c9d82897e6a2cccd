"""Differences are what their names say: energies, or areas, that one has more than the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.explore.compare import compare
from simulator.explore.spec import load_comparison
from tests.explore.comparisons import written

GEMMS = "gemms: [{name: gemm, m: 256, n: 512, k: 512}]"
WORKLOADS = {
    "one GEMM": GEMMS,
    "GEMMs, three of them equal": (
        "gemms: [{name: a, m: 96, n: 512, k: 512}, {name: b, m: 96, n: 512, k: 512}, "
        "{name: c, m: 40, n: 256, k: 1024}, {name: d, m: 96, n: 512, k: 512}]"
    ),
    "a transformer, whose layers are equal": "\n    ".join(
        ("model: llama-2-7b", "layers: 3", "prefill_tokens: 64", "decode_steps: 2")
    ),
    "decode steps alone": "\n    ".join(
        (
            "model: llama-2-7b",
            "layers: 2",
            "prefill_tokens: 0",
            "context_tokens: 40",
            "decode_steps: 3",
        )
    ),
}
CASES = ("unpacked", "narrow", "tables")


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("baseline", CASES)
def test_values_are_differences_of_values(tmp_path: Path, workload: str, baseline: str) -> None:
    """Of all pairs of cases, each case being the first in turn."""
    spec = load_comparison(written(tmp_path, **{GEMMS: WORKLOADS[workload]}))
    cases = sorted(spec.cases, key=lambda case: case.name != baseline)
    first, *others = compare(spec.model_copy(update={"cases": tuple(cases)})).cases
    assert first.name == baseline and len(others) == 2
    for case in others:
        area = case.area_difference_mm2
        assert area is not None
        expected = case.area_mm2.value - first.area_mm2.value
        assert area.value == pytest.approx(expected, rel=1e-9, abs=1e-9 * first.area_mm2.value)
        for own, base in zip(case.phases, first.phases, strict=True):
            found, least = own.difference_j, 1e-9 * base.energy_j.value
            assert found is not None
            expected = own.energy_j.value - base.energy_j.value
            assert found.value == pytest.approx(expected, rel=1e-9, abs=least), own.phase
