"""SAIL's claims: the page shows what the studies find, and it is what physics asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.config import find, load_document, validate
from simulator.published.claims import StudySpec, findings
from simulator.published.finding import Finding
from simulator.published.table import markdown

PAGE = Path(__file__).parent.parent.parent / "docs" / "published.md"
CASES = ("1 thread, batch 8", "16 threads, batch 1", "64 threads, batch 8", "64 arrays")


@pytest.fixture(scope="module")
def found() -> list[Finding]:
    spec = validate(StudySpec, load_document(find("published", "sail")))
    cases = tuple(case for case in spec.cases if case.name.endswith(CASES) or CASES[3] in case.name)
    return findings(spec.model_copy(update={"cases": cases}))


def test_the_page_shows_what_is_found(found: list[Finding]) -> None:
    rows = markdown(found).splitlines()[2:]
    assert len(rows) == 5
    page = PAGE.read_text("utf-8")
    assert [row for row in rows if row not in page] == []


def test_arrays_gain_what_cores_leave_to_main_memory(found: list[Finding]) -> None:
    ours = {each.case: each.ours for each in found}
    assert ours["arrays, 1 thread, batch 8"] > 15
    # Weights once per step, on either machine: little is left to gain.
    assert ours["arrays, 16 threads, batch 1"] == pytest.approx(1, abs=0.05)
    assert ours["arrays, 64 threads, batch 8"] == pytest.approx(1, abs=0.05)


def test_reuse_saves_more_of_gaussian_than_of_uniform_activations(found: list[Finding]) -> None:
    ours = {each.case: each.ours for each in found}
    assert 0.84 < ours["64 arrays, reuse, Gaussian"] < ours["64 arrays, reuse, uniform"] < 0.95
